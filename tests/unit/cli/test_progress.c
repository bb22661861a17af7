#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "progress.h"

static void expect(const struct submission_counts *counts, bool ends, double done, size_t width,
                   const char *expected)
{
    struct buffer line = {0};
    progress_render(counts, 12, ends, done, width, &line);
    buffer_append(&line, "", 1);
    assert_string_equal((char *)line.data, expected);
    buffer_release(&line);
}

/* The line tells how far the file is read, what is under way, and how it ended so far. */
static void test_progress_render__counts__are_told(void **state)
{
    (void)state;
    struct submission_counts counts = {.orders = 1000, .completed = 900, .compensated = 80};
    expect(
        &counts, true, 0.5, 200,
        "[##########..........]  50%  1,012 orders, 12 under way, 900 completed, 80 compensated");
    expect(&counts, false, -1, 200, "1,012 orders, 12 under way");
    counts.invalid = 2;
    counts.conflict = 1;
    expect(&counts, false, 1.5, 200,
           "[####################] 100%  1,012 orders, 12 under way, 3 in trouble");
}

/* It never takes more than the terminal's width: a second line could not be wiped away. */
static void test_progress_render__narrow__is_cut(void **state)
{
    (void)state;
    struct submission_counts counts = {.orders = 1000};
    expect(&counts, true, -1, 10, "1,012 orde");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_render__counts__are_told),
        cmocka_unit_test(test_progress_render__narrow__is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
