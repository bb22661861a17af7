/* A screen in memory: cells with a character and a style each. Pure; term.h shows it. */
#ifndef ZSAGA_OBSERVER_SCREEN_H
#define ZSAGA_OBSERVER_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum style {
    STYLE_PLAIN,
    STYLE_TITLE,
    STYLE_HEAD,
    STYLE_GOOD,
    STYLE_BUSY,
    STYLE_BAD,
    STYLE_FAINT,
    STYLE_COUNT,
};

#define CELL_BYTES 5 /* A character in UTF-8, and its end. */

struct cell {
    char text[CELL_BYTES]; /* "" behind a character that is two columns wide. */
    uint8_t style;         /* enum style */
};

struct screen {
    size_t columns;
    size_t rows;
    bool ascii; /* Shows other characters as "?". */
    struct cell *cells;
};

struct screen *screen_new(size_t columns, size_t rows, bool ascii); /* Blank. */
void screen_free(struct screen *screen);
void screen_freep(struct screen **screen_p);

/* Puts text, made safe to show, from a column on, in `width` columns at most; what does not fit is
 * cut, and marked so. Returns the columns used. Places beyond the screen are no harm. */
size_t screen_put(struct screen *screen, size_t row, size_t column, size_t width, enum style style,
                  struct bytes text);

/* Columns that the text takes, once safe: what is not UTF-8, controls and what turns the direction
 * of writing are one replacement character each, marks without width are left out. */
size_t screen_measure(const struct screen *screen, struct bytes text);

const struct cell *screen_row(const struct screen *screen, size_t row);
bool screen_row_is_blank(const struct screen *screen, size_t row);

/* All rows as text, without the blanks at their ends. */
void screen_text(const struct screen *screen, struct buffer *to);

#endif
