#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "order.pb-c.h"
#include "order_fixture.h"
#include "order_saga/order_input.h"

struct reading {
    struct arena arena;
    struct buffer packed;
    struct order_input order;
    struct err err;
};

static int set_up(void **state)
{
    struct reading *reading = calloc(1, sizeof *reading);
    arena_init(&reading->arena, ORDER_INPUT_ARENA_BUDGET);
    *state = reading;
    return 0;
}

static int tear_down(void **state)
{
    struct reading *reading = *state;
    arena_release(&reading->arena);
    buffer_release(&reading->packed);
    free(reading);
    return 0;
}

static int read_bytes(struct reading *reading, struct bytes input)
{
    arena_reset(&reading->arena);
    return order_input_read(input, &reading->arena, &reading->order, &reading->err);
}

static int read_order(struct reading *reading, const struct order_fixture *order)
{
    buffer_clear(&reading->packed);
    return read_bytes(reading, order_fixture_pack(order, &reading->packed));
}

static const struct order_fixture good = {.order_id = "536365",
                                          .customer_id = "17850",
                                          .country = "United Kingdom",
                                          .items = {{"85123A", 6, 255}, {"71053", 2, 339}}};

static void assert_refused(struct reading *reading, const struct order_fixture *order,
                           const char *words)
{
    assert_int_equal(read_order(reading, order), ERR_INVALID);
    if (strstr(reading->err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", reading->err.text, words);
}

static void test_read__of_a_good_order__has_all_fields_and_sums(void **state)
{
    /* What was ordered is read as it was written, with its units and its total. */
    struct reading *reading = *state;
    assert_int_equal(read_order(reading, &good), 0);
    const struct order_input *order = &reading->order;
    assert_true(bytes_equal(order->order_id, bytes_text("536365")));
    assert_true(bytes_equal(order->customer_id, bytes_text("17850")));
    assert_true(bytes_equal(order->country, bytes_text("United Kingdom")));
    assert_int_equal(order->item_count, 2);
    assert_true(bytes_equal(order->items[0].sku, bytes_text("85123A")));
    assert_int_equal(order->items[1].quantity, 2);
    assert_int_equal(order->items[1].unit_price_cents, 339);
    assert_int_equal(order->units, 8);
    assert_int_equal(order->total_cents, 6 * 255 + 2 * 339);
    assert_false(order->total_is_cut);
}

static void test_read__of_a_sku_twice__keeps_both_items(void **state)
{
    /* A sku may stand in several items; who needs it once adds them up. */
    struct reading *reading = *state;
    struct order_fixture order = good;
    order.items[1].sku = order.items[0].sku;
    assert_int_equal(read_order(reading, &order), 0);
    assert_int_equal(reading->order.item_count, 2);
}

static void test_read__of_a_bad_name__names_the_field(void **state)
{
    /* Each text is 1 to 64 bytes of UTF-8 without control characters. */
    static const char *const bad[] = {
        "",
        "a\nb",
        "\xff",
        "\xc3",
        "\xed\xa0\x80",
        "\xc2\x85",
        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"};
    struct reading *reading = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct order_fixture order = good;
        order.order_id = bad[i];
        assert_refused(reading, &order, "order_id must be");
        order = good;
        order.customer_id = bad[i];
        assert_refused(reading, &order, "customer_id must be");
        order = good;
        order.country = bad[i];
        assert_refused(reading, &order, "country must be");
        order = good;
        order.items[1].sku = bad[i];
        assert_refused(reading, &order, "items[1].sku must be");
    }
}

static void test_read__of_names_at_their_limit__is_good(void **state)
{
    /* 64 bytes, letters beyond ASCII, quotes and commas are nothing special. */
    static const char *const names[] = {
        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        "\xc3\x89",
        "x'; DROP TABLE orders;--",
        "Korea, Republic of",
        "say \"hello\"",
        " "};
    struct reading *reading = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct order_fixture order = good;
        order.order_id = order.customer_id = order.country = order.items[0].sku = names[i];
        assert_int_equal(read_order(reading, &order), 0);
    }
}

static void test_read__of_numbers_out_of_range__names_the_field(void **state)
{
    /* A quantity is 1 to a million, a price 1 to a billion cents. */
    struct reading *reading = *state;
    struct order_fixture order = good;
    order.items[1].quantity = 0;
    assert_refused(reading, &order, "items[1].quantity must be 1 to 1000000");
    order.items[1].quantity = 1000001;
    assert_refused(reading, &order, "items[1].quantity must be 1 to 1000000");
    order.items[1].quantity = 1000000;
    assert_int_equal(read_order(reading, &order), 0);
    order.items[1].unit_price_cents = 0;
    assert_refused(reading, &order, "items[1].unit_price_cents must be 1 to 1000000000");
    order.items[1].unit_price_cents = 1000000001;
    assert_refused(reading, &order, "items[1].unit_price_cents must be 1 to 1000000000");
    order.items[1].unit_price_cents = UINT64_MAX;
    assert_refused(reading, &order, "items[1].unit_price_cents must be 1 to 1000000000");
    order.items[1].unit_price_cents = 1000000000;
    assert_int_equal(read_order(reading, &order), 0);
}

static void test_read__of_an_order_without_items__is_refused(void **state)
{
    /* An order of nothing is none. */
    struct reading *reading = *state;
    struct order_fixture order = good;
    order.items[0].sku = NULL;
    assert_refused(reading, &order, "at least one");
}

static void test_read__of_bytes_that_are_no_order__is_refused(void **state)
{
    /* Nothing, noise and other messages are told apart from an order. */
    static const char *const noise[] = {"", "\xff\xff", "\x22\x7f", "not an order"};
    struct reading *reading = *state;
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++)
        assert_int_equal(read_bytes(reading, bytes_text(noise[i])), ERR_INVALID);
}

