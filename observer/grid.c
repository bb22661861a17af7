#include "grid.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/xalloc.h"

struct grid_text {
    char *text;
    enum style style;
};

struct grid {
    const struct column *columns;
    size_t column_count;
    struct grid_text *cells;
    size_t cell_count;
    size_t capacity;
};

struct grid *grid_new(const struct column *columns, size_t count)
{
    struct grid *grid = xcalloc(1, sizeof *grid);
    assert(count <= COLUMNS_MAX);
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
        column += widths[i] + COLUMNS_GAP;
    }
}

size_t grid_put(const struct grid *grid, struct screen *screen, size_t row, size_t rows)
{
    size_t widths[COLUMNS_MAX];
    struct grid_text titles[COLUMNS_MAX];
    size_t count = grid->column_count;
    if (rows == 0)
        return 0;
    measure(grid, screen, widths);
    columns_fit(grid->columns, count, screen->columns, widths);
    for (size_t i = 0; i < count; i++)
        titles[i] = (struct grid_text){(char *)(uintptr_t)grid->columns[i].title, STYLE_HEAD};
    put_row(grid, titles, widths, screen, row);
    size_t used = 1;
    for (size_t i = 0; i + count <= grid->cell_count && used < rows; i += count)
        put_row(grid, grid->cells + i, widths, screen, row + used++);
    return used;
}
