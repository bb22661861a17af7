/* kill -9 at chosen moments: the supervisor's, each process's between commit and send, and that of
 * a participant with a thousand commands on their way. For the rest see storm.c. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "suite_data.h"
#include "suite_tool.h"

#define GONE_MS 5000 /* After the supervisor's death. */
#define ENDED_MS 60000
#define WINDOW 1024 /* The largest there is by default. */

static struct suite_tool *start_submit(struct suite_process *suite, const char *orders)
{
    return suite_tool_start(suite, -1, "submit", "order", orders, "--concurrency", "2000", "--wait",
                            "--json", NULL);
}

/* All of `count` orders were accepted and ended. */
static void expect_ended(struct suite_tool *submit, int count)
{
    suite_tool_wait(submit, ENDED_MS);
    const json_t *got = suite_tool_json(submit);
    assert_int_equal(suite_json_number(got, "accepted"), count);
    assert_int_equal(suite_json_number(got, "attention"), 0);
    assert_int_equal(suite_json_number(got, "completed") + suite_json_number(got, "compensated"),
                     count);
    assert_int_equal(submit->exit_code, 0);
}

static json_int_t restarts(struct suite_process *suite, const char *name)
{
    const json_t *rows = suite_tool_json(suite_tool_expect(suite, 0, "ps", "--json", NULL));
    const json_t *row = suite_json_find(rows, "name", name);
    assert_non_null(row);
    return suite_json_number(row, "restarts");
}

/* Whoever kills the supervisor alone kills all of the suite; the next start takes over its data. */
static void test_supervisor__killed_alone__leaves_nothing_behind(void **state)
{
    struct suite_process *suite = *state;
    int count = suite_process_scale(400);
    suite_data_up_plenty(suite);
    struct suite_tool *submit = start_submit(suite, suite_data_orders(suite, "a", count));
    SUITE_AWAIT(suite_json_number(suite_status(suite), "sagas.completed") > 0, ENDED_MS);
    suite_process_kill_supervisor(suite);
    SUITE_AWAIT(suite_process_alive(suite) == 0, GONE_MS);
    suite_process_up(suite, NULL);
    expect_ended(submit, count);
    suite_data_expect_orders(suite, "a", count);
    suite_expect_clean(suite);
}

/* A service that is stopped, not dead, does not outlive its supervisor either. */
static void test_supervisor__killed_while_a_service_is_frozen__leaves_nothing_behind(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    assert_int_equal(kill(suite_process_pid(suite, "payment"), SIGSTOP), 0);
    suite_process_kill_supervisor(suite);
    SUITE_AWAIT(suite_process_alive(suite) == 0, GONE_MS);
    suite_process_up(suite, NULL);
    suite_expect_clean(suite);
}

/* A process that dies between its commit and its send, at each so many of them, costs nothing but
 * time. */
static void die_after_commits(struct suite_process *suite, const char *name, int each)
{
    int count = 120;
    (void)setenv("ZSAGA_CRASHPOINT", suite_process_text(suite, "%s:after_commit:%d", name, each),
                 1);
    suite_data_up_plenty(suite);
    (void)unsetenv("ZSAGA_CRASHPOINT");
    struct suite_tool *submit =
        suite_tool_start(suite, -1, "submit", "order", suite_data_orders(suite, "a", count),
                         "--concurrency", "8", "--wait", "--json", NULL);
    expect_ended(submit, count);
    SUITE_AWAIT(suite_process_pid(suite, name) != 0, ENDED_MS);
    print_message("%s died %lld times\n", name, (long long)restarts(suite, name));
    assert_true(restarts(suite, name) > 0);
    suite_data_expect_orders(suite, "a", count);
    suite_expect_clean(suite);
}

/* The orchestrator stores what was decided before it says so. */
static void test_orchestrator__dies_between_commit_and_send__loses_nothing(void **state)
{
    die_after_commits(*state, "orchestrator", 60);
}

