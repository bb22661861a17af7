#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/run_clock.h"

static struct run_clock started(int64_t mono_ms)
{
    struct run_clock clock;
    run_clock_init(&clock);
    (void)run_clock_turn(&clock, mono_ms);
    return clock;
}

/* While turns come in time, running time is the monotonic clock. */
static void test_run_clock_turn__in_time__is_the_monotonic_clock(void **state)
{
    (void)state;
    struct run_clock clock = started(1000);
    assert_int_equal(run_clock_plan(&clock, 1500), 1500);
    assert_int_equal(run_clock_turn(&clock, 1500), 1500);
    run_clock_plan(&clock, 2000);
    assert_int_equal(run_clock_turn(&clock, 1700), 1700);
}

/* A turn up to a second late is only slow. */
static void test_run_clock_turn__a_second_late__loses_nothing(void **state)
{
    (void)state;
    struct run_clock clock = started(1000);
    run_clock_plan(&clock, 1500);
    assert_int_equal(run_clock_turn(&clock, 1500 + RUN_CLOCK_LATE_MS), 1500 + RUN_CLOCK_LATE_MS);
}

/* Time in which the process did not run moves all deadlines by as much. */
static void test_run_clock_turn__stopped_process__time_is_lost(void **state)
{
    (void)state;
    struct run_clock clock = started(1000);
    run_clock_plan(&clock, 1500);
    assert_int_equal(run_clock_turn(&clock, 61500), 1500);
    assert_int_equal(run_clock_plan(&clock, 2000), 62000);
    assert_int_equal(run_clock_turn(&clock, 62000), 2000);
}

/* A stall within the turn's own work counts as lost too, past the deadline it was to meet. */
static void test_run_clock_turn__stalled_work__time_is_lost(void **state)
{
    (void)state;
    struct run_clock clock = started(1000);
    run_clock_plan(&clock, 900);
    assert_int_equal(run_clock_turn(&clock, 6000), 1000);
}

/* Without a deadline a process may sleep as long as it likes. */
static void test_run_clock_turn__nothing_planned__sleep_is_no_loss(void **state)
{
    (void)state;
    struct run_clock clock = started(1000);
    assert_int_equal(run_clock_plan(&clock, INT64_MAX), INT64_MAX);
    assert_int_equal(run_clock_turn(&clock, 900000), 900000);
}

/* Running time never goes back over many late and early turns. */
static void test_run_clock_turn__late_and_early_turns__never_goes_back(void **state)
{
    (void)state;
    struct run_clock clock = started(0);
    int64_t last = 0;
    int64_t mono = 0;
    for (int i = 0; i < 100; i++) {
        run_clock_plan(&clock, last + 10 * (i % 7));
        mono += i % 5 == 0 ? 5000 : 13;
        int64_t now = run_clock_turn(&clock, mono);
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_clock_turn__in_time__is_the_monotonic_clock),
        cmocka_unit_test(test_run_clock_turn__a_second_late__loses_nothing),
        cmocka_unit_test(test_run_clock_turn__stopped_process__time_is_lost),
        cmocka_unit_test(test_run_clock_turn__stalled_work__time_is_lost),
        cmocka_unit_test(test_run_clock_turn__nothing_planned__sleep_is_no_loss),
        cmocka_unit_test(test_run_clock_turn__late_and_early_turns__never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
