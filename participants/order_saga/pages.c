#include "order_saga/pages.h"

#include <assert.h>

#define FIELDS_MAX 8

static void add_row(sqlite3_stmt *statement, struct export_page *page)
{
    struct bytes fields[FIELDS_MAX];
    int count = sqlite3_column_count(statement) - 1;
    assert(count <= FIELDS_MAX);
    for (int i = 0; i < count; i++)
        fields[i] = db_bytes(statement, i + 1);
    export_add(page, fields);
}

int pages_fill(struct db *db, sqlite3_stmt *statement, enum pages_key key, struct bytes after,
               struct export_page *page, struct buffer *ret_next, struct err *err)
{
    if (key == PAGES_KEY_BLOB)
        db_bind_bytes(statement, 1, after);
    else
        db_bind_text(statement, 1, after);
    int rc;
    while ((rc = db_step(db, statement, err)) == DB_ROW) {
        add_row(statement, page);
        if (!export_full(page))
            continue;
        struct bytes last = db_bytes(statement, 0);
        buffer_append(ret_next, last.data, last.len);
        break;
    }
    /* A statement left open would pin the log of the database. */
    db_reset(statement);
    return rc < 0 ? rc : 0;
}
