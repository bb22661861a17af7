#include "stock_rows.h"

#include "order_saga/statements.h"

const char *const stock_rows_schema[STOCK_ROWS_SCHEMA_COUNT] = {
    /* on_hand can still be promised, reserved is promised; together they are `imported`. */
    "CREATE TABLE stock("
    " sku TEXT PRIMARY KEY,"
    " on_hand INTEGER NOT NULL CHECK (on_hand >= 0),"
    " reserved INTEGER NOT NULL CHECK (reserved >= 0),"
    " imported INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    /* The key is time-ordered: new rows go to the tree's end. */
    "CREATE TABLE reservation("
    " saga BLOB PRIMARY KEY,"
    " order_id TEXT NOT NULL,"
    " status TEXT NOT NULL," /* reserved, released */
    " units INTEGER NOT NULL,"
    " lines BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID;",
};

static const char *const sql[STOCK_STATEMENT_COUNT] = {
    [STOCK_LEVEL] = "SELECT on_hand FROM stock WHERE sku = ?1",
    [STOCK_MOVE] = "UPDATE stock SET on_hand = on_hand - ?2, reserved = reserved + ?2"
                   " WHERE sku = ?1",
    [RESERVATION_ADD] = "INSERT INTO reservation(saga, order_id, status, units, lines)"
                        " VALUES (?1, ?2, 'reserved', ?3, ?4)",
    [RESERVATION_FIND] = "SELECT order_id, units, lines FROM reservation"
                         " WHERE saga = ?1 AND status = 'reserved'",
    [RESERVATION_RELEASE] = "UPDATE reservation SET status = 'released' WHERE saga = ?1",
    [STOCK_RESERVED] = "SELECT reserved, imported FROM stock WHERE sku = ?1",
    [STOCK_IMPORT] = "INSERT INTO stock(sku, on_hand, reserved, imported) VALUES (?1, ?2, 0, ?2)"
                     " ON CONFLICT(sku) DO UPDATE SET on_hand = ?2 - reserved, imported = ?2",
    [STOCK_PAGE] = "SELECT sku, sku, on_hand, reserved FROM stock WHERE sku > ?1 ORDER BY sku",
    [RESERVATION_PAGE] = "SELECT saga, lower(hex(saga)), order_id, units, status"
                         " FROM reservation WHERE saga > ?1 ORDER BY saga",
};

int stock_rows_open(struct stock_rows *rows, struct db *db, struct err *err)
{
    rows->db = db;
    return statements_prepare(db, sql, rows->statements, STOCK_STATEMENT_COUNT, err);
}

void stock_rows_close(struct stock_rows *rows)
{
    statements_finalize(rows->statements, STOCK_STATEMENT_COUNT);
}

int stock_rows_level(struct stock_rows *rows, struct bytes sku, struct stock_level *ret,
                     struct err *err)
{
    sqlite3_stmt *level = rows->statements[STOCK_LEVEL];
    db_bind_text(level, 1, sku);
    int rc = db_step(rows->db, level, err);
    *ret = (struct stock_level){.known = rc == DB_ROW};
    if (ret->known)
        ret->on_hand = db_int(level, 0);
    db_reset(level);
    return rc < 0 ? rc : 0;
}

int stock_rows_move(struct stock_rows *rows, const struct stock_line *line, int sign,
                    struct err *err)
{
    sqlite3_stmt *move = rows->statements[STOCK_MOVE];
    db_bind_text(move, 1, line->sku);
    db_bind_int(move, 2, sign * line->quantity);
    int rc = db_run(rows->db, move, err);
    if (rc == 0 && db_changes(rows->db) != 1)
        rc = err_set(err, ERR_NOT_FOUND, "a sku that is promised is not in the stock table");
    return rc;
}

int stock_rows_reserve(struct stock_rows *rows, const struct id *saga,
                       const struct reservation *reservation, struct err *err)
{
    sqlite3_stmt *add = rows->statements[RESERVATION_ADD];
    db_bind_bytes(add, 1, id_view(saga));
    db_bind_text(add, 2, reservation->order_id);
    db_bind_int(add, 3, reservation->units);
    db_bind_bytes(add, 4, reservation->lines);
    return db_run(rows->db, add, err);
}

int stock_rows_find(struct stock_rows *rows, const struct id *saga, struct arena *arena,
                    struct reservation *ret, struct err *err)
{
    sqlite3_stmt *find = rows->statements[RESERVATION_FIND];
    db_bind_bytes(find, 1, id_view(saga));
    int rc = db_step(rows->db, find, err);
    if (rc == DB_ROW) {
        ret->units = db_int(find, 1);
        if (!statements_copy(find, 0, arena, &ret->order_id) ||
            !statements_copy(find, 2, arena, &ret->lines))
            rc = err_set(err, ERR_CORRUPT, "a reservation is larger than any order");
    }
    db_reset(find);
    return rc;
}

int stock_rows_release(struct stock_rows *rows, const struct id *saga, struct err *err)
{
    sqlite3_stmt *release = rows->statements[RESERVATION_RELEASE];
    db_bind_bytes(release, 1, id_view(saga));
    return db_run(rows->db, release, err);
}

/* What is reserved of a sku now, and whether the total is already `total`. */
static int find_reserved(struct stock_rows *rows, const struct total *total, int64_t *ret_reserved,
                         bool *ret_same, struct err *err)
{
    sqlite3_stmt *find = rows->statements[STOCK_RESERVED];
    db_bind_text(find, 1, total->name);
    int rc = db_step(rows->db, find, err);
    *ret_reserved = rc == DB_ROW ? db_int(find, 0) : 0;
    *ret_same = rc == DB_ROW && db_int(find, 1) == total->value;
    db_reset(find);
    return rc < 0 ? rc : 0;
}

int stock_rows_import(struct stock_rows *rows, const struct total *total, struct err *err)
{
    int64_t reserved = 0;
    bool same = false;
    int rc = find_reserved(rows, total, &reserved, &same, err);
    if (rc < 0 || same)
        return rc;
    if (total->value < reserved)
        return err_set(err, ERR_INVALID,
                       "on_hand: %lld of sku '%.*s' is less than the %lld that are"
                       " reserved for orders; import at least that many",
                       (long long)total->value, (int)total->name.len,
                       (const char *)total->name.data, (long long)reserved);
    sqlite3_stmt *import = rows->statements[STOCK_IMPORT];
    db_bind_text(import, 1, total->name);
    db_bind_int(import, 2, total->value);
    return db_run(rows->db, import, err);
}
