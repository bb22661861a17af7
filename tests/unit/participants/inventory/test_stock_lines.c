#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "inventory/stock_lines.h"

static void test_next__of_packed_lines__gives_them_back(void **state)
{
    /* Packing and taking apart is the identity, for short and long skus, small and large numbers.
     */
    static const char longest[] =
        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    const struct stock_line lines[] = {
        {bytes_text("a"), 1},         {bytes_text("85123A"), 127},
        {bytes_text(longest), 128},   {bytes_text("\xc3\x89"), 1000000},
        {bytes_text("z"), INT64_MAX},
    };
    const size_t count = sizeof lines / sizeof lines[0];
    struct buffer packed = {0};
    (void)state;
    stock_lines_pack(lines, count, &packed);
    struct bytes rest = buffer_bytes(&packed);
    struct stock_line line;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(stock_lines_next(&rest, &line, NULL), 1);
        assert_true(bytes_equal(line.sku, lines[i].sku));
        assert_true(line.quantity == lines[i].quantity);
    }
    assert_int_equal(stock_lines_next(&rest, &line, NULL), 0);
    buffer_release(&packed);
}

static void test_next__of_damaged_bytes__is_corrupt(void **state)
{
    /* A length past the end, a missing or endless number and a quantity of 0 are no lines. */
    static const struct bytes damaged[] = {
        {(const uint8_t *)"\x00\x01", 2},
        {(const uint8_t *)"\x05"
                          "ab\x01",
         4},
        {(const uint8_t *)"\x41", 1},
        {(const uint8_t *)"\x01"
                          "a",
         2},
        {(const uint8_t *)"\x01"
                          "a\x00",
         3},
        {(const uint8_t *)"\x01"
                          "a\x80",
         3},
        {(const uint8_t *)"\x01"
                          "a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         12},
    };
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        struct bytes rest = damaged[i];
        struct stock_line line;
        struct err err = {0};
        assert_int_equal(stock_lines_next(&rest, &line, &err), ERR_CORRUPT);
    }
}

static void test_next__of_noise__ends(void **state)
{
    /* Whatever the bytes, taking lines comes to an end within them. */
    struct rng rng;
    (void)state;
    rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[40];
        struct bytes rest = bytes_of(noise, rng_below(&rng, sizeof noise));
        struct stock_line line;
        for (size_t j = 0; j < rest.len; j++)
            noise[j] = (uint8_t)(rng_below(&rng, 2) == 0 ? rng_below(&rng, 4) : rng_next(&rng));
        while (stock_lines_next(&rest, &line, NULL) == 1)
            assert_true(line.quantity > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next__of_packed_lines__gives_them_back),
        cmocka_unit_test(test_next__of_damaged_bytes__is_corrupt),
        cmocka_unit_test(test_next__of_noise__ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
