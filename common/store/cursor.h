/* Cursors: how far a consumer has read each publisher's log, in the transaction of the effects.
 *
 * The row of a publisher says which database's log was read, the number and the id of the last
 * event applied, and whether reading has stopped there and why. */
#ifndef ZSAGA_CURSOR_H
#define ZSAGA_CURSOR_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "store/db.h"

enum cursor_state {
    CURSOR_FOLLOWS = 0,
    CURSOR_TRUNCATED = 1, /* Stopped: events behind it are gone. */
    CURSOR_DIVERGED = 2,  /* Stopped: it is another log. */
};

#define CURSOR_DETAIL_MAX 159 /* Bytes. */

struct cursor {
    struct id store; /* Zero: none read so far. */
    uint64_t seq;    /* Of the last event applied; 0: none. */
    struct id id;    /* Its id; zero when it is not known: reading began behind it. */
    int64_t wall_ms; /* Its publisher's stamp; 0: none. */
    enum cursor_state state;
    char detail[CURSOR_DETAIL_MAX + 1]; /* Why it has stopped. */
};

/* An operator's word that moved a cursor. */
struct cursor_resync {
    bool from_tail;
    struct bytes who;
    struct bytes reason;
};

struct cursor_store;

extern const struct db_part cursor_part; /* Its part of the schema. */

int cursor_open(struct db *db, struct cursor_store **ret, struct err *err);
void cursor_close(struct cursor_store *store);

/* All zeros when there is none yet. */
int cursor_load(struct cursor_store *store, const char *publisher, struct cursor *ret,
                struct err *err);

/* Within the batch's transaction. */
int cursor_save(struct cursor_store *store, const char *publisher, const struct cursor *cursor,
                struct err *err);

/* Writes down who moved the cursor, when, why, and from where to where; in the same transaction. */
int cursor_note_resync(struct cursor_store *store, const char *publisher,
                       const struct cursor_resync *resync, const struct cursor *before,
                       const struct cursor *after, int64_t wall_ms, struct err *err);

/* Whether the newest resync noted for the publisher is this one: then it is being repeated. */
int cursor_was_resynced(struct cursor_store *store, const char *publisher,
                        const struct cursor_resync *resync, bool *ret, struct err *err);

#endif
