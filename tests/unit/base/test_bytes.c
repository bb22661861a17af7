#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"

/* Bytes are equal when length and content are; empty ones need no memory. */
static void test_bytes_equal__content_and_length__decide(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_text("abc"), bytes_of("abcd", 3)));
    assert_false(bytes_equal(bytes_text("abc"), bytes_text("abcd")));
    assert_false(bytes_equal(bytes_text("abc"), bytes_text("abd")));
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_text("")));
}

/* Order is by unsigned byte, and a prefix goes before what it begins. */
static void test_bytes_compare__order__is_bytewise(void **state)
{
    (void)state;
    assert_true(bytes_compare(bytes_text("a"), bytes_text("b")) < 0);
    assert_true(bytes_compare(bytes_text("\xff"), bytes_text("a")) > 0);
    assert_true(bytes_compare(bytes_text("ab"), bytes_text("abc")) < 0);
    assert_true(bytes_compare(bytes_text("abc"), bytes_text("ab")) > 0);
    assert_int_equal(bytes_compare(bytes_text("ab"), bytes_text("ab")), 0);
    assert_true(bytes_compare(bytes_of(NULL, 0), bytes_text("a")) < 0);
}

/* A copied text always ends within its array. */
static void test_bytes_copy_text__small_array__is_cut_and_terminated(void **state)
{
    (void)state;
    char to[4] = "zzz";
    bytes_copy_text(bytes_text("abcdef"), to, sizeof to);
    assert_string_equal(to, "abc");
    bytes_copy_text(bytes_text("ab"), to, sizeof to);
    assert_string_equal(to, "ab");
    bytes_copy_text(bytes_of(NULL, 0), to, sizeof to);
    assert_string_equal(to, "");
}

/* Room for nothing is a place as well: what is packed there may be empty. */
static void test_buffer_extend__by_nothing__has_an_address(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    assert_non_null(buffer_extend(&buffer, 0));
    assert_int_equal(buffer.len, 0);
    buffer_release(&buffer);
}

/* A buffer keeps what was appended while it grows. */
static void test_buffer_append__many__keeps_all(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++) {
        uint8_t byte = (uint8_t)i;
        buffer_append(&buffer, &byte, 1);
    }
    buffer_append_text(&buffer, "end");
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer_bytes(&buffer).len, 1003);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer.data[i], (uint8_t)i);
    assert_memory_equal(buffer.data + 1000, "end", 3);
    buffer_release(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

/* A cleared buffer is empty and keeps its memory for the next use. */
static void test_buffer_clear__used_again__starts_at_the_front(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "first");
    const uint8_t *memory = buffer.data;
    buffer_clear(&buffer);
    memcpy(buffer_extend(&buffer, 2), "ab", 2);
    assert_ptr_equal(buffer.data, memory);
    assert_true(bytes_equal(buffer_bytes(&buffer), bytes_text("ab")));
    buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_equal__content_and_length__decide),
        cmocka_unit_test(test_bytes_compare__order__is_bytewise),
        cmocka_unit_test(test_bytes_copy_text__small_array__is_cut_and_terminated),
        cmocka_unit_test(test_buffer_extend__by_nothing__has_an_address),
        cmocka_unit_test(test_buffer_append__many__keeps_all),
        cmocka_unit_test(test_buffer_clear__used_again__starts_at_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
