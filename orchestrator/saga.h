/* The saga: one transaction's state, and the pure function that moves it.
 *
 *                    forward done                     last step done
 *        accepted ──► RUNNING ──────────────────────────────────────► COMPLETED
 *                      │  │ ▲
 *     rejected, or     │  │ │ operator
 *     given up         │  ▼ │
 *                      │ ATTENTION ◄─┐
 *                      │    │ ▲      │ patience spent, blocked, expired,
 *                      ▼    ▼ │      │ malformed
 *                     COMPENSATING ──┘
 *                           │ all undone
 *                           └────────────────────────────────────────► COMPENSATED
 *
 * saga_step() takes an event and tells, as records, what has happened: these are journaled first,
 * applied by saga_apply() (here and again at recovery, so both agree), and only then acted on.
 * No I/O, no clock, no allocation. One command is out at a time: the one at the cursor. */
#ifndef ZSAGA_SAGA_H
#define ZSAGA_SAGA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/text.h"
#include "definition.h"

#define SAGA_WORDS_MAX 256 /* Bytes of a message kept; longer ones are cut. */
#define SAGA_RECORDS_MAX 3 /* From one event. */

enum saga_state {
    SAGA_RUNNING,
    SAGA_COMPENSATING,
    SAGA_COMPLETED,
    SAGA_COMPENSATED,
    SAGA_ATTENTION,
    SAGA_STATE_COUNT,
};

enum saga_forward {
    FORWARD_IDLE, /* Never sent. */
    FORWARD_OPEN, /* May have been sent; the outcome is unknown. */
    FORWARD_DONE,
    FORWARD_REJECTED,
    FORWARD_GIVEN_UP, /* Unknown for ever: compensated too. */
};

enum saga_undo {
    UNDO_NONE,
    UNDO_OPEN,
    UNDO_DONE,
};

/* What a saga does until something happens. */
enum saga_phase {
    PHASE_OUT,     /* The command at the cursor is out, or waits for its turn. */
    PHASE_BACKOFF, /* It is sent again later: an answer said `retry` or `pending`. */
    PHASE_REST,    /* Final, or in attention. */
};

struct saga_step_state {
    uint8_t forward;  /* enum saga_forward */
    uint8_t undo;     /* enum saga_undo */
    uint32_t retries; /* Answers of `retry`. */
    uint32_t undo_retries;
};

struct saga {
    struct id id;
    enum saga_state state;
    enum saga_state resumes; /* In attention: where an operator's word leads back to. */
    enum saga_phase phase;
    bool pending;             /* The last answer was `pending`. */
    uint8_t cursor;           /* Step whose command is out; step_count once completed. */
    uint32_t attempt;         /* Of the command at the cursor, from 1. */
    uint32_t repeats;         /* Answers of `retry` or `pending` to it, for the backoff. */
    uint32_t version;         /* Number of the last record. */
    uint8_t last_what;        /* Its enum saga_what: a repeated trouble replaces its record. */
    int64_t patience_used_ms; /* As journaled. */
    int64_t retry_after_ms;   /* What the last answer asked for. */
    char reason[TEXT_NAME_MAX + 1];     /* The code that turned it; "" so far. */
    char error_code[TEXT_NAME_MAX + 1]; /* The current trouble; "" without. */
    char error_words[SAGA_WORDS_MAX + 1];
    struct saga_step_state steps[DEFINITION_STEPS_MAX];
};

/* What happened: values are stored, append only. */
enum saga_what {
    WHAT_NONE = 0,
    WHAT_ACCEPTED = 1,
    WHAT_DONE = 2, /* The action took effect. */
    WHAT_REJECTED = 3,
    WHAT_GAVE_UP = 4,
    WHAT_UNDONE = 5,
    WHAT_TROUBLE = 6, /* retry, pending, patience used: replaces the same of the same command. */
    WHAT_ATTENTION = 7,
    WHAT_RESUMED = 8,
};

