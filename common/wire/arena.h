/* An arena for decoding: memory of one batch, given back at once, with a budget.
 *
 * protobuf-c grows a crafted megabyte into fifty; an arena refuses beyond its budget, and unpack
 * then fails cleanly. Never call a *_free_unpacked() on what came from an arena. */
#ifndef ZSAGA_ARENA_H
#define ZSAGA_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    ProtobufCAllocator allocator; /* Give this to the unpack functions. */
    struct arena_chunk *chunks;
    size_t used;   /* Bytes given out since the last reset. */
    size_t budget; /* Most bytes given out between two resets. */
};

void arena_init(struct arena *arena, size_t budget);
void arena_reset(struct arena *arena); /* What was given out is gone; one chunk is kept. */
void arena_release(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size); /* NULL when the budget is spent. */

#endif
