#include "table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "printable.h"

struct cell {
    char *text;
    size_t width;
    enum table_style style;
};

struct table {
    const struct column *columns;
    size_t column_count;
    struct cell *cells;
    size_t cell_count;
    size_t capacity;
};

struct table *table_new(const struct column *columns, size_t count)
{
    assert(count <= COLUMNS_MAX);
    struct table *table = xcalloc(1, sizeof *table);
    table->columns = columns;
    table->column_count = count;
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}

void table_freep(struct table **table_p)
{
    table_free(*table_p);
}

void table_cell(struct table *table, struct bytes text, enum table_style style)
{
    table->cells =
        xgrow(table->cells, &table->capacity, table->cell_count + 1, sizeof *table->cells);
    struct cell *cell = &table->cells[table->cell_count++];
    cell->text = printable(text);
    cell->width = printable_width(cell->text);
    cell->style = style;
}

void table_text(struct table *table, const char *text)
{
    table_cell(table, bytes_text(text), TABLE_PLAIN);
}

static void measure(const struct table *table, size_t *widths)
{
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = printable_width(table->columns[i].title);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t *width = &widths[i % table->column_count];
        if (*width < table->cells[i].width)
            *width = table->cells[i].width;
    }
}

static void pad(struct buffer *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_append_text(to, " ");
}

static void put_cut(struct buffer *to, const char *text, size_t text_width, size_t width)
{
    if (text_width <= width) {
        buffer_append_text(to, text);
        return;
    }
    size_t len = printable_fit(text, width - 1);
    buffer_append(to, text, len);
    buffer_append_text(to, "\xe2\x80\xa6"); /* An ellipsis, one column wide. */
}

static const char *style_code(enum table_style style)
{
    static const char *const codes[] = {
        [TABLE_PLAIN] = "",         [TABLE_GOOD] = "\033[32m", [TABLE_BUSY] = "\033[33m",
        [TABLE_BAD] = "\033[1;31m", [TABLE_FAINT] = "\033[2m",
    };
    return codes[style];
}

static void put_cell(struct buffer *to, const struct cell *cell, size_t width, bool right,
                     bool last, bool color)
{
    const char *code = color ? style_code(cell->style) : "";
    size_t shown = cell->width < width ? cell->width : width;
    if (right)
        pad(to, width - shown);
    buffer_append_text(to, code);
    put_cut(to, cell->text, cell->width, width);
    buffer_append_text(to, code[0] == '\0' ? "" : "\033[0m");
    if (!right && !last)
        pad(to, width - shown);
}

static void put_row(const struct table *table, const struct cell *cells, const size_t *widths,
                    bool color, struct buffer *to)
{
    size_t last = table->column_count;
    while (last > 0 && widths[last - 1] == 0)
        last--;
    bool first = true;
    for (size_t i = 0; i < last; i++) {
        if (widths[i] == 0)
            continue;
        if (!first)
            pad(to, COLUMNS_GAP);
        first = false;
        put_cell(to, &cells[i], widths[i], table->columns[i].right, i + 1 == last, color);
    }
    while (to->len > 0 && to->data[to->len - 1] == ' ')
        to->len--;
    buffer_append_text(to, "\n");
}

void table_render(const struct table *table, size_t width, bool color, struct buffer *to)
{
    size_t widths[COLUMNS_MAX];
    struct cell *titles = xcalloc(table->column_count, sizeof *titles);
    measure(table, widths);
    if (width != 0)
        columns_fit(table->columns, table->column_count, width, widths);
    for (size_t i = 0; i < table->column_count; i++) {
        titles[i].text = xstrdup(table->columns[i].title);
        titles[i].width = printable_width(titles[i].text);
        titles[i].style = TABLE_FAINT;
    }
    put_row(table, titles, widths, color, to);
    for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
        put_row(table, table->cells + i, widths, color, to);
    for (size_t i = 0; i < table->column_count; i++)
        free(titles[i].text);
    free(titles);
}
