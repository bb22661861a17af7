/* The orchestrator's own log: what happened to each saga, told as it is committed. */
#include "rules_driver.h"

#include "base/xalloc.h"
#include "saga.pb-c.h"

static const char with_retriable[] =
    RULES_SAGA RULES_STEP("0", "0", "") RULES_RETRIABLE("1", "1", "");

static void append_text(struct buffer *text, const char *name, ProtobufCBinaryData value)
{
    if (value.len == 0)
        return;
    buffer_append_text(text, name);
    buffer_append(text, value.data, value.len);
}

static void append_number(struct buffer *text, const char *name, uint64_t number)
{
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    buffer_append_text(text, name);
    buffer_append_text(text, digits);
}

static void append_event(struct buffer *text, uint64_t seq, const Zsaga__Event *event)
{
    static const char *const states[] = {"?",         "running",     "compensating",
                                         "completed", "compensated", "attention"};
    Zsaga__SagaEvent *saga =
        zsaga__saga_event__unpack(NULL, event->payload.len, event->payload.data);
    assert_non_null(saga);
    append_number(text, "", seq);
    append_text(text, " ", event->type);
    append_text(text, " ", saga->key);
    append_number(text, " #", saga->number);
    buffer_append_text(text, " ");
    buffer_append_text(text, states[saga->state]);
    append_text(text, " step=", saga->step);
    append_text(text, " at=", saga->participant);
    if (saga->undo)
        buffer_append_text(text, " undo");
    if (saga->attempts != 0)
        append_number(text, " attempts=", saga->attempts);
    append_text(text, " code=", saga->code);
    append_text(text, " reason=", saga->reason);
    buffer_append_text(text, "\n");
    zsaga__saga_event__free_unpacked(saga, NULL);
}

static void append_row(struct buffer *text, const Zsaga__LogRow *row)
{
    Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, row->events.len, row->events.data);
    assert_non_null(batch);
    assert_int_equal(batch->n_events, row->count);
    for (size_t i = 0; i < batch->n_events; i++)
        append_event(text, row->first + i, batch->events[i]);
    zsaga__event_batch__free_unpacked(batch, NULL);
}

