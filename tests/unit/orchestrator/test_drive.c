/* Waiting: how a backoff and its patience go with restarts and with the participant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "sim_driver.h"

static const char two[] = "saga\n"
                          "    name = two\n"
                          "    step\n"
                          "        name = a\n"
                          "        participant = p0\n"
                          "        action = do0\n"
                          "        compensation = undo0\n"
                          "        retry\n"
                          "            attempts = 1000\n"
                          "            max = 20s\n"
                          "    step\n"
                          "        name = b\n"
                          "        participant = p1\n"
                          "        action = do1\n"
                          "        compensation = undo1\n"
                          "        undo\n"
                          "            patience = 1h\n";

static int begin(void **state)
{
    *state = sim_driver_new(two);
    return 0;
}

static int end(void **state)
{
    sim_driver_free(*state);
    return 0;
}

/* Patience left, as the last command sent tells it. */
static uint64_t remaining(struct sim_driver *driver)
{
    assert_true(driver->command_count > 0);
    return driver->commands[driver->command_count - 1].command->remaining_ms;
}

static void test_backoff__after_a_restart__runs_anew_in_full(void **state)
{
    /* Backoff is armed anew, in full, after a restart: also the one that an answer asked for. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__RETRY, "busy");
    reply.retry_after_ms = 10000;
    sim_driver_say(driver, 0, &reply);
    sim_driver_wait(driver, 9000);
    sim_driver_restart(driver, 10);
    sim_driver_wait(driver, 9999);
    sim_driver_sent_nothing(driver);
    sim_driver_wait(driver, 1);
    (void)sim_driver_sent(driver, "do0", 2);
}

static void test_patience__in_a_backoff__follows_the_participant(void **state)
{
    /* In a backoff, patience runs while the participant is down, and stops when it is back. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__RETRY, "busy");
    reply.retry_after_ms = 100 * 1000;
    sim_driver_say(driver, 0, &reply);
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 13000); /* Down for about 10 s of it. */
    driver->participants[0].silent = false;
    sim_driver_wait(driver, 87000);
    assert_in_range(remaining(driver), 60000 - 13000, 60000 - 9000);
}

static void test_saga__not_final__always_has_its_next_wake_up(void **state)
{
    /* Every non-final saga has a durable next wake-up; views tell when. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    assert_int_not_equal(sim_driver_show(driver, "k")->row->next_wake_ms, 0);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    assert_int_equal(sim_driver_show(driver, "k")->row->next_wake_ms,
                     (uint64_t)driver->now.wall_ms + 100);
    sim_driver_restart(driver, 10);
    assert_int_equal(sim_driver_show(driver, "k")->row->next_wake_ms,
                     (uint64_t)driver->now.wall_ms + 100);
    assert_int_equal(orchestrator_stalled(driver->node), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backoff__after_a_restart__runs_anew_in_full),
        TEST(test_patience__in_a_backoff__follows_the_participant),
        TEST(test_saga__not_final__always_has_its_next_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
