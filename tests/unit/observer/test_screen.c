/* What a screen shows of any bytes. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "grid.h"
#include "screen.h"

static int set_up(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") == NULL;
}

static void expect_shown(const char *text, bool ascii, size_t width, const char *shown)
{
    AUTO(screen_freep) struct screen *screen = screen_new(width, 1, ascii);
    struct buffer got = {0};
    (void)screen_put(screen, 0, 0, width, STYLE_PLAIN, bytes_text(text));
    screen_text(screen, &got);
    got.data[got.len - 1] = '\0';
    assert_string_equal((const char *)got.data, shown);
    buffer_release(&got);
}

#define R "\xef\xbf\xbd"

/* Nothing that a terminal would obey gets onto the screen. */
static void test_put__hostile_bytes__are_replaced(void **state)
{
    (void)state;
    expect_shown("a\033[2Jb", false, 20, "a" R "[2Jb");
    expect_shown("\033]0;x\a", false, 20, R "]0;x" R);
    expect_shown("\xc2\x9b"
                 "2J",
                 false, 20, R "2J");
    expect_shown("\xff\xfe", false, 20, R R);
    expect_shown("\xe2\x80\xae"
                 "abc",
                 false, 20, R "abc");
    expect_shown("e\xcc\x81", false, 20, "e");
    expect_shown("\r\n\t\x7f", true, 20, "????");
    expect_shown("\xc3\xa9\xe6\xbc\xa2", true, 20, "??");
}

/* What is too long is cut and marked; wide characters are not cut in the middle. */
static void test_put__too_long__is_cut_and_marked(void **state)
{
    (void)state;
    expect_shown("abcdef", false, 6, "abcdef");
    expect_shown("abcdefg", false, 6, "abcde\xe2\x80\xa6");
    expect_shown("abcdefg", true, 6, "abcde~");
    expect_shown("\xe6\xbc\xa2\xe5\xad\x97", false, 4, "\xe6\xbc\xa2\xe5\xad\x97");
    expect_shown("\xe6\xbc\xa2\xe5\xad\x97", false, 3, "\xe6\xbc\xa2\xe2\x80\xa6");
    expect_shown("\xe6\xbc\xa2\xe5\xad\x97", false, 2, "\xe2\x80\xa6");
    expect_shown("abc", false, 1, "\xe2\x80\xa6");
}

/* Places beyond the screen are no harm. */
static void test_put__beyond_the_screen__is_nothing(void **state)
{
    (void)state;
    AUTO(screen_freep) struct screen *screen = screen_new(4, 2, false);
    assert_int_equal(screen_put(screen, 2, 0, 4, STYLE_BAD, bytes_text("x")), 0);
    assert_int_equal(screen_put(screen, 0, 4, 4, STYLE_BAD, bytes_text("x")), 0);
    assert_int_equal(screen_put(screen, 1, 3, 100, STYLE_BAD, bytes_text("xyz")), 1);
    assert_true(screen_row_is_blank(screen, 0));
    assert_false(screen_row_is_blank(screen, 1));
}

static const struct column columns[] = {
    {"name", false, 3, 0}, {"n", true, 0, 0}, {"extra", false, 0, 2}, {"more", false, 0, 1}};

static void expect_grid(size_t width, const char *shown)
{
    AUTO(screen_freep) struct screen *screen = screen_new(width, 3, false);
    AUTO(grid_freep) struct grid *grid = grid_new(columns, 4);
    struct buffer got = {0};
    const char *const cells[] = {"abcdefgh", "7", "e", "m", "b", "123", "ee", "mm"};
    for (size_t i = 0; i < 8; i++)
        grid_text(grid, STYLE_PLAIN, cells[i]);
    assert_int_equal(grid_put(grid, screen, 0, 3), 3);
    screen_text(screen, &got);
    buffer_append(&got, "", 1);
    assert_string_equal((const char *)got.data, shown);
    buffer_release(&got);
}

/* Columns are lined up, cut where they may be, and left out the least needed first. */
static void test_grid__narrower_and_narrower__keeps_what_matters(void **state)
{
    (void)state;
    expect_grid(80, "name        n  extra  more\n"
                    "abcdefgh    7  e      m\n"
                    "b         123  ee     mm\n");
    expect_grid(22, "name    n  extra  more\n"
                    "abc\xe2\x80\xa6    7  e      m\n"
                    "b     123  ee     mm\n");
    expect_grid(17, "name      n  more\n"
                    "abcde\xe2\x80\xa6    7  m\n"
                    "b       123  mm\n");
    expect_grid(9, "name    n\n"
                   "abc\xe2\x80\xa6    7\n"
                   "b     123\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put__hostile_bytes__are_replaced),
        cmocka_unit_test(test_put__too_long__is_cut_and_marked),
        cmocka_unit_test(test_put__beyond_the_screen__is_nothing),
        cmocka_unit_test(test_grid__narrower_and_narrower__keeps_what_matters),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
