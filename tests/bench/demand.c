#include "demand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "base/rng.h"
#include "order.pb-c.h"

#define QUANTITY_MAX 5
#define PRICE_CENTS_MAX 10000
#define SERIAL_DIGITS 9

void demand_sku(unsigned number, char name[DEMAND_NAME_SIZE])
{
    (void)snprintf(name, DEMAND_NAME_SIZE, "SKU%05u", number);
}

void demand_customer(unsigned number, char name[DEMAND_NAME_SIZE])
{
    (void)snprintf(name, DEMAND_NAME_SIZE, "C%05u", number);
}

bool demand_is_refused(uint64_t serial)
{
    return serial % DEMAND_REFUSED_EVERY == DEMAND_REFUSED_EVERY - 1;
}

void demand_order(const char *prefix, uint64_t serial, struct demand_order *ret)
{
    struct rng rng;
    rng_seed(&rng, serial);
    (void)snprintf(ret->order_id, sizeof ret->order_id, "%s-%0*" PRIu64, prefix, SERIAL_DIGITS,
                   serial);
    demand_customer((unsigned)rng_below(&rng, DEMAND_CUSTOMERS), ret->customer_id);
    ret->country = demand_is_refused(serial) ? "Unspecified" : "United Kingdom";
    unsigned first = (unsigned)rng_below(&rng, DEMAND_SKUS);
    unsigned apart = 1 + (unsigned)rng_below(&rng, DEMAND_SKUS - 1);
    for (unsigned i = 0; i < DEMAND_ITEMS; i++) {
        struct demand_item *item = &ret->items[i];
        demand_sku((first + i * apart) % DEMAND_SKUS, item->sku);
        item->quantity = 1 + (uint32_t)rng_below(&rng, QUANTITY_MAX);
        item->unit_price_cents = 1 + rng_below(&rng, PRICE_CENTS_MAX);
    }
}

bool demand_serial(const char *prefix, struct bytes order_id, uint64_t *ret)
{
    size_t len = strlen(prefix);
    if (order_id.len <= len + 1 || order_id.len > len + 20 ||
        memcmp(order_id.data, prefix, len) != 0 || order_id.data[len] != '-')
        return false;
    *ret = 0;
    for (size_t i = len + 1; i < order_id.len; i++) {
        if (order_id.data[i] < '0' || order_id.data[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(order_id.data[i] - '0');
    }
    return true;
}

void demand_pack(const struct demand_order *order, struct buffer *to)
{
    Zsaga__OrderItem items[DEMAND_ITEMS];
    Zsaga__OrderItem *lines[DEMAND_ITEMS];
    Zsaga__OrderInput input = ZSAGA__ORDER_INPUT__INIT;
    for (size_t i = 0; i < DEMAND_ITEMS; i++) {
        zsaga__order_item__init(&items[i]);
        items[i].sku = packed_borrow_text(order->items[i].sku);
        items[i].quantity = order->items[i].quantity;
        items[i].unit_price_cents = order->items[i].unit_price_cents;
        lines[i] = &items[i];
    }
    input.order_id = packed_borrow_text(order->order_id);
    input.customer_id = packed_borrow_text(order->customer_id);
    input.country = packed_borrow_text(order->country);
    input.n_items = DEMAND_ITEMS;
    input.items = lines;
    buffer_clear(to);
    packed_append(to, &input.base);
}

static int write_totals(const char *path, const char *header, unsigned count,
                        void (*name_of)(unsigned, char *), int64_t total, struct err *err)
{
    char name[DEMAND_NAME_SIZE];
    FILE *file = fopen(path, "wxe");
    if (file == NULL)
        return err_errno(err, errno, "cannot write %s", path);
    bool good = fprintf(file, "%s\n", header) > 0;
    for (unsigned i = 0; good && i < count; i++) {
        name_of(i, name);
        good = fprintf(file, "%s,%" PRId64 "\n", name, total) > 0;
    }
    if (fclose(file) != 0 || !good)
        return err_errno(err, errno, "cannot write %s", path);
    return 0;
}

int demand_write_stock(const char *path, struct err *err)
{
    return write_totals(path, "sku,on_hand", DEMAND_SKUS, demand_sku, DEMAND_ON_HAND, err);
}

int demand_write_customers(const char *path, struct err *err)
{
    return write_totals(path, "customer_id,credit_cents", DEMAND_CUSTOMERS, demand_customer,
                        DEMAND_CREDIT_CENTS, err);
}
