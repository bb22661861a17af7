/* The checker's own memory: bytes, growing arrays and maps. It borrows none of the engine's code,
 * so that a mistake there cannot hide itself. Out of memory ends the process. */
#ifndef ZSAGA_CHECK_BASE_H
#define ZSAGA_CHECK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check_evidence.h"

void *check_zeros(size_t count, size_t size); /* Free it with free(). */
void *check_grow(void *array, size_t *capacity, size_t wanted, size_t size);
char *check_copy_text(const char *text);
uint8_t *check_copy(struct check_bytes bytes); /* With a NUL behind it. */

struct check_bytes check_text(const char *text); /* A view of it. */
bool check_equal(struct check_bytes a, struct check_bytes b);
bool check_is(struct check_bytes bytes, const char *text);

#define CHECK_HASH_SEED UINT64_C(0xcbf29ce484222325)
uint64_t check_hash(uint64_t seed, const void *data, size_t len);
/* The length too, so that fields behind each other stay apart. */
uint64_t check_hash_field(uint64_t seed, struct check_bytes bytes);

/* From bytes to a number: the place of something in an array. It keeps copies of its keys. */
struct check_map {
    struct check_slot *slots;
    size_t capacity;
    size_t count;
};

#define CHECK_NOWHERE SIZE_MAX

void check_map_release(struct check_map *map);
size_t check_map_find(const struct check_map *map, struct check_bytes key); /* Or CHECK_NOWHERE. */
/* Of a key that is not there yet. */
void check_map_add(struct check_map *map, struct check_bytes key, size_t value);

/* Hexadecimal; `text` has room for 2 * len + 1. Returns it. */
const char *check_hex(struct check_bytes bytes, char *text);
/* Returns how many bytes, or -1 when it is no hexadecimal of at most `size` bytes. */
int check_unhex(const char *text, uint8_t *bytes, size_t size);

#endif
