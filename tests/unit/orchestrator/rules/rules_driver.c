#include "rules_driver.h"

#define KEYS_AT_ONCE 3000

const char rules_one[] = RULES_SAGA RULES_STEP("0", "0", "");
const char rules_two[] = RULES_SAGA RULES_STEP("0", "0", "") RULES_STEP("1", "1", "");
const char rules_three[] =
    RULES_SAGA RULES_STEP("0", "0", "") RULES_STEP("1", "1", "") RULES_STEP("2", "2", "");

struct sim_driver *rules_begin(void **state, const char *definition)
{
    struct sim_driver *driver = sim_driver_new(definition);
    *state = driver;
    return driver;
}

struct sim_driver *rules_begin_with(void **state, const char *definition,
                                    const struct suite_limits *limits)
{
    struct sim_driver *driver = sim_driver_new_with(definition, limits);
    *state = driver;
    return driver;
}

int rules_end(void **state)
{
    if (*state != NULL)
        sim_driver_free(*state);
    *state = NULL;
    return 0;
}

void rules_redefine(struct sim_driver *driver, const char *definition)
{
    struct err err = {0};
    definition_free(driver->definition);
    driver->definition = NULL;
    if (definition_parse("test", definition, &driver->definition, &err) < 0)
        fail_msg("%s", err.text);
    driver->definitions[0] = driver->definition;
}

const Zsaga__ClientAnswer *rules_ask(struct sim_driver *driver, Zsaga__ClientRequest *request)
{
    const Zsaga__ClientRequest *requests[] = {request};
    request->id = 77;
    driver->answer_count = 0;
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    for (size_t i = 0; i < driver->answer_count; i++)
        if (driver->answers[i]->id == 77)
            return driver->answers[i];
    fail_msg("no answer");
    abort();
}

Zsaga__ClientRequest rules_submit_request(const struct sim_driver *driver,
                                          const struct rules_submit *submit,
                                          Zsaga__Submit *ret_submit)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    zsaga__submit__init(ret_submit);
    ret_submit->definition = packed_borrow_text(driver->definition->name);
    ret_submit->key = packed_borrow_text(submit->key);
    ret_submit->nonce = packed_borrow_text(submit->nonce == NULL ? "" : submit->nonce);
    ret_submit->input = packed_borrow(submit->input);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = ret_submit;
    return request;
}

const Zsaga__ClientAnswer *rules_submit(struct sim_driver *driver,
                                        const struct rules_submit *submit)
{
    Zsaga__Submit message;
    Zsaga__ClientRequest request = rules_submit_request(driver, submit, &message);
    return rules_ask(driver, &request);
}

void rules_submit_many(struct sim_driver *driver, int first, int count)
{
    assert_in_range(count, 1, KEYS_AT_ONCE);
    driver->answer_count = 0;
    for (int i = first; i < first + count; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "k%d", i);
        Zsaga__Submit submit;
        Zsaga__ClientRequest request =
            rules_submit_request(driver, &(struct rules_submit){.key = key}, &submit);
        const Zsaga__ClientRequest *requests[] = {&request};
        request.id = 78;
        sim_driver_give_requests(driver, requests, 1);
    }
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, count);
    for (size_t i = 0; i < driver->answer_count; i++) {
        assert_int_equal(driver->answers[i]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
        assert_int_equal(driver->answers[i]->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
    }
}

bool rules_trust(struct sim_driver *driver, size_t participant)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Trust trust = ZSAGA__TRUST__INIT;
    trust.participant = packed_borrow_text(driver->names[participant]);
    trust.who = packed_borrow_text("ann");
    trust.reason = packed_borrow_text("restored on purpose");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_TRUST;
    request.trust = &trust;
    return rules_ask(driver, &request)->kind_case == ZSAGA__CLIENT_ANSWER__KIND_DONE;
}

void rules_give(struct sim_driver *driver, size_t participant, const Zsaga__Answer *answer)
{
    const Zsaga__Answer *answers[] = {answer};
    sim_driver_give_answers(driver, participant, answers, 1);
}

