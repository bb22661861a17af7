#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* The character at `data`, or, when it is none, the bytes that a decoder gives up on at once (the
 * Unicode standard's "maximal subpart", section 3.9). */
struct character {
    size_t len;
    bool valid;
};

static struct character character_at(const uint8_t *data, size_t len)
{
    uint8_t lead = data[0];
    size_t wanted = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    /* Of the second byte, narrowed where a longer form, a surrogate or the end of Unicode lies. */
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
        return (struct character){1, false};
    for (size_t i = 1; i < wanted; i++) {
        if (i >= len || data[i] < low || data[i] > high)
            return (struct character){i, false};
        low = 0x80;
        high = 0xbf;
    }
    return (struct character){wanted, true};
}

static bool is_control(const uint8_t *data)
{
    return data[0] < 0x20 || data[0] == 0x7f || (data[0] == 0xc2 && data[1] < 0xa0);
}

bool text_is_utf8(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        struct character next = character_at(text.data + at, text.len - at);
        if (!next.valid)
            return false;
        at += next.len;
    }
    return true;
}

bool text_is_name(struct bytes text)
{
    if (text.len < 1 || text.len > TEXT_NAME_MAX)
        return false;
    for (size_t at = 0; at < text.len;) {
        struct character next = character_at(text.data + at, text.len - at);
        if (!next.valid || is_control(text.data + at))
            return false;
        at += next.len;
    }
    return true;
}

static bool is_token_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.';
}

bool text_is_token(struct bytes text)
{
    if (text.len < 1 || text.len > TEXT_NAME_MAX)
        return false;
    for (size_t at = 0; at < text.len; at++) {
        if (!is_token_byte(text.data[at]))
            return false;
    }
    return true;
}

void text_to_utf8(struct bytes text, char *to, size_t size)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t used = 0;
    for (size_t at = 0; at < text.len;) {
        struct character next = character_at(text.data + at, text.len - at);
        bool kept = next.valid && text.data[at] != '\0';
        const void *from = kept ? (const void *)(text.data + at) : replacement;
        size_t len = kept ? next.len : sizeof replacement - 1;
        if (used + len >= size)
            break;
        memcpy(to + used, from, len);
        used += len;
        at += next.len;
    }
    to[used] = '\0';
}
