#include "order_fixture.h"

#include "base/packed.h"
#include "order.pb-c.h"

#define ITEMS_MAX (sizeof((struct order_fixture *)0)->items / sizeof(struct order_fixture_item))

struct bytes order_fixture_pack(const struct order_fixture *order, struct buffer *to)
{
    Zsaga__OrderInput input = ZSAGA__ORDER_INPUT__INIT;
    Zsaga__OrderItem items[ITEMS_MAX];
    Zsaga__OrderItem *pointers[ITEMS_MAX];
    input.order_id = packed_borrow_text(order->order_id);
    input.customer_id = packed_borrow_text(order->customer_id);
    input.country = packed_borrow_text(order->country);
    input.items = pointers;
    while (input.n_items < ITEMS_MAX && order->items[input.n_items].sku != NULL) {
        const struct order_fixture_item *from = &order->items[input.n_items];
        Zsaga__OrderItem *item = &items[input.n_items];
        zsaga__order_item__init(item);
        item->sku = packed_borrow_text(from->sku);
        item->quantity = from->quantity;
        item->unit_price_cents = from->unit_price_cents;
        pointers[input.n_items++] = item;
    }
    packed_append(to, &input.base);
    return buffer_bytes(to);
}
