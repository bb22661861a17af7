#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "latency.h"

/* No durations, no percentile. */
static void test_latency__empty__unknown(void **state)
{
    (void)state;
    static struct latency latency;
    assert_int_equal(latency_percentile(&latency, 50), -1);
}

/* Small values are exact; ranks are rounded up, so that p50 of two is the lower one. */
static void test_latency__small__exact(void **state)
{
    (void)state;
    static struct latency latency;
    latency_add(&latency, 3);
    latency_add(&latency, 200);
    assert_int_equal(latency_percentile(&latency, 50), 3);
    assert_int_equal(latency_percentile(&latency, 51), 200);
    assert_int_equal(latency_percentile(&latency, 99), 200);
    latency_add(&latency, -5);
    assert_int_equal(latency_percentile(&latency, 1), 0);
}

/* Whatever the size, a percentile is right to under one percent. */
static void test_latency__any_size__under_one_percent(void **state)
{
    (void)state;
    for (int64_t us = 1; us < INT64_C(1) << 45; us = us * 3 / 2 + 1) {
        struct latency latency = {.count = 0};
        latency_add(&latency, us);
        int64_t off = latency_percentile(&latency, 50) - us;
        assert_true(off >= -us / 100 && off <= us / 100);
    }
    struct latency latency = {.count = 0};
    latency_add(&latency, INT64_MAX);
    assert_true(latency_percentile(&latency, 50) > INT64_C(1) << 45);
}

/* Percentiles cut the whole where they say. */
static void test_latency__thousand__percentiles(void **state)
{
    (void)state;
    static struct latency latency;
    for (int64_t ms = 1; ms <= 1000; ms++)
        latency_add(&latency, ms * 1000);
    int64_t p50 = latency_percentile(&latency, 50);
    int64_t p99 = latency_percentile(&latency, 99);
    assert_true(p50 > 495000 && p50 < 505000);
    assert_true(p99 > 980000 && p99 < 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latency__empty__unknown),
        cmocka_unit_test(test_latency__small__exact),
        cmocka_unit_test(test_latency__any_size__under_one_percent),
        cmocka_unit_test(test_latency__thousand__percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