/* Appends as many copies of an item as fit into the largest input. */
static void fill(struct buffer *packed, const struct order_fixture_item *from)
{
    Zsaga__OrderItem item = ZSAGA__ORDER_ITEM__INIT;
    item.sku = packed_borrow_text(from->sku);
    item.quantity = from->quantity;
    item.unit_price_cents = from->unit_price_cents;
    while (packed->len + 32 < (256 << 10))
        packed_append_field(packed, 4, &item.base);
}

static void test_read__of_the_largest_input__fits_the_budget(void **state)
{
    /* An input of 256 KiB of the shortest items is an order like any other. */
    struct reading *reading = *state;
    (void)order_fixture_pack(&good, &reading->packed);
    fill(&reading->packed, &(struct order_fixture_item){"x", 1, 1});
    assert_int_equal(read_bytes(reading, buffer_bytes(&reading->packed)), 0);
    assert_in_range(reading->order.item_count, 20000, 40000);
    assert_int_equal(reading->order.units, 8 + (int64_t)reading->order.item_count - 2);
}

static void test_read__of_a_crafted_input__stays_in_the_budget(void **state)
{
    /* Empty items, which grow most in decoding, are refused at the price of the budget. */
    struct reading *reading = *state;
    (void)order_fixture_pack(&good, &reading->packed);
    while (reading->packed.len < (256 << 10) - 1)
        buffer_append(&reading->packed, "\x22\x00", 2);
    assert_int_equal(read_bytes(reading, buffer_bytes(&reading->packed)), ERR_INVALID);
    assert_in_range(reading->arena.used, 0, ORDER_INPUT_ARENA_BUDGET);
}

static void test_read__of_a_total_over_64_bits__says_that_it_is_cut(void **state)
{
    /* The order is well-formed: that nobody can pay for it is for payment to say. */
    struct reading *reading = *state;
    (void)order_fixture_pack(&good, &reading->packed);
    fill(&reading->packed, &(struct order_fixture_item){"x", 1000000, 1000000000});
    assert_int_equal(read_bytes(reading, buffer_bytes(&reading->packed)), 0);
    assert_true(reading->order.total_is_cut);
    assert_true(reading->order.total_cents == INT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read__of_a_good_order__has_all_fields_and_sums),
        TEST(test_read__of_a_sku_twice__keeps_both_items),
        TEST(test_read__of_a_bad_name__names_the_field),
        TEST(test_read__of_names_at_their_limit__is_good),
        TEST(test_read__of_numbers_out_of_range__names_the_field),
        TEST(test_read__of_an_order_without_items__is_refused),
        TEST(test_read__of_bytes_that_are_no_order__is_refused),
        TEST(test_read__of_the_largest_input__fits_the_budget),
        TEST(test_read__of_a_crafted_input__stays_in_the_budget),
        TEST(test_read__of_a_total_over_64_bits__says_that_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
