/* Compensations: when they start, in which order, and that none is skipped. */
#include "rules_driver.h"

#define HOUR_MS (3600 * INT64_C(1000))

static const char impatient[] = RULES_SAGA RULES_STEP("0", "0", "        patience = 1s\n")
    RULES_STEP("1", "1", "        patience = 1s\n        undo\n            patience = 2h\n")
        RULES_STEP("2", "2", "        patience = 1s\n");

/* All but the last step done, and that one refused: its neighbour's compensation is out. */
static struct sim_driver_command begin_undo(struct sim_driver *driver, const char *key)
{
    struct sim_driver_command sent = sim_driver_reach(driver, key, "do2");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    return sim_driver_sent(driver, "undo1", 1);
}

static void test_compensation__unanswered__has_its_own_long_patience(void **state)
{
    /* A compensation has its own, long patience: the step's short one does not end it. */
    struct sim_driver *driver = rules_begin(state, impatient);
    struct sim_driver_command sent = begin_undo(driver, "k");
    assert_int_equal(sent.command->remaining_ms, 2 * HOUR_MS);
    sim_driver_wait(driver, 2 * HOUR_MS - 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
    sim_driver_wait(driver, 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
}

static void test_compensation__while_the_forward_is_unknown__is_not_started(void **state)
{
    /* Nothing is compensated before the forward outcome is known or given up, however silent its
     * participant is, or how often it says `pending`. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__PENDING, "");
    rules_forget_commands(driver);
    sim_driver_reborn(driver, 1);
    sim_driver_wait(driver, 20000);
    sim_driver_restart(driver, 1000);
    driver->participants[1].silent = true;
    sim_driver_wait(driver, 20000);
    for (size_t i = 0; i < driver->command_count; i++)
        (void)rules_command(driver, i, "do1");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
}

static void test_compensations__run_in_reverse_order_one_at_a_time(void **state)
{
    /* Compensations run in reverse order, each once the one before it is done. */
    struct sim_driver *driver = rules_begin(state, impatient);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do2");
    sim_driver_wait(driver, 1000);
    static const char *const names[] = {"undo2", "undo1", "undo0"};
    for (size_t i = 0; i < 3; i++) {
        sent = sim_driver_sent(driver, names[i], 1);
        sim_driver_wait(driver, 1000);
        sim_driver_sent_nothing(driver);
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    }
    sim_driver_sent_nothing(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_compensation__goes_before_new_work(void **state)
{
    /* In the window a compensation goes before the actions that waited longer. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command turned = sim_driver_reach(driver, "k1000", "do1");
    rules_submit_many(driver, 0, 10);
    assert_int_equal(driver->command_count, 2); /* p0's window; eight wait. */
    struct sim_driver_command sent = rules_command(driver, 0, "do0");
    rules_forget_commands(driver);
    sim_driver_answer(driver, &turned, ZSAGA__OUTCOME__REJECTED, "no");
    sim_driver_sent_nothing(driver);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    (void)rules_command(driver, 0, "undo0");
    (void)rules_command(driver, 1, "do0");
    assert_int_equal(driver->command_count, 2);
}

static void test_compensation__never_loops_hot(void **state)
{
    /* A compensation that is put off at once each time is sent ever less often, down to its `max`.
     */
    static const int64_t waits[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000};
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = begin_undo(driver, "k");
    for (size_t i = 0; i < 15; i++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
        sim_driver_sent_nothing(driver);
        assert_int_equal(rules_wait_for_command(driver, 60000), waits[i < 9 ? i : 9]);
        sent = sim_driver_sent(driver, "undo1", (uint32_t)i + 2);
    }
}

static void test_compensation__refused__is_asked_again(void **state)
{
    /* A compensation cannot refuse: even an answer of `rejected` is no outcome, and it goes on. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = begin_undo(driver, "k");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "will_not");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
    rules_expect_words(driver, "k", "will_not", "no");
    assert_int_equal(rules_wait_for_command(driver, 1000), 100);
    sent = sim_driver_sent(driver, "undo1", 2);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "undo0", 1);
}

static void test_compensation__pending__is_asked_again(void **state)
{
    /* A compensation answered `pending` (its forward's effect is in flight) is asked until it is
     * known. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = begin_undo(driver, "k");
    for (uint32_t attempt = 2; attempt < 30; attempt++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__PENDING, "");
        assert_true(rules_wait_for_command(driver, 60000) > 0);
        sent = sim_driver_sent(driver, "undo1", attempt);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "undo0", 1);
}

static void test_compensation__out_of_patience__rests_with_its_reason(void **state)
{
    /* When its patience is spent the saga rests in `attention` with what went wrong; the other
     * compensations are kept, not skipped, and run after an operator's word. */
    struct sim_driver *driver = rules_begin(state, impatient);
    struct sim_driver_command sent = begin_undo(driver, "k");
    while (sim_driver_state(driver, "k") == ZSAGA__SAGA_STATE__COMPENSATING) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "no_paper");
        if (rules_wait_for_command(driver, 60000) > 0)
            sent = sim_driver_sent(driver, "undo1", 0);
    }
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    rules_expect_words(driver, "k", "no_paper", "no");
    assert_int_equal(rules_wait_for_command(driver, 24 * HOUR_MS), -1);
    sim_driver_restart(driver, 0);
    sim_driver_sent_nothing(driver);
    sim_driver_resume(driver, "k");
    sent = sim_driver_sent(driver, "undo1", 0);
    assert_int_equal(sent.command->remaining_ms, 2 * HOUR_MS); /* Fresh patience. */
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sent = sim_driver_sent(driver, "undo0", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_blocked__before_any_compensation__is_attention(void **state)
{
    /* `blocked` though no compensation is journaled speaks of a restored backup: `attention` at
     * once. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__BLOCKED, "blocked");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sim_driver_sent_nothing(driver);
    rules_expect_words(driver, "k", "blocked", "blocked");
}

static void test_expired__is_attention(void **state)
{
    /* `expired` for a saga that is not final is nobody's to repair but an operator's. */
    struct sim_driver *driver = rules_begin(state, rules_three);
    struct sim_driver_command sent = begin_undo(driver, "k");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__EXPIRED, "expired");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    assert_int_equal(rules_wait_for_command(driver, HOUR_MS), -1);
}

static void test_reject__names_the_entry_it_means(void **state)
{
    /* A reject by frame and index puts that command's saga into `attention`, and no other. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    rules_submit_many(driver, 0, 1);
    rules_all_done(driver);
    rules_submit_many(driver, 1, 2);
    assert_int_equal(driver->command_count, 2);
    struct sim_driver_command first = driver->commands[0];
    struct sim_driver_command second = driver->commands[1];
    assert_int_equal(first.header.number, second.header.number);
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reject reject = ZSAGA__REJECT__INIT;
    reject.frame = second.header.number;
    reject.index = second.index;
    answer.kind_case = ZSAGA__ANSWER__KIND_REJECT;
    answer.reject = &reject;
    rules_give(driver, 0, &answer);
    sim_driver_turn(driver);
    assert_int_equal(sim_driver_state(driver, "k1"), ZSAGA__SAGA_STATE__RUNNING);
    assert_int_equal(sim_driver_state(driver, "k2"), ZSAGA__SAGA_STATE__ATTENTION);
    rules_forget_commands(driver);
    sim_driver_answer(driver, &first, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k1"), ZSAGA__SAGA_STATE__COMPLETED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_compensation__unanswered__has_its_own_long_patience),
        rules_test(test_compensation__while_the_forward_is_unknown__is_not_started),
        rules_test(test_compensations__run_in_reverse_order_one_at_a_time),
        rules_test(test_compensation__goes_before_new_work),
        rules_test(test_compensation__never_loops_hot),
        rules_test(test_compensation__refused__is_asked_again),
        rules_test(test_compensation__pending__is_asked_again),
        rules_test(test_compensation__out_of_patience__rests_with_its_reason),
        rules_test(test_blocked__before_any_compensation__is_attention),
        rules_test(test_expired__is_attention),
        rules_test(test_reject__names_the_entry_it_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
