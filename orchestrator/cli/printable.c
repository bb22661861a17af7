#include "printable.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"
#include "base/xalloc.h"

static char *to_utf8(struct bytes text)
{
    size_t size = 3 * text.len + 1;
    char *utf8 = xmalloc(size);
    text_to_utf8(text, utf8, size);
    return utf8;
}

/* The character at `text`, valid UTF-8; moves *text behind it. */
static uint32_t next_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int more = at[0] < 0x80 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
    static const unsigned char masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    uint32_t character = at[0] & masks[more];
    for (int i = 1; i <= more; i++)
        character = character << 6 | (at[i] & 0x3fU);
    *text += more + 1;
    return character;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

char *printable(struct bytes text)
{
    AUTO(freep) char *utf8 = to_utf8(text);
    struct buffer safe = {0};
    for (const char *at = utf8; *at != '\0';) {
        const char *start = at;
        if (is_control(next_character(&at)))
            buffer_append_text(&safe, "\xef\xbf\xbd");
        else
            buffer_append(&safe, start, (size_t)(at - start));
    }
    buffer_append(&safe, "", 1);
    return (char *)safe.data;
}

static size_t character_width(uint32_t character)
{
    int width = wcwidth((wchar_t)character);
    return width < 0 ? 1 : (size_t)width;
}

size_t printable_width(const char *text)
{
    size_t width = 0;
    while (*text != '\0')
        width += character_width(next_character(&text));
    return width;
}

size_t printable_fit(const char *text, size_t columns)
{
    const char *at = text;
    while (*at != '\0') {
        const char *behind = at;
        size_t width = character_width(next_character(&behind));
        if (width > columns)
            break;
        columns -= width;
        at = behind;
    }
    return (size_t)(at - text);
}

json_t *printable_json(struct bytes text)
{
    AUTO(freep) char *utf8 = to_utf8(text);
    return json_string(utf8);
}

json_t *printable_json_or_null(struct bytes text)
{
    return text.len == 0 ? json_null() : printable_json(text);
}
