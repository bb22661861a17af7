#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "rowset.h"

static void add(struct rowset *rows, const char *key, const char *value)
{
    rowset_add(rows, bytes_text(key));
    rowset_add(rows, bytes_text(value));
}

static void expect_field(const struct rowset *rows, size_t i, size_t column, const char *expected)
{
    assert_true(bytes_equal(rowset_field(rows, i, column), bytes_text(expected)));
}

/* Rows are sorted by bytes, not by letters; equal ones keep their order. */
static void test_rowset_sort__bytewise__and_stable(void **state)
{
    (void)state;
    struct rowset rows;
    rowset_init(&rows, 2);
    add(&rows, "b", "1");
    add(&rows, "B", "2");
    add(&rows, "a", "3");
    add(&rows, "b", "4");
    add(&rows, "\xC3\xA9", "5");
    add(&rows, "", "6");
    add(&rows, "a0", "7");
    assert_int_equal(rows.row_count, 7);
    expect_field(&rows, 0, 0, "b");
    rowset_sort(&rows, 0);
    static const char *const order[] = {"6", "2", "3", "7", "1", "4", "5"};
    for (size_t i = 0; i < 7; i++)
        expect_field(&rows, i, 1, order[i]);
    rowset_release(&rows);
}

/* The first row of a key is found, and what is not there is not. */
static void test_rowset_find__first_of_equals(void **state)
{
    (void)state;
    struct rowset rows;
    rowset_init(&rows, 2);
    add(&rows, "x", "k2");
    add(&rows, "y", "k1");
    add(&rows, "z", "k2");
    rowset_sort(&rows, 1);
    size_t found = rowset_find(&rows, bytes_text("k2"));
    assert_int_equal(found, 1);
    expect_field(&rows, found, 0, "x");
    expect_field(&rows, found + 1, 0, "z");
    assert_int_equal(rowset_find(&rows, bytes_text("k")), ROWSET_NONE);
    assert_int_equal(rowset_find(&rows, bytes_text("k3")), ROWSET_NONE);
    rowset_release(&rows);
}

/* No rows are rows too. */
static void test_rowset__empty__finds_nothing(void **state)
{
    (void)state;
    struct rowset rows;
    rowset_init(&rows, 3);
    rowset_sort(&rows, 2);
    assert_int_equal(rowset_find(&rows, bytes_text("")), ROWSET_NONE);
    rowset_release(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rowset_sort__bytewise__and_stable),
        cmocka_unit_test(test_rowset_find__first_of_equals),
        cmocka_unit_test(test_rowset__empty__finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
