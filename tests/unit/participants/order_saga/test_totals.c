#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order_saga/totals.h"

static const char *const columns[] = {"sku", "on_hand"};

/* Reads rows given as texts, a name and a number each. */
static int read_rows(const char *const *texts, size_t row_count, struct total **ret,
                     struct err *err)
{
    struct bytes fields[16];
    for (size_t i = 0; i < 2 * row_count; i++)
        fields[i] = bytes_text(texts[i]);
    return totals_read(columns, fields, row_count, ret, err);
}

static void assert_refused(const char *const *texts, size_t row_count, const char *words)
{
    struct total *totals = NULL;
    struct err err = {0};
    assert_int_equal(read_rows(texts, row_count, &totals, &err), ERR_INVALID);
    assert_null(totals);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void test_read__of_good_rows__sorts_them_by_byte(void **state)
{
    /* Names are compared by byte: 84997C comes before 84997c, and they are two. */
    static const char *const rows[] = {"84997c", "7", "10002", "0", "84997C", "9007199254740992"};
    struct total *totals = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(read_rows(rows, 3, &totals, &err), 0);
    assert_true(bytes_equal(totals[0].name, bytes_text("10002")));
    assert_true(bytes_equal(totals[1].name, bytes_text("84997C")));
    assert_true(totals[1].value == TOTALS_MAX);
    assert_int_equal(totals[1].row, 3);
    assert_int_equal(totals[2].value, 7);
    free(totals);
}

static void test_read__of_no_rows__is_good(void **state)
{
    /* A file with nothing but its header changes nothing. */
    struct total *totals = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(totals_read(columns, NULL, 0, &totals, &err), 0);
    free(totals);
}

static void test_read__of_a_number_that_is_none__names_row_and_column(void **state)
{
    /* Decimal digits and nothing else, up to 2^53. */
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "1.5",
                                      " 3",
                                      "3 ",
                                      "0x10",
                                      "1e3",
                                      "\xd9\xa3",
                                      "9007199254740993",
                                      "99999999999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const rows[] = {"10002", "1", "10120", bad[i]};
        assert_refused(rows, 2, "row 2: on_hand: must be 0 to 9007199254740992");
    }
}

static void test_read__of_a_name_that_is_none__names_row_and_column(void **state)
{
    /* A name is held to the same rule as in an order. */
    static const char *const bad[] = {
        "", "a\tb", "\xff", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const rows[] = {bad[i], "1"};
        assert_refused(rows, 1, "row 1: sku: must be");
    }
}

static void test_read__of_a_name_twice__names_both_rows(void **state)
{
    /* Two totals for one name cannot both hold. */
    static const char *const rows[] = {"b", "1", "a", "2", "c", "3", "b", "1"};
    (void)state;
    assert_refused(rows, 4, "row 4: sku: 'b' stands in row 1 already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__of_good_rows__sorts_them_by_byte),
        cmocka_unit_test(test_read__of_no_rows__is_good),
        cmocka_unit_test(test_read__of_a_number_that_is_none__names_row_and_column),
        cmocka_unit_test(test_read__of_a_name_that_is_none__names_row_and_column),
        cmocka_unit_test(test_read__of_a_name_twice__names_both_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
