#include "stock_rules.h"

#include <stdlib.h>

static int by_sku(const void *a_p, const void *b_p)
{
    const struct stock_line *a = a_p;
    const struct stock_line *b = b_p;
    return bytes_compare(a->sku, b->sku);
}

size_t stock_rules_merge(const struct order_item *items, size_t count, struct stock_line *ret)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct stock_line){.sku = items[i].sku, .quantity = items[i].quantity};
    qsort(ret, count, sizeof *ret, by_sku);
    size_t merged = 0;
    for (size_t i = 0; i < count; i++) {
        if (merged > 0 && bytes_equal(ret[merged - 1].sku, ret[i].sku))
            ret[merged - 1].quantity += ret[i].quantity;
        else
            ret[merged++] = ret[i];
    }
    return merged;
}

enum stock_verdict stock_rules_judge(const struct stock_line *lines,
                                     const struct stock_level *levels, size_t count,
                                     size_t *ret_line)
{
    enum stock_verdict verdict = STOCK_SUFFICES;
    for (size_t i = 0; i < count; i++) {
        if (!levels[i].known) {
            *ret_line = i;
            return STOCK_SKU_UNKNOWN;
        }
        if (verdict == STOCK_SUFFICES && levels[i].on_hand < lines[i].quantity) {
            *ret_line = i;
            verdict = STOCK_TOO_LOW;
        }
    }
    return verdict;
}
