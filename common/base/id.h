/* Ids: 16 bytes that sort by the time they were made.
 *
 * 48 bits of wall milliseconds, a 32-bit counter, 48 random bits drawn once per process, all big
 * endian, so that memcmp() orders them. A generator never goes below the last id it made or was
 * told of, whatever the wall clock does. (Time-ordered keys keep B-tree inserts at the tree's end.)
 */
#ifndef ZSAGA_ID_H
#define ZSAGA_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ID_SIZE 16
#define ID_TEXT_SIZE 33 /* 32 hex digits and the NUL. */

struct id {
    uint8_t bytes[ID_SIZE];
};

struct id_source {
    uint64_t last_ms;
    uint32_t counter;
    uint8_t random[6];
};

/* `random`: 48 bits of the process's own randomness. */
void id_source_init(struct id_source *source, uint64_t random);
void id_source_raise(struct id_source *source, const struct id *stored); /* Never below this. */
struct id id_next(struct id_source *source, int64_t wall_ms);

int id_compare(const struct id *a, const struct id *b);
bool id_is_zero(const struct id *id);
bool id_from_bytes(struct bytes bytes, struct id *ret); /* False unless exactly 16 bytes. */
struct bytes id_view(const struct id *id);
const char *id_text(const struct id *id, char text[ID_TEXT_SIZE]); /* Hex; returns `text`. */

#ifdef __cplusplus
}
#endif

#endif
