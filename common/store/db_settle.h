/* Settling a database at its start: what stands in its WAL is brought to the disk.
 *
 * Who died between the writes of a commit and their flush finds it committed by the next start,
 * although power loss would take it back; once anybody has been told so, it must not. A flush alone
 * is not enough: after one that failed, Linux takes the pages for clean, and the next has nothing
 * to do. So everything is written once more, as it is, and then flushed.
 *
 * Power loss may destroy what is just being written, and with it what was committed long ago. So a
 * copy is flushed first, `<database>-settle`, then marked as whole, and removed at the end; a start
 * that finds a whole one puts it back. */
#ifndef ZSAGA_DB_SETTLE_H
#define ZSAGA_DB_SETTLE_H

#include <sqlite3.h>

#include "base/err.h"

struct db;

/* In WAL mode, under the exclusive lock. Returns SQLite's code. When it fails, the WAL must not be
 * written to before it has succeeded. */
int db_settle(sqlite3 *handle);

/* Ends what a start or a probe was cut off in, under a lock of its own: before anything has been
 * read through `handle`. SQLite's code; SQLITE_BUSY: another process has the database. */
int db_settle_resume(sqlite3 *handle);

/* The same as db_settle() of an open database that is relaxed (db_relax()), after its disk was
 * found full: a flush that found no room has brought nothing to the disk, and the next checkpoint
 * would take the WAL for flushed. Where each commit is flushed, one that could not be is none, and
 * what comes next is written over it: nothing to do. ERR_FULL, ERR_IO. */
int db_settle_again(struct db *db, struct err *err);

#endif
