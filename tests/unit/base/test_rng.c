#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* The sequence is that of splitmix64, as published for seed 1234567. */
static void test_rng_next__known_seed__gives_the_published_sequence(void **state)
{
    (void)state;
    static const uint64_t published[] = {6457827717110365317U, 3203168211198807973U,
                                         9817491932198370423U, 4593380528125082431U,
                                         16408922859458223821U};
    struct rng rng;
    rng_seed(&rng, 1234567);
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        assert_true(rng_next(&rng) == published[i]);
}

/* A seed tells the whole sequence, so that a failed run can be repeated. */
static void test_rng_seed__same_seed__same_sequence(void **state)
{
    (void)state;
    struct rng a;
    struct rng b;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 100; i++)
        assert_true(rng_next(&a) == rng_next(&b));
}

/* Numbers below a bound stay below it and all occur. */
static void test_rng_below__small_bound__all_values_and_no_others(void **state)
{
    (void)state;
    int seen[7] = {0};
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < 700; i++) {
        uint64_t drawn = rng_below(&rng, 7);
        assert_in_range(drawn, 0, 6);
        seen[drawn]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(seen[i] > 50);
    assert_int_equal(rng_below(&rng, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng_next__known_seed__gives_the_published_sequence),
        cmocka_unit_test(test_rng_seed__same_seed__same_sequence),
        cmocka_unit_test(test_rng_below__small_bound__all_values_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
