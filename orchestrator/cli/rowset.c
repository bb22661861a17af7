#include "rowset.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/xalloc.h"

void rowset_init(struct rowset *rowset, size_t column_count)
{
    *rowset = (struct rowset){.column_count = column_count};
    rowset->starts = xgrow(NULL, &rowset->start_capacity, 1, sizeof *rowset->starts);
    rowset->starts[rowset->start_count++] = 0;
    /* Room from the start, so that empty fields have an address too. */
    (void)buffer_extend(&rowset->text, 1);
    buffer_clear(&rowset->text);
}

void rowset_release(struct rowset *rowset)
{
    buffer_release(&rowset->text);
    free(rowset->starts);
    free(rowset->order);
    *rowset = (struct rowset){0};
}

void rowset_add(struct rowset *rowset, struct bytes field)
{
    assert(rowset->order == NULL);
    buffer_append(&rowset->text, field.data, field.len);
    rowset->starts = xgrow(rowset->starts, &rowset->start_capacity, rowset->start_count + 1,
                           sizeof *rowset->starts);
    rowset->starts[rowset->start_count++] = rowset->text.len;
    rowset->row_count = (rowset->start_count - 1) / rowset->column_count;
}

static struct bytes raw_field(const struct rowset *rowset, size_t row, size_t column)
{
    size_t i = row * rowset->column_count + column;
    return bytes_of(rowset->text.data + rowset->starts[i],
                    rowset->starts[i + 1] - rowset->starts[i]);
}

static int compare(const void *a, const void *b, void *context)
{
    const struct rowset *rowset = context;
    size_t row_a = *(const size_t *)a;
    size_t row_b = *(const size_t *)b;
    int order =
        bytes_compare(raw_field(rowset, row_a, rowset->key), raw_field(rowset, row_b, rowset->key));
    return order != 0 ? order : (row_a > row_b) - (row_a < row_b);
}

void rowset_sort(struct rowset *rowset, size_t key)
{
    assert(key < rowset->column_count);
    rowset->key = key;
    if (rowset->order == NULL)
        rowset->order = xcalloc(rowset->row_count, sizeof *rowset->order);
    for (size_t i = 0; i < rowset->row_count; i++)
        rowset->order[i] = i;
    qsort_r(rowset->order, rowset->row_count, sizeof *rowset->order, compare, rowset);
}

struct bytes rowset_field(const struct rowset *rowset, size_t i, size_t column)
{
    return raw_field(rowset, rowset->order == NULL ? i : rowset->order[i], column);
}

size_t rowset_find(const struct rowset *rowset, struct bytes key)
{
    assert(rowset->order != NULL);
    size_t low = 0;
    size_t high = rowset->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(rowset_field(rowset, middle, rowset->key), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < rowset->row_count && bytes_equal(rowset_field(rowset, low, rowset->key), key))
        return low;
    return ROWSET_NONE;
}