/* The order service answers again what it had committed. */
static void test_order__dies_between_commit_and_send__loses_nothing(void **state)
{
    die_after_commits(*state, "order", 30);
}

/* So does inventory: nothing is reserved twice. */
static void test_inventory__dies_between_commit_and_send__loses_nothing(void **state)
{
    die_after_commits(*state, "inventory", 18);
}

/* So does payment: nothing is charged twice. */
static void test_payment__dies_between_commit_and_send__loses_nothing(void **state)
{
    die_after_commits(*state, "payment", 18);
}

/* So does shipping: nothing is scheduled twice. */
static void test_shipping__dies_between_commit_and_send__loses_nothing(void **state)
{
    die_after_commits(*state, "shipping", 15);
}

static const json_t *channel(struct suite_process *suite, const char *name)
{
    const json_t *status = suite_status(suite);
    const json_t *row = suite_json_find(json_object_get(status, "channels"), "participant", name);
    assert_non_null(row);
    return row;
}

/* The saga completed, and each of its steps at the first attempt, nothing having gone wrong. */
static void expect_untroubled(struct suite_process *suite, const char *key)
{
    static const char *const whats[] = {"accepted", "done", "done",     "done",
                                        "done",     "done", "completed"};
    size_t i;
    json_t *row;
    const json_t *saga = suite_show(suite, key);
    assert_string_equal(suite_json_text(saga, "state"), "completed");
    json_array_foreach(json_object_get(saga, "steps"), i, row)
    {
        assert_int_equal(suite_json_number(row, "attempts"), 1);
        assert_int_equal(suite_json_number(row, "undo_attempts"), 0);
        assert_null(suite_json_text(row, "last_error"));
    }
    const json_t *history = json_object_get(saga, "history");
    assert_int_equal(json_array_size(history), sizeof whats / sizeof whats[0]);
    json_array_foreach(history, i, row) assert_string_equal(suite_json_text(row, "what"), whats[i]);
}

/* kill -9 of a participant with a thousand commands on their way to it costs none of them an
 * attempt, and no saga is turned. */
static void test_participant__killed_with_1000_in_flight__costs_no_attempt(void **state)
{
    struct suite_process *suite = *state;
    int count = suite_process_scale(1000);
    suite_data_up_plenty(suite);
    expect_ended(start_submit(suite, suite_data_good_orders(suite, "warm", WINDOW)), WINDOW);
    assert_true(suite_json_number(channel(suite, "payment"), "window") >= count);
    assert_int_equal(kill(suite_process_pid(suite, "payment"), SIGSTOP), 0);
    struct suite_tool *submit = start_submit(suite, suite_data_good_orders(suite, "a", count));
    SUITE_AWAIT(suite_json_number(channel(suite, "payment"), "in_flight") == count, ENDED_MS);
    suite_process_kill(suite, "payment");
    expect_ended(submit, count);
    assert_int_equal(restarts(suite, "payment"), 1);
    assert_int_equal(suite_json_number(suite_status(suite), "sagas.compensated"), 0);
    for (int i = 0; i < count; i++)
        expect_untroubled(suite, suite_process_text(suite, "a-%d", i));
    suite_expect_clean(suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_supervisor__killed_alone__leaves_nothing_behind),
        SUITE_TEST(test_supervisor__killed_while_a_service_is_frozen__leaves_nothing_behind),
        SUITE_TEST(test_orchestrator__dies_between_commit_and_send__loses_nothing),
        SUITE_TEST(test_order__dies_between_commit_and_send__loses_nothing),
        SUITE_TEST(test_inventory__dies_between_commit_and_send__loses_nothing),
        SUITE_TEST(test_payment__dies_between_commit_and_send__loses_nothing),
        SUITE_TEST(test_shipping__dies_between_commit_and_send__loses_nothing),
        SUITE_TEST(test_participant__killed_with_1000_in_flight__costs_no_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
