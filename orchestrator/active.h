/* Active sagas: those that are not final, in memory, found by id. */
#ifndef ZSAGA_ACTIVE_H
#define ZSAGA_ACTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "base/id.h"
#include "definition.h"
#include "node.h"
#include "saga.h"

/* Where an active saga's command stands with its participant. */
enum active_place {
    PLACE_NOWHERE, /* In backoff, or at rest. */
    PLACE_UNDO,    /* Waits to be sent: compensations go before new work, */
    PLACE_FORWARD,
    PLACE_LAST, /* what seems to crash its participant goes behind all. */
    PLACE_IN_FLIGHT,
    PLACE_COUNT,
};

struct active {
    struct saga saga;
    const struct definition *definition;
    const uint8_t *channels; /* Which of the orchestrator's channels serves each step. Borrowed. */
    int64_t created_ms;      /* Wall. */
    int64_t last_at_ms;      /* Wall: of the last record. */
    char *key;
    size_t key_len;
    uint8_t *input; /* Copied. */
    size_t input_len;
    struct bytes outputs[DEFINITION_STEPS_MAX]; /* malloc'ed, or empty. */
    size_t held_bytes;                          /* Of input and outputs. */

    enum active_place place;
    struct active *prev; /* In the list of its place. */
    struct active *next;
    struct heap_entry timer;
    int64_t wake_at_ms; /* Running time: backoff or silence ends. INT64_MAX: neither. */
    int64_t used_ms;    /* Patience used by the command that is out, up to `used_at_ms`. */
    int64_t used_at_ms;
    int64_t next_mark_ms; /* `used_ms` at which it is journaled again. */
    bool counts;          /* Patience is running. */
    bool sent;            /* This command was sent at least once since the process started. */
    uint32_t silences;    /* In a row: doubles the timeout. */
    uint32_t alone;       /* Changes of the participant running in which it was alone in flight. */
    uint64_t frame;       /* Where it was sent last: for a `reject`. */
    uint32_t index;
    size_t sent_bytes;
    struct peer *watcher; /* Who is told of the end; NULL: nobody. */
    bool finished;        /* Final in this batch: freed once that is committed. */
    struct active *chain; /* In the map. */
};

struct active_map {
    struct active **slots;
    size_t slot_count; /* A power of two. */
    size_t count;
    size_t held_bytes;
};

struct active *active_new(const struct id *id, const struct definition *definition,
                          struct bytes key, struct bytes input);
void active_free(struct active *active);
/* Keeps an action's output (copied) for later steps; tells the bytes it takes. */
size_t active_set_output(struct active *active, uint8_t step, struct bytes output);

void active_map_add(struct active_map *map, struct active *active);
void active_map_remove(struct active_map *map, struct active *active); /* Does not free it. */
struct active *active_map_find(const struct active_map *map, const struct id *id);
/* Frees all. */
void active_map_release(struct active_map *map);

/* A list of sagas that wait in the same place. */
struct active_list {
    struct active *first;
    struct active *last;
    size_t count;
};

void active_list_append(struct active_list *list, struct active *active);
void active_list_prepend(struct active_list *list, struct active *active);
void active_list_remove(struct active_list *list, struct active *active);

#endif
