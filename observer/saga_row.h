/* Sagas as the observer knows them: the fold of an orchestrator's events. Pure.
 *
 * What it does not say it is not told: a log that is read from its middle leaves rows with what is
 * known, and steps in the order in which they were heard of. */
#ifndef ZSAGA_OBSERVER_SAGA_ROW_H
#define ZSAGA_OBSERVER_SAGA_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "ledger.h"
#include "saga.pb-c.h"
#include "shape.h"

#define SAGA_ROW_IDLE_MS 30000 /* Nothing heard of it for longer: stuck. */
#define SAGA_ROW_TROUBLES 2    /* So many behind each other: stuck. */

enum step_forward {
    STEP_IDLE,
    STEP_OUT,
    STEP_DONE,
    STEP_REJECTED,
    STEP_GIVEN_UP,
};

enum step_undo {
    STEP_UNDO_NONE,
    STEP_UNDO_OUT,
    STEP_UNDO_DONE,
};

struct step_row {
    uint8_t forward; /* enum step_forward */
    uint8_t undo;    /* enum step_undo */
    uint32_t retries;
    uint32_t undo_retries;
    char *last_error; /* Owned, or NULL: none. */
};

struct saga_row {
    struct ledger_entry entry; /* Its key is the saga's id. */
    char *key;                 /* Owned, or NULL: not known. */
    struct shape *shape;       /* One user of it. */
    struct step_row *steps;    /* As many as the shape has. */
    uint8_t state;             /* A SagaState. */
    uint8_t cursor;            /* Step whose command is out, or the number of steps: none. */
    uint32_t troubles;         /* Since the last progress. */
    uint64_t seq;              /* Of the last event. */
    int64_t started_ms;        /* Publisher's stamps; 0: not known, or not yet. */
    int64_t changed_ms;
    int64_t finished_ms;
    char *reason;     /* Owned, or NULL: none so far. */
    char *last_error; /* The current trouble. Owned, or NULL. */
};

struct saga_row_event {
    struct bytes type;
    const Zsaga__SagaEvent *saga; /* Its state is one of SagaState's. */
    int64_t wall_ms;
    uint64_t seq;
};

enum saga_row_outcome {
    SAGA_ROW_STARTED,
    SAGA_ROW_MOVED,
    SAGA_ROW_FINISHED,
};

bool saga_row_knows(struct bytes type); /* That type of event tells of a saga. */

/* Applies one event, of a type it knows, to a row that is zeroed but for its
 * entry, or was applied to before. */
enum saga_row_outcome saga_row_apply(struct saga_row *row, struct shapes *shapes,
                                     const struct saga_row_event *event);
void saga_row_release(struct saga_row *row);

/* All as told so far; NULL or 0 when there is none. */
const struct shape_step *saga_row_step(const struct saga_row *row); /* At the cursor. */
uint32_t saga_row_attempts(const struct saga_row *row);             /* Of its command. */
bool saga_row_is_final(const struct saga_row *row);
bool saga_row_is_stuck(const struct saga_row *row, int64_t as_of_ms);

const char *saga_row_forward_name(uint8_t forward);
const char *saga_row_undo_name(uint8_t undo);

#endif
