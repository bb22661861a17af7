#include "credit_rows.h"

#include "order_saga/statements.h"

const char *const credit_rows_schema[CREDIT_ROWS_SCHEMA_COUNT] = {
    /* credit can still be charged, charged is; together they are `imported`. In cents. */
    "CREATE TABLE account("
    " customer_id TEXT PRIMARY KEY,"
    " credit INTEGER NOT NULL CHECK (credit >= 0),"
    " charged INTEGER NOT NULL CHECK (charged >= 0),"
    " imported INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    /* The key is time-ordered: new rows go to the tree's end. */
    "CREATE TABLE charge("
    " saga BLOB PRIMARY KEY,"
    " order_id TEXT NOT NULL,"
    " customer_id TEXT NOT NULL,"
    " amount INTEGER NOT NULL,"
    " status TEXT NOT NULL" /* charged, refunded */
    ") STRICT, WITHOUT ROWID;",
};

static const char *const sql[CREDIT_STATEMENT_COUNT] = {
    [ACCOUNT_CREDIT] = "SELECT credit FROM account WHERE customer_id = ?1",
    [ACCOUNT_TAKE] = "UPDATE account SET credit = credit - ?2, charged = charged + ?2"
                     " WHERE customer_id = ?1",
    [CHARGE_ADD] = "INSERT INTO charge(saga, order_id, customer_id, amount, status)"
                   " VALUES (?1, ?2, ?3, ?4, 'charged')",
    [CHARGE_FIND] = "SELECT order_id, customer_id, amount FROM charge"
                    " WHERE saga = ?1 AND status = 'charged'",
    [CHARGE_REFUND] = "UPDATE charge SET status = 'refunded' WHERE saga = ?1",
    [ACCOUNT_CHARGED] = "SELECT charged, imported FROM account WHERE customer_id = ?1",
    [ACCOUNT_IMPORT] = "INSERT INTO account(customer_id, credit, charged, imported)"
                       " VALUES (?1, ?2, 0, ?2)"
                       " ON CONFLICT(customer_id) DO UPDATE SET credit = ?2 - charged,"
                       " imported = ?2",
    [ACCOUNT_PAGE] = "SELECT customer_id, customer_id, credit FROM account"
                     " WHERE customer_id > ?1 ORDER BY customer_id",
    [CHARGE_PAGE] = "SELECT saga, order_id, amount, status FROM charge"
                    " WHERE saga > ?1 ORDER BY saga",
};

int credit_rows_open(struct credit_rows *rows, struct db *db, struct err *err)
{
    rows->db = db;
    return statements_prepare(db, sql, rows->statements, CREDIT_STATEMENT_COUNT, err);
}

void credit_rows_close(struct credit_rows *rows)
{
    statements_finalize(rows->statements, CREDIT_STATEMENT_COUNT);
}

int credit_rows_credit(struct credit_rows *rows, struct bytes customer_id, struct credit *ret,
                       struct err *err)
{
    sqlite3_stmt *credit = rows->statements[ACCOUNT_CREDIT];
    db_bind_text(credit, 1, customer_id);
    int rc = db_step(rows->db, credit, err);
    *ret = (struct credit){.known = rc == DB_ROW};
    if (ret->known)
        ret->left_cents = db_int(credit, 0);
    db_reset(credit);
    return rc < 0 ? rc : 0;
}

/* Moves an amount from credit to charged; a negative one moves it back. */
static int take(struct credit_rows *rows, struct bytes customer_id, int64_t amount_cents,
                struct err *err)
{
    sqlite3_stmt *statement = rows->statements[ACCOUNT_TAKE];
    db_bind_text(statement, 1, customer_id);
    db_bind_int(statement, 2, amount_cents);
    int rc = db_run(rows->db, statement, err);
    if (rc == 0 && db_changes(rows->db) != 1)
        rc = err_set(err, ERR_NOT_FOUND, "a customer that is charged has no account");
    return rc;
}

int credit_rows_charge(struct credit_rows *rows, const struct id *saga, const struct charge *charge,
                       struct err *err)
{
    int rc = take(rows, charge->customer_id, charge->amount_cents, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *add = rows->statements[CHARGE_ADD];
    db_bind_bytes(add, 1, id_view(saga));
    db_bind_text(add, 2, charge->order_id);
    db_bind_text(add, 3, charge->customer_id);
    db_bind_int(add, 4, charge->amount_cents);
    return db_run(rows->db, add, err);
}

int credit_rows_find(struct credit_rows *rows, const struct id *saga, struct arena *arena,
                     struct charge *ret, struct err *err)
{
    sqlite3_stmt *find = rows->statements[CHARGE_FIND];
    db_bind_bytes(find, 1, id_view(saga));
    int rc = db_step(rows->db, find, err);
    if (rc == DB_ROW) {
        ret->amount_cents = db_int(find, 2);
        if (!statements_copy(find, 0, arena, &ret->order_id) ||
            !statements_copy(find, 1, arena, &ret->customer_id))
            rc = err_set(err, ERR_CORRUPT, "a charge is larger than any order");
    }
    db_reset(find);
    return rc;
}

int credit_rows_refund(struct credit_rows *rows, const struct id *saga, const struct charge *charge,
                       struct err *err)
{
    int rc = take(rows, charge->customer_id, -charge->amount_cents, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *refund = rows->statements[CHARGE_REFUND];
    db_bind_bytes(refund, 1, id_view(saga));
    return db_run(rows->db, refund, err);
}

/* What is charged to a customer now, and whether the total is already `total`. */
static int find_charged(struct credit_rows *rows, const struct total *total, int64_t *ret_charged,
                        bool *ret_same, struct err *err)
{
    sqlite3_stmt *find = rows->statements[ACCOUNT_CHARGED];
    db_bind_text(find, 1, total->name);
    int rc = db_step(rows->db, find, err);
    *ret_charged = rc == DB_ROW ? db_int(find, 0) : 0;
    *ret_same = rc == DB_ROW && db_int(find, 1) == total->value;
    db_reset(find);
    return rc < 0 ? rc : 0;
}

int credit_rows_import(struct credit_rows *rows, const struct total *total, struct err *err)
{
    int64_t charged = 0;
    bool same = false;
    int rc = find_charged(rows, total, &charged, &same, err);
    if (rc < 0 || same)
        return rc;
    if (total->value < charged)
        return err_set(err, ERR_INVALID,
                       "credit_cents: %lld of customer '%.*s' is less than the %lld that"
                       " are charged for orders; import at least that many",
                       (long long)total->value, (int)total->name.len,
                       (const char *)total->name.data, (long long)charged);
    sqlite3_stmt *import = rows->statements[ACCOUNT_IMPORT];
    db_bind_text(import, 1, total->name);
    db_bind_int(import, 2, total->value);
    return db_run(rows->db, import, err);
}
