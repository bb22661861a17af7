/* Time: what is armed, what is journaled, and what does not count. */
#include "rules_driver.h"

#define HOUR_MS (3600 * INT64_C(1000))

static const char quick[] =
    RULES_SAGA RULES_STEP("0", "0",
                          "        timeout = 2s\n        patience = 10s\n        retry\n"
                          "            first = 1s\n            max = 10s\n")
        RULES_STEP("1", "1", "");

static int64_t used_ms(const struct sim_driver *driver)
{
    return rules_number(driver, "SELECT used_ms FROM zsaga_history WHERE what = 6");
}

static void test_timeout__after_a_restart__is_armed_in_full(void **state)
{
    /* A silence that a restart cut short is waited for in full again. */
    struct sim_driver *driver = rules_begin(state, quick);
    (void)sim_driver_reach(driver, "k", "do0");
    sim_driver_wait(driver, 1900);
    sim_driver_sent_nothing(driver);
    sim_driver_restart(driver, 0);
    (void)sim_driver_sent(driver, "do0", 1);
    assert_int_equal(rules_wait_for_command(driver, 10000), 2000);
}

static void test_backoff__after_a_restart__is_armed_in_full(void **state)
{
    /* A backoff that a restart cut short is waited for in full again. */
    struct sim_driver *driver = rules_begin(state, quick);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    sim_driver_wait(driver, 900);
    sim_driver_sent_nothing(driver);
    sim_driver_restart(driver, 0);
    sim_driver_sent_nothing(driver);
    assert_int_equal(rules_wait_for_command(driver, 10000), 1000);
    (void)sim_driver_sent(driver, "do0", 2);
}

static void test_patience__used__is_journaled_at_each_tenth(void **state)
{
    /* Patience is journaled as time used, at each tenth of it. */
    struct sim_driver *driver = rules_begin(state, quick);
    (void)sim_driver_reach(driver, "k", "do0");
    for (int tenth = 1; tenth < 10; tenth++) {
        sim_driver_wait(driver, 999);
        assert_int_equal(used_ms(driver), tenth == 1 ? -1 : (tenth - 1) * 1000);
        sim_driver_wait(driver, 1);
        assert_int_equal(used_ms(driver), tenth * 1000);
    }
    sim_driver_wait(driver, 1000);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
}

static void test_patience__long__is_journaled_each_minute(void **state)
{
    /* At most a minute of patience is forgotten by a crash. */
    struct sim_driver *driver =
        rules_begin(state, RULES_SAGA RULES_STEP("0", "0", "        patience = 10h\n"));
    (void)sim_driver_reach(driver, "k", "do0");
    for (int minute = 1; minute < 5; minute++) {
        sim_driver_wait(driver, 60000);
        assert_int_equal(used_ms(driver), minute * 60000);
    }
}

