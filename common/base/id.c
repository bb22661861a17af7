#include "base/id.h"

#include <string.h>

#include "base/mutant.h"

static void put_be(uint8_t *to, uint64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        to[i] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_be(const uint8_t *from, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | from[i];
    return value;
}

void id_source_init(struct id_source *source, uint64_t random)
{
    *source = (struct id_source){0};
    put_be(source->random, random, sizeof source->random);
}

void id_source_raise(struct id_source *source, const struct id *stored)
{
    uint64_t ms = get_be(stored->bytes, 6);
    uint32_t counter = (uint32_t)get_be(stored->bytes + 6, 4);
    if (MUTANT(IDS_GO_BACK) || ms < source->last_ms ||
        (ms == source->last_ms && counter <= source->counter))
        return;
    source->last_ms = ms;
    source->counter = counter;
}

struct id id_next(struct id_source *source, int64_t wall_ms)
{
    uint64_t now = wall_ms < 0 ? 0 : (uint64_t)wall_ms & 0xffffffffffffU;
    if (now > source->last_ms) {
        source->last_ms = now;
        source->counter = 0;
    } else if (source->counter == UINT32_MAX) {
        source->last_ms++;
        source->counter = 0;
    } else if (!MUTANT(ID_REUSED)) {
        source->counter++;
    }
    struct id id;
    put_be(id.bytes, source->last_ms, 6);
    put_be(id.bytes + 6, source->counter, 4);
    memcpy(id.bytes + 10, source->random, 6);
    return id;
}

int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE);
}

bool id_is_zero(const struct id *id)
{
    static const struct id zero;
    return id_compare(id, &zero) == 0;
}

bool id_from_bytes(struct bytes bytes, struct id *ret)
{
    if (bytes.len != ID_SIZE)
        return false;
    memcpy(ret->bytes, bytes.data, ID_SIZE);
    return true;
}

struct bytes id_view(const struct id *id)
{
    return bytes_of(id->bytes, ID_SIZE);
}

const char *id_text(const struct id *id, char text[ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < ID_SIZE; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    text[ID_TEXT_SIZE - 1] = '\0';
    return text;
}
