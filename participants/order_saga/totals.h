/* Imported totals: a file that gives each name a number, checked before any of it counts. */
#ifndef ZSAGA_TOTALS_H
#define ZSAGA_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define TOTALS_MAX ((int64_t)1 << 53) /* Exact in every tool that counts in doubles. */

struct total {
    struct bytes name;
    int64_t value; /* 0 to TOTALS_MAX. */
    size_t row;    /* In the file, from 1. */
};

/* Reads `row_count` rows of two fields, named by `columns` in messages, sorted by name into *ret
 * (to be freed). ERR_INVALID names row and column: a name or number that is none, a name twice. */
int totals_read(const char *const columns[2], const struct bytes *fields, size_t row_count,
                struct total **ret, struct err *err);

#endif
