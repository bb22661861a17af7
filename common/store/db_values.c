/* Values into statements, and out of their rows. */
#include <assert.h>

#include "store/db.h"

void db_bind_int(sqlite3_stmt *stmt, int index, int64_t value)
{
    int rc = sqlite3_bind_int64(stmt, index, value);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void db_bind_bytes(sqlite3_stmt *stmt, int index, struct bytes value)
{
    const void *data = value.len == 0 ? "" : (const void *)value.data;
    int rc = sqlite3_bind_blob64(stmt, index, data, value.len, SQLITE_STATIC);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void db_bind_text(sqlite3_stmt *stmt, int index, struct bytes value)
{
    const char *data = value.len == 0 ? "" : (const char *)value.data;
    int rc = sqlite3_bind_text64(stmt, index, data, value.len, SQLITE_STATIC, SQLITE_UTF8);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void db_bind_null(sqlite3_stmt *stmt, int index)
{
    int rc = sqlite3_bind_null(stmt, index);
    assert(rc == SQLITE_OK);
    (void)rc;
}

int64_t db_int(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

struct bytes db_bytes(sqlite3_stmt *stmt, int column)
{
    const void *data = sqlite3_column_blob(stmt, column);
    return bytes_of(data, (size_t)sqlite3_column_bytes(stmt, column));
}

bool db_is_null(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}
