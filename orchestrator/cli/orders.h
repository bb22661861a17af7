/* Orders from a CSV file: rows checked, consecutive rows of one order_id put together.
 *
 * One order is in memory at a time, and never more of it than may be submitted. A row at fault is
 * told to the sink and refuses its order as a whole; the rest goes on. */
#ifndef ZSAGA_CLI_ORDERS_H
#define ZSAGA_CLI_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/text.h"

#define ORDERS_INPUT_MAX ((size_t)256 << 10) /* Bytes of a packed order. */
#define ORDERS_QUANTITY_MAX 1000000
#define ORDERS_PRICE_MAX 1000000000

/* One order, ready to be submitted. */
struct order {
    uint64_t place; /* In the file, from 1. */
    size_t line;    /* Of its first row. */
    char key[TEXT_NAME_MAX + 1];
    uint8_t *input; /* A packed OrderInput; owned. */
    size_t input_len;
};

void order_release(struct order *order);

struct orders_sink {
    /* A row was refused: `columns` at fault ("quantity, unit_price_cents") and words. */
    void (*refused)(void *self, size_t line, const char *columns, const char *words);
    void *self;
};

struct orders;

/* `csv` and `prefix` are borrowed. */
struct orders *orders_new(struct csv *csv, const char *prefix, const struct orders_sink *sink);
void orders_free(struct orders *orders);
void orders_freep(struct orders **orders_p);

/* ORDERS_ORDER: *ret is the caller's. ORDERS_REFUSED: an order was refused, its rows told.
 * ORDERS_LATER: nothing to read yet. ERR_INVALID: the file has not the columns an order needs. */
enum { ORDERS_END, ORDERS_ORDER, ORDERS_REFUSED, ORDERS_LATER };
int orders_next(struct orders *orders, struct order *ret, struct err *err);

#endif
