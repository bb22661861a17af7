/* The last minute, by the publishers' stamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "window.h"

/* A rate is over whole seconds before now: the one that has just begun does not count. */
static void test_rate__counts_whole_seconds_only(void **state)
{
    (void)state;
    struct window window;
    window_init(&window);
    for (int64_t ms = 100000; ms < 110000; ms += 100)
        window_count(&window, WINDOW_STARTED, ms);
    assert_true(window_rate(&window, WINDOW_STARTED, 110000, 10) == 10.0);
    assert_true(window_rate(&window, WINDOW_STARTED, 110999, 10) == 10.0);
    assert_true(window_rate(&window, WINDOW_STARTED, 105500, 5) == 10.0);
    assert_true(window_rate(&window, WINDOW_STARTED, 115000, 10) == 5.0);
    assert_true(window_rate(&window, WINDOW_COMPLETED, 110000, 10) == 0.0);
    assert_true(window_rate(&window, WINDOW_STARTED, 0, 10) == 0.0);
}

/* What is over a minute old is not counted, also where its slot was not used since. */
static void test_rate__old_seconds__are_gone(void **state)
{
    (void)state;
    struct window window;
    window_init(&window);
    window_count(&window, WINDOW_COMPLETED, 100000);
    assert_true(window_rate(&window, WINDOW_COMPLETED, 160000, 60) > 0);
    assert_true(window_rate(&window, WINDOW_COMPLETED, 161000, 60) == 0.0);
    assert_true(window_rate(&window, WINDOW_COMPLETED, 164000, 60) == 0.0);
}

/* A clock that was set back is followed: what is told next counts. */
static void test_clock__set_back__is_followed(void **state)
{
    (void)state;
    struct window window;
    window_init(&window);
    for (int64_t s = 0; s < 64; s++)
        window_count(&window, WINDOW_STARTED, 1000000000 + 1000 * s);
    for (int64_t s = 0; s < 10; s++)
        window_count(&window, WINDOW_STARTED, 500000 + 1000 * s);
    assert_true(window_rate(&window, WINDOW_STARTED, 510000, 10) == 1.0);
}

/* The last second stands at the right. */
static void test_finished__newest_last(void **state)
{
    (void)state;
    struct window window;
    uint32_t finished[WINDOW_SECONDS];
    window_init(&window);
    window_count(&window, WINDOW_COMPLETED, 119000);
    window_count(&window, WINDOW_COMPENSATED, 119999);
    window_count(&window, WINDOW_COMPLETED, 60000);
    window_finished(&window, 120000, finished);
    assert_int_equal(finished[WINDOW_SECONDS - 1], 2);
    assert_int_equal(finished[0], 1);
    assert_int_equal(finished[1], 0);
}

/* A percentile is never below the truth, and above it by an eighth at most. */
static void test_percentile__is_within_an_eighth(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 5000000; ms = ms * 9 / 8 + 1) {
        struct window window;
        window_init(&window);
        for (int i = 0; i < 99; i++)
            window_time(&window, ms, 1000);
        window_time(&window, 100000000, 1000);
        uint64_t p50 = window_percentile(&window, 1000, 50);
        assert_true(p50 >= (uint64_t)ms);
        assert_true(p50 <= (uint64_t)(ms + ms / 8));
        assert_int_equal(window_percentile(&window, 1000, 99), p50);
        assert_true(window_percentile(&window, 1000, 100) >= 100000000);
        assert_int_equal(window_timed(&window, 1000), 100);
    }
}

/* Without sagas there is no time; absurd ones harm nothing. */
static void test_percentile__none_and_absurd__are_harmless(void **state)
{
    (void)state;
    struct window window;
    window_init(&window);
    assert_int_equal(window_percentile(&window, 1000, 99), 0);
    window_time(&window, -5, 1000);
    window_time(&window, INT64_MAX, 1000);
    window_count(&window, WINDOW_STARTED, -1);
    window_count(&window, WINDOW_STARTED, INT64_MAX);
    assert_int_equal(window_timed(&window, 1000), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate__counts_whole_seconds_only),
        cmocka_unit_test(test_rate__old_seconds__are_gone),
        cmocka_unit_test(test_clock__set_back__is_followed),
        cmocka_unit_test(test_finished__newest_last),
        cmocka_unit_test(test_percentile__is_within_an_eighth),
        cmocka_unit_test(test_percentile__none_and_absurd__are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
