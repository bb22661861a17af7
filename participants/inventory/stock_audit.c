#include "stock_audit.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "order_saga/books.h"
#include "order_saga/statements.h"
#include "stock_lines.h"

/* A sku as the books know it. */
struct entry {
    struct bytes sku;
    int64_t on_hand;
    int64_t reserved;
    int64_t imported;
    int64_t promised; /* By the reservations that are not released. */
};

struct ledger {
    struct arena names;
    struct entry *entries; /* Ascending by sku, as the table is read. */
    size_t count;
    size_t capacity;
    struct books promises; /* Of reservations for what is not in stock, found while reading. */
};

static int load_stock(struct ledger *ledger, struct db *db, struct err *err)
{
    sqlite3_stmt *all = NULL;
    int rc = db_prepare(db, "SELECT sku, on_hand, reserved, imported FROM stock ORDER BY sku", &all,
                        err);
    while (rc == 0 && (rc = db_step(db, all, err)) == DB_ROW) {
        ledger->entries =
            xgrow(ledger->entries, &ledger->capacity, ledger->count + 1, sizeof *ledger->entries);
        struct entry *entry = &ledger->entries[ledger->count++];
        *entry = (struct entry){
            .on_hand = db_int(all, 1), .reserved = db_int(all, 2), .imported = db_int(all, 3)};
        rc = statements_copy(all, 0, &ledger->names, &entry->sku) ? 0 : ERR_CORRUPT;
    }
    sqlite3_finalize(all);
    return rc < 0 ? rc : 0;
}

static int by_sku(const void *key_p, const void *entry_p)
{
    const struct bytes *key = key_p;
    const struct entry *entry = entry_p;
    return bytes_compare(*key, entry->sku);
}

static void promise(struct ledger *ledger, const struct stock_line *line)
{
    struct entry *entry = ledger->count == 0 ? NULL
                                             : bsearch(&line->sku, ledger->entries, ledger->count,
                                                       sizeof *ledger->entries, by_sku);
    char name[BOOKS_NAME_SIZE];
    if (entry != NULL)
        books_add(&entry->promised, line->quantity);
    else
        books_wrong(&ledger->promises, "sku '%s' is promised but not in stock",
                    books_name(line->sku, name));
}

/* Reads a reservation's lines; those of an active one count as promised. */
static void check_reservation(struct ledger *ledger, sqlite3_stmt *row, struct books *books)
{
    char name[BOOKS_NAME_SIZE];
    struct bytes lines = db_bytes(row, 2);
    bool active = bytes_equal(db_bytes(row, 3), bytes_text("reserved"));
    bool released = bytes_equal(db_bytes(row, 3), bytes_text("released"));
    struct stock_line line;
    int64_t units = 0;
    int rc;
    while ((rc = stock_lines_next(&lines, &line, NULL)) == 1) {
        books_add(&units, line.quantity);
        if (active)
            promise(ledger, &line);
    }
    books->seen++;
    (void)books_name(db_bytes(row, 0), name);
    if (rc < 0)
        books_wrong(books, "the lines of order '%s' are damaged", name);
    else if (units != db_int(row, 1))
        books_wrong(books, "order '%s' has %lld units in its lines, %lld in its row", name,
                    (long long)units, (long long)db_int(row, 1));
    else if (!active && !released)
        books_wrong(books, "order '%s' has an unknown status", name);
}

static int check_reservations(struct ledger *ledger, struct db *db, struct audit *audit,
                              struct err *err)
{
    sqlite3_stmt *all = NULL;
    struct books books = {0};
    int64_t active = 0;
    int rc = db_prepare(db, "SELECT order_id, units, lines, status FROM reservation ORDER BY saga",
                        &all, err);
    while (rc == 0 && (rc = db_step(db, all, err)) == DB_ROW) {
        check_reservation(ledger, all, &books);
        active += bytes_equal(db_bytes(all, 3), bytes_text("reserved"));
        rc = 0;
    }
    sqlite3_finalize(all);
    if (rc == 0)
        books_report(&books, audit, "inventory.reservations_are_whole", "reservations",
                     "%lld active", (long long)active);
    return rc;
}

static void check_stock(const struct ledger *ledger, struct audit *audit)
{
    struct books sums = {.seen = (int64_t)ledger->count};
    struct books signs = {.seen = (int64_t)ledger->count};
    int64_t on_hand = 0;
    int64_t reserved = 0;
    int64_t imported = 0;
    char name[BOOKS_NAME_SIZE];
    for (size_t i = 0; i < ledger->count; i++) {
        const struct entry *entry = &ledger->entries[i];
        int64_t both = entry->on_hand;
        books_add(&both, entry->reserved);
        if (both != entry->imported)
            books_wrong(&sums, "sku '%s': %lld + %lld is not %lld", books_name(entry->sku, name),
                        (long long)entry->on_hand, (long long)entry->reserved,
                        (long long)entry->imported);
        if (entry->on_hand < 0 || entry->reserved < 0)
            books_wrong(&signs, "sku '%s': on_hand %lld, reserved %lld",
                        books_name(entry->sku, name), (long long)entry->on_hand,
                        (long long)entry->reserved);
        books_add(&on_hand, entry->on_hand);
        books_add(&reserved, entry->reserved);
        books_add(&imported, entry->imported);
    }
    books_report(&sums, audit, "inventory.stock_adds_up", "skus",
                 "on_hand %lld + reserved %lld = imported %lld", (long long)on_hand,
                 (long long)reserved, (long long)imported);
    books_report(&signs, audit, "inventory.nothing_is_negative", "skus",
                 "no on_hand and no reserved below 0");
}

static void check_promises(const struct ledger *ledger, struct audit *audit)
{
    struct books books = ledger->promises;
    int64_t promised = 0;
    char name[BOOKS_NAME_SIZE];
    books.seen = (int64_t)ledger->count;
    for (size_t i = 0; i < ledger->count; i++) {
        const struct entry *entry = &ledger->entries[i];
        if (entry->reserved != entry->promised)
            books_wrong(&books, "sku '%s': %lld are reserved, %lld promised to orders",
                        books_name(entry->sku, name), (long long)entry->reserved,
                        (long long)entry->promised);
        books_add(&promised, entry->promised);
    }
    books_report(&books, audit, "inventory.reserved_is_promised", "skus",
                 "%lld promised by active reservations", (long long)promised);
}

int stock_audit(void *self, struct db *db, struct audit *audit, struct err *err)
{
    struct ledger ledger = {0};
    (void)self;
    arena_init(&ledger.names, SIZE_MAX);
    int rc = load_stock(&ledger, db, err);
    if (rc == 0)
        rc = check_reservations(&ledger, db, audit, err);
    if (rc == 0) {
        check_stock(&ledger, audit);
        check_promises(&ledger, audit);
    }
    free(ledger.entries);
    arena_release(&ledger.names);
    return rc;
}
