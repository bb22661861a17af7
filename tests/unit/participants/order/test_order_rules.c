#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "order/order_rules.h"

static void test_may_become__of_all_pairs__is_the_diagram(void **state)
{
    /* An order is created once, then confirmed or cancelled once, and nothing else. */
    (void)state;
    for (int from = ORDER_NONE; from < ORDER_STATUS_COUNT; from++) {
        for (int to = ORDER_NONE; to < ORDER_STATUS_COUNT; to++) {
            bool drawn =
                (from == ORDER_NONE && to == ORDER_PENDING) ||
                (from == ORDER_PENDING && (to == ORDER_CONFIRMED || to == ORDER_CANCELLED));
            assert_int_equal(order_rules_may_become((enum order_status)from, (enum order_status)to),
                             drawn);
        }
    }
}

static void test_status__as_text__is_read_back(void **state)
{
    /* What is stored and exported is read as what it was. */
    (void)state;
    for (int i = ORDER_PENDING; i < ORDER_STATUS_COUNT; i++) {
        enum order_status status = ORDER_NONE;
        const char *text = order_rules_status_text((enum order_status)i);
        assert_true(order_rules_status_read(bytes_text(text), &status));
        assert_int_equal(status, i);
    }
}

static void test_status__of_a_text_that_is_none__is_not_read(void **state)
{
    /* No stored order is "none", and a damaged status is noticed. */
    enum order_status status = ORDER_NONE;
    (void)state;
    assert_false(order_rules_status_read(bytes_text("none"), &status));
    assert_false(order_rules_status_read(bytes_text("Pending"), &status));
    assert_false(order_rules_status_read(bytes_text(""), &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_may_become__of_all_pairs__is_the_diagram),
        cmocka_unit_test(test_status__as_text__is_read_back),
        cmocka_unit_test(test_status__of_a_text_that_is_none__is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
