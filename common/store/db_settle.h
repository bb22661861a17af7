/* Settling a database at its start: what stands in its WAL is brought to the disk.
 *
 * Who died between the writes of a commit and their flush finds it committed by the next start,
 * although power loss would take it back; once anybody has been told so, it must not. A flush alone
 * is not enough: after one that failed, Linux takes the pages for clean, and the next has nothing
 * to do. So everything is written once more, as it is, and then flushed.
 *
 * Not in its place: power loss may destroy what is just being written, and this was committed long
 * ago. A new file is written and flushed, and takes the WAL's name: whatever happens, one of the
 * two is there, whole. */
#ifndef ZSAGA_DB_SETTLE_H
#define ZSAGA_DB_SETTLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* The WAL that was brought to the disk. */
struct db_settled {
    sqlite3_int64 size;
    uint64_t sum;
};

/* In WAL mode, under the exclusive lock, before anything is told of what it holds. *ret_again: the
 * WAL is a new file, and SQLite still has the old one open: close the connection without a
 * checkpoint, open it again, and ask again with the same *settled, zeroed at first: somebody else
 * may have had the database in between. Returns SQLite's code. */
int db_settle(sqlite3 *handle, struct db_settled *settled, bool *ret_again);

/* To give a file another's name, for good, is not among what SQLite asks of a file layer. One whose
 * files are not the system's is told so with this sqlite3_file_control() of the database. */
#define DB_SETTLE_MOVE 0x7a736d76 /* "zsmv"; SQLite's own are below 100. */
struct db_settle_move {
    char *from;
    char *to;
};

#endif
