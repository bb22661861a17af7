#include "check_sql.h"

#include <string.h>

struct query check_query(struct checker *checker, const char *process, sqlite3 *db, const char *sql)
{
    struct query query = {.checker = checker, .process = process};
    if (sqlite3_prepare_v2(db, sql, -1, &query.stmt, NULL) != SQLITE_OK)
        check_find(checker, I22, process, "cannot be read: %s", sqlite3_errmsg(db));
    return query;
}

bool check_next(struct query *query)
{
    int rc = query->stmt == NULL ? SQLITE_DONE : sqlite3_step(query->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        check_find(query->checker, I22, query->process, "cannot be read: %s",
                   sqlite3_errmsg(sqlite3_db_handle(query->stmt)));
    return rc == SQLITE_ROW;
}

void check_done(struct query *query)
{
    if (query->kept)
        (void)sqlite3_reset(query->stmt);
    else
        (void)sqlite3_finalize(query->stmt);
    query->stmt = NULL;
}

void check_bind_int(struct query *query, int index, int64_t value)
{
    if (query->stmt != NULL)
        (void)sqlite3_bind_int64(query->stmt, index, value);
}

void check_bind(struct query *query, int index, struct check_bytes value)
{
    const void *data = value.len == 0 ? "" : value.data;
    if (query->stmt != NULL)
        (void)sqlite3_bind_blob64(query->stmt, index, data, value.len, SQLITE_STATIC);
}

void check_bind_text(struct query *query, int index, const char *value)
{
    if (query->stmt != NULL)
        (void)sqlite3_bind_text(query->stmt, index, value, -1, SQLITE_STATIC);
}

int64_t check_int(const struct query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

struct check_bytes check_bytes_at(const struct query *query, int column)
{
    const void *data = sqlite3_column_blob(query->stmt, column);
    return (struct check_bytes){data, (size_t)sqlite3_column_bytes(query->stmt, column)};
}

const char *check_text_at(const struct query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->stmt, column);
    return text == NULL ? "" : (const char *)text;
}

int64_t check_number(struct checker *checker, const char *process, sqlite3 *db, const char *sql,
                     int64_t otherwise)
{
    struct query query = check_query(checker, process, db, sql);
    int64_t number = check_next(&query) ? check_int(&query, 0) : otherwise;
    check_done(&query);
    return number;
}

bool check_has_table(sqlite3 *db, const char *name)
{
    return sqlite3_table_column_metadata(db, NULL, name, NULL, NULL, NULL, NULL, NULL, NULL) ==
           SQLITE_OK;
}
