#include "order_saga/totals.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/xalloc.h"

static bool read_number(struct bytes digits, int64_t *ret)
{
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        value = value * 10 + (digits.data[i] - '0');
        if (value > TOTALS_MAX)
            return false;
    }
    *ret = value;
    return digits.len != 0;
}

static int by_name_then_row(const void *a_p, const void *b_p)
{
    const struct total *a = a_p;
    const struct total *b = b_p;
    int order = bytes_compare(a->name, b->name);
    if (order != 0)
        return order;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int read_row(const char *const columns[2], const struct bytes *fields, size_t row,
                    struct total *ret, struct err *err)
{
    *ret = (struct total){.name = fields[0], .row = row};
    if (!text_is_name(ret->name))
        return err_set(err, ERR_INVALID,
                       "row %zu: %s: must be 1 to 64 bytes of UTF-8 without control characters",
                       row, columns[0]);
    if (!read_number(fields[1], &ret->value))
        return err_set(err, ERR_INVALID, "row %zu: %s: must be 0 to %lld, decimal digits only", row,
                       columns[1], (long long)TOTALS_MAX);
    return 0;
}

static int check_distinct(const char *const columns[2], const struct total *totals, size_t count,
                          struct err *err)
{
    for (size_t i = 1; i < count; i++)
        if (bytes_equal(totals[i - 1].name, totals[i].name))
            return err_set(err, ERR_INVALID, "row %zu: %s: '%.*s' stands in row %zu already",
                           totals[i].row, columns[0], (int)totals[i].name.len,
                           (const char *)totals[i].name.data, totals[i - 1].row);
    return 0;
}

int totals_read(const char *const columns[2], const struct bytes *fields, size_t row_count,
                struct total **ret, struct err *err)
{
    struct total *totals = xcalloc(row_count, sizeof *totals);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < row_count; i++)
        rc = read_row(columns, &fields[2 * i], i + 1, &totals[i], err);
    if (rc == 0) {
        qsort(totals, row_count, sizeof *totals, by_name_then_row);
        rc = check_distinct(columns, totals, row_count, err);
    }
    if (rc < 0) {
        free(totals);
        return rc;
    }
    *ret = totals;
    return 0;
}
