#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>

#include "table.h"

static const struct column columns[] = {
    {"key", false, 4, 0}, {"n", true, 0, 0}, {"id", false, 0, 2}, {"note", false, 6, 1}};

static struct table *filled(void)
{
    struct table *table = table_new(columns, 4);
    table_text(table, "alpha");
    table_text(table, "7");
    table_text(table, "0123456789");
    table_text(table, "nothing to say");
    table_text(table, "\xC3\xA9"); /* One column, two bytes. */
    table_cell(table, bytes_text("1234"), TABLE_BAD);
    table_text(table, "x");
    table_text(table, "-");
    return table;
}

static void expect(size_t width, bool color, const char *expected)
{
    struct buffer text = {0};
    struct table *table = filled();
    table_render(table, width, color, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((char *)text.data, expected);
    buffer_release(&text);
    table_free(table);
}

/* Columns line up, numbers to the right; nothing is cut where there is no terminal. */
static void test_table_render__no_terminal__whole(void **state)
{
    (void)state;
    expect(0, false,
           "key       n  id          note\n"
           "alpha     7  0123456789  nothing to say\n"
           "\xC3\xA9      1234  x           -\n");
}

/* To fit, what may be cut is cut, the widest first. */
static void test_table_render__narrow__cuts(void **state)
{
    (void)state;
    expect(31, false,
           "key       n  id          note\n"
           "alpha     7  0123456789  nothi\xE2\x80\xA6\n"
           "\xC3\xA9      1234  x           -\n");
}

/* Cut to the least and still too wide, a column is left out, and the others get their room back. */
static void test_table_render__narrower__leaves_out(void **state)
{
    (void)state;
    expect(27, false,
           "key       n  note\n"
           "alpha     7  nothing to say\n"
           "\xC3\xA9      1234  -\n");
    expect(10, false,
           "key      n\n"
           "alp\xE2\x80\xA6     7\n"
           "\xC3\xA9     1234\n");
}

/* Colours do not count as width. */
static void test_table_render__color__same_layout(void **state)
{
    (void)state;
    expect(12, true,
           "\033[2mkey\033[0m       \033[2mn\033[0m\n"
           "alpha     7\n"
           "\xC3\xA9      \033[1;31m1234\033[0m\n");
}

/* What would move a terminal's cursor is shown as a replacement. */
static void test_table_cell__control_characters__are_replaced(void **state)
{
    (void)state;
    static const struct column one[] = {{"k", false, 0, 0}};
    struct buffer text = {0};
    struct table *table = table_new(one, 1);
    table_cell(table, bytes_of("a\033[2J\xff", 6), TABLE_PLAIN);
    table_render(table, 0, false, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((char *)text.data, "k\na\xEF\xBF\xBD[2J\xEF\xBF\xBD\n");
    buffer_release(&text);
    table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_render__no_terminal__whole),
        cmocka_unit_test(test_table_render__narrow__cuts),
        cmocka_unit_test(test_table_render__narrower__leaves_out),
        cmocka_unit_test(test_table_render__color__same_layout),
        cmocka_unit_test(test_table_cell__control_characters__are_replaced),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
