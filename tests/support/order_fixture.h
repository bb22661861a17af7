/* Inputs of the order saga for tests, packed. */
#ifndef ZSAGA_ORDER_FIXTURE_H
#define ZSAGA_ORDER_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct order_fixture_item {
    const char *sku;
    uint32_t quantity;
    uint64_t unit_price_cents;
};

struct order_fixture {
    const char *order_id;
    const char *customer_id;
    const char *country;
    struct order_fixture_item items[8]; /* Up to the first without a sku. */
};

/* Appends the packed OrderInput to `to`, and returns all that is in it. */
struct bytes order_fixture_pack(const struct order_fixture *order, struct buffer *to);

#endif
