#include "base/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->tie < b->tie;
}

static void put(struct heap *heap, size_t place, struct heap_entry *entry)
{
    heap->entries[place] = entry;
    entry->place = place;
}

static void sift_up(struct heap *heap, struct heap_entry *entry)
{
    size_t place = entry->place;
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!before(entry, heap->entries[parent]))
            break;
        put(heap, place, heap->entries[parent]);
        place = parent;
    }
    put(heap, place, entry);
}

static void sift_down(struct heap *heap, struct heap_entry *entry)
{
    size_t place = entry->place;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->entries[child + 1], heap->entries[child]))
            child++;
        if (!before(heap->entries[child], entry))
            break;
        put(heap, place, heap->entries[child]);
        place = child;
    }
    put(heap, place, entry);
}

void heap_release(struct heap *heap)
{
    free(heap->entries);
    *heap = (struct heap){0};
}

void heap_set(struct heap *heap, struct heap_entry *entry, int64_t at_ms)
{
    entry->at_ms = at_ms;
    entry->tie = heap->ties++;
    if (entry->place == HEAP_NOWHERE) {
        heap->entries =
            xgrow(heap->entries, &heap->capacity, heap->count + 1, sizeof *heap->entries);
        put(heap, heap->count++, entry);
    }
    sift_up(heap, entry);
    sift_down(heap, entry);
}

void heap_remove(struct heap *heap, struct heap_entry *entry)
{
    if (entry->place == HEAP_NOWHERE)
        return;
    size_t place = entry->place;
    struct heap_entry *last = heap->entries[--heap->count];
    entry->place = HEAP_NOWHERE;
    if (last == entry)
        return;
    put(heap, place, last);
    sift_up(heap, last);
    sift_down(heap, last);
}

struct heap_entry *heap_first(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->entries[0];
}