/* What was told live since the driver's last clear (allocated): a line for each event. */
static char *told(const struct sim_driver *driver)
{
    struct buffer text = {0};
    for (size_t i = 0; i < driver->row_count; i++)
        append_row(&text, driver->rows[i]);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static void expect_told(struct sim_driver *driver, const char *lines)
{
    AUTO(freep) char *text = told(driver);
    assert_string_equal(text, lines);
    driver->row_count = 0;
}

/* The whole log, fetched (allocated). */
static char *fetch_all(struct sim_driver *driver)
{
    Zsaga__ReplayRequest request = ZSAGA__REPLAY_REQUEST__INIT;
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    struct buffer packed = {0};
    struct buffer text = {0};
    Zsaga__Header header = rules_header(&driver->client);
    request.id = 1;
    request.kind_case = ZSAGA__REPLAY_REQUEST__KIND_FETCH;
    request.fetch = &fetch;
    packed_append(&packed, &request.base);
    ProtobufCBinaryData entry = packed_borrow(buffer_bytes(&packed));
    rules_give_raw(driver, ORCHESTRATOR_PORT_REPLAY, &header, &entry, 1);
    sim_driver_turn(driver);
    buffer_release(&packed);
    assert_non_null(driver->replayed);
    assert_int_equal(driver->replayed->kind_case, ZSAGA__REPLAY_ANSWER__KIND_FETCHED);
    for (size_t i = 0; i < driver->replayed->fetched->n_rows; i++)
        append_row(&text, driver->replayed->fetched->rows[i]);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static void test_log__of_a_saga_that_completes__tells_each_step(void **state)
{
    /* Accepted, each step, the end: one event each, in order, without a gap. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    expect_told(driver, "1 SagaAccepted k #1 running\n"
                        "2 StepDone k #2 running step=s0 at=p0\n");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    expect_told(driver, "3 StepDone k #3 completed step=s1 at=p1\n"
                        "4 SagaCompleted k #3 completed\n");
    AUTO(freep) char *all = fetch_all(driver);
    assert_string_equal(all, "1 SagaAccepted k #1 running\n"
                             "2 StepDone k #2 running step=s0 at=p0\n"
                             "3 StepDone k #3 completed step=s1 at=p1\n"
                             "4 SagaCompleted k #3 completed\n");
}

static void test_log__of_a_saga_that_goes_back__tells_why(void **state)
{
    /* A refusal turns the saga; what is undone is told, and the reason stays. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    driver->row_count = 0;
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "sold_out");
    expect_told(driver, "3 StepRejected k #3 compensating step=s1 at=p1 code=sold_out"
                        " reason=sold_out\n");
    sent = rules_command(driver, driver->command_count - 1, "undo0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    expect_told(driver, "4 StepUndone k #4 compensated step=s0 at=p0 undo reason=sold_out\n"
                        "5 SagaCompensated k #4 compensated reason=sold_out\n");
}

static void test_log__of_trouble__tells_each_answer_and_no_mark(void **state)
{
    /* An answer of `retry` is told with its count; patience that is only counted is not. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    driver->row_count = 0;
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    expect_told(driver, "2 StepTroubled k #2 running step=s0 at=p0 attempts=1 code=busy\n");
    rules_forget_commands(driver);
    sim_driver_wait(driver, 20000); /* Silence: marks of the patience used, and sent again. */
    assert_true(rules_number(driver, "SELECT used_ms FROM zsaga_history") > 0);
    expect_told(driver, "");
    sent = rules_command(driver, driver->command_count - 1, "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    expect_told(driver, "3 StepTroubled k #2 running step=s0 at=p0 attempts=2 code=busy\n");
    sim_driver_wait(driver, 60000);
    expect_told(driver, "4 StepGivenUp k #3 compensating step=s0 at=p0 code=busy"
                        " reason=unavailable\n");
}

static void test_log__of_attention__tells_who_resumed_it(void **state)
{
    /* What was refused where nothing may be refused: a fact, then attention; an operator's word. */
    struct sim_driver *driver = rules_begin(state, with_retriable);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    driver->row_count = 0;
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "never");
    expect_told(driver, "3 StepRejected k #3 running step=s1 at=p1 code=never reason=never\n"
                        "4 SagaAttention k #4 attention step=s1 at=p1 code=never reason=never\n");
    rules_forget_commands(driver);
    sim_driver_resume(driver, "k");
    AUTO(freep) char *text = told(driver);
    assert_non_null(strstr(text, "5 SagaResumed k #5 running code="));
}

static void test_log__of_a_batch_that_died__has_no_gap(void **state)
{
    /* What was not committed is not told; its numbers belong to what comes next. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    expect_told(driver, "1 SagaAccepted k #1 running\n");
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_true(driver->turn.broken);
    expect_told(driver, "");
    rules_forget_commands(driver);
    sim_driver_wait(driver, 3000);
    sent = rules_command(driver, driver->command_count - 1, "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    expect_told(driver, "2 StepDone k #2 completed step=s0 at=p0\n"
                        "3 SagaCompleted k #2 completed\n");
}

static struct id last_event_id(const struct sim_driver *driver)
{
    struct id last = {{0}};
    for (size_t i = 0; i < driver->row_count; i++) {
        Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, driver->rows[i]->events.len,
                                                              driver->rows[i]->events.data);
        assert_non_null(batch);
        for (size_t j = 0; j < batch->n_events; j++) {
            struct id id;
            assert_true(id_from_bytes(packed_view(batch->events[j]->id), &id));
            assert_true(id_compare(&id, &last) > 0);
            last = id;
        }
        zsaga__event_batch__free_unpacked(batch, NULL);
    }
    return last;
}

static void test_ids__after_a_restart__go_above_all_events(void **state)
{
    /* Sagas and events share a source of ids: neither goes below what is stored of the other,
     * whatever the clock on the wall says; the last saga told stays a saga's. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    struct id event = last_event_id(driver);
    assert_true(id_compare(&event, &sent.header.driver.last_saga) > 0);
    sim_driver_clear(driver);
    driver->now.wall_ms -= 24 * 3600 * 1000;
    sim_driver_restart(driver, 100);
    struct id saga = sim_driver_submit(driver, "k2", ZSAGA__VERDICT__ACCEPTED);
    assert_true(id_compare(&saga, &event) > 0);
    sent = rules_command(driver, driver->command_count - 1, "do0");
    assert_int_equal(id_compare(&sent.header.driver.last_saga, &saga), 0);
    event = last_event_id(driver);
    assert_true(id_compare(&event, &saga) > 0);
    expect_told(driver, "4 SagaAccepted k2 #1 running\n");
}

static void test_log__of_accepted__tells_the_definition(void **state)
{
    /* Whoever follows the log needs no other source to show a saga's steps. */
    struct sim_driver *driver = rules_begin(state, with_retriable);
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(driver->row_count, 1);
    const Zsaga__LogRow *row = driver->rows[0];
    ProtobufCAllocator *allocator = &driver->arena.allocator;
    const Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(allocator, row->events.len, row->events.data);
    const Zsaga__Event *event = batch->events[0];
    const Zsaga__SagaEvent *saga =
        zsaga__saga_event__unpack(allocator, event->payload.len, event->payload.data);
    assert_true(bytes_equal(packed_view(saga->definition), bytes_text("toy")));
    assert_int_equal(saga->n_steps, 2);
    assert_true(bytes_equal(packed_view(saga->steps[1]->name), bytes_text("s1")));
    assert_true(bytes_equal(packed_view(saga->steps[1]->participant), bytes_text("p1")));
    assert_true(bytes_equal(packed_view(saga->steps[0]->kind), bytes_text("compensatable")));
    assert_true(bytes_equal(packed_view(saga->steps[1]->kind), bytes_text("retriable")));
    assert_int_equal(event->saga.len, ID_SIZE);
    assert_int_equal(event->causation.len, 0);
}

static void test_log__of_a_step__is_caused_by_its_command(void **state)
{
    /* The step's event names the command, as its participant's event does. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    driver->row_count = 0;
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    const Zsaga__LogRow *row = driver->rows[0];
    const Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(&driver->arena.allocator, row->events.len, row->events.data);
    const Zsaga__Event *event = batch->events[0];
    assert_int_equal(event->causation.len, ID_SIZE + 2);
    assert_memory_equal(event->causation.data, sent.command->saga.data, ID_SIZE);
    assert_int_equal(event->causation.data[ID_SIZE], 1);
    assert_int_equal(event->causation.data[ID_SIZE + 1], ZSAGA__DIRECTION__ACTION);
    assert_true(
        bytes_equal(packed_view(event->traceparent), packed_view(sent.command->traceparent)));
    char trace[ID_TEXT_SIZE];
    struct id saga;
    assert_true(id_from_bytes(packed_view(sent.command->saga), &saga));
    AUTO(freep) char *expected = xprintf("00-%s-%.14s03-01", id_text(&saga, trace), trace + 6);
    assert_true(bytes_equal(packed_view(event->traceparent), bytes_text(expected)));
}

static void test_log__idle__costs_no_commit(void **state)
{
    /* The range is told twice a second; only hellos and their answers make batches. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    sim_driver_wait(driver, 1000);
    driver->range_count = 0;
    uint64_t before = orchestrator_counters(driver->node)->commits;
    sim_driver_wait(driver, 10000);
    assert_in_range(orchestrator_counters(driver->node)->commits - before, 10, 21);
    assert_in_range(driver->range_count, 19, 21);
}

static void test_log__trimmed__keeps_the_sagas(void **state)
{
    /* What the log forgets, the journal keeps: a reader is told, and the saga goes on. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    (void)sim_driver_reach(driver, "k", "do0");
    driver->options.keep = (struct publisher_keep){.bytes = 0, .age_ms = INT32_MAX};
    (void)sim_driver_submit(driver, "k2", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_clear(driver);
    sim_driver_restart(driver, 100);
    sim_driver_wait(driver, 1100);
    assert_int_equal(rules_number(driver, "SELECT tail FROM zsaga_outbox_tail"), 2);
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_outbox"), 1);
    rules_all_done(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_log__of_a_saga_that_completes__tells_each_step),
        rules_test(test_log__of_a_saga_that_goes_back__tells_why),
        rules_test(test_log__of_trouble__tells_each_answer_and_no_mark),
        rules_test(test_log__of_attention__tells_who_resumed_it),
        rules_test(test_log__of_a_batch_that_died__has_no_gap),
        rules_test(test_ids__after_a_restart__go_above_all_events),
        rules_test(test_log__of_accepted__tells_the_definition),
        rules_test(test_log__of_a_step__is_caused_by_its_command),
        rules_test(test_log__idle__costs_no_commit),
        rules_test(test_log__trimmed__keeps_the_sagas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
