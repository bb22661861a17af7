/* The lines of a reservation as one blob: a row for each line would cost more than the order.
 *
 * Each line is the sku's length (a byte), the sku, and the quantity as a base-128 varint, low bits
 * first. */
#ifndef ZSAGA_STOCK_LINES_H
#define ZSAGA_STOCK_LINES_H

#include "base/bytes.h"
#include "base/err.h"
#include "stock_rules.h"

/* Appends to `to`. */
void stock_lines_pack(const struct stock_line *lines, size_t count, struct buffer *to);

/* Takes the first line off *packed into *ret, whose sku lies in it. 1: there was one; 0: the end;
 * ERR_CORRUPT: these are not lines. */
int stock_lines_next(struct bytes *packed, struct stock_line *ret, struct err *err);

#endif
