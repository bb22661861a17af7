#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"

static bool utf8(const char *text)
{
    return text_is_utf8(bytes_text(text));
}

static bool name(const char *text)
{
    return text_is_name(bytes_text(text));
}

static bool token(const char *text)
{
    return text_is_token(bytes_text(text));
}

/* The first and last character of each length are UTF-8. */
static void test_text_is_utf8__edges_of_each_length__are_taken(void **state)
{
    (void)state;
    assert_true(text_is_utf8(bytes_of(NULL, 0)));
    assert_true(text_is_utf8(bytes_of("\0", 1)));
    assert_true(utf8("\x7f"));
    assert_true(utf8("\xc2\x80\xdf\xbf"));
    assert_true(utf8("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"));
    assert_true(utf8("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
}

/* Longer forms, surrogates, what is beyond Unicode, and pieces are not. */
static void test_text_is_utf8__malformed__is_refused(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc2",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc2x",
        "\xe2\x82x",
        "\xe2x\x82",
        "a\xf0\x9f\x98z",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        assert_false(utf8(malformed[i]));
}

/* A name has 1 to 64 bytes. */
static void test_text_is_name__length__is_1_to_64_bytes(void **state)
{
    (void)state;
    char text[TEXT_NAME_MAX + 1];
    memset(text, 'x', sizeof text);
    assert_false(text_is_name(bytes_of(text, 0)));
    assert_true(text_is_name(bytes_of(text, 1)));
    assert_true(text_is_name(bytes_of(text, TEXT_NAME_MAX)));
    assert_false(text_is_name(bytes_of(text, TEXT_NAME_MAX + 1)));
}

/* A name may have any characters but control characters, of both ranges. */
static void test_text_is_name__control_characters__are_refused(void **state)
{
    (void)state;
    assert_true(name("European Community"));
    assert_true(name("\"=,\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
    assert_true(name("\xc2\xa0"));
    assert_false(name("a\tb"));
    assert_false(name("a\n"));
    assert_false(name("a\x7f"));
    assert_false(name("\xc2\x80"));
    assert_false(name("\xc2\x9f"));
    assert_false(text_is_name(bytes_of("a\0b", 3)));
    assert_false(name("a\xff"));
}

/* A token has letters, digits and three marks: it can stand in a file name. */
static void test_text_is_token__other_characters__are_refused(void **state)
{
    (void)state;
    assert_true(token("out_of_stock"));
    assert_true(token("A-z.09"));
    assert_false(token(""));
    assert_false(token("a b"));
    assert_false(token("a/b"));
    assert_false(token("\xc3\xa4"));
    assert_false(token("a="));
    char text[TEXT_NAME_MAX + 2];
    memset(text, 'x', sizeof text);
    text[TEXT_NAME_MAX + 1] = '\0';
    assert_false(token(text));
    text[TEXT_NAME_MAX] = '\0';
    assert_true(token(text));
}

/* What is UTF-8 passes unchanged. */
static void test_text_to_utf8__good_text__is_unchanged(void **state)
{
    (void)state;
    char to[32];
    text_to_utf8(bytes_text("na\xc3\xafve \xf0\x9f\x98\x80"), to, sizeof to);
    assert_string_equal(to, "na\xc3\xafve \xf0\x9f\x98\x80");
}

/* Each piece that is none becomes one U+FFFD, and decoding goes on with the next byte. */
static void test_text_to_utf8__bad_bytes__become_replacement_characters(void **state)
{
    (void)state;
    char to[64];
    text_to_utf8(bytes_text("a\xffz"), to, sizeof to);
    assert_string_equal(to, "a\xef\xbf\xbdz");
    text_to_utf8(bytes_text("\xe2\x82z"), to, sizeof to);
    assert_string_equal(to, "\xef\xbf\xbdz");
    text_to_utf8(bytes_text("\xc0\x80"), to, sizeof to);
    assert_string_equal(to, "\xef\xbf\xbd\xef\xbf\xbd");
    text_to_utf8(bytes_of("a\0b", 3), to, sizeof to);
    assert_string_equal(to, "a\xef\xbf\xbd"
                            "b");
}

/* A text that must be cut is cut between characters. */
static void test_text_to_utf8__small_array__is_cut_at_a_character(void **state)
{
    (void)state;
    char to[4];
    text_to_utf8(bytes_text("ab\xc3\xa4"), to, sizeof to);
    assert_string_equal(to, "ab");
    text_to_utf8(bytes_text("\xe2\x82\xac"), to, sizeof to);
    assert_string_equal(to, "\xe2\x82\xac");
    text_to_utf8(bytes_text("x"), to, 1);
    assert_string_equal(to, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_utf8__edges_of_each_length__are_taken),
        cmocka_unit_test(test_text_is_utf8__malformed__is_refused),
        cmocka_unit_test(test_text_is_name__length__is_1_to_64_bytes),
        cmocka_unit_test(test_text_is_name__control_characters__are_refused),
        cmocka_unit_test(test_text_is_token__other_characters__are_refused),
        cmocka_unit_test(test_text_to_utf8__good_text__is_unchanged),
        cmocka_unit_test(test_text_to_utf8__bad_bytes__become_replacement_characters),
        cmocka_unit_test(test_text_to_utf8__small_array__is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