void rules_give_reply(struct sim_driver *driver, size_t participant, Zsaga__Reply *reply)
{
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    answer.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    answer.reply = reply;
    rules_give(driver, participant, &answer);
}

void rules_give_stale_epoch(struct sim_driver *driver, size_t participant, Zsaga__StaleEpoch *stale)
{
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    answer.kind_case = ZSAGA__ANSWER__KIND_STALE_EPOCH;
    answer.stale_epoch = stale;
    rules_give(driver, participant, &answer);
}

Zsaga__Header rules_header(const struct frame_header *sender)
{
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    header.version = FRAME_VERSION;
    header.number = 1;
    header.name = packed_borrow_text(sender->name);
    header.incarnation = sender->incarnation;
    if (!id_is_zero(&sender->store))
        header.store = packed_borrow(id_view(&sender->store));
    return header;
}

void rules_give_raw(struct sim_driver *driver, uint8_t port, Zsaga__Header *header,
                    ProtobufCBinaryData *entries, size_t count)
{
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    struct buffer packed = {0};
    frame.header = header;
    frame.entries = entries;
    frame.n_entries = count;
    packed_append(&packed, &frame.base);
    sim_driver_give(driver, port, buffer_bytes(&packed));
    buffer_release(&packed);
}

struct sim_driver_command rules_command(const struct sim_driver *driver, size_t nth,
                                        const char *name)
{
    assert_in_range(nth, 0, driver->command_count - 1);
    char text[TEXT_NAME_MAX + 1];
    bytes_copy_text(packed_view(driver->commands[nth].command->name), text, sizeof text);
    assert_string_equal(text, name);
    return driver->commands[nth];
}

void rules_forget_commands(struct sim_driver *driver)
{
    driver->command_count = 0; /* Their bytes stay until sim_driver_clear(). */
}

int64_t rules_wait_for_command(struct sim_driver *driver, int64_t limit_ms)
{
    int64_t start = driver->now.mono_ms;
    rules_forget_commands(driver);
    while (driver->command_count == 0) {
        int64_t next = node_turn_deadline(&driver->turn);
        if (next > start + limit_ms) {
            sim_driver_sleep(driver, start + limit_ms - driver->now.mono_ms);
            return -1;
        }
        sim_driver_sleep(driver, next > driver->now.mono_ms ? next - driver->now.mono_ms : 0);
        sim_driver_turn(driver);
        assert_non_null(driver->node);
    }
    return driver->now.mono_ms - start;
}

void rules_all_done(struct sim_driver *driver)
{
    while (driver->command_count != 0) {
        size_t count = driver->command_count;
        for (size_t i = 0; i < count; i++) {
            Zsaga__Reply reply = sim_driver_reply(&driver->commands[i], ZSAGA__OUTCOME__DONE, "");
            rules_give_reply(driver, driver->commands[i].participant, &reply);
        }
        rules_forget_commands(driver);
        sim_driver_turn(driver);
    }
}

int64_t rules_number(const struct sim_driver *driver, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *handle = sim_disk_handle(driver->path);
    assert_non_null(handle);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t number = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return number;
}

void rules_sql(const struct sim_driver *driver, const char *sql)
{
    sqlite3 *handle = sim_disk_handle(driver->path);
    assert_non_null(handle);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* `data` may go on with words behind the code. */
static void expect_code(ProtobufCBinaryData data, const char *expected)
{
    char text[TEXT_NAME_MAX + 1];
    bytes_copy_text(packed_view(data), text, sizeof text);
    text[strcspn(text, ":")] = '\0';
    assert_string_equal(text, expected);
}

void rules_expect_words(struct sim_driver *driver, const char *key, const char *last_error,
                        const char *reason)
{
    const Zsaga__Shown *shown = sim_driver_show(driver, key);
    expect_code(shown->row->last_error, last_error);
    expect_code(shown->row->reason, reason);
}
