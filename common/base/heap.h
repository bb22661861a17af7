/* Deadlines: a binary heap of entries that know their own place, so that each can be moved. */
#ifndef ZSAGA_HEAP_H
#define ZSAGA_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_NOWHERE SIZE_MAX

/* Embedded in what is timed. Initialise `place` with HEAP_NOWHERE. */
struct heap_entry {
    int64_t at_ms;
    size_t place; /* In the heap's array, or HEAP_NOWHERE. */
    uint64_t tie; /* Order of insertion: equal deadlines fire in the order they were set. */
};

struct heap {
    struct heap_entry **entries;
    size_t count;
    size_t capacity;
    uint64_t ties;
};

void heap_release(struct heap *heap); /* Frees the array, not the entries. */

/* Sets or moves the entry's deadline. */
void heap_set(struct heap *heap, struct heap_entry *entry, int64_t at_ms);
void heap_remove(struct heap *heap, struct heap_entry *entry); /* Nothing when it is not in. */
struct heap_entry *heap_first(const struct heap *heap);        /* NULL when empty; stays in. */

#endif
