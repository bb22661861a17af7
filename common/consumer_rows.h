/* A queue of log rows that wait to be applied, ascending by their first number. */
#ifndef ZSAGA_CONSUMER_ROWS_H
#define ZSAGA_CONSUMER_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct consumer_row {
    uint64_t first;
    uint32_t count; /* At least 1. */
    size_t len;
    uint8_t *events; /* A packed EventBatch. */
};
uint64_t consumer_row_last(const struct consumer_row *row);

/* Zeros are an empty one. */
struct consumer_rows {
    struct consumer_row *rows; /* Those from `head` to `end` wait. */
    size_t head;
    size_t taken; /* Those before it are in the transaction that is open. */
    size_t end;
    size_t capacity;
    size_t bytes; /* Held in memory for those that wait. */
};

void consumer_rows_release(struct consumer_rows *rows);
void consumer_rows_clear(struct consumer_rows *rows);

/* Puts a row (its bytes are copied) in its place; false when one with that first number is there.
 */
bool consumer_rows_add(struct consumer_rows *rows, uint64_t first, uint32_t count,
                       struct bytes events);
void consumer_rows_drop_first(struct consumer_rows *rows); /* Not while rows are taken. */

bool consumer_rows_empty(const struct consumer_rows *rows);
/* The first that is not taken, or NULL. */
const struct consumer_row *consumer_rows_next(const struct consumer_rows *rows);
void consumer_rows_take(struct consumer_rows *rows);      /* That one. */
void consumer_rows_settle(struct consumer_rows *rows);    /* What is taken is committed: gone. */
void consumer_rows_take_back(struct consumer_rows *rows); /* It was rolled back. */

#endif
