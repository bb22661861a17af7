/* Ledgers: rows of one stream that stay open for a while, and are then closed for good.
 *
 * Two tables: NAME_open, small, by key, and NAME_closed, appended to, by the number in which rows
 * were closed. Open rows live in memory, where events change them; once per commit the changed ones
 * are written, each once. Of the closed ones the newest `keep` stay: which those are depends on the
 * stream alone, not on where batches ended, so that a ledger that was built anew equals the one
 * that lived through it all. */
#ifndef ZSAGA_OBSERVER_LEDGER_H
#define ZSAGA_OBSERVER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "participant.h"
#include "store/db.h"

#define LEDGER_MEMORY_MAX 100000 /* Open rows in memory; others are read when they change. */
#define LEDGER_TRIM_MAX 20000    /* Closed rows beyond `keep` that one commit removes. */

/* First member of each record. */
struct ledger_entry {
    struct ledger_entry *chain; /* Of its bucket. */
    struct ledger_entry *before;
    struct ledger_entry *behind;
    struct bytes key; /* Owned. */
    uint32_t hash;
    bool dirty;
    bool stored;     /* In the table of the open ones. */
    uint64_t number; /* Once it is closed, from 1. */
};

struct ledger_kind {
    const char *name;    /* Of the tables: NAME_open, NAME_closed. */
    const char *key;     /* Column of the key. */
    const char *columns; /* The others, "a, b, c". */
    size_t column_count; /* Of those others. */
    size_t record_size;
    /* Binds the columns, from parameter 2 on. What it makes for that lives in *scratch. */
    void (*bind)(const void *record, sqlite3_stmt *stmt, struct buffer *scratch);
    /* Reads the columns, from 1 on, into a zeroed record that has its key. */
    int (*read)(void *context, sqlite3_stmt *stmt, void *record, struct err *err);
    void (*release)(void *record); /* What it owns beside itself; once, also after a failed read. */
};

enum ledger_statement {
    LEDGER_FIND,
    LEDGER_PUT,
    LEDGER_REMOVE,
    LEDGER_CLOSE,
    LEDGER_TRIM,
    LEDGER_LOAD,
    LEDGER_COUNT,
    LEDGER_RANGE,
    LEDGER_RECENT,
    LEDGER_PAGE_OPEN,
    LEDGER_PAGE_CLOSED,
    LEDGER_CLEAR_OPEN,
    LEDGER_CLEAR_CLOSED,
    LEDGER_STATEMENT_COUNT,
};

struct ledger {
    struct db *db;
    const struct ledger_kind *kind;
    void *context;
    uint64_t keep;
    size_t memory_max;
    uint64_t trim_max;
    sqlite3_stmt *statements[LEDGER_STATEMENT_COUNT];
    struct ledger_entry **buckets;
    size_t bucket_count;
    struct ledger_entry *oldest; /* In memory, in the order they were opened. */
    struct ledger_entry *newest;
    size_t count;                /* In memory. */
    uint64_t absent;             /* Open, but in the table only. */
    uint64_t closed;             /* Ever: the last number. */
    uint64_t lowest;             /* Closed row that is still there; closed + 1: none. */
    struct ledger_entry **dirty; /* What flush writes; the closed ones among them live here only. */
    size_t dirty_count;
    size_t dirty_capacity;
    struct buffer scratch;
};

/* Its tables must be there. `context` is for the kind's functions. */
int ledger_open(struct ledger *ledger, struct db *db, const struct ledger_kind *kind, void *context,
                uint64_t keep, struct err *err);
void ledger_release(struct ledger *ledger); /* Also after a failed open. */

int ledger_load(struct ledger *ledger, struct err *err); /* Memory from the tables: once, first. */
void ledger_forget(struct ledger *ledger);               /* All memory; then ledger_load(). */

/* The open row of that key; LEDGER_NEW when there was none, and a zeroed one was made. */
enum { LEDGER_NEW = 1 };
int ledger_get(struct ledger *ledger, struct bytes key, void **ret, struct err *err);
void ledger_touch(struct ledger *ledger, void *record); /* It has changed. */
void ledger_close(struct ledger *ledger, void *record); /* It is done; not to be used any more. */

uint64_t ledger_open_count(const struct ledger *ledger);

/* Within a transaction. */
int ledger_flush(struct ledger *ledger, struct err *err);
int ledger_reset(struct ledger *ledger, struct err *err); /* Empties tables and memory. */

/* Those open and in memory, the oldest first; NULL at the end. */
void *ledger_first(const struct ledger *ledger);
void *ledger_next(const void *record);

/* Shows the closed rows from the newest on, at most `limit`, until `show` returns false. */
int ledger_recent(struct ledger *ledger, uint64_t limit,
                  bool (*show)(void *context, const void *record), void *context, struct err *err);

/* A page of an export: the closed rows by number, then the open ones by key, as of the last flush.
 * `show` adds one row. */
int ledger_page(struct ledger *ledger, struct bytes after, struct export_page *page,
                void (*show)(const void *record, struct export_page *page), struct buffer *ret_next,
                struct err *err);

#endif
