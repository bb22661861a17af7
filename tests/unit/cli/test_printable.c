#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "printable.h"

static void expect(const void *text, size_t len, const char *expected)
{
    AUTO(freep) char *safe = printable(bytes_of(text, len));
    assert_string_equal(safe, expected);
}

/* Nothing that a terminal would obey comes through, nor anything that is not UTF-8. */
static void test_printable__controls__are_replaced(void **state)
{
    (void)state;
    expect("plain \xC3\xA9", 8, "plain \xC3\xA9");
    expect("a\033]0;x\007", 7, "a\xEF\xBF\xBD]0;x\xEF\xBF\xBD");
    expect("\xC2\x9B!\x7f", 4, "\xEF\xBF\xBD!\xEF\xBF\xBD");
    expect("two\nlines", 9, "two\xEF\xBF\xBDlines");
    expect("\xff\xC3", 2, "\xEF\xBF\xBD\xEF\xBF\xBD");
    expect("a\0b", 3,
           "a\xEF\xBF\xBD"
           "b");
    expect("", 0, "");
}

/* Width counts columns of a terminal, not bytes. */
static void test_printable_width__columns(void **state)
{
    (void)state;
    assert_int_equal(printable_width("abc"), 3);
    assert_int_equal(printable_width("\xC3\xA9"), 1);
    assert_int_equal(printable_width("\xE6\xBC\xA2"), 2); /* Han: two columns. */
    assert_int_equal(printable_fit("\xE6\xBC\xA2\xE6\xBC\xA2", 3), 3);
    assert_int_equal(printable_fit("\xC3\xA9x", 1), 2);
    assert_int_equal(printable_fit("x", 0), 0);
}

/* JSON is always valid, and what is unknown is null. */
static void test_printable_json__any_bytes__valid(void **state)
{
    (void)state;
    json_t *text = printable_json(bytes_of("\xff\n", 2));
    assert_string_equal(json_string_value(text), "\xEF\xBF\xBD\n");
    json_decref(text);
    json_t *empty = printable_json(bytes_of("", 0));
    assert_string_equal(json_string_value(empty), "");
    json_decref(empty);
    json_t *unknown = printable_json_or_null(bytes_of("", 0));
    assert_true(json_is_null(unknown));
    json_decref(unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printable__controls__are_replaced),
        cmocka_unit_test(test_printable_width__columns),
        cmocka_unit_test(test_printable_json__any_bytes__valid),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
