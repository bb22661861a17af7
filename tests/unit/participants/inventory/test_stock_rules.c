#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inventory/stock_rules.h"

static struct order_item item(const char *sku, int64_t quantity)
{
    return (struct order_item){.sku = bytes_text(sku), .quantity = quantity};
}

static struct stock_line line(const char *sku, int64_t quantity)
{
    return (struct stock_line){.sku = bytes_text(sku), .quantity = quantity};
}

static void assert_line(const struct stock_line *actual, const char *sku, int64_t quantity)
{
    assert_true(bytes_equal(actual->sku, bytes_text(sku)));
    assert_int_equal(actual->quantity, quantity);
}

static void test_merge__of_a_sku_in_several_items__is_one_line(void **state)
{
    /* What counts is how many of a sku the order wants in all. */
    const struct order_item items[] = {item("b", 13), item("a", 1), item("b", 14), item("b", 1)};
    struct stock_line lines[4];
    (void)state;
    assert_int_equal(stock_rules_merge(items, 4, lines), 2);
    assert_line(&lines[0], "a", 1);
    assert_line(&lines[1], "b", 28);
}

static void test_merge__of_skus_that_differ_in_case__keeps_them_apart(void **state)
{
    /* Skus are compared by byte, and one that begins another is not it. */
    const struct order_item items[] = {item("84997c", 1), item("84997C", 2), item("84997", 3)};
    struct stock_line lines[3];
    (void)state;
    assert_int_equal(stock_rules_merge(items, 3, lines), 3);
    assert_line(&lines[0], "84997", 3);
    assert_line(&lines[1], "84997C", 2);
    assert_line(&lines[2], "84997c", 1);
}

static void test_judge__of_exactly_what_is_left__suffices(void **state)
{
    /* The last unit can be promised. */
    const struct stock_line lines[] = {line("a", 5), line("b", 1)};
    const struct stock_level levels[] = {{true, 5}, {true, 9}};
    size_t fault = 0;
    (void)state;
    assert_int_equal(stock_rules_judge(lines, levels, 2, &fault), STOCK_SUFFICES);
}

static void test_judge__of_one_too_many__is_too_low(void **state)
{
    /* All or nothing: one line of which there is too little refuses the order. */
    const struct stock_line lines[] = {line("a", 1), line("b", 6), line("c", 9)};
    const struct stock_level levels[] = {{true, 5}, {true, 5}, {true, 0}};
    size_t fault = 0;
    (void)state;
    assert_int_equal(stock_rules_judge(lines, levels, 3, &fault), STOCK_TOO_LOW);
    assert_int_equal(fault, 1);
}

static void test_judge__of_an_unknown_sku__outweighs_what_is_too_low(void **state)
{
    /* An order for something that does not exist is told so, whatever else it lacks. */
    const struct stock_line lines[] = {line("a", 9), line("b", 1), line("c", 1)};
    const struct stock_level levels[] = {{true, 5}, {false, 0}, {false, 0}};
    size_t fault = 0;
    (void)state;
    assert_int_equal(stock_rules_judge(lines, levels, 3, &fault), STOCK_SKU_UNKNOWN);
    assert_int_equal(fault, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge__of_a_sku_in_several_items__is_one_line),
        cmocka_unit_test(test_merge__of_skus_that_differ_in_case__keeps_them_apart),
        cmocka_unit_test(test_judge__of_exactly_what_is_left__suffices),
        cmocka_unit_test(test_judge__of_one_too_many__is_too_low),
        cmocka_unit_test(test_judge__of_an_unknown_sku__outweighs_what_is_too_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
