/* Rows of fields in memory: gathered, then sorted and looked up by one column. */
#ifndef ZSAGA_CLI_ROWSET_H
#define ZSAGA_CLI_ROWSET_H

#include <stddef.h>

#include "base/bytes.h"

struct rowset {
    size_t column_count;
    size_t row_count;
    size_t key; /* Column by which it is sorted. */
    struct buffer text;
    size_t *starts; /* Of each field in `text`, and the end of the last one. */
    size_t start_count;
    size_t start_capacity;
    size_t *order; /* Rows as sorted; NULL before. */
};

void rowset_init(struct rowset *rowset, size_t column_count);
void rowset_release(struct rowset *rowset);

/* The next field, rows from left to right; copied. */
void rowset_add(struct rowset *rowset, struct bytes field);

/* Sorts bytewise by a column; rows of equal keys stay in their order. */
void rowset_sort(struct rowset *rowset, size_t key);

/* Row `i` in the order sorted, or as added. */
struct bytes rowset_field(const struct rowset *rowset, size_t i, size_t column);

#define ROWSET_NONE SIZE_MAX
/* The first row with that key, in the order sorted. */
size_t rowset_find(const struct rowset *rowset, struct bytes key);

#endif
