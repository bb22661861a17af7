#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "payment/credit_rules.h"

static void test_judge__of_an_unknown_customer__comes_first(void **state)
{
    /* Who has no account is told so, however little he wants. */
    const struct credit nobody = {.known = false};
    const struct order_input order = {.total_cents = 1};
    (void)state;
    assert_int_equal(credit_rules_judge(&nobody, &order), CREDIT_CUSTOMER_UNKNOWN);
}

static void test_judge__of_all_that_is_left__suffices(void **state)
{
    /* Credit can be used up to the last cent, and no further. */
    const struct credit credit = {.known = true, .left_cents = 100};
    struct order_input order = {.total_cents = 100};
    (void)state;
    assert_int_equal(credit_rules_judge(&credit, &order), CREDIT_SUFFICES);
    order.total_cents = 101;
    assert_int_equal(credit_rules_judge(&credit, &order), CREDIT_TOO_LOW);
}

static void test_judge__of_a_total_over_64_bits__is_too_low(void **state)
{
    /* No credit reaches for a total that no number holds. */
    const struct credit credit = {.known = true, .left_cents = INT64_MAX};
    const struct order_input order = {.total_cents = INT64_MAX, .total_is_cut = true};
    (void)state;
    assert_int_equal(credit_rules_judge(&credit, &order), CREDIT_TOO_LOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__of_an_unknown_customer__comes_first),
        cmocka_unit_test(test_judge__of_all_that_is_left__suffices),
        cmocka_unit_test(test_judge__of_a_total_over_64_bits__is_too_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
