/* Batches: all of one takes effect, or nothing, and a bad entry harms no other. */
#include "rules_driver.h"

/* What a start says of itself in each frame. */
static void expect_same_start(const struct frame_header *a, const struct frame_header *b)
{
    assert_int_equal(a->incarnation, b->incarnation);
    assert_int_equal(a->driver.epoch, b->driver.epoch);
    assert_int_equal(a->driver.nonce, b->driver.nonce);
}

/* Submits with a disk that fails at the nth write; true when the batch felt it. */
static bool submit_failing(struct sim_driver *driver, const char *key, int nth)
{
    uint64_t felt = sim_disk_felt(SIM_DISK_FULL_ONCE);
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = key}, &submit);
    const Zsaga__ClientRequest *requests[] = {&request};
    request.id = 1;
    driver->answer_count = 0;
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, nth);
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    return felt != sim_disk_felt(SIM_DISK_FULL_ONCE);
}

/* The one answer says that the submit was not stored, and why. */
static void expect_busy(const struct sim_driver *driver, const char *code)
{
    assert_int_equal(driver->answer_count, 1);
    const Zsaga__ClientAnswer *answer = driver->answers[0];
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    assert_int_equal(answer->id, 1);
    assert_int_equal(answer->submitted->verdict, ZSAGA__VERDICT__BUSY);
    assert_int_equal(answer->submitted->saga.len, 0);
    assert_int_equal(answer->submitted->retry_after_ms, NODE_RETRY_FIRST_MS);
    assert_true(bytes_equal(packed_view(answer->submitted->code), bytes_text(code)));
}

static void test_batch__that_dies_anywhere__leaves_nothing(void **state)
{
    /* However far a batch came when its disk was full: nothing of it is sent, nothing is stored,
     * and its client is told so. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    int nth = 1;
    for (; submit_failing(driver, "k", nth); nth++) {
        expect_busy(driver, "disk_full");
        sim_driver_sent_nothing(driver);
        sim_driver_wait(driver, 10000);
        sim_driver_sent_nothing(driver);
        assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_saga"), 0);
        assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__STATE_UNKNOWN);
    }
    assert_true(nth > 2);
    assert_int_equal(driver->answer_count, 1);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void test_batch__with_an_answer__that_dies__leaves_the_command_out(void **state)
{
    /* An answer in a batch that died was not given: its command is sent again, with its attempt. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_sent_nothing(driver);
    assert_true(driver->turn.broken);
    sim_driver_wait(driver, 1100);
    struct sim_driver_command again = sim_driver_sent(driver, "do0", 1);
    expect_same_start(&sent.header, &again.header);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_batch__whose_transaction_sqlite_ended__leaves_nothing(void **state)
{
    /* When SQLite has ended the transaction by itself, what the rest of the batch would write alone
     * is not written: the node is loaded from its database. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command first = sim_driver_reach(driver, "a", "do0");
    rules_sql(driver, "CREATE TEMP TRIGGER gone BEFORE INSERT ON zsaga_history"
                      " BEGIN SELECT RAISE(ROLLBACK, 'gone'); END");
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = "b"}, &submit);
    const Zsaga__ClientRequest *requests[] = {&request};
    Zsaga__Reply reply = sim_driver_reply(&first, ZSAGA__OUTCOME__DONE, "");
    request.id = 1;
    driver->answer_count = 0;
    rules_give_reply(driver, 0, &reply);
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, 0);
    assert_true(driver->turn.broken);
    expect_busy(driver, "trouble");
    sim_driver_sent_nothing(driver);
    rules_sql(driver, "DROP TRIGGER gone");
    sim_driver_wait(driver, 1100);
    struct sim_driver_command again = sim_driver_sent(driver, "do0", 1);
    expect_same_start(&first.header, &again.header);
    assert_int_equal(sim_driver_state(driver, "b"), ZSAGA__SAGA_STATE__STATE_UNKNOWN);
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_history"), 0);
}

static void test_batch__with_an_end__that_dies__pushes_and_counts_nothing(void **state)
{
    /* A saga that ended in a batch that died has not ended: no outcome is pushed or counted. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = "k"}, &submit);
    submit.watch = true;
    (void)rules_ask(driver, &request);
    struct sim_driver_command sent = sim_driver_sent(driver, "do0", 1);
    driver->answer_count = 0;
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_wait(driver, 1000);
    assert_int_equal(driver->answer_count, 0);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
}

static void test_reload__while_the_disk_stays_full__waits_longer_each_time(void **state)
{
    /* A reload that fails is tried again after 100 ms, doubling to 5 s, and nothing is sent
     * between; epoch, nonce and incarnation stay. */
    static const int64_t waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_disk_fail(driver->path, SIM_DISK_FULL, 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(node_turn_deadline(&driver->turn), driver->now.mono_ms + waits[i]);
        sim_driver_sleep(driver, waits[i]);
        sim_driver_turn(driver);
        assert_int_equal(driver->rc, 0);
        sim_driver_sent_nothing(driver);
    }
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    sim_driver_wait(driver, 6100);
    struct sim_driver_command again = sim_driver_sent(driver, "do0", 1);
    expect_same_start(&sent.header, &again.header);
}

