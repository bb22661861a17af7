#include "wire/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/xalloc.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    max_align_t data[];
};

static void *give(void *data, size_t size)
{
    return arena_alloc(data, size);
}

static void keep(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

void arena_init(struct arena *arena, size_t budget)
{
    *arena = (struct arena){.budget = budget};
    arena->allocator = (ProtobufCAllocator){.alloc = give, .free = keep, .allocator_data = arena};
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = xmalloc(sizeof *chunk + size);
    /* A large piece goes behind the chunk being filled, whose room stays in use. */
    bool behind = size > CHUNK_SIZE && arena->chunks != NULL;
    struct arena_chunk **place = behind ? &arena->chunks->next : &arena->chunks;
    chunk->next = *place;
    chunk->size = size;
    chunk->used = 0;
    *place = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = sizeof(max_align_t);
    if (size > arena->budget)
        return NULL;
    size = (size + align - 1) / align * align;
    if (size > arena->budget - arena->used)
        return NULL;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size)
        chunk = add_chunk(arena, size > CHUNK_SIZE ? size : CHUNK_SIZE);
    void *p = (uint8_t *)chunk->data + chunk->used;
    chunk->used += size;
    arena->used += size;
    return p;
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = NULL;
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (kept == NULL && chunk->size == CHUNK_SIZE)
            kept = chunk;
        else
            free(chunk);
    }
    if (kept != NULL) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->chunks = kept;
    arena->used = 0;
}

void arena_release(struct arena *arena)
{
    arena_reset(arena);
    free(arena->chunks);
    arena->chunks = NULL;
}
