/* A service's prepared statements: an array beside the array of their SQL. */
#ifndef ZSAGA_STATEMENTS_H
#define ZSAGA_STATEMENTS_H

#include <stddef.h>

#include "store/db.h"
#include "wire/arena.h"

/* Prepares sql[i] into ret[i], which were NULL. Some may be prepared when it fails. */
int statements_prepare(struct db *db, const char *const *sql, sqlite3_stmt **ret, size_t count,
                       struct err *err);

/* Also after a failed prepare. */
void statements_finalize(sqlite3_stmt **statements, size_t count);

/* Copies a column of the row that was stepped to into `arena`. False: it has no room for it. */
bool statements_copy(sqlite3_stmt *statement, int column, struct arena *arena, struct bytes *ret);

#endif
