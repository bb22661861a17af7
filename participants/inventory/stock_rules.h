/* The rules of stock: what an order asks of it, and whether it can have that. No SQL here. */
#ifndef ZSAGA_STOCK_RULES_H
#define ZSAGA_STOCK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "order_saga/order_input.h"

/* So many of one sku. */
struct stock_line {
    struct bytes sku;
    int64_t quantity;
};

/* Adds up the items of each sku into `ret` (room for `count`), ascending by sku. Returns how many
 * lines that makes. */
size_t stock_rules_merge(const struct order_item *items, size_t count, struct stock_line *ret);

/* What there is of a sku. */
struct stock_level {
    bool known;
    int64_t on_hand; /* Can still be promised. */
};

enum stock_verdict { STOCK_SUFFICES, STOCK_SKU_UNKNOWN, STOCK_TOO_LOW };

/* Judges lines[i] by levels[i]: an unknown sku anywhere outweighs one of which there is too little.
 * *ret_line is the first line at fault. */
enum stock_verdict stock_rules_judge(const struct stock_line *lines,
                                     const struct stock_level *levels, size_t count,
                                     size_t *ret_line);

#endif
