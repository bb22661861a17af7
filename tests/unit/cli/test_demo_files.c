#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "demo_files.h"
#include "import_file.h"
#include "order.pb-c.h"
#include "orders.h"

#define OVERSIZE_UNITS 800
#define LINES_MAX 16

/* The demo's world, and how orders fared in it one after another. */
struct world {
    struct rowset stock;
    struct rowset customers;
    uint64_t *left;   /* Of each sku. */
    uint64_t *credit; /* Of each customer. */
    size_t counts[8];
};

enum fate {
    COMPLETED,
    UNKNOWN_SKU,
    OUT_OF_STOCK,
    UNKNOWN_CUSTOMER,
    INSUFFICIENT_CREDIT,
    UNDELIVERABLE,
    OVERSIZE,
    FATE_COUNT
};

static const struct demo_file *find(const char *name)
{
    for (size_t i = 0; i < demo_file_count; i++)
        if (strcmp(demo_files[i].name, name) == 0)
            return &demo_files[i];
    fail_msg("there is no %s", name);
    return NULL;
}

static uint64_t *load(const char *file, const char *table, struct rowset *rows)
{
    const struct demo_file *from = find(file);
    struct bytes input = bytes_of(from->data, from->len);
    struct csv *csv = csv_new(csv_read_memory, &input);
    assert_int_equal(import_file_parse(file, csv, owner_tables_find(table), rows), 0);
    csv_free(csv);
    uint64_t *totals = xcalloc(rows->row_count, sizeof *totals);
    for (size_t i = 0; i < rows->row_count; i++) {
        struct csv_field field = {.bytes = rowset_field(rows, i, 1)};
        assert_true(csv_number(field, 0, INT64_MAX, &totals[i]));
    }
    return totals;
}

static enum fate reserve(const struct world *world, const Zsaga__OrderInput *order, size_t *skus)
{
    uint64_t wanted[LINES_MAX] = {0};
    assert_true(order->n_items <= LINES_MAX);
    for (size_t i = 0; i < order->n_items; i++) {
        skus[i] = rowset_find(&world->stock, packed_view(order->items[i]->sku));
        if (skus[i] == ROWSET_NONE)
            return UNKNOWN_SKU;
    }
    for (size_t i = 0; i < order->n_items; i++)
        for (size_t j = 0; j < order->n_items; j++)
            wanted[i] += skus[j] == skus[i] ? order->items[j]->quantity : 0;
    for (size_t i = 0; i < order->n_items; i++)
        if (wanted[i] > world->left[skus[i]])
            return OUT_OF_STOCK;
    return COMPLETED;
}

static enum fate place(struct world *world, const Zsaga__OrderInput *order)
{
    size_t skus[LINES_MAX];
    uint64_t units = 0;
    uint64_t total = 0;
    enum fate fate = reserve(world, order, skus);
    size_t customer = rowset_find(&world->customers, packed_view(order->customer_id));
    for (size_t i = 0; i < order->n_items; i++) {
        units += order->items[i]->quantity;
        total += order->items[i]->quantity * order->items[i]->unit_price_cents;
    }
    if (fate != COMPLETED)
        return fate;
    if (customer == ROWSET_NONE)
        return UNKNOWN_CUSTOMER;
    if (total > world->credit[customer])
        return INSUFFICIENT_CREDIT;
    if (bytes_equal(packed_view(order->country), bytes_text("Unspecified")))
        return UNDELIVERABLE;
    if (units > OVERSIZE_UNITS)
        return OVERSIZE;
    world->credit[customer] -= total;
    for (size_t i = 0; i < order->n_items; i++)
        world->left[skus[i]] -= order->items[i]->quantity;
    return COMPLETED;
}

static void refuse(void *self, size_t line, const char *columns, const char *words)
{
    (void)self;
    fail_msg("line %zu of the demo's orders is at fault: %s: %s", line, columns, words);
}

/* The demo's orders are sound, and each reason to refuse one that its participants can have by
 * themselves occurs among them. */
static void test_demo_files__one_after_another__each_reason_occurs(void **state)
{
    (void)state;
    struct world world = {.counts = {0}};
    world.left = load("stock.csv", "stock", &world.stock);
    world.credit = load("customers.csv", "customers", &world.customers);
    const struct orders_sink sink = {refuse, NULL};
    struct bytes input = bytes_of(find("orders.csv")->data, find("orders.csv")->len);
    struct csv *csv = csv_new(csv_read_memory, &input);
    struct orders *orders = orders_new(csv, "", &sink);
    struct order order;
    struct err err;
    while (orders_next(orders, &order, &err) == ORDERS_ORDER) {
        Zsaga__OrderInput *unpacked =
            zsaga__order_input__unpack(NULL, order.input_len, order.input);
        assert_non_null(unpacked);
        world.counts[place(&world, unpacked)]++;
        zsaga__order_input__free_unpacked(unpacked, NULL);
        order_release(&order);
    }
    static const size_t expected[FATE_COUNT] = {254, 7, 10, 5, 9, 8, 7};
    for (size_t i = 0; i < FATE_COUNT; i++)
        assert_int_equal(world.counts[i], expected[i]);
    orders_free(orders);
    csv_free(csv);
    rowset_release(&world.stock);
    rowset_release(&world.customers);
    free(world.left);
    free(world.credit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demo_files__one_after_another__each_reason_occurs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