static void test_patience__used__goes_on_after_a_restart(void **state)
{
    /* Patience goes on after a restart, and the time in which the process did not run is none. */
    struct sim_driver *driver = rules_begin(state, quick);
    (void)sim_driver_reach(driver, "k", "do0");
    sim_driver_wait(driver, 6000);
    sim_driver_restart(driver, HOUR_MS);
    sim_driver_wait(driver, 3999);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
    sim_driver_wait(driver, 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
}

static void test_patience__through_many_restarts__is_spent_all_the_same(void **state)
{
    /* A process that dies again and again does not give a saga patience without end. */
    struct sim_driver *driver = rules_begin(state, quick);
    (void)sim_driver_reach(driver, "k", "do0");
    for (int i = 0; i < 5; i++) {
        sim_driver_wait(driver, 1999);
        sim_driver_restart(driver, HOUR_MS);
    }
    sim_driver_wait(driver, 5000);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
}

static void test_patience__of_a_command_that_waits__does_not_count(void **state)
{
    /* Patience counts only while a command is out: not while the window keeps it back. */
    struct sim_driver *driver = rules_begin(
        state, RULES_SAGA RULES_STEP("0", "0", "        timeout = 1h\n        patience = 1h\n")
                   RULES_STEP("1", "1", ""));
    (void)sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    struct sim_driver_command first = sim_driver_sent(driver, "do0", 1);
    (void)sim_driver_submit(driver, "b", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_wait(driver, HOUR_MS / 2);
    sim_driver_sent_nothing(driver);
    sim_driver_answer(driver, &first, ZSAGA__OUTCOME__DONE, "");
    struct sim_driver_command second = rules_command(driver, 0, "do0");
    assert_int_equal(second.command->remaining_ms, HOUR_MS);
}

static void test_patience__in_the_backoff_of_an_action__does_not_count(void **state)
{
    /* Waiting between two answers of `retry` is ended by attempts, not by patience. */
    struct sim_driver *driver = rules_begin(state, quick);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    for (uint32_t attempt = 2; attempt <= 5; attempt++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
        assert_true(rules_wait_for_command(driver, HOUR_MS) > 0);
        sent = sim_driver_sent(driver, "do0", attempt);
        assert_int_equal(sent.command->remaining_ms, 10000);
    }
}

static void test_patience__while_the_participant_is_down__counts(void **state)
{
    /* An outage counts against patience, also of a command that was never sent. */
    struct sim_driver *driver = rules_begin(state, quick);
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 3100);
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_wait(driver, 9999);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
    sim_driver_wait(driver, 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
}

static void test_deadline__of_a_command__travels_as_what_remains(void **state)
{
    /* Deadlines travel as remaining milliseconds, so that no two clocks need agree. */
    struct sim_driver *driver = rules_begin(state, quick);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    assert_int_equal(sent.command->remaining_ms, 10000);
    assert_int_equal(rules_wait_for_command(driver, 10000), 2000);
    sent = sim_driver_sent(driver, "do0", 1);
    assert_int_equal(sent.command->remaining_ms, 8000);
}

static void test_turn__over_a_second_late__shifts_all_timers(void **state)
{
    /* A process that did not run for an hour goes on as of the moment it should have: silence,
     * backoff and patience are as long from then on as they had left. */
    struct sim_driver *driver = rules_begin(state, quick);
    sim_driver_wait(driver, 300);
    struct sim_driver_command first = sim_driver_reach(driver, "a", "do0");
    sim_driver_answer(driver, &first, ZSAGA__OUTCOME__RETRY, "busy");
    (void)sim_driver_submit(driver, "b", ZSAGA__VERDICT__ACCEPTED);
    (void)sim_driver_sent(driver, "do0", 1);
    /* The next turn it wants for its sagas is in 100 ms, for the hello that comes early when
     * nothing is heard after a command: so much of the hour counts. */
    sim_driver_sleep(driver, HOUR_MS);
    sim_driver_turn(driver);
    sim_driver_sent_nothing(driver);
    assert_int_equal(rules_wait_for_command(driver, 10000), 900); /* The backoff, */
    first = sim_driver_sent(driver, "do0", 2);
    sim_driver_answer(driver, &first, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(rules_wait_for_command(driver, 10000), 1000); /* and the silence. */
    assert_int_equal(driver->commands[0].command->remaining_ms, 8000);
    assert_int_equal(driver->commands[0].command->attempt, 1);
}

static void test_turn__late_within_a_second__counts(void **state)
{
    /* A turn that is a little late is a busy process, and its time counts. */
    struct sim_driver *driver = rules_begin(state, quick);
    (void)sim_driver_reach(driver, "k", "do0");
    sim_driver_wait(driver, 1500);
    sim_driver_sleep(driver, 1000);
    sim_driver_turn(driver);
    assert_int_equal(sim_driver_sent(driver, "do0", 1).command->remaining_ms, 7500);
}

static void test_wall_clock__that_jumps__changes_no_timer(void **state)
{
    /* A jump of the wall clock, either way, moves no timeout, no backoff and no patience. */
    struct sim_driver *driver = rules_begin(state, quick);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    driver->now.wall_ms += 1000 * 24 * HOUR_MS;
    sim_driver_turn(driver);
    assert_int_equal(rules_wait_for_command(driver, 10000), 2000);
    driver->now.wall_ms -= 2000 * 24 * HOUR_MS;
    sim_driver_turn(driver);
    assert_int_equal(rules_wait_for_command(driver, 10000), 4000);
    assert_int_equal(driver->commands[0].command->remaining_ms, 4000);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    driver->now.wall_ms += 5000 * 24 * HOUR_MS;
    assert_int_equal(rules_wait_for_command(driver, 10000), 1000);
    (void)sim_driver_sent(driver, "do0", 2);
}

static void test_ids__when_the_wall_clock_goes_back__still_grow(void **state)
{
    /* A new id is never below the last one stored, whatever the wall clock says, also at a start.
     */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct id last = sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    for (int i = 0; i < 4; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%d", i);
        driver->now.wall_ms -= 24 * HOUR_MS;
        if (i == 2)
            sim_driver_restart(driver, 0);
        struct id next = sim_driver_submit(driver, key, ZSAGA__VERDICT__ACCEPTED);
        assert_true(id_compare(&next, &last) > 0);
        last = next;
    }
}

static void test_answer__arrived_as_patience_ends__is_taken_first(void **state)
{
    /* Everything that has arrived is handled before timers fire: an answer beats the timer. */
    struct sim_driver *driver = rules_begin(state, quick);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_wait(driver, 9999);
    rules_forget_commands(driver);
    sim_driver_sleep(driver, 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do1", 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_timeout__after_a_restart__is_armed_in_full),
        rules_test(test_backoff__after_a_restart__is_armed_in_full),
        rules_test(test_patience__used__is_journaled_at_each_tenth),
        rules_test(test_patience__long__is_journaled_each_minute),
        rules_test(test_patience__used__goes_on_after_a_restart),
        rules_test(test_patience__through_many_restarts__is_spent_all_the_same),
        rules_test(test_patience__of_a_command_that_waits__does_not_count),
        rules_test(test_patience__in_the_backoff_of_an_action__does_not_count),
        rules_test(test_patience__while_the_participant_is_down__counts),
        rules_test(test_deadline__of_a_command__travels_as_what_remains),
        rules_test(test_turn__over_a_second_late__shifts_all_timers),
        rules_test(test_turn__late_within_a_second__counts),
        rules_test(test_wall_clock__that_jumps__changes_no_timer),
        rules_test(test_ids__when_the_wall_clock_goes_back__still_grow),
        rules_test(test_answer__arrived_as_patience_ends__is_taken_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
