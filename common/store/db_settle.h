/* Settling a database at its start: what stands in its WAL is brought to the disk.
 *
 * Who died between the writes of a commit and their flush finds it committed by the next start,
 * although power loss would take it back; once anybody has been told so, it must not. A flush alone
 * is not enough: after one that failed, Linux takes the pages for clean, and the next has nothing
 * to do. So everything is written once more, as it is, and then flushed. */
#ifndef ZSAGA_DB_SETTLE_H
#define ZSAGA_DB_SETTLE_H

#include <sqlite3.h>

#include "base/err.h"

struct db;

/* In WAL mode, under the exclusive lock. Returns SQLite's code. */
int db_settle(sqlite3 *handle);

/* The same of an open database, after its disk was found full: a flush that found no room has
 * brought nothing to the disk either. ERR_FULL, ERR_IO. */
int db_settle_again(struct db *db, struct err *err);

#endif
