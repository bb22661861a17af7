#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"
#include "base/xalloc.h"

#define REPLACEMENT 0xfffdU

struct character {
    char text[CELL_BYTES];
    size_t width; /* 0: left out. */
};

struct screen *screen_new(size_t columns, size_t rows, bool ascii)
{
    struct screen *screen = xcalloc(1, sizeof *screen);
    screen->columns = columns;
    screen->rows = rows;
    screen->ascii = ascii;
    screen->cells = xcalloc(columns * rows, sizeof *screen->cells);
    for (size_t i = 0; i < columns * rows; i++)
        screen->cells[i].text[0] = ' ';
    return screen;
}

void screen_free(struct screen *screen)
{
    if (screen == NULL)
        return;
    free(screen->cells);
    free(screen);
}

void screen_freep(struct screen **screen_p)
{
    screen_free(*screen_p);
}

/* The character at `at`, valid UTF-8; tells its length. */
static uint32_t decode(const char *text, size_t *ret_len)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t character = at[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        character = character << 6 | (at[i] & 0x3fU);
    *ret_len = len;
    return character;
}

/* What a terminal would obey, or what changes how other text is read. */
static bool is_unsafe(uint32_t character)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200b, 0x200f}, {0x2028, 0x202e},
        {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe000, 0xf8ff}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

/* The next character of valid UTF-8 as it is shown; moves *text behind it. */
static struct character next(const char **text, bool ascii)
{
    size_t len;
    struct character shown = {.width = 1};
    uint32_t character = decode(*text, &len);
    bool replaced = character == REPLACEMENT || is_unsafe(character);
    int width = wcwidth((wchar_t)character);
    if (ascii && (replaced || character > 0x7e))
        shown.text[0] = '?';
    else if (replaced)
        memcpy(shown.text, "\xef\xbf\xbd", 3);
    else
        memcpy(shown.text, *text, len);
    if (!replaced && width >= 0 && !(ascii && width == 2))
        shown.width = (size_t)width;
    *text += len;
    return shown;
}

static char *to_utf8(struct bytes text)
{
    size_t size = 3 * text.len + 1;
    char *utf8 = xmalloc(size);
    text_to_utf8(text, utf8, size);
    return utf8;
}

static size_t measure(const char *utf8, bool ascii)
{
    size_t width = 0;
    while (*utf8 != '\0')
        width += next(&utf8, ascii).width;
    return width;
}

size_t screen_measure(const struct screen *screen, struct bytes text)
{
    AUTO(freep) char *utf8 = to_utf8(text);
    return measure(utf8, screen->ascii);
}

static size_t put_character(struct screen *screen, size_t row, size_t column, enum style style,
                            const struct character *character)
{
    struct cell *cell = &screen->cells[row * screen->columns + column];
    memcpy(cell->text, character->text, CELL_BYTES);
    cell->style = (uint8_t)style;
    if (character->width == 2)
        cell[1] = (struct cell){.style = (uint8_t)style};
    return character->width;
}

size_t screen_put(struct screen *screen, size_t row, size_t column, size_t width, enum style style,
                  struct bytes text)
{
    AUTO(freep) char *utf8 = to_utf8(text);
    if (row >= screen->rows || column >= screen->columns)
        return 0;
    if (width > screen->columns - column)
        width = screen->columns - column;
    bool whole = measure(utf8, screen->ascii) <= width;
    const struct character mark = {.text = "\xe2\x80\xa6", .width = 1};
    const struct character plain_mark = {.text = "~", .width = 1};
    size_t used = 0;
    for (const char *at = utf8; *at != '\0';) {
        struct character character = next(&at, screen->ascii);
        if (character.width == 0)
            continue;
        if (used + character.width > (whole ? width : width - (width > 0)))
            break;
        used += put_character(screen, row, column + used, style, &character);
    }
    if (!whole && used < width)
        used +=
            put_character(screen, row, column + used, style, screen->ascii ? &plain_mark : &mark);
    return used;
}

const struct cell *screen_row(const struct screen *screen, size_t row)
{
    return &screen->cells[row * screen->columns];
}

static size_t row_end(const struct screen *screen, size_t row)
{
    const struct cell *cells = screen_row(screen, row);
    size_t end = screen->columns;
    while (end > 0 && strcmp(cells[end - 1].text, " ") == 0)
        end--;
    return end;
}

bool screen_row_is_blank(const struct screen *screen, size_t row)
{
    return row_end(screen, row) == 0;
}

void screen_text(const struct screen *screen, struct buffer *to)
{
    for (size_t row = 0; row < screen->rows; row++) {
        const struct cell *cells = screen_row(screen, row);
        size_t end = row_end(screen, row);
        for (size_t i = 0; i < end; i++)
            buffer_append_text(to, cells[i].text);
        buffer_append_text(to, "\n");
    }
}
