#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order_saga/books.h"

static void test_wrong__twice__keeps_the_first_words(void **state)
{
    /* What was found first is told, and how much there is in all. */
    struct books books = {0};
    (void)state;
    books_wrong(&books, "sku '%s'", "a");
    books_wrong(&books, "sku '%s'", "b");
    assert_int_equal(books.wrong, 2);
    assert_string_equal(books.first, "sku 'a'");
}

static void test_add__beyond_the_range__stays_at_its_end(void **state)
{
    /* Damaged numbers are reported, not overflowed. */
    int64_t sum = INT64_MAX - 1;
    (void)state;
    books_add(&sum, 1);
    assert_true(sum == INT64_MAX);
    books_add(&sum, 1);
    assert_true(sum == INT64_MAX);
    sum = INT64_MIN;
    books_add(&sum, -1);
    assert_true(sum == INT64_MIN);
}

static void test_name__of_damaged_bytes__is_text(void **state)
{
    /* What stands in a damaged row can be shown. */
    char text[BOOKS_NAME_SIZE];
    (void)state;
    assert_string_equal(books_name(bytes_text("a\xff"), text), "a\xef\xbf\xbd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong__twice__keeps_the_first_words),
        cmocka_unit_test(test_add__beyond_the_range__stays_at_its_end),
        cmocka_unit_test(test_name__of_damaged_bytes__is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
