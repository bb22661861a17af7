/* Tables for people: columns lined up, cut and left out until they fit the terminal. */
#ifndef ZSAGA_CLI_TABLE_H
#define ZSAGA_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/columns.h"

enum table_style { TABLE_PLAIN, TABLE_GOOD, TABLE_BUSY, TABLE_BAD, TABLE_FAINT };

struct table;

/* `columns` is borrowed; at most COLUMNS_MAX. */
struct table *table_new(const struct column *columns, size_t count);
void table_free(struct table *table);
void table_freep(struct table **table_p);

/* The next cell, rows from left to right; made printable. */
void table_cell(struct table *table, struct bytes text, enum table_style style);
void table_text(struct table *table, const char *text);

/* `width` 0: as wide as it gets. */
void table_render(const struct table *table, size_t width, bool color, struct buffer *to);

#endif
