#include "credit_audit.h"

#include "order_saga/books.h"

/* An account beside the sum of its charges that are not refunded. total() cannot overflow, and is
 * exact as far as credit goes. */
static const char accounts_sql[] =
    "WITH owed(customer_id, cents) AS ("
    " SELECT customer_id, CAST(total(amount) AS INTEGER) FROM charge"
    " WHERE status = 'charged' GROUP BY customer_id)"
    "SELECT account.customer_id, credit, charged, imported, coalesce(owed.cents, 0)"
    " FROM account LEFT JOIN owed USING (customer_id) ORDER BY account.customer_id";

static const char charges_sql[] =
    "SELECT order_id, charge.customer_id, amount, status, account.customer_id IS NOT NULL"
    " FROM charge LEFT JOIN account USING (customer_id) ORDER BY saga";

struct sums {
    struct books totals;
    struct books signs;
    struct books charges;
    int64_t credit;
    int64_t charged;
    int64_t imported;
};

static void check_account(struct sums *sums, sqlite3_stmt *row)
{
    char name[BOOKS_NAME_SIZE];
    int64_t credit = db_int(row, 1);
    int64_t charged = db_int(row, 2);
    int64_t imported = db_int(row, 3);
    int64_t owed = db_int(row, 4);
    int64_t both = credit;
    (void)books_name(db_bytes(row, 0), name);
    books_add(&both, charged);
    if (both != imported)
        books_wrong(&sums->totals, "customer '%s': %lld + %lld is not %lld", name,
                    (long long)credit, (long long)charged, (long long)imported);
    if (credit < 0 || charged < 0)
        books_wrong(&sums->signs, "customer '%s': credit %lld, charged %lld", name,
                    (long long)credit, (long long)charged);
    if (charged != owed)
        books_wrong(&sums->charges, "customer '%s': %lld are charged, the charges are %lld", name,
                    (long long)charged, (long long)owed);
    books_add(&sums->credit, credit);
    books_add(&sums->charged, charged);
    books_add(&sums->imported, imported);
    sums->totals.seen++;
    sums->signs.seen++;
    sums->charges.seen++;
}

static int check_accounts(struct db *db, struct audit *audit, struct err *err)
{
    struct sums sums = {0};
    sqlite3_stmt *all = NULL;
    int rc = db_prepare(db, accounts_sql, &all, err);
    while (rc == 0 && (rc = db_step(db, all, err)) == DB_ROW) {
        check_account(&sums, all);
        rc = 0;
    }
    sqlite3_finalize(all);
    if (rc < 0)
        return rc;
    books_report(&sums.totals, audit, "payment.credit_adds_up", "customers",
                 "credit %lld + charged %lld = imported %lld", (long long)sums.credit,
                 (long long)sums.charged, (long long)sums.imported);
    books_report(&sums.signs, audit, "payment.nothing_is_negative", "customers",
                 "no credit and nothing charged below 0");
    books_report(&sums.charges, audit, "payment.charged_is_owed", "customers",
                 "what is charged is the sum of the charges that are not refunded");
    return 0;
}

static void check_charge(struct books *books, sqlite3_stmt *row, int64_t *charged,
                         int64_t *refunded)
{
    char name[BOOKS_NAME_SIZE];
    bool active = bytes_equal(db_bytes(row, 3), bytes_text("charged"));
    bool returned = bytes_equal(db_bytes(row, 3), bytes_text("refunded"));
    int64_t amount = db_int(row, 2);
    (void)books_name(db_bytes(row, 0), name);
    books->seen++;
    if (!active && !returned)
        books_wrong(books, "order '%s' has an unknown status", name);
    else if (amount <= 0)
        books_wrong(books, "order '%s' is charged %lld", name, (long long)amount);
    else if (db_int(row, 4) == 0)
        books_wrong(books, "order '%s' is charged to a customer without an account", name);
    *charged += active;
    *refunded += returned;
}

static int check_charges(struct db *db, struct audit *audit, struct err *err)
{
    struct books books = {0};
    int64_t charged = 0;
    int64_t refunded = 0;
    sqlite3_stmt *all = NULL;
    int rc = db_prepare(db, charges_sql, &all, err);
    while (rc == 0 && (rc = db_step(db, all, err)) == DB_ROW) {
        check_charge(&books, all, &charged, &refunded);
        rc = 0;
    }
    sqlite3_finalize(all);
    if (rc == 0)
        books_report(&books, audit, "payment.charges_are_whole", "charges",
                     "%lld charged, %lld refunded", (long long)charged, (long long)refunded);
    return rc;
}

int credit_audit(void *self, struct db *db, struct audit *audit, struct err *err)
{
    (void)self;
    int rc = check_accounts(db, audit, err);
    return rc < 0 ? rc : check_charges(db, audit, err);
}
