#include "shipment_rows.h"

#include "order_saga/books.h"
#include "order_saga/statements.h"

const char *const shipment_rows_schema[SHIPMENT_ROWS_SCHEMA_COUNT] = {
    /* The key is time-ordered: new rows go to the tree's end. */
    "CREATE TABLE shipment("
    " saga BLOB PRIMARY KEY,"
    " order_id TEXT NOT NULL,"
    " country TEXT NOT NULL,"
    " units INTEGER NOT NULL,"
    " status TEXT NOT NULL" /* scheduled, cancelled */
    ") STRICT, WITHOUT ROWID;",
};

static const char *const sql[SHIPMENT_STATEMENT_COUNT] = {
    [SHIPMENT_ADD] = "INSERT INTO shipment(saga, order_id, country, units, status)"
                     " VALUES (?1, ?2, ?3, ?4, 'scheduled')",
    [SHIPMENT_FIND] = "SELECT order_id, units FROM shipment"
                      " WHERE saga = ?1 AND status = 'scheduled'",
    [SHIPMENT_CANCEL] = "UPDATE shipment SET status = 'cancelled' WHERE saga = ?1",
    [SHIPMENT_PAGE] = "SELECT saga, order_id, status FROM shipment WHERE saga > ?1 ORDER BY saga",
};

int shipment_rows_open(struct shipment_rows *rows, struct db *db, struct err *err)
{
    rows->db = db;
    return statements_prepare(db, sql, rows->statements, SHIPMENT_STATEMENT_COUNT, err);
}

void shipment_rows_close(struct shipment_rows *rows)
{
    statements_finalize(rows->statements, SHIPMENT_STATEMENT_COUNT);
}

int shipment_rows_add(struct shipment_rows *rows, const struct id *saga,
                      const struct shipment *shipment, struct err *err)
{
    sqlite3_stmt *add = rows->statements[SHIPMENT_ADD];
    db_bind_bytes(add, 1, id_view(saga));
    db_bind_text(add, 2, shipment->order_id);
    db_bind_text(add, 3, shipment->country);
    db_bind_int(add, 4, shipment->units);
    return db_run(rows->db, add, err);
}

int shipment_rows_find(struct shipment_rows *rows, const struct id *saga, struct arena *arena,
                       struct shipment *ret, struct err *err)
{
    sqlite3_stmt *find = rows->statements[SHIPMENT_FIND];
    db_bind_bytes(find, 1, id_view(saga));
    int rc = db_step(rows->db, find, err);
    if (rc == DB_ROW) {
        *ret = (struct shipment){.units = db_int(find, 1)};
        if (!statements_copy(find, 0, arena, &ret->order_id))
            rc = err_set(err, ERR_CORRUPT, "a shipment is larger than any order");
    }
    db_reset(find);
    return rc;
}

int shipment_rows_cancel(struct shipment_rows *rows, const struct id *saga, struct err *err)
{
    sqlite3_stmt *cancel = rows->statements[SHIPMENT_CANCEL];
    db_bind_bytes(cancel, 1, id_view(saga));
    return db_run(rows->db, cancel, err);
}

static void check_shipment(struct books *books, sqlite3_stmt *row, int64_t *scheduled,
                           int64_t *cancelled)
{
    char name[BOOKS_NAME_SIZE];
    bool active = bytes_equal(db_bytes(row, 2), bytes_text("scheduled"));
    bool gone = bytes_equal(db_bytes(row, 2), bytes_text("cancelled"));
    (void)books_name(db_bytes(row, 0), name);
    books->seen++;
    if (!active && !gone)
        books_wrong(books, "order '%s' has an unknown status", name);
    else if (db_int(row, 1) <= 0)
        books_wrong(books, "order '%s' ships %lld units", name, (long long)db_int(row, 1));
    *scheduled += active;
    *cancelled += gone;
}

int shipment_rows_audit(void *self, struct db *db, struct audit *audit, struct err *err)
{
    struct books books = {0};
    int64_t scheduled = 0;
    int64_t cancelled = 0;
    sqlite3_stmt *all = NULL;
    (void)self;
    int rc =
        db_prepare(db, "SELECT order_id, units, status FROM shipment ORDER BY saga", &all, err);
    while (rc == 0 && (rc = db_step(db, all, err)) == DB_ROW) {
        check_shipment(&books, all, &scheduled, &cancelled);
        rc = 0;
    }
    sqlite3_finalize(all);
    if (rc == 0)
        books_report(&books, audit, "shipping.shipments_are_whole", "shipments",
                     "%lld scheduled, %lld cancelled", (long long)scheduled, (long long)cancelled);
    return rc;
}
