/* The order saga's input, decoded and found good: what all its participants work on.
 *
 * The orchestrator does not look into an input, and any client may have written it. So each
 * participant reads it through here, and believes nothing that has not been checked. */
#ifndef ZSAGA_ORDER_INPUT_H
#define ZSAGA_ORDER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/arena.h"

#define ORDER_INPUT_QUANTITY_MAX 1000000
#define ORDER_INPUT_PRICE_CENTS_MAX 1000000000
/* Memory that decoding may take: twice what the largest good input (256 KiB of the shortest items)
 * needs. */
#define ORDER_INPUT_ARENA_BUDGET ((size_t)16 << 20)

struct order_item {
    struct bytes sku;
    int64_t quantity;         /* 1 to ORDER_INPUT_QUANTITY_MAX. */
    int64_t unit_price_cents; /* 1 to ORDER_INPUT_PRICE_CENTS_MAX. */
};

struct order_input {
    struct bytes order_id;
    struct bytes customer_id;
    struct bytes country;
    const struct order_item *items; /* At least one; a sku may stand in several. */
    size_t item_count;
    int64_t units;       /* Sum of the quantities. */
    int64_t total_cents; /* Sum of quantity times price; INT64_MAX when that is too small for it. */
    bool total_is_cut;   /* It was too small. No credit reaches that far. */
};

/* Decodes into `arena`, where *ret lives. ERR_INVALID names the field at fault. */
int order_input_read(struct bytes input, struct arena *arena, struct order_input *ret,
                     struct err *err);

#endif