struct saga_record {
    uint32_t number; /* In the saga's history, from 1. A trouble repeated keeps its number. */
    enum saga_what what;
    uint8_t step;
    bool undo;        /* Of the compensation rather than the action. */
    bool pending;     /* Trouble: the answer was `pending`. */
    bool backoff;     /* Trouble: the next sending waits. */
    uint32_t attempt; /* Trouble: of the next sending. */
    uint32_t retries; /* Trouble: answers of `retry` so far. */
    uint32_t repeats;
    int64_t used_ms;        /* Trouble: patience used. */
    int64_t retry_after_ms; /* Trouble: what the last answer asked for. */
    struct bytes code;      /* Borrowed from the event, or static. */
    struct bytes words;
    struct bytes output; /* Done: handed to later steps. */
};

enum saga_event_type {
    EVENT_ACCEPTED,
    EVENT_DONE, /* Facts about the step: whatever attempt they answer. */
    EVENT_REJECTED,
    EVENT_RETRY, /* These only for the attempt that is out. */
    EVENT_PENDING,
    EVENT_BLOCKED,
    EVENT_EXPIRED,
    EVENT_MALFORMED,
    EVENT_WAKE,          /* The backoff is over. */
    EVENT_PATIENCE_USED, /* A tenth of the patience more: to be remembered. */
    EVENT_PATIENCE_SPENT,
    EVENT_RESUME, /* An operator's word; code: who, words: why. */
};

struct saga_event {
    enum saga_event_type type;
    uint8_t step;    /* Answers: which step's. */
    bool undo;       /* Answers: of its compensation. */
    bool current;    /* Answers: epoch, attempt and the command that is out all match. */
    int64_t used_ms; /* Patience used by the command that is out. */
    int64_t retry_after_ms;
    struct bytes code;
    struct bytes words;
    struct bytes output;
};

struct saga_update {
    bool stale; /* The event meant nothing: counted and dropped. */
    int record_count;
    struct saga_record records[SAGA_RECORDS_MAX]; /* Journal these before anything else. */
    char kept_code[TEXT_NAME_MAX + 1];   /* The saga's own words that a record borrows: progress */
    char kept_words[SAGA_WORDS_MAX + 1]; /* clears them in the saga. */
    bool marks; /* The record only counts patience: nothing has happened to the saga. */
    bool moved; /* Another command, state or phase than before: see saga_phase and cursor. */
};

/* A fresh saga in front of its EVENT_ACCEPTED. */
void saga_init(struct saga *saga, const struct id *id);

/* Decides and applies. */
void saga_step(struct saga *saga, const struct definition *definition,
               const struct saga_event *event, struct saga_update *ret);

/* Applies a record that was journaled: recovery is the fold of all of them. */
void saga_apply(struct saga *saga, const struct definition *definition,
                const struct saga_record *record);

bool saga_is_final(const struct saga *saga);
bool saga_is_undoing(const struct saga *saga); /* The command at the cursor is a compensation. */
/* The command at the cursor is ended by patience alone: a compensation, a retriable's action. */
bool saga_has_long_patience(const struct saga *saga, const struct definition *definition);
/* Of the command at the cursor. */
int64_t saga_patience_ms(const struct saga *saga, const struct definition *definition);
int64_t saga_backoff_ms(const struct saga *saga, const struct definition *definition);
/* Whether waiting for the next sending counts against patience (docs/decisions.md). */
bool saga_backoff_counts(const struct saga *saga, const struct definition *definition);

const char *saga_state_name(enum saga_state state); /* "running" */
const char *saga_what_name(enum saga_what what);    /* "accepted" */

/* Whether the record can be what happened next: else the history is damaged. */
bool saga_can_apply(const struct saga *saga, const struct definition *definition,
                    const struct saga_record *record);

/* What must hold between two events, and the same asserted. */
bool saga_is_sound(const struct saga *saga, const struct definition *definition);
void saga_check(const struct saga *saga, const struct definition *definition);

#endif
