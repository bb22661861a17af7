#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

/* Starts are spread evenly. */
static void test_pace__rate__is_even(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 50, 0);
    int starts = 0;
    for (int64_t us = 0; us <= 1000000; us += 1000)
        while (pace_allows(&pace, us)) {
            pace_take(&pace, us);
            starts++;
        }
    assert_int_equal(starts, 51);
    assert_true(pace_wait_us(&pace, 1000000) > 19000);
    assert_true(pace_wait_us(&pace, 1000000) <= 20001);
}

/* No rate, no waiting. */
static void test_pace__none__always(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 0, 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(pace_allows(&pace, 0));
        pace_take(&pace, 0);
    }
    assert_int_equal(pace_wait_us(&pace, 0), 0);
}

/* After a hold-up only a little is made up for. */
static void test_pace__held_up__no_burst(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 100, 0);
    int starts = 0;
    while (pace_allows(&pace, 10000000)) {
        pace_take(&pace, 10000000);
        starts++;
    }
    assert_true(starts >= 10 && starts <= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace__rate__is_even),
        cmocka_unit_test(test_pace__none__always),
        cmocka_unit_test(test_pace__held_up__no_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
