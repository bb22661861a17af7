#include "grid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define GAP 2 /* Columns of the screen between two of the table. */

struct grid_text {
    char *text;
    enum style style;
};

struct grid {
    const struct grid_column *columns;
    size_t column_count;
    struct grid_text *cells;
    size_t cell_count;
    size_t capacity;
};

struct grid *grid_new(const struct grid_column *columns, size_t count)
{
    struct grid *grid = xcalloc(1, sizeof *grid);
    assert(count <= GRID_COLUMNS_MAX);
    grid->columns = columns;
    grid->column_count = count;
    return grid;
}

void grid_free(struct grid *grid)
{
    if (grid == NULL)
        return;
    for (size_t i = 0; i < grid->cell_count; i++)
        free(grid->cells[i].text);
    free(grid->cells);
    free(grid);
}

void grid_freep(struct grid **grid_p)
{
    grid_free(*grid_p);
}

void grid_cell(struct grid *grid, enum style style, struct bytes text)
{
    size_t size = 3 * text.len + 1;
    char *copy = xmalloc(size);
    text_to_utf8(text, copy, size);
    grid->cells = xgrow(grid->cells, &grid->capacity, grid->cell_count + 1, sizeof *grid->cells);
    grid->cells[grid->cell_count++] = (struct grid_text){copy, style};
}

void grid_text(struct grid *grid, enum style style, const char *text)
{
    grid_cell(grid, style, bytes_text(text));
}

static void measure(const struct grid *grid, const struct screen *screen, size_t *widths)
{
    for (size_t i = 0; i < grid->column_count; i++)
        widths[i] = screen_measure(screen, bytes_text(grid->columns[i].title));
    for (size_t i = 0; i < grid->cell_count; i++) {
        size_t *width = &widths[i % grid->column_count];
        size_t wanted = screen_measure(screen, bytes_text(grid->cells[i].text));
        if (*width < wanted)
            *width = wanted;
    }
}

/* A column of width 0 is left out. */
static size_t total(const struct grid *grid, const size_t *widths)
{
    size_t sum = 0;
    for (size_t i = 0; i < grid->column_count; i++)
        sum += widths[i] == 0 ? 0 : widths[i] + (sum == 0 ? 0 : GAP);
    return sum;
}

/* Cuts the widest column that may be cut; false when none may. */
static bool cut_one(const struct grid *grid, size_t *widths)
{
    size_t widest = grid->column_count;
    for (size_t i = 0; i < grid->column_count; i++) {
        size_t min = grid->columns[i].min;
        if (min == 0 || widths[i] <= min)
            continue;
        if (widest == grid->column_count || widths[i] > widths[widest])
            widest = i;
    }
    if (widest == grid->column_count)
        return false;
    widths[widest]--;
    return true;
}

static bool leave_one_out(const struct grid *grid, size_t *widths)
{
    size_t heaviest = grid->column_count;
    for (size_t i = 0; i < grid->column_count; i++) {
        unsigned weight = grid->columns[i].weight;
        if (weight == 0 || widths[i] == 0)
            continue;
        if (heaviest == grid->column_count || weight > grid->columns[heaviest].weight)
            heaviest = i;
    }
    if (heaviest == grid->column_count)
        return false;
    widths[heaviest] = 0;
    return true;
}

/* Columns are left out one at a time, the others getting back their full width each time. */
static void fit(const struct grid *grid, size_t width, size_t *widths)
{
    size_t full[GRID_COLUMNS_MAX];
    memcpy(full, widths, grid->column_count * sizeof *widths);
    for (;;) {
        memcpy(widths, full, grid->column_count * sizeof *widths);
        while (total(grid, widths) > width && cut_one(grid, widths))
            continue;
        if (total(grid, widths) <= width || !leave_one_out(grid, full))
            return;
    }
}

static void put_row(const struct grid *grid, const struct grid_text *cells, const size_t *widths,
                    struct screen *screen, size_t row)
{
    size_t column = 0;
    for (size_t i = 0; i < grid->column_count; i++) {
        if (widths[i] == 0)
            continue;
        struct bytes text = bytes_text(cells[i].text);
        size_t wanted = screen_measure(screen, text);
        size_t indent = grid->columns[i].right && wanted < widths[i] ? widths[i] - wanted : 0;
        (void)screen_put(screen, row, column + indent, widths[i] - indent, cells[i].style, text);
        column += widths[i] + GAP;
    }
}

size_t grid_put(const struct grid *grid, struct screen *screen, size_t row, size_t rows)
{
    size_t widths[GRID_COLUMNS_MAX];
    struct grid_text titles[GRID_COLUMNS_MAX];
    size_t count = grid->column_count;
    if (rows == 0)
        return 0;
    measure(grid, screen, widths);
    fit(grid, screen->columns, widths);
    for (size_t i = 0; i < count; i++)
        titles[i] = (struct grid_text){(char *)(uintptr_t)grid->columns[i].title, STYLE_HEAD};
    put_row(grid, titles, widths, screen, row);
    size_t used = 1;
    for (size_t i = 0; i + count <= grid->cell_count && used < rows; i += count)
        put_row(grid, grid->cells + i, widths, screen, row + used++);
    return used;
}
