/* The inbox: the barrier that makes each (saga, step, direction) take effect at most once.
 *
 * One row per (saga, step) says what happened forward and backward and what was answered, written
 * in the transaction of the business change. Forward and backward compete for that one row under
 * BEGIN IMMEDIATE, so there is no check-then-act. inbox_judge() is the whole rule:
 *
 *              | nothing   | done      | rejected  | pending          | undone or tombstone
 *   -----------+-----------+-----------+-----------+------------------+--------------------
 *   action     | run       | repeat    | repeat    | ask again        | blocked
 *   compensate | tombstone | undo      | tombstone | ask, then undo   | repeat
 *
 * (Barrier after dtm's "sub-transaction barrier": github.com/dtm-labs/dtm, here as one row.) */
#ifndef ZSAGA_INBOX_H
#define ZSAGA_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "store/db.h"

/* Values are stored: append only. */
enum inbox_forward {
    INBOX_FORWARD_NONE = 0,
    INBOX_FORWARD_DONE = 1,
    INBOX_FORWARD_REJECTED = 2,
    INBOX_FORWARD_PENDING = 3,
};

enum inbox_backward {
    INBOX_BACKWARD_NONE = 0,
    INBOX_BACKWARD_DONE = 1,
    INBOX_BACKWARD_TOMBSTONE = 2, /* There was nothing to undo, and there never will be. */
};

struct inbox_row {
    enum inbox_forward forward;
    enum inbox_backward backward;
    struct bytes code; /* Of the forward outcome; these three are valid until the next call. */
    struct bytes message;
    struct bytes output;
};

enum inbox_verdict {
    INBOX_RUN,       /* Call the action. */
    INBOX_ASK,       /* It is pending: call the action again. */
    INBOX_UNDO,      /* Call the compensation. */
    INBOX_ASK_UNDO,  /* Call the action again; undo it once it is known done. */
    INBOX_TOMBSTONE, /* Record that nothing is undone and a later action is blocked. */
    INBOX_REPEAT,    /* Answer what is recorded. */
    INBOX_BLOCKED,   /* Refuse: the compensation came first. */
};

enum inbox_verdict inbox_judge(const struct inbox_row *row, bool compensation);

struct inbox;

extern const struct db_part inbox_part; /* Its part of the schema. */

int inbox_open(struct db *db, struct inbox **ret, struct err *err); /* Migrates its table. */
void inbox_close(struct inbox *inbox);

/* A row of nothings when there is none; *ret_found (may be NULL) tells. */
int inbox_find(struct inbox *inbox, const struct id *saga, uint32_t step, struct inbox_row *ret,
               bool *ret_found, struct err *err);

/* Ends the lending of bytes: an unfinished read would pin the WAL. */
void inbox_rest(struct inbox *inbox);

/* Rows written in all, as of the last commit: like the log's head it never falls, unless the
 * database is replaced by an older one. */
uint64_t inbox_records(const struct inbox *inbox);

/* Stores that count within the batch's transaction; then one of the other two. */
int inbox_save(struct inbox *inbox, struct err *err);
void inbox_committed(struct inbox *inbox);
void inbox_forget(struct inbox *inbox);

/* Writes the whole row. `driver`: number of the orchestrator it belongs to (store/fence.h). */
int inbox_put(struct inbox *inbox, const struct id *saga, uint32_t step, int64_t driver,
              const struct inbox_row *row, struct err *err);

#endif
