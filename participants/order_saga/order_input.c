#include "order_saga/order_input.h"

#include "base/packed.h"
#include "base/text.h"
#include "order.pb-c.h"

#define BAD_NAME "must be 1 to 64 bytes of UTF-8 without control characters"

static int read_name(ProtobufCBinaryData from, const char *field, struct bytes *ret,
                     struct err *err)
{
    *ret = packed_view(from);
    return text_is_name(*ret) ? 0 : err_set(err, ERR_INVALID, "%s " BAD_NAME, field);
}

static int read_item(const Zsaga__OrderItem *from, size_t index, struct order_item *ret,
                     struct err *err)
{
    ret->sku = packed_view(from->sku);
    ret->quantity = from->quantity;
    if (!text_is_name(ret->sku))
        return err_set(err, ERR_INVALID, "items[%zu].sku " BAD_NAME, index);
    if (from->quantity < 1 || from->quantity > ORDER_INPUT_QUANTITY_MAX)
        return err_set(err, ERR_INVALID, "items[%zu].quantity must be 1 to %d", index,
                       ORDER_INPUT_QUANTITY_MAX);
    if (from->unit_price_cents < 1 || from->unit_price_cents > ORDER_INPUT_PRICE_CENTS_MAX)
        return err_set(err, ERR_INVALID, "items[%zu].unit_price_cents must be 1 to %d", index,
                       ORDER_INPUT_PRICE_CENTS_MAX);
    ret->unit_price_cents = (int64_t)from->unit_price_cents;
    return 0;
}

static void add_up(struct order_input *order, const struct order_item *item)
{
    /* Neither the product (10^15) nor the units (a frame's worth of items) can overflow. */
    int64_t cents = item->quantity * item->unit_price_cents;
    order->units += item->quantity;
    if (__builtin_add_overflow(order->total_cents, cents, &order->total_cents)) {
        order->total_cents = INT64_MAX;
        order->total_is_cut = true;
    }
}

static int read_items(const Zsaga__OrderInput *from, struct arena *arena, struct order_input *ret,
                      struct err *err)
{
    if (from->n_items == 0)
        return err_set(err, ERR_INVALID, "items: an order needs at least one");
    struct order_item *items = arena_alloc(arena, from->n_items * sizeof *items);
    if (items == NULL)
        return err_set(err, ERR_INVALID, "items: %zu are too many", from->n_items);
    ret->items = items;
    ret->item_count = from->n_items;
    for (size_t i = 0; i < from->n_items; i++) {
        int rc = read_item(from->items[i], i, &items[i], err);
        if (rc < 0)
            return rc;
        add_up(ret, &items[i]);
    }
    return 0;
}

int order_input_read(struct bytes input, struct arena *arena, struct order_input *ret,
                     struct err *err)
{
    *ret = (struct order_input){0};
    const Zsaga__OrderInput *from =
        zsaga__order_input__unpack(&arena->allocator, input.len, input.data);
    if (from == NULL)
        return err_set(err, ERR_INVALID, "the input is not an OrderInput of at most 256 KiB");
    int rc = read_name(from->order_id, "order_id", &ret->order_id, err);
    if (rc == 0)
        rc = read_name(from->customer_id, "customer_id", &ret->customer_id, err);
    if (rc == 0)
        rc = read_name(from->country, "country", &ret->country, err);
    return rc < 0 ? rc : read_items(from, arena, ret, err);
}
