#include "order_rows.h"

#include "order_saga/statements.h"

const char *const order_rows_schema[ORDER_ROWS_SCHEMA_COUNT] = {
    "CREATE TABLE orders("
    " order_id TEXT PRIMARY KEY,"
    " saga BLOB NOT NULL,"
    " customer_id TEXT NOT NULL,"
    " total INTEGER NOT NULL," /* In cents; a total beyond this type is stored as its maximum. */
    " status TEXT NOT NULL"    /* pending, confirmed, cancelled */
    ") STRICT, WITHOUT ROWID;"
    /* Apart, so that a new status does not write it again. */
    "CREATE TABLE order_body("
    " saga BLOB PRIMARY KEY,"
    " input BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID;",
};

static const char *const sql[ORDER_STATEMENT_COUNT] = {
    [ORDER_FIND] = "SELECT saga, status FROM orders WHERE order_id = ?1",
    [ORDER_ADD] = "INSERT INTO orders(order_id, saga, customer_id, total, status)"
                  " VALUES (?1, ?2, ?3, ?4, 'pending')",
    [ORDER_BODY_ADD] = "INSERT INTO order_body(saga, input) VALUES (?1, ?2)",
    [ORDER_SET_STATUS] = "UPDATE orders SET status = ?2 WHERE order_id = ?1",
    [ORDER_PAGE] = "SELECT order_id, order_id, customer_id, total, status FROM orders"
                   " WHERE order_id > ?1 ORDER BY order_id",
};

int order_rows_open(struct order_rows *rows, struct db *db, struct err *err)
{
    rows->db = db;
    return statements_prepare(db, sql, rows->statements, ORDER_STATEMENT_COUNT, err);
}

void order_rows_close(struct order_rows *rows)
{
    statements_finalize(rows->statements, ORDER_STATEMENT_COUNT);
}

int order_rows_find(struct order_rows *rows, struct bytes order_id, struct order_owner *ret,
                    struct err *err)
{
    sqlite3_stmt *find = rows->statements[ORDER_FIND];
    *ret = (struct order_owner){.status = ORDER_NONE};
    db_bind_text(find, 1, order_id);
    int rc = db_step(rows->db, find, err);
    if (rc == DB_ROW && (!id_from_bytes(db_bytes(find, 0), &ret->saga) ||
                         !order_rules_status_read(db_bytes(find, 1), &ret->status)))
        rc = err_set(err, ERR_CORRUPT, "an order's row is damaged");
    db_reset(find);
    return rc < 0 ? rc : 0;
}

int order_rows_add(struct order_rows *rows, const struct id *saga, const struct order_input *order,
                   struct bytes input, struct err *err)
{
    sqlite3_stmt *add = rows->statements[ORDER_ADD];
    db_bind_text(add, 1, order->order_id);
    db_bind_bytes(add, 2, id_view(saga));
    db_bind_text(add, 3, order->customer_id);
    db_bind_int(add, 4, order->total_cents);
    int rc = db_run(rows->db, add, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *body = rows->statements[ORDER_BODY_ADD];
    db_bind_bytes(body, 1, id_view(saga));
    db_bind_bytes(body, 2, input);
    return db_run(rows->db, body, err);
}

int order_rows_set_status(struct order_rows *rows, struct bytes order_id, enum order_status status,
                          struct err *err)
{
    sqlite3_stmt *set = rows->statements[ORDER_SET_STATUS];
    db_bind_text(set, 1, order_id);
    db_bind_text(set, 2, bytes_text(order_rules_status_text(status)));
    return db_run(rows->db, set, err);
}
