/* Memory of what is decoded from one frame or one row. */
#include <stdlib.h>

#include "check_internal.h"

#define SIZE ((size_t)256 << 10)
#define ALIGN 16

static void *take(void *data, size_t size)
{
    struct checker *checker = data;
    size_t aligned = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (aligned < size)
        return NULL;
    if (checker->arena_size - checker->arena_used >= aligned) {
        void *room = checker->arena + checker->arena_used;
        checker->arena_used += aligned;
        return room;
    }
    checker->extra = check_grow(checker->extra, &checker->extra_capacity, checker->extra_count + 1,
                                sizeof *checker->extra);
    return checker->extra[checker->extra_count++] = check_zeros(size, 1);
}

static void give_back(void *data, void *room)
{
    (void)data;
    (void)room;
}

void check_arena_open(struct checker *checker)
{
    checker->arena_size = SIZE;
    checker->arena = check_zeros(SIZE, 1);
    checker->allocator =
        (ProtobufCAllocator){.alloc = take, .free = give_back, .allocator_data = checker};
}

void check_arena_reset(struct checker *checker)
{
    checker->arena_used = 0;
    for (size_t i = 0; i < checker->extra_count; i++)
        free(checker->extra[i]);
    checker->extra_count = 0;
}

void check_arena_close(struct checker *checker)
{
    check_arena_reset(checker);
    free(checker->extra);
    free(checker->arena);
}
