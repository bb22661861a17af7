#include "consumer_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

uint64_t consumer_row_last(const struct consumer_row *row)
{
    return row->first + row->count - 1;
}

static size_t cost(const struct consumer_row *row)
{
    return row->len + sizeof *row;
}

void consumer_rows_clear(struct consumer_rows *rows)
{
    for (size_t i = rows->head; i < rows->end; i++)
        free(rows->rows[i].events);
    rows->head = rows->taken = rows->end = 0;
    rows->bytes = 0;
}

void consumer_rows_release(struct consumer_rows *rows)
{
    consumer_rows_clear(rows);
    free(rows->rows);
    *rows = (struct consumer_rows){0};
}

/* Room for one more at the end: what was dropped at the front makes it, where that is much. */
static void make_room(struct consumer_rows *rows)
{
    assert(rows->taken == rows->head);
    if (rows->end < rows->capacity)
        return;
    if (rows->head > rows->end / 2) {
        memmove(rows->rows, rows->rows + rows->head, (rows->end - rows->head) * sizeof *rows->rows);
        rows->end -= rows->head;
        rows->head = rows->taken = 0;
        return;
    }
    rows->rows = xgrow(rows->rows, &rows->capacity, rows->end + 1, sizeof *rows->rows);
}

/* Rows mostly come in order: look from the end. */
static size_t place_of(const struct consumer_rows *rows, uint64_t first)
{
    size_t low = rows->head;
    size_t high = rows->end;
    if (low == high || rows->rows[high - 1].first < first)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->rows[middle].first < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool consumer_rows_add(struct consumer_rows *rows, uint64_t first, uint32_t count,
                       struct bytes events)
{
    make_room(rows);
    size_t place = place_of(rows, first);
    if (place < rows->end && rows->rows[place].first == first)
        return false;
    memmove(rows->rows + place + 1, rows->rows + place, (rows->end - place) * sizeof *rows->rows);
    rows->end++;
    rows->rows[place] = (struct consumer_row){first, count, events.len, NULL};
    rows->rows[place].events = xmemdup(events.data, events.len);
    rows->bytes += cost(&rows->rows[place]);
    return true;
}

void consumer_rows_drop_first(struct consumer_rows *rows)
{
    assert(rows->taken == rows->head);
    assert(rows->head < rows->end);
    rows->bytes -= cost(&rows->rows[rows->head]);
    free(rows->rows[rows->head].events);
    rows->taken = ++rows->head;
}

bool consumer_rows_empty(const struct consumer_rows *rows)
{
    return rows->head == rows->end;
}

const struct consumer_row *consumer_rows_next(const struct consumer_rows *rows)
{
    return rows->taken < rows->end ? &rows->rows[rows->taken] : NULL;
}

void consumer_rows_take(struct consumer_rows *rows)
{
    assert(rows->taken < rows->end);
    rows->taken++;
}

void consumer_rows_settle(struct consumer_rows *rows)
{
    size_t taken = rows->taken;
    rows->taken = rows->head;
    while (rows->head < taken)
        consumer_rows_drop_first(rows);
}

void consumer_rows_take_back(struct consumer_rows *rows)
{
    rows->taken = rows->head;
}
