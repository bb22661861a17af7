#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "child.h"
#include "service_exit.h"

#define KILLED (128 + 9)

/* It is starting until it says that it is ready. */
static void test_child__ready__runs(void **state)
{
    (void)state;
    struct child child = {.name = "payment"};
    child_started(&child, 42, 0);
    assert_int_equal(child.state, CHILD_STARTING);
    child_is_ready(&child);
    assert_int_equal(child.state, CHILD_RUNNING);
    assert_int_equal(child.restarts, 0);
    assert_string_equal(child_state_name(child.state), "running");
}

/* A crashed one is started again after 50 ms, doubling up to 1 s. */
static void test_child__crashes__backoff_doubles(void **state)
{
    (void)state;
    static const int64_t waits[] = {50, 100, 200, 400, 800, 1000, 1000};
    struct child child = {.name = "payment"};
    int64_t now_ms = 0;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        child_started(&child, 42, now_ms);
        child_ended(&child, i % 2 == 0 ? KILLED : 0, false, now_ms + 10);
        assert_int_equal(child.state, CHILD_BACKOFF);
        assert_int_equal(child.pid, 0);
        assert_false(child_is_due(&child, now_ms + 10 + waits[i] - 1));
        assert_true(child_is_due(&child, now_ms + 10 + waits[i]));
        now_ms += 10 + waits[i];
    }
    child_started(&child, 42, now_ms);
    assert_int_equal(child.restarts, 7);
}

/* Up for 5 s, it has earned a fresh start. */
static void test_child__steady__backoff_begins_anew(void **state)
{
    (void)state;
    struct child child = {.name = "payment"};
    child_started(&child, 42, 0);
    child_ended(&child, KILLED, false, 10);
    child_started(&child, 43, 100);
    child_ended(&child, KILLED, false, 200);
    assert_int_equal(child.backoff_ms, 100);
    child_started(&child, 44, 300);
    child_ended(&child, KILLED, false, 300 + CHILD_STEADY_MS);
    assert_int_equal(child.backoff_ms, 50);
}

/* Exit codes that say that starting again is no use are believed. */
static void test_child__final_exit_code__is_not_started_again(void **state)
{
    (void)state;
    static const int codes[] = {SERVICE_CONFIG, SERVICE_FENCED, SERVICE_CORRUPT};
    for (size_t i = 0; i < 3; i++) {
        struct child child = {.name = "payment"};
        child_started(&child, 42, 0);
        child_ended(&child, codes[i], false, 10);
        assert_int_equal(child.state, CHILD_FAILED);
        assert_int_equal(child.exit_code, codes[i]);
        assert_false(child_is_due(&child, INT64_MAX));
        child_stopped(&child);
        assert_int_equal(child.state, CHILD_FAILED);
    }
}

/* What it needs may be free again soon: the former start may be about to end. */
static void test_child__held_by_another__is_started_again(void **state)
{
    (void)state;
    struct child child = {.name = "payment"};
    child_started(&child, 42, 0);
    child_ended(&child, SERVICE_HELD, false, 10);
    assert_int_equal(child.state, CHILD_BACKOFF);
    assert_true(child_is_due(&child, 60));
}

/* Told to stop, it ends stopped, whatever its exit code; waiting for a restart, at once. */
static void test_child__stopping__is_stopped(void **state)
{
    (void)state;
    struct child child = {.name = "payment"};
    child_started(&child, 42, 0);
    child_stopped(&child);
    assert_int_equal(child.state, CHILD_STARTING);
    child_ended(&child, KILLED, true, 10);
    assert_int_equal(child.state, CHILD_STOPPED);
    child_started(&child, 42, 0);
    child_ended(&child, KILLED, false, 10);
    child_stopped(&child);
    assert_int_equal(child.state, CHILD_STOPPED);
    assert_false(child_is_due(&child, INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child__ready__runs),
        cmocka_unit_test(test_child__crashes__backoff_doubles),
        cmocka_unit_test(test_child__steady__backoff_begins_anew),
        cmocka_unit_test(test_child__final_exit_code__is_not_started_again),
        cmocka_unit_test(test_child__held_by_another__is_started_again),
        cmocka_unit_test(test_child__stopping__is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
