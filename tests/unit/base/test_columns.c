/* Columns that are cut and left out until they fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/columns.h"

static const struct column columns[] = {
    {.title = "id"},
    {.title = "words", .min = 4, .weight = 1},
    {.title = "more", .min = 4, .weight = 2},
    {.title = "count", .right = true},
};

#define COUNT (sizeof columns / sizeof columns[0])

static void expect_fit(size_t available, size_t id, size_t words, size_t more, size_t count)
{
    size_t widths[COUNT] = {6, 20, 10, 5};
    columns_fit(columns, COUNT, available, widths);
    assert_int_equal(widths[0], id);
    assert_int_equal(widths[1], words);
    assert_int_equal(widths[2], more);
    assert_int_equal(widths[3], count);
}

/* What fits is left alone, to the last place. */
static void test_fit__room_enough__changes_nothing(void **state)
{
    (void)state;
    expect_fit(100, 6, 20, 10, 5);
    expect_fit(6 + 20 + 10 + 5 + 3 * COLUMNS_GAP, 6, 20, 10, 5);
}

/* The widest one that may be cut gives way first, down to what it must have. */
static void test_fit__too_wide__cuts_the_widest(void **state)
{
    (void)state;
    expect_fit(46, 6, 19, 10, 5);
    expect_fit(37, 6, 10, 10, 5);
    expect_fit(25, 6, 4, 4, 5);
}

/* Below that, the heaviest is left out, and the others get their width back. */
static void test_fit__still_too_wide__leaves_the_heaviest_out(void **state)
{
    (void)state;
    expect_fit(24, 6, 9, 0, 5);
    expect_fit(18, 6, 0, 0, 5);
}

/* What may never be cut nor left out stays. */
static void test_fit__no_room_at_all__keeps_what_must_be(void **state)
{
    (void)state;
    expect_fit(1, 6, 0, 0, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit__room_enough__changes_nothing),
        cmocka_unit_test(test_fit__too_wide__cuts_the_widest),
        cmocka_unit_test(test_fit__still_too_wide__leaves_the_heaviest_out),
        cmocka_unit_test(test_fit__no_room_at_all__keeps_what_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
