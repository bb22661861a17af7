/* The outbox: the log of a publisher, written in the transaction of what it tells.
 *
 * Events are collected while a batch runs, numbered just before its commit and stored as one row;
 * numbers are per event, contiguous, and go on across restarts (a counter row of our own: SQLite's
 * rowids restart or skip). Taking an entry's events back leaves no gap. */
#ifndef ZSAGA_OUTBOX_H
#define ZSAGA_OUTBOX_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "store/db.h"

struct outbox;

struct outbox_event {
    struct id id;
    struct bytes saga; /* 16 bytes, or empty. */
    struct bytes type;
    int64_t wall_ms;
    struct bytes causation; /* What brought it about: saga, step, direction. */
    struct bytes traceparent;
    struct bytes payload;
};

/* Where the collection stood, to take back what came later. */
struct outbox_mark {
    size_t len;
    uint32_t count;
};

int outbox_open(struct db *db, struct outbox **ret, struct err *err);
void outbox_close(struct outbox *outbox);

void outbox_add(struct outbox *outbox, const struct outbox_event *event); /* Copied. */
struct outbox_mark outbox_mark(const struct outbox *outbox);
void outbox_take_back(struct outbox *outbox, struct outbox_mark mark);

/* Numbers and writes what was collected, inside the batch's transaction. Afterwards exactly one of
 * outbox_committed() and outbox_forget(). */
int outbox_write(struct outbox *outbox, struct err *err);
void outbox_committed(struct outbox *outbox);
void outbox_forget(struct outbox *outbox); /* The batch was taken back. */

/* Id of the last event stored; zero: none. New ids must not go below it. */
const struct id *outbox_last_id(const struct outbox *outbox);

uint64_t outbox_head(const struct outbox *outbox); /* Last committed number; 0: none yet. */

#endif
