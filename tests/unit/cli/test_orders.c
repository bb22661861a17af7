#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "order.pb-c.h"
#include "orders.h"

#define HEADER "order_id,customer_id,sku,quantity,unit_price_cents,country,placed_at\n"

/* A file read to its end: what was refused, as "LINE: columns\n", and the orders. */
struct reading {
    struct buffer refused;
    struct order orders[64];
    size_t order_count;
    size_t refused_orders;
    int rc;
    struct err err;
};

static void take_refusal(void *self, size_t line, const char *columns, const char *words)
{
    struct reading *reading = self;
    char text[400];
    assert_true(words[0] != '\0');
    (void)snprintf(text, sizeof text, "%zu: %s\n", line, columns);
    buffer_append_text(&reading->refused, text);
}

static void read_all(struct reading *reading, struct bytes input, const char *prefix)
{
    *reading = (struct reading){.rc = ORDERS_ORDER};
    const struct orders_sink sink = {take_refusal, reading};
    struct csv *csv = csv_new(csv_read_memory, &input);
    struct orders *orders = orders_new(csv, prefix, &sink);
    while (reading->rc == ORDERS_ORDER || reading->rc == ORDERS_REFUSED) {
        assert_true(reading->order_count < 64);
        struct order *order = &reading->orders[reading->order_count];
        reading->rc = orders_next(orders, order, &reading->err);
        reading->order_count += reading->rc == ORDERS_ORDER;
        reading->refused_orders += reading->rc == ORDERS_REFUSED;
    }
    orders_free(orders);
    csv_free(csv);
    buffer_append(&reading->refused, "", 1);
}

static void release(struct reading *reading)
{
    for (size_t i = 0; i < reading->order_count; i++)
        order_release(&reading->orders[i]);
    buffer_release(&reading->refused);
}

static void expect_refused(const char *text, const char *prefix, const char *expected)
{
    struct reading reading;
    read_all(&reading, bytes_text(text), prefix);
    assert_int_equal(reading.rc, ORDERS_END);
    assert_string_equal((char *)reading.refused.data, expected);
    release(&reading);
}

static Zsaga__OrderInput *unpack(const struct order *order)
{
    Zsaga__OrderInput *input = zsaga__order_input__unpack(NULL, order->input_len, order->input);
    assert_non_null(input);
    return input;
}

static bool is(ProtobufCBinaryData data, const char *text)
{
    return bytes_equal(packed_view(data), bytes_text(text));
}

/* Consecutive rows of one order_id are one order, its items in the order of the rows. */
static void test_orders_next__consecutive_rows__are_one_order(void **state)
{
    (void)state;
    struct reading reading;
    read_all(&reading,
             bytes_text(HEADER "A,alice,mug,2,450,Norway,t1\n"
                               "A,alice,pen,1,95,Norway,t2\n"
                               "B,bob,mug,1,450,\"Korea, Republic of\",t\n"
                               "A,alice,mug,1,450,Norway,t\n"),
             "x-");
    assert_int_equal(reading.rc, ORDERS_END);
    assert_int_equal(reading.order_count, 3);
    assert_string_equal(reading.orders[0].key, "x-A");
    assert_int_equal(reading.orders[0].place, 1);
    assert_int_equal(reading.orders[0].line, 2);
    assert_int_equal(reading.orders[1].line, 4);
    assert_int_equal(reading.orders[2].place, 3);
    assert_string_equal(reading.orders[2].key, "x-A");
    Zsaga__OrderInput *input = unpack(&reading.orders[0]);
    assert_true(is(input->order_id, "x-A"));
    assert_true(is(input->customer_id, "alice"));
    assert_true(is(input->country, "Norway"));
    assert_int_equal(input->n_items, 2);
    assert_true(is(input->items[0]->sku, "mug"));
    assert_int_equal(input->items[0]->quantity, 2);
    assert_int_equal(input->items[0]->unit_price_cents, 450);
    assert_true(is(input->items[1]->sku, "pen"));
    zsaga__order_input__free_unpacked(input, NULL);
    release(&reading);
}

