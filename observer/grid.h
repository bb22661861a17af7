/* Tables on a screen: columns lined up, cut and left out until they fit. */
#ifndef ZSAGA_OBSERVER_GRID_H
#define ZSAGA_OBSERVER_GRID_H

#include "base/columns.h"
#include "screen.h"

struct grid;

/* `columns` is borrowed; at most COLUMNS_MAX. */
struct grid *grid_new(const struct column *columns, size_t count);
void grid_free(struct grid *grid);
void grid_freep(struct grid **grid_p);

/* The next cell (copied), rows from left to right. */
void grid_cell(struct grid *grid, enum style style, struct bytes text);
void grid_text(struct grid *grid, enum style style, const char *text);

/* Titles and as many rows as there is room for in `rows`; returns how many it took. */
size_t grid_put(const struct grid *grid, struct screen *screen, size_t row, size_t rows);

#endif