static void test_batch__on_a_broken_disk__ends_the_process(void **state)
{
    /* A failed write ends the process, with nothing sent; the next start goes on. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_disk_fail(driver->path, SIM_DISK_BROKEN, 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(driver->rc, ERR_IO);
    sim_driver_sent_nothing(driver);
    sim_driver_restart(driver, 100);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void test_entry__that_does_not_decode__harms_no_other(void **state)
{
    /* Entries are decoded each on its own: those beside a bad one are taken. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    struct buffer packed = {0};
    answer.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    answer.reply = &reply;
    packed_append(&packed, &answer.base);
    ProtobufCBinaryData entries[] = {packed_borrow_text("\377\377"), packed_borrow_text(""),
                                     packed_borrow(buffer_bytes(&packed)),
                                     packed_borrow_text("\377\377")};
    Zsaga__Header header = rules_header(&driver->participants[0].sender);
    rules_give_raw(driver, ORCHESTRATOR_PORT_FIRST_PARTICIPANT, &header, entries, 4);
    sim_driver_turn(driver);
    buffer_release(&packed);
    (void)sim_driver_sent(driver, "do1", 1);
    assert_int_equal(orchestrator_counters(driver->node)->malformed, 3);
}

static void test_request__that_does_not_decode__is_refused_beside_a_good_one(void **state)
{
    /* A client's bad entry is answered with a refusal, and the good one beside it is accepted. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = "k"}, &submit);
    struct buffer packed = {0};
    request.id = 5;
    packed_append(&packed, &request.base);
    ProtobufCBinaryData entries[] = {packed_borrow_text("\377\377"),
                                     packed_borrow(buffer_bytes(&packed))};
    Zsaga__Header header = rules_header(&driver->client);
    rules_give_raw(driver, ORCHESTRATOR_PORT_CLIENT, &header, entries, 2);
    sim_driver_turn(driver);
    buffer_release(&packed);
    assert_int_equal(driver->answer_count, 2);
    assert_int_equal(driver->answers[0]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    assert_int_equal(driver->answers[1]->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    assert_int_equal(driver->answers[1]->id, 5);
}

static void test_reply__with_a_senseless_field__is_counted_and_dropped(void **state)
{
    /* An entry that decodes and does not validate moves nothing, whichever field it is. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    const Zsaga__Reply good = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    Zsaga__Reply bad[] = {good, good, good, good, good};
    bad[0].saga.len = 15;
    bad[1].step = 32;
    bad[2].direction = ZSAGA__DIRECTION__VOID;
    bad[3].outcome = ZSAGA__OUTCOME__OUTCOME_UNKNOWN;
    bad[4].outcome = (Zsaga__Outcome)99;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sim_driver_say(driver, 0, &bad[i]);
        sim_driver_sent_nothing(driver);
        assert_int_equal(orchestrator_counters(driver->node)->malformed, i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_batch__that_dies_anywhere__leaves_nothing),
        rules_test(test_batch__with_an_answer__that_dies__leaves_the_command_out),
        rules_test(test_batch__whose_transaction_sqlite_ended__leaves_nothing),
        rules_test(test_batch__with_an_end__that_dies__pushes_and_counts_nothing),
        rules_test(test_reload__while_the_disk_stays_full__waits_longer_each_time),
        rules_test(test_batch__on_a_broken_disk__ends_the_process),
        rules_test(test_entry__that_does_not_decode__harms_no_other),
        rules_test(test_request__that_does_not_decode__is_refused_beside_a_good_one),
        rules_test(test_reply__with_a_senseless_field__is_counted_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
