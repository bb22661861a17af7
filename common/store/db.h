/* The database of a process: one SQLite file, one connection, held exclusively.
 *
 * WAL with synchronous=FULL: what was committed survives power loss. locking_mode=EXCLUSIVE makes
 * the file its own single-instance lock, also across kill -9. Services prepare their statements
 * with db_prepare(): an authorizer then refuses transaction control, PRAGMA, ATTACH and writes to
 * the engine's tables (zsaga_*), so that no handler can break the batch it runs in. */
#ifndef ZSAGA_DB_H
#define ZSAGA_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"

#ifdef __cplusplus
extern "C" {
#endif

struct db;

/* Opens or creates. What it finds committed is on the disk when it returns. ERR_HELD: another
 * process has it. ERR_CORRUPT: damaged, or of another kind. */
int db_open(const char *path, struct db **ret, struct err *err);

/* A part of the schema, and the version of it that this program makes. */
struct db_part {
    const char *name;
    int version;
};
/* The same for a database of these parts, besides "store", its own: one in which a part is newer,
 * or not among them, is refused (ERR_CORRUPT) with its files holding what they did. */
int db_open_parts(const char *path, const struct db_part *parts, size_t count, struct db **ret,
                  struct err *err);
/* That refusal alone, of a database that has a schema. */
int db_check_parts(struct db *db, const struct db_part *parts, size_t count, struct err *err);

/* Commits no longer wait for the disk (synchronous=NORMAL): power loss may take back the last of
 * them, whole and in order. For what can be built anew, with the cursor it is built from. */
int db_relax(struct db *db, struct err *err);
void db_close(struct db *db); /* Rolls back what is open. Statements must be finalized before. */

/* Brings one part of the schema up to date: runs steps[version .. count - 1] in a transaction and
 * records `count` as the part's version in zsaga_schema. A newer version is refused (ERR_CORRUPT)
 * before anything is written. `part`: "store", "inbox", "service:order". */
int db_migrate(struct db *db, const char *part, const char *const *steps, int count,
               struct err *err);

/* The uuid of this database, drawn when it was created. */
int db_store_uuid(struct db *db, struct id *ret, struct err *err);

/* While on, all SQL that is prepared (also anew, by SQLite itself) is judged as a service's, what
 * ends or outlives the transaction is refused, and db_storage_failure() remembers: on around each
 * call of a service's function. Turned off, it resets the statements that were left open: one of
 * them would block the savepoint's release, or pin the WAL. Returns what it was. */
bool db_guard(struct db *db, bool on);

/* ERR_FULL, ERR_IO or ERR_CORRUPT if this database failed so since the guard was turned on, else 0:
 * a service may say these codes of a file of its own. */
int db_storage_failure(const struct db *db);

/* Persistent statements, owned by the caller; db_prepare() for a service's, guarded. */
int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err);
int db_prepare_engine(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err);

int db_begin(struct db *db, struct err *err); /* IMMEDIATE. */
/* On failure everything is rolled back. ERR_INVALID: a constraint that is checked only now. */
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);             /* Harmless when nothing is open. */
bool db_in_transaction(const struct db *db); /* False once SQLite ended it by itself. */

/* Writes and commits something harmless: tells whether the disk takes writes again. */
int db_probe(struct db *db, struct err *err);

/* One level of savepoint around each entry of a batch. */
int db_savepoint(struct db *db, struct err *err);
int db_release(struct db *db, struct err *err);
int db_undo_savepoint(struct db *db, struct err *err); /* Rolls back to it and releases it. */

/* Steps a statement once. Returns DB_ROW, 0 when done, or an error by class: ERR_FULL, ERR_IO,
 * ERR_CORRUPT, ERR_ABORTED when the transaction is gone, ERR_INVALID for a constraint, else
 * ERR_SYSTEM. Resets the statement unless it returns DB_ROW. */
#define DB_ROW 1
int db_step(struct db *db, sqlite3_stmt *stmt, struct err *err);
void db_reset(sqlite3_stmt *stmt); /* After a DB_ROW that is not read further. */
int db_run(struct db *db, sqlite3_stmt *stmt,
           struct err *err);                                  /* Steps to the end, ignoring rows. */
int db_exec(struct db *db, const char *sql, struct err *err); /* Engine and migrations only. */

/* Binding by position from 1; bytes and text are borrowed until the statement is reset. */
void db_bind_int(sqlite3_stmt *stmt, int index, int64_t value);
void db_bind_bytes(sqlite3_stmt *stmt, int index, struct bytes value);
void db_bind_text(sqlite3_stmt *stmt, int index, struct bytes value);
void db_bind_null(sqlite3_stmt *stmt, int index);

/* Columns from 0; valid until the next step or reset. */
int64_t db_int(sqlite3_stmt *stmt, int column);
struct bytes db_bytes(sqlite3_stmt *stmt, int column);
bool db_is_null(sqlite3_stmt *stmt, int column);

int64_t db_changes(const struct db *db); /* Rows changed by the last statement. */

/* Moves the WAL into the file: now, or once it is large; called between batches. Fails only for
 * what must end the process: after a failed flush SQLite believes pages clean that are not. */
int db_checkpoint(struct db *db, struct err *err);
int db_checkpoint_if_large(struct db *db, struct err *err);

#ifdef __cplusplus
}
#endif

#endif
