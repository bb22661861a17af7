/* Stale replies: which answers still mean something, and that each is taken once. */
#include "rules_driver.h"

static const Zsaga__Outcome troubles[] = {ZSAGA__OUTCOME__RETRY, ZSAGA__OUTCOME__PENDING,
                                          ZSAGA__OUTCOME__BLOCKED, ZSAGA__OUTCOME__EXPIRED};
#define TROUBLES (sizeof troubles / sizeof troubles[0])

static uint64_t stale_count(const struct sim_driver *driver)
{
    return orchestrator_counters(driver->node)->stale_replies;
}

/* Says it, and fails unless it was counted, dropped, and left the saga as it was. */
static void expect_stale(struct sim_driver *driver, size_t participant, Zsaga__Reply *reply)
{
    static const char history[] = "SELECT count(*) FROM zsaga_history";
    uint64_t before = stale_count(driver);
    int64_t records = rules_number(driver, history);
    rules_forget_commands(driver);
    sim_driver_say(driver, participant, reply);
    assert_int_equal(stale_count(driver), before + 1);
    assert_int_equal(rules_number(driver, history), records);
    sim_driver_sent_nothing(driver);
}

static void test_reply__for_a_final_saga__is_dropped(void **state)
{
    /* A reply for a saga that is final is counted and dropped, whatever it says. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
    for (int outcome = ZSAGA__OUTCOME__DONE; outcome <= ZSAGA__OUTCOME__EXPIRED; outcome++) {
        if (outcome == ZSAGA__OUTCOME__VOIDED)
            continue;
        Zsaga__Reply reply = sim_driver_reply(&sent, (Zsaga__Outcome)outcome, "late");
        expect_stale(driver, 0, &reply);
    }
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
}

static void test_reply__for_an_unknown_saga__is_dropped(void **state)
{
    /* A reply for a saga that is not known, or for a step it does not have, is dropped. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    struct id id = {{1}};
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    reply.saga = packed_borrow(id_view(&id));
    expect_stale(driver, 0, &reply);
    reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    reply.step = 2;
    expect_stale(driver, 0, &reply);
}

static void test_reply__of_another_participant__is_dropped(void **state)
{
    /* Only the step's own participant says what became of it. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    expect_stale(driver, 1, &reply);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_trouble__of_another_epoch_or_attempt__is_dropped(void **state)
{
    /* All but facts match on epoch, attempt, and the command that is out. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command first = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &first, ZSAGA__OUTCOME__DONE, "");
    struct sim_driver_command sent = sim_driver_sent(driver, "do1", 1);
    for (size_t i = 0; i < TROUBLES; i++) {
        Zsaga__Reply reply = sim_driver_reply(&sent, troubles[i], "t");
        reply.epoch--;
        expect_stale(driver, 1, &reply);
        reply.epoch += 2;
        expect_stale(driver, 1, &reply);
        reply = sim_driver_reply(&sent, troubles[i], "t");
        reply.attempt++;
        expect_stale(driver, 1, &reply);
        reply = sim_driver_reply(&sent, troubles[i], "t");
        reply.direction = ZSAGA__DIRECTION__COMPENSATION;
        expect_stale(driver, 1, &reply);
        reply = sim_driver_reply(&first, troubles[i], "t");
        expect_stale(driver, 0, &reply);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "t");
    assert_true(rules_wait_for_command(driver, 1000) > 0);
}

static void test_trouble__of_an_earlier_start__is_dropped(void **state)
{
    /* After a restart the same attempt is out, but a `retry` of the earlier epoch is not its. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command before = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&before, ZSAGA__OUTCOME__RETRY, "busy");
    struct id id;
    assert_true(id_from_bytes(packed_view(reply.saga), &id));
    reply.saga = packed_borrow(id_view(&id));
    sim_driver_restart(driver, 0);
    (void)sim_driver_sent(driver, "do0", 1);
    expect_stale(driver, 0, &reply);
}

static void test_fact__of_another_epoch_and_attempt__is_taken(void **state)
{
    /* `done` and `rejected` are facts about the step: saga, step and direction are all they need.
     */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    reply.epoch = 0;
    reply.attempt = 99;
    sim_driver_say(driver, 0, &reply);
    sent = sim_driver_sent(driver, "do1", 1);
    reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__REJECTED, "no");
    reply.epoch = 12345;
    reply.attempt = 0;
    sim_driver_say(driver, 1, &reply);
    sent = sim_driver_sent(driver, "undo0", 1);
    reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    reply.epoch = 0;
    reply.attempt = 7;
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_fact__during_the_backoff__is_taken(void **state)
{
    /* A fact is taken also while no command is out; a trouble then is not. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    for (size_t i = 0; i < TROUBLES; i++) {
        Zsaga__Reply reply = sim_driver_reply(&sent, troubles[i], "t");
        reply.attempt = 2; /* The next one, not out yet. */
        expect_stale(driver, 0, &reply);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_fact__in_attention__is_recorded_and_moves_nothing(void **state)
{
    /* In `attention` a fact is recorded and moves nothing; the operator's word finds it known. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__BLOCKED, "blocked");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_history WHERE what = 2"), 1);
    sim_driver_wait(driver, 60000);
    sim_driver_sent_nothing(driver);
    sim_driver_resume(driver, "k");
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_trouble__in_attention__is_dropped(void **state)
{
    /* What is no fact means nothing to a saga in `attention`. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__BLOCKED, "blocked");
    for (size_t i = 0; i < TROUBLES; i++) {
        Zsaga__Reply reply = sim_driver_reply(&sent, troubles[i], "t");
        expect_stale(driver, 0, &reply);
    }
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
}

static void test_retry__twice__is_taken_once(void **state)
{
    /* An answer that comes twice is taken once: the attempt moves on before the backoff. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__RETRY, "busy");
    rules_give_reply(driver, 0, &reply);
    rules_give_reply(driver, 0, &reply);
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(stale_count(driver), 2);
    assert_int_equal(rules_wait_for_command(driver, 1000), 100);
    (void)sim_driver_sent(driver, "do0", 2);
    expect_stale(driver, 0, &reply); /* And once more while the next attempt is out. */
    assert_int_equal(rules_number(driver, "SELECT retries FROM zsaga_history"), 1);
}

static void test_fact__twice__is_taken_once(void **state)
{
    /* A `done` that comes twice, also at once, moves the saga by one step. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    rules_give_reply(driver, 0, &reply);
    sim_driver_say(driver, 0, &reply);
    (void)sim_driver_sent(driver, "do1", 1);
    assert_int_equal(stale_count(driver), 1);
    expect_stale(driver, 0, &reply);
}

static void test_fact__that_contradicts_one_recorded__is_dropped(void **state)
{
    /* A step's outcome is recorded once: `rejected` after `done` changes nothing. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__REJECTED, "no");
    expect_stale(driver, 0, &reply);
}

static void test_blocked__after_giving_up__is_nothing(void **state)
{
    /* `blocked` of an action whose compensation is journaled is what was to be: dropped. */
    struct sim_driver *driver =
        rules_begin(state, RULES_SAGA RULES_STEP("0", "0", "        patience = 1s\n"));
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_wait(driver, 1000);
    (void)sim_driver_sent(driver, "undo0", 1);
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__BLOCKED, "blocked");
    expect_stale(driver, 0, &reply);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_reply__for_a_final_saga__is_dropped),
        rules_test(test_reply__for_an_unknown_saga__is_dropped),
        rules_test(test_reply__of_another_participant__is_dropped),
        rules_test(test_trouble__of_another_epoch_or_attempt__is_dropped),
        rules_test(test_trouble__of_an_earlier_start__is_dropped),
        rules_test(test_fact__of_another_epoch_and_attempt__is_taken),
        rules_test(test_fact__during_the_backoff__is_taken),
        rules_test(test_fact__in_attention__is_recorded_and_moves_nothing),
        rules_test(test_trouble__in_attention__is_dropped),
        rules_test(test_retry__twice__is_taken_once),
        rules_test(test_fact__twice__is_taken_once),
        rules_test(test_fact__that_contradicts_one_recorded__is_dropped),
        rules_test(test_blocked__after_giving_up__is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
