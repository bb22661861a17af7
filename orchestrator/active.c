#include "active.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define SLOTS_MIN 64

struct active *active_new(const struct id *id, const struct definition *definition,
                          struct bytes key, struct bytes input)
{
    struct active *active = xcalloc(1, sizeof *active);
    saga_init(&active->saga, id);
    active->definition = definition;
    active->key = xmemdup(key.data, key.len);
    active->key_len = key.len;
    active->input = xmemdup(input.data, input.len);
    active->input_len = input.len;
    active->held_bytes = input.len;
    active->timer.place = HEAP_NOWHERE;
    active->wake_at_ms = INT64_MAX;
    return active;
}

void active_free(struct active *active)
{
    if (active == NULL)
        return;
    for (size_t i = 0; i < DEFINITION_STEPS_MAX; i++)
        free((void *)(uintptr_t)active->outputs[i].data);
    free(active->key);
    free(active->input);
    free(active->watcher);
    free(active);
}

size_t active_set_output(struct active *active, uint8_t step, struct bytes output)
{
    assert(step < DEFINITION_STEPS_MAX);
    if (output.len == 0 || active->outputs[step].len != 0)
        return 0;
    active->outputs[step] = bytes_of(xmemdup(output.data, output.len), output.len);
    active->held_bytes += output.len;
    return output.len;
}

/* The counter and the milliseconds are the parts of an id that differ: often only the last bits of
 * either, so all bits must reach the slot's. (Finalizer of splitmix64.) */
static size_t slot_of(const struct active_map *map, const struct id *id)
{
    uint64_t bits;
    memcpy(&bits, id->bytes + 2, sizeof bits);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
    return (size_t)(bits ^ (bits >> 31)) & (map->slot_count - 1);
}

static void grow(struct active_map *map)
{
    struct active_map bigger = {.count = map->count, .held_bytes = map->held_bytes};
    bigger.slot_count = map->slot_count == 0 ? SLOTS_MIN : map->slot_count * 2;
    bigger.slots = xcalloc(bigger.slot_count, sizeof *bigger.slots);
    for (size_t i = 0; i < map->slot_count; i++) {
        while (map->slots[i] != NULL) {
            struct active *active = map->slots[i];
            map->slots[i] = active->chain;
            size_t slot = slot_of(&bigger, &active->saga.id);
            active->chain = bigger.slots[slot];
            bigger.slots[slot] = active;
        }
    }
    free(map->slots);
    *map = bigger;
}

void active_map_add(struct active_map *map, struct active *active)
{
    if (map->count >= map->slot_count)
        grow(map);
    size_t slot = slot_of(map, &active->saga.id);
    active->chain = map->slots[slot];
    map->slots[slot] = active;
    map->count++;
    map->held_bytes += active->held_bytes;
}

void active_map_remove(struct active_map *map, struct active *active)
{
    struct active **at = &map->slots[slot_of(map, &active->saga.id)];
    while (*at != active) {
        assert(*at != NULL);
        at = &(*at)->chain;
    }
    *at = active->chain;
    map->count--;
    map->held_bytes -= active->held_bytes;
}

struct active *active_map_find(const struct active_map *map, const struct id *id)
{
    if (map->slot_count == 0)
        return NULL;
    struct active *active = map->slots[slot_of(map, id)];
    while (active != NULL && id_compare(&active->saga.id, id) != 0)
        active = active->chain;
    return active;
}

void active_map_release(struct active_map *map)
{
    for (size_t i = 0; i < map->slot_count; i++) {
        while (map->slots[i] != NULL) {
            struct active *active = map->slots[i];
            map->slots[i] = active->chain;
            active_free(active);
        }
    }
    free(map->slots);
    *map = (struct active_map){0};
}

void active_list_append(struct active_list *list, struct active *active)
{
    active->next = NULL;
    active->prev = list->last;
    if (list->last != NULL)
        list->last->next = active;
    else
        list->first = active;
    list->last = active;
    list->count++;
}

void active_list_prepend(struct active_list *list, struct active *active)
{
    active->prev = NULL;
    active->next = list->first;
    if (list->first != NULL)
        list->first->prev = active;
    else
        list->last = active;
    list->first = active;
    list->count++;
}

void active_list_remove(struct active_list *list, struct active *active)
{
    if (active->prev != NULL)
        active->prev->next = active->next;
    else
        list->first = active->next;
    if (active->next != NULL)
        active->next->prev = active->prev;
    else
        list->last = active->prev;
    active->prev = NULL;
    active->next = NULL;
    list->count--;
}