/* The packed order is what packing all of it at once gives: bodies are compared byte by byte. */
static void test_orders_next__input__is_the_canonical_packing(void **state)
{
    (void)state;
    struct reading reading;
    read_all(&reading, bytes_text(HEADER "A,c,mug,2,450,N,t\nA,c,pen,1,95,N,t\n"), "");
    Zsaga__OrderInput *input = unpack(&reading.orders[0]);
    assert_int_equal(zsaga__order_input__get_packed_size(input), reading.orders[0].input_len);
    uint8_t packed[256];
    (void)zsaga__order_input__pack(input, packed);
    assert_memory_equal(packed, reading.orders[0].input, reading.orders[0].input_len);
    zsaga__order_input__free_unpacked(input, NULL);
    release(&reading);
}

/* One bad row refuses its whole order; others are not harmed. */
static void test_orders_next__bad_row__refuses_its_order_only(void **state)
{
    (void)state;
    struct reading reading;
    read_all(&reading,
             bytes_text(HEADER "A,c,mug,1,450,N,t\nA,c,mug,0,0,N,t\nA,c,,1,450,N,t\n"
                               "B,c,mug,1,450,N,t\n"),
             "");
    assert_string_equal((char *)reading.refused.data, "3: quantity, unit_price_cents\n4: sku\n");
    assert_int_equal(reading.refused_orders, 1);
    assert_int_equal(reading.order_count, 1);
    assert_string_equal(reading.orders[0].key, "B");
    assert_int_equal(reading.orders[0].place, 2);
    release(&reading);
}

/* Customer and country are those of the order's first row; placed_at may differ. */
static void test_orders_next__differing_rows__are_refused(void **state)
{
    (void)state;
    expect_refused(HEADER "A,c,mug,1,450,N,t\nA,d,mug,1,450,M,t\n", "",
                   "3: customer differs, country differs\n");
    expect_refused(HEADER "A,c,mug,1,450,N,t\nA,,mug,1,450,N,t\n", "", "3: customer_id\n");
    expect_refused(HEADER "A,c\nA,c,mug,1,450,N,t\nA,c,mug,1,450,N,u\n", "", "2: columns\n");
}

/* A row whose fields are not the header's is told once, whatever else is wrong with it. */
static void test_orders_next__field_count__is_columns(void **state)
{
    (void)state;
    expect_refused(HEADER "A,c,mug,1,450,N,t,extra\nB\n\"C\"x,c,mug,1,450,N,t\n", "",
                   "2: columns\n3: columns\n4: columns\n");
}

/* The key, prefix and order_id together, has at most 64 bytes. */
static void test_orders_next__prefix__counts(void **state)
{
    (void)state;
    const char *row = HEADER "0123456789012345678901234567890123456789012345678901234567890123"
                             ",c,mug,1,450,N,t\n";
    expect_refused(row, "", "");
    expect_refused(row, "p", "2: order_id\n");
}

static void append_rows(struct buffer *text, const char *id, int count)
{
    char row[128];
    for (int i = 0; i < count; i++) {
        (void)snprintf(row, sizeof row, "%s,c,%064d,1000000,1000000000,N,t\n", id, i);
        buffer_append_text(text, row);
    }
}

/* An order too large to be submitted is refused at its first line, and only there. */
static void test_orders_next__too_large__is_refused_at_its_first_line(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_append_text(&text, HEADER);
    append_rows(&text, "fits", 3300);
    append_rows(&text, "large", 3400);
    append_rows(&text, "next", 1);
    struct reading reading;
    read_all(&reading, buffer_bytes(&text), "");
    assert_string_equal((char *)reading.refused.data, "3302: order\n");
    assert_int_equal(reading.order_count, 2);
    assert_true(reading.orders[0].input_len <= ORDERS_INPUT_MAX);
    assert_true(reading.orders[0].input_len > ORDERS_INPUT_MAX * 9 / 10);
    assert_string_equal(reading.orders[1].key, "next");
    release(&reading);
    buffer_release(&text);
}

