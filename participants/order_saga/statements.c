#include "order_saga/statements.h"

#include <string.h>

int statements_prepare(struct db *db, const char *const *sql, sqlite3_stmt **ret, size_t count,
                       struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = db_prepare(db, sql[i], &ret[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void statements_finalize(sqlite3_stmt **statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}

bool statements_copy(sqlite3_stmt *statement, int column, struct arena *arena, struct bytes *ret)
{
    struct bytes from = db_bytes(statement, column);
    void *to = arena_alloc(arena, from.len);
    if (to == NULL)
        return false;
    if (from.len != 0)
        memcpy(to, from.data, from.len);
    *ret = bytes_of(to, from.len);
    return true;
}
