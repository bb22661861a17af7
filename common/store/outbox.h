/* The outbox: the log of a publisher, written in the transaction of what it tells.
 *
 * Events are collected while a batch runs, numbered just before its commit and stored as rows of
 * up to OUTBOX_ROW_BYTES each; numbers are per event, contiguous, and go on across restarts (a
 * counter row of our own: SQLite's rowids restart or skip). Taking an entry's events back leaves no
 * gap. The log reaches down to its tail: what is older, or more, than is kept is removed from
 * there, whoever has not read it yet. */
#ifndef ZSAGA_OUTBOX_H
#define ZSAGA_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "store/db.h"

#define OUTBOX_PAYLOAD_MAX ((size_t)256 << 10) /* Of one event. */
/* A row ends before it would exceed this, so that it fits a frame; a larger event has its own. */
#define OUTBOX_ROW_BYTES ((size_t)60 << 10)

struct outbox;

extern const struct db_part outbox_part; /* Its part of the schema. */

struct outbox_event {
    struct id id;
    struct bytes saga; /* 16 bytes, or empty. */
    struct bytes type;
    int64_t wall_ms;
    struct bytes causation; /* What brought it about: saga, step, direction. */
    struct bytes traceparent;
    struct bytes payload; /* At most OUTBOX_PAYLOAD_MAX. */
};

/* Events that were committed together, or some of them. */
struct outbox_row {
    uint64_t first;
    uint32_t count;
    struct bytes events; /* A packed EventBatch. */
};

/* Where the collection stood, to take back what came later. */
struct outbox_mark {
    size_t len;
    uint32_t count;
    size_t rows;
};

int outbox_open(struct db *db, struct outbox **ret, struct err *err);
void outbox_close(struct outbox *outbox);

void outbox_add(struct outbox *outbox, const struct outbox_event *event); /* Copied. */
struct outbox_mark outbox_mark(const struct outbox *outbox);
void outbox_take_back(struct outbox *outbox, struct outbox_mark mark);

/* Numbers and writes what was collected, inside the batch's transaction; `at_ms` is the age of the
 * rows, by the clock that outbox_trim() is asked with. Afterwards exactly one of outbox_committed()
 * and outbox_forget(). */
int outbox_write(struct outbox *outbox, int64_t at_ms, struct err *err);
void outbox_committed(struct outbox *outbox);
void outbox_forget(struct outbox *outbox); /* The batch was taken back. */

/* The rows committed since the last outbox_published(), oldest first; valid until then. */
size_t outbox_fresh(const struct outbox *outbox, const struct outbox_row **ret);
void outbox_published(struct outbox *outbox);

/* Id of the last event stored; zero: none. New ids must not go below it. */
const struct id *outbox_last_id(const struct outbox *outbox);

/* `at_ms` of the newest row stored; 0: none. */
int64_t outbox_last_at_ms(const struct outbox *outbox);

uint64_t outbox_head(const struct outbox *outbox); /* Last committed number; 0: none yet. */
uint64_t outbox_tail(const struct outbox *outbox); /* Lowest that is kept; head + 1: none. */

/* Reading what is committed, outside of a transaction of the batch. */
enum outbox_found {
    OUTBOX_FOUND,     /* *ret: the row that holds `seq`; valid until the next call or rest. */
    OUTBOX_TRUNCATED, /* Below the tail. */
    OUTBOX_BEYOND,    /* Above the head. */
};
int outbox_find(struct outbox *outbox, uint64_t seq, struct outbox_row *ret, struct err *err);
/* The row behind the one found last; OUTBOX_FOUND or OUTBOX_BEYOND. */
int outbox_next(struct outbox *outbox, struct outbox_row *ret, struct err *err);
void outbox_rest(struct outbox *outbox); /* Ends reading: an open read would pin the WAL. */
/* The id of event `seq`, also of the last one removed below the tail. OUTBOX_TRUNCATED when it is
 * gone; seq 0 has the zero id. */
int outbox_id_at(struct outbox *outbox, uint64_t seq, struct id *ret, struct err *err);

/* Removes from the tail what is beyond `keep_bytes` in all or was written before `keep_from_ms`, a
 * bounded piece, inside the batch's transaction and before outbox_write(). The last row
 * always stays. */
int outbox_trim(struct outbox *outbox, uint64_t keep_bytes, int64_t keep_from_ms, struct err *err);
bool outbox_wants_trim(const struct outbox *outbox, uint64_t keep_bytes, int64_t keep_from_ms);

#endif