/* A file that has not the columns is refused before anything of it is taken. */
static void test_orders_next__missing_column__is_an_error(void **state)
{
    (void)state;
    struct reading reading;
    read_all(&reading, bytes_text("order_id,customer_id\nA,b\n"), "");
    assert_int_equal(reading.rc, ERR_INVALID);
    assert_string_equal(reading.err.text, "the header has no column sku");
    release(&reading);
    read_all(&reading, bytes_text(""), "");
    assert_int_equal(reading.rc, ERR_INVALID);
    release(&reading);
    read_all(&reading, bytes_text(HEADER), "");
    assert_int_equal(reading.rc, ORDERS_END);
    release(&reading);
}

static char *data_path(const char *name)
{
    const char *source = getenv("ZSAGA_SOURCE");
    return xprintf("%s/tests/data/%s", source == NULL ? "." : source, name);
}

static void load(const char *name, struct buffer *to)
{
    AUTO(freep) char *path = data_path(name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char chunk[4096];
    for (size_t len; (len = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buffer_append(to, chunk, len);
    (void)fclose(file);
}

/* The file's refused_lines as "LINE: columns\n", ordered by line. */
static char *expected_refusals(const json_t *expected)
{
    struct buffer text = {0};
    const json_t *lines = json_object_get(expected, "refused_lines");
    for (int line = 1; line < 100; line++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", line);
        const json_t *columns = json_object_get(lines, number);
        for (size_t i = 0; i < json_array_size(columns); i++) {
            buffer_append_text(&text, i == 0 ? number : "");
            buffer_append_text(&text, i == 0 ? ": " : ", ");
            buffer_append_text(&text, json_string_value(json_array_get(columns, i)));
        }
        buffer_append_text(&text, columns == NULL ? "" : "\n");
    }
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

static json_int_t summary(const json_t *expected, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(expected, "summary"), name));
}

static void check_file(const char *orders, const char *expectation)
{
    struct buffer text = {0};
    struct reading reading;
    AUTO(freep) char *path = data_path(expectation);
    json_t *expected = json_load_file(path, 0, NULL);
    assert_non_null(expected);
    load(orders, &text);
    read_all(&reading, buffer_bytes(&text), "");
    AUTO(freep) char *refusals = expected_refusals(expected);
    assert_int_equal(reading.rc, ORDERS_END);
    assert_string_equal((char *)reading.refused.data, refusals);
    assert_int_equal(reading.refused_orders, summary(expected, "invalid"));
    assert_int_equal(reading.refused_orders + reading.order_count, summary(expected, "orders"));
    release(&reading);
    buffer_release(&text);
    json_decref(expected);
}

/* Every way in which a row can be wrong, and those that only look so. */
static void test_orders_next__edge_files__as_expected(void **state)
{
    (void)state;
    check_file("edge-orders.csv", "edge-expected.json");
    check_file("edge-orders-2.csv", "edge-expected-2.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_next__consecutive_rows__are_one_order),
        cmocka_unit_test(test_orders_next__input__is_the_canonical_packing),
        cmocka_unit_test(test_orders_next__bad_row__refuses_its_order_only),
        cmocka_unit_test(test_orders_next__differing_rows__are_refused),
        cmocka_unit_test(test_orders_next__field_count__is_columns),
        cmocka_unit_test(test_orders_next__prefix__counts),
        cmocka_unit_test(test_orders_next__too_large__is_refused_at_its_first_line),
        cmocka_unit_test(test_orders_next__missing_column__is_an_error),
        cmocka_unit_test(test_orders_next__edge_files__as_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
