/* Giving up: what costs attempts, what costs patience, and what follows. */
#include "rules_driver.h"

#define HOUR_MS (3600 * INT64_C(1000))

static const char three_attempts[] = RULES_SAGA RULES_STEP("0", "0", "")
    RULES_STEP("1", "1", "        patience = 10m\n        retry\n            attempts = 3\n");

static void test_attempts__count_answers_of_retry(void **state)
{
    /* Attempts count answers of `retry`: the last one allowed gives the step up. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    for (uint32_t attempt = 2; attempt <= 3; attempt++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
        sim_driver_sent_nothing(driver);
        assert_true(rules_wait_for_command(driver, 10000) > 0);
        sent = sim_driver_sent(driver, "do1", attempt);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    (void)sim_driver_sent(driver, "undo1", 1);
    rules_expect_words(driver, "k", "", "unavailable");
}

static void test_silence__costs_no_attempt(void **state)
{
    /* Silence counts against patience only: the command is sent again as the same attempt. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    for (int i = 0; i < 10; i++) {
        assert_true(rules_wait_for_command(driver, 60000) > 0);
        sent = sim_driver_sent(driver, "do1", 1);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    assert_true(rules_wait_for_command(driver, 1000) > 0);
    (void)sim_driver_sent(driver, "do1", 2);
    assert_int_equal(rules_number(driver, "SELECT retries FROM zsaga_history WHERE what = 6"), 1);
}

static void test_outage__costs_no_attempt(void **state)
{
    /* An outage of the participant does not eat attempts. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    (void)sim_driver_reach(driver, "k", "do1");
    for (int i = 0; i < 5; i++) {
        driver->participants[1].silent = true;
        sim_driver_wait(driver, 10000);
        sim_driver_reborn(driver, 1);
        driver->participants[1].silent = false;
        sim_driver_wait(driver, 5000);
    }
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
    (void)rules_wait_for_command(driver, 60000);
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_restarts_of_the_orchestrator__cost_no_attempt(void **state)
{
    /* A storm of restarts does not eat attempts, and those used are not forgotten. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    for (int i = 0; i < 20; i++) {
        sim_driver_restart(driver, 10);
        sent = sim_driver_sent(driver, "do1", 1);
    }
    for (uint32_t attempt = 2; attempt <= 3; attempt++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
        sim_driver_restart(driver, 10);
        assert_true(rules_wait_for_command(driver, 10000) > 0);
        sent = sim_driver_sent(driver, "do1", attempt);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    (void)sim_driver_sent(driver, "undo1", 1);
}

static void test_pending__costs_no_attempt(void **state)
{
    /* `pending` is bounded by the step's patience, not by attempts. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    for (uint32_t attempt = 2; attempt <= 20; attempt++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__PENDING, "");
        assert_true(rules_wait_for_command(driver, 60000) > 0);
        sent = sim_driver_sent(driver, "do1", attempt);
    }
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__PENDING, "");
    rules_forget_commands(driver);
    while (sim_driver_state(driver, "k") == ZSAGA__SAGA_STATE__RUNNING) {
        assert_true(rules_wait_for_command(driver, HOUR_MS) > 0);
        sent = driver->commands[0];
        if (sent.command->direction == ZSAGA__DIRECTION__ACTION)
            sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__PENDING, "");
    }
    (void)sim_driver_sent(driver, "undo1", 1);
}

static void test_given_up__is_compensated_too(void **state)
{
    /* Whatever is given up without a recorded `rejected` is compensated too, before the steps
     * before it: its tombstone stops the late forward. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    (void)sim_driver_reach(driver, "k", "do1");
    sim_driver_wait(driver, HOUR_MS / 6 - 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
    rules_forget_commands(driver);
    sim_driver_wait(driver, 1);
    struct sim_driver_command sent = sim_driver_sent(driver, "undo1", 1);
    rules_expect_words(driver, "k", "", "unavailable");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sent = sim_driver_sent(driver, "undo0", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_given_up__then_done_late__is_undone_all_the_same(void **state)
{
    /* An action that took effect after it was given up is known as done, and still undone. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    struct sim_driver_command late = sim_driver_reach(driver, "k", "do1");
    struct sim_driver_command sent = late;
    sim_driver_wait(driver, HOUR_MS / 6);
    sent = rules_command(driver, driver->command_count - 1, "undo1");
    rules_forget_commands(driver);
    sim_driver_answer(driver, &late, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "undo0", 1);
}

static void test_rejected__is_not_compensated_itself(void **state)
{
    /* A recorded `rejected` changed nothing: only the steps before it are compensated. */
    struct sim_driver *driver = rules_begin(state, three_attempts);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    sent = sim_driver_sent(driver, "undo0", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
    rules_expect_words(driver, "k", "", "no");
}

static void test_retriable__refused_all_the_same__then_done__has_no_reason(void **state)
{
    /* What stopped a saga is forgotten where it goes on, of its step too. */
    struct sim_driver *driver =
        rules_begin(state, RULES_SAGA RULES_STEP("0", "0", "") RULES_RETRIABLE("1", "1", ""));
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    rules_expect_words(driver, "k", "no", "no");
    assert_int_not_equal(sim_driver_show(driver, "k")->steps[1]->reason.len, 0);
    sim_driver_resume(driver, "k");
    sent = sim_driver_sent(driver, "do1", 2);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
    rules_expect_words(driver, "k", "", "");
    assert_int_equal(sim_driver_show(driver, "k")->steps[1]->reason.len, 0);
}

static void test_retriable__is_never_given_up(void **state)
{
    /* A retriable is repeated whatever its attempts; after its long patience it is in `attention`.
     */
    struct sim_driver *driver =
        rules_begin(state, RULES_SAGA RULES_STEP("0", "0", "") RULES_RETRIABLE(
                               "1", "1",
                               "        retry\n            attempts = 2\n        undo\n"
                               "            patience = 10m\n"));
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    assert_false(sent.command->retriable);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sent = sim_driver_sent(driver, "do1", 1);
    assert_true(sent.command->retriable); /* So that it is not refused. */
    for (uint32_t attempt = 2; attempt < 20; attempt++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
        assert_true(rules_wait_for_command(driver, 60000) > 0);
        sent = sim_driver_sent(driver, "do1", attempt);
    }
    sim_driver_wait(driver, HOUR_MS / 6);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_resume(driver, "k");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_attempts__count_answers_of_retry),
        rules_test(test_silence__costs_no_attempt),
        rules_test(test_outage__costs_no_attempt),
        rules_test(test_restarts_of_the_orchestrator__cost_no_attempt),
        rules_test(test_pending__costs_no_attempt),
        rules_test(test_given_up__is_compensated_too),
        rules_test(test_given_up__then_done_late__is_undone_all_the_same),
        rules_test(test_rejected__is_not_compensated_itself),
        rules_test(test_retriable__refused_all_the_same__then_done__has_no_reason),
        rules_test(test_retriable__is_never_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
