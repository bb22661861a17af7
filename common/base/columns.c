#include "columns.h"

#include <assert.h>
#include <string.h>

static size_t total(const size_t *widths, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += widths[i] == 0 ? 0 : widths[i] + (sum == 0 ? 0 : COLUMNS_GAP);
    return sum;
}

/* Cuts the widest column that may be cut by one; false when none may. */
static bool cut_one(const struct column *columns, size_t count, size_t *widths)
{
    size_t widest = count;
    for (size_t i = 0; i < count; i++) {
        if (columns[i].min == 0 || widths[i] <= columns[i].min)
            continue;
        if (widest == count || widths[i] > widths[widest])
            widest = i;
    }
    if (widest == count)
        return false;
    widths[widest]--;
    return true;
}

static bool leave_one_out(const struct column *columns, size_t count, size_t *widths)
{
    size_t heaviest = count;
    for (size_t i = 0; i < count; i++) {
        if (columns[i].weight == 0 || widths[i] == 0)
            continue;
        if (heaviest == count || columns[i].weight > columns[heaviest].weight)
            heaviest = i;
    }
    if (heaviest == count)
        return false;
    widths[heaviest] = 0;
    return true;
}

void columns_fit(const struct column *columns, size_t count, size_t available, size_t *widths)
{
    size_t full[COLUMNS_MAX];
    assert(count <= COLUMNS_MAX);
    memcpy(full, widths, count * sizeof *widths);
    for (;;) {
        memcpy(widths, full, count * sizeof *widths);
        while (total(widths, count) > available && cut_one(columns, count, widths))
            continue;
        if (total(widths, count) <= available || !leave_one_out(columns, count, full))
            return;
    }
}
