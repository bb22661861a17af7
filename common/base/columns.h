/* The columns of a table, side by side: which are cut, and which left out, until they fit. */
#ifndef ZSAGA_COLUMNS_H
#define ZSAGA_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#define COLUMNS_MAX 24 /* Of one table. */
#define COLUMNS_GAP 2  /* Between two of them. */

struct column {
    const char *title;
    bool right;      /* Numbers. */
    size_t min;      /* May be cut down to so many places of the terminal; 0: never. */
    unsigned weight; /* When it is still too wide, the highest goes first; 0: never. */
};

/* `widths`: of each column, what its widest cell needs, at least 1; on return what it gets, 0 for
 * one that is left out. Columns are left out one at a time, the others getting back their full
 * width each time. What may neither be cut nor left out stays, also when it does not fit. */
void columns_fit(const struct column *columns, size_t count, size_t available, size_t *widths);

#endif
