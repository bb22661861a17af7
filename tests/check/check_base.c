#include "check_base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIME UINT64_C(0x100000001b3)
#define SLOTS_FIRST 16

struct check_slot {
    uint8_t *key; /* NULL: free. */
    size_t len;
    uint64_t hash;
    size_t value;
};

static void *not_null(void *memory)
{
    if (memory == NULL) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *check_zeros(size_t count, size_t size)
{
    return not_null(calloc(count == 0 ? 1 : count, size));
}

void *check_grow(void *array, size_t *capacity, size_t wanted, size_t size)
{
    if (wanted <= *capacity)
        return array;
    size_t grown = *capacity < 8 ? 8 : *capacity * 2;
    *capacity = grown < wanted ? wanted : grown;
    return not_null(reallocarray(array, *capacity, size));
}

uint8_t *check_copy(struct check_bytes bytes)
{
    uint8_t *copy = check_zeros(bytes.len + 1, 1);
    if (bytes.len != 0)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

char *check_copy_text(const char *text)
{
    return (char *)check_copy(check_text(text));
}

struct check_bytes check_text(const char *text)
{
    return (struct check_bytes){text, strlen(text)};
}

bool check_equal(struct check_bytes a, struct check_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool check_is(struct check_bytes bytes, const char *text)
{
    return check_equal(bytes, check_text(text));
}

uint64_t check_hash(uint64_t seed, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        seed = (seed ^ bytes[i]) * PRIME;
    return seed;
}

uint64_t check_hash_field(uint64_t seed, struct check_bytes bytes)
{
    return check_hash((seed ^ bytes.len) * PRIME, bytes.data, bytes.len);
}

uint64_t check_body(struct check_bytes definition, struct check_bytes input)
{
    return check_hash_field(check_hash_field(CHECK_HASH_SEED, definition), input);
}

void check_map_release(struct check_map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = (struct check_map){0};
}

/* The key's slot, or the free one where it would stand. */
static struct check_slot *slot_of(const struct check_map *map, struct check_bytes key,
                                  uint64_t hash)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)(hash ^ hash >> 32) & mask;
    for (;; at = (at + 1) & mask) {
        struct check_slot *slot = &map->slots[at];
        if (slot->key == NULL)
            return slot;
        if (slot->hash == hash && check_equal((struct check_bytes){slot->key, slot->len}, key))
            return slot;
    }
}

size_t check_map_find(const struct check_map *map, struct check_bytes key)
{
    if (map->count == 0)
        return CHECK_NOWHERE;
    const struct check_slot *slot =
        slot_of(map, key, check_hash(CHECK_HASH_SEED, key.data, key.len));
    return slot->key == NULL ? CHECK_NOWHERE : slot->value;
}

static void enlarge(struct check_map *map)
{
    struct check_map larger = {.capacity = map->capacity == 0 ? SLOTS_FIRST : map->capacity * 2};
    larger.slots = check_zeros(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < map->capacity; i++) {
        const struct check_slot *slot = &map->slots[i];
        if (slot->key != NULL)
            *slot_of(&larger, (struct check_bytes){slot->key, slot->len}, slot->hash) = *slot;
    }
    larger.count = map->count;
    free(map->slots);
    *map = larger;
}

void check_map_add(struct check_map *map, struct check_bytes key, size_t value)
{
    if (map->count * 4 >= map->capacity * 3)
        enlarge(map);
    uint64_t hash = check_hash(CHECK_HASH_SEED, key.data, key.len);
    *slot_of(map, key, hash) =
        (struct check_slot){.key = check_copy(key), .len = key.len, .hash = hash, .value = value};
    map->count++;
}

const char *check_hex(struct check_bytes bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = digits[from[i] >> 4];
        text[2 * i + 1] = digits[from[i] & 0xf];
    }
    text[2 * bytes.len] = '\0';
    return text;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int check_unhex(const char *text, uint8_t *bytes, size_t size)
{
    size_t len = strlen(text);
    if (len % 2 != 0 || len / 2 > size)
        return -1;
    for (size_t i = 0; i < len / 2; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (int)(len / 2);
}
