/* Tables on a screen: columns lined up, cut and left out until they fit. */
#ifndef ZSAGA_OBSERVER_GRID_H
#define ZSAGA_OBSERVER_GRID_H

#include "screen.h"

#define GRID_COLUMNS_MAX 16

struct grid_column {
    const char *title;
    bool right;      /* Numbers. */
    size_t min;      /* May be cut down to so many columns of the screen; 0: never. */
    unsigned weight; /* When it is still too wide, the highest goes first; 0: never. */
};

struct grid;

/* `columns` is borrowed; at most GRID_COLUMNS_MAX. */
struct grid *grid_new(const struct grid_column *columns, size_t count);
void grid_free(struct grid *grid);
void grid_freep(struct grid **grid_p);

/* The next cell (copied), rows from left to right. */
void grid_cell(struct grid *grid, enum style style, struct bytes text);
void grid_text(struct grid *grid, enum style style, const char *text);

/* Titles and as many rows as there is room for in `rows`; returns how many it took. */
size_t grid_put(const struct grid *grid, struct screen *screen, size_t row, size_t rows);

#endif
