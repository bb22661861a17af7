#include "books.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "out.h"
#include "printable.h"

/* A service's table as these books see it: where the status stands, and what its words mean. */
struct ledger {
    const char *name;
    size_t offset;      /* Of its rows in struct books. */
    size_t status;      /* Column. */
    const char *effect; /* There and in force. */
    const char *undone;
};

static const struct ledger ledgers[] = {
    {"orders", offsetof(struct books, orders), 3, "confirmed", "cancelled"},
    {"payments", offsetof(struct books, payments), 2, "charged", "refunded"},
    {"shipments", offsetof(struct books, shipments), 1, "scheduled", "cancelled"},
    {"reservations", offsetof(struct books, reservations), 3, "reserved", "released"},
};
enum { ORDERS, PAYMENTS, SHIPMENTS, RESERVATIONS, LEDGER_COUNT };
enum { ORDERS_TOTAL = 2, PAYMENTS_AMOUNT = 1 };

static const struct rowset *rows_of(const struct books *books, const struct ledger *ledger)
{
    return (const struct rowset *)(const void *)((const char *)books + ledger->offset);
}

/* A check being made: how many it looked at, how many are wrong, the first of those. */
struct tally {
    uint64_t seen;
    uint64_t wrong;
    char *first;
};

static void tally_add(struct tally *tally, struct bytes key, bool right)
{
    tally->seen++;
    if (right)
        return;
    tally->wrong++;
    if (tally->first == NULL)
        tally->first = printable(key);
}

static void tally_end(struct tally *tally, const char *name, const char *things, books_check check,
                      void *self)
{
    AUTO(freep)
    char *detail = tally->wrong == 0 ? xprintf("%s %s", out_number(tally->seen), things)
                                     : xprintf("%s of %s %s, first: %s", out_number(tally->wrong),
                                               out_number(tally->seen), things, tally->first);
    check(self, name, tally->wrong == 0, detail);
    free(tally->first);
}

static bool is(struct bytes field, const char *word)
{
    return bytes_equal(field, bytes_text(word));
}

/* The rows of a ledger for an order id are [*ret_first, end). */
static size_t rows_for(const struct rowset *rows, struct bytes order_id, size_t *ret_first)
{
    *ret_first = rowset_find(rows, order_id);
    size_t end = *ret_first;
    while (end < rows->row_count && bytes_equal(rowset_field(rows, end, rows->key), order_id))
        end++;
    return end;
}

/* What was charged is what the order came to. */
static bool amount_fits(const struct books *books, struct bytes order_id, size_t payment)
{
    size_t order = rowset_find(&books->orders, order_id);
    return order != ROWSET_NONE &&
           bytes_equal(rowset_field(&books->orders, order, ORDERS_TOTAL),
                       rowset_field(&books->payments, payment, PAYMENTS_AMOUNT));
}

static bool in_force(const struct books *books, const struct ledger *ledger, struct bytes order_id)
{
    const struct rowset *rows = rows_of(books, ledger);
    size_t i;
    size_t end = rows_for(rows, order_id, &i);
    for (; i < end; i++)
        if (is(rowset_field(rows, i, ledger->status), ledger->effect) &&
            (ledger != &ledgers[PAYMENTS] || amount_fits(books, order_id, i)))
            return true;
    return false;
}

static bool all_undone(const struct books *books, const struct ledger *ledger,
                       struct bytes order_id)
{
    const struct rowset *rows = rows_of(books, ledger);
    size_t i;
    size_t end = rows_for(rows, order_id, &i);
    for (; i < end; i++)
        if (!is(rowset_field(rows, i, ledger->status), ledger->undone))
            return false;
    return true;
}

/* Of an order that existed already, what is there belongs to the saga that made it. */
static bool speaks_of(const struct books *books, size_t saga, const char *state)
{
    return is(rowset_field(&books->before, saga, BOOKS_DEFINITION), "order") &&
           is(rowset_field(&books->before, saga, BOOKS_STATE), state) &&
           !is(rowset_field(&books->before, saga, BOOKS_REASON), "order_exists");
}

static void check_ended(const struct books *books, const struct ledger *ledger, bool completed,
                        books_check check, void *self)
{
    const char *state = completed ? "completed" : "compensated";
    struct tally tally = {0};
    for (size_t i = 0; i < books->before.row_count; i++) {
        if (!speaks_of(books, i, state))
            continue;
        struct bytes key = rowset_field(&books->before, i, BOOKS_KEY);
        tally_add(&tally, key,
                  completed ? in_force(books, ledger, key) : all_undone(books, ledger, key));
    }
    AUTO(freep) char *name = xprintf("%s.%s", state, ledger->name);
    AUTO(freep)
    char *things = xprintf("%s sagas: %s%s%s%s", state, completed ? ledger->effect : ledger->undone,
                           completed ? "" : " or absent", tally.wrong == 0 ? "" : ", not so",
                           completed && ledger == &ledgers[PAYMENTS] ? " (the order's total)" : "");
    tally_end(&tally, name, things, check, self);
}

static void check_origin(const struct books *books, const struct ledger *ledger, books_check check,
                         void *self)
{
    const struct rowset *rows = rows_of(books, ledger);
    struct tally tally = {0};
    for (size_t i = 0; i < rows->row_count; i++) {
        struct bytes order_id = rowset_field(rows, i, rows->key);
        tally_add(&tally, order_id, rowset_find(&books->after, order_id) != ROWSET_NONE);
    }
    AUTO(freep) char *name = xprintf("origin.%s", ledger->name);
    AUTO(freep)
    char *things =
        xprintf("%s %s", ledger->name, tally.wrong == 0 ? "of known sagas" : "of no saga");
    tally_end(&tally, name, things, check, self);
}

void books_audit_sagas(const struct books *books, books_check check, void *self)
{
    struct tally tally = {0};
    for (size_t i = 0; i < books->before.row_count; i++)
        tally_add(&tally, rowset_field(&books->before, i, BOOKS_KEY),
                  !is(rowset_field(&books->before, i, BOOKS_STATE), "attention"));
    tally_end(&tally, "sagas.attention",
              tally.wrong == 0 ? "sagas, none in attention" : "sagas in attention", check, self);
}

void books_audit(const struct books *books, books_check check, void *self)
{
    books_audit_sagas(books, check, self);
    for (size_t i = 0; i < LEDGER_COUNT; i++)
        check_ended(books, &ledgers[i], true, check, self);
    for (size_t i = 0; i < LEDGER_COUNT; i++)
        check_ended(books, &ledgers[i], false, check, self);
    for (size_t i = 0; i < LEDGER_COUNT; i++)
        check_origin(books, &ledgers[i], check, self);
}
