#include "order_audit.h"

#include "order_rules.h"
#include "order_saga/books.h"
#include "order_saga/order_input.h"

static const char all_sql[] =
    "SELECT orders.order_id, orders.customer_id, total, status, input"
    " FROM orders LEFT JOIN order_body USING (saga) ORDER BY orders.order_id";

struct findings {
    struct books statuses;
    struct books totals;
    int64_t by_status[ORDER_STATUS_COUNT];
    int64_t confirmed_cents;
};

static void check_status(struct findings *findings, sqlite3_stmt *row, const char *name)
{
    enum order_status status;
    findings->statuses.seen++;
    if (!order_rules_status_read(db_bytes(row, 3), &status)) {
        books_wrong(&findings->statuses, "order '%s' has an unknown status", name);
        return;
    }
    findings->by_status[status]++;
    if (status == ORDER_CONFIRMED)
        books_add(&findings->confirmed_cents, db_int(row, 2));
}

static void check_total(struct findings *findings, sqlite3_stmt *row, const char *name,
                        struct arena *arena)
{
    struct order_input order;
    struct err err;
    long long total = db_int(row, 2);
    findings->totals.seen++;
    arena_reset(arena);
    if (order_input_read(db_bytes(row, 4), arena, &order, &err) < 0)
        books_wrong(&findings->totals, "order '%s': what was ordered is damaged: %s", name,
                    err.text);
    else if (!bytes_equal(order.order_id, db_bytes(row, 0)) ||
             !bytes_equal(order.customer_id, db_bytes(row, 1)))
        books_wrong(&findings->totals, "order '%s' is not the order that was placed", name);
    else if (order.total_cents != total)
        books_wrong(&findings->totals, "order '%s': its items cost %lld, its total is %lld", name,
                    (long long)order.total_cents, total);
}

static void report(const struct findings *findings, struct audit *audit)
{
    books_report(&findings->statuses, audit, "order.statuses_are_legal", "orders",
                 "%lld pending, %lld confirmed, %lld cancelled",
                 (long long)findings->by_status[ORDER_PENDING],
                 (long long)findings->by_status[ORDER_CONFIRMED],
                 (long long)findings->by_status[ORDER_CANCELLED]);
    books_report(&findings->totals, audit, "order.totals_add_up", "orders",
                 "%lld cents in confirmed ones", (long long)findings->confirmed_cents);
}

int order_audit(void *self, struct db *db, struct audit *audit, struct err *err)
{
    struct findings findings = {0};
    struct arena arena;
    char name[BOOKS_NAME_SIZE];
    sqlite3_stmt *all = NULL;
    (void)self;
    arena_init(&arena, ORDER_INPUT_ARENA_BUDGET);
    int rc = db_prepare(db, all_sql, &all, err);
    while (rc == 0 && (rc = db_step(db, all, err)) == DB_ROW) {
        (void)books_name(db_bytes(all, 0), name);
        check_status(&findings, all, name);
        check_total(&findings, all, name, &arena);
        rc = 0;
    }
    sqlite3_finalize(all);
    arena_release(&arena);
    if (rc == 0)
        report(&findings, audit);
    return rc;
}
