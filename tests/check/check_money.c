/* Money and goods: what services hold, against their own rows and the orders of sagas. I12, I13. */
#include <stdlib.h>
#include <string.h>

#include "check_books.h"
#include "check_sql.h"
#include "order.pb-c.h"

void check_money_now(struct checker *checker, const char *process, sqlite3 *db,
                     const struct service *service)
{
    check_did(checker, service->sums);
    struct query rows = check_query(checker, process, db, service->wrong);
    while (check_next(&rows))
        check_find(checker, service->sums, process, "%s", check_text_at(&rows, 0));
    check_done(&rows);
}

static void read_accounts(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    struct query rows = check_query(checker, process->name, db, books->service->accounts);
    while (check_next(&rows)) {
        struct check_bytes name = check_bytes_at(&rows, 0);
        books->accounts = check_grow(books->accounts, &books->account_capacity,
                                     books->account_count + 1, sizeof *books->accounts);
        books->accounts[books->account_count] =
            (struct account){.name = (char *)check_copy(name), .held = check_int(&rows, 1)};
        check_map_add(&books->account_names, name, books->account_count++);
    }
    check_done(&rows);
}

static void read_charges(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    struct query rows = check_query(checker, process->name, db, books->service->charges);
    while (check_next(&rows)) {
        struct check_bytes id = check_bytes_at(&rows, 0);
        struct check_bytes of = check_bytes_at(&rows, 2);
        struct check_bytes lines = check_bytes_at(&rows, 3);
        if (id.len != CHECK_ID_SIZE)
            continue; /* Told where effects are read. */
        struct charge charge = {.saga = check_saga(checker, id.data),
                                .amount = check_int(&rows, 1),
                                .of = of.data == NULL ? NULL : (char *)check_copy(of),
                                .lines = of.data == NULL ? check_copy(lines) : NULL,
                                .line_len = lines.len};
        books->charges = check_grow(books->charges, &books->charge_capacity,
                                    books->charge_count + 1, sizeof charge);
        books->charges[books->charge_count++] = charge;
    }
    check_done(&rows);
}

void check_money_read(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct service *service = checker->processes[place].books->service;
    if (service->accounts != NULL)
        read_accounts(checker, place, db);
    if (service->charges != NULL)
        read_charges(checker, place, db);
}

/* The sums of one service, as they are made. */
struct sums {
    struct checker *checker;
    const struct process *process;
    struct books *books;
};

static struct account *account_of(const struct sums *sums, struct check_bytes name)
{
    size_t place = check_map_find(&sums->books->account_names, name);
    if (place != CHECK_NOWHERE)
        return &sums->books->accounts[place];
    check_find(sums->checker, sums->books->service->sums, sums->process->name,
               "'%.*s' is promised something, and is not there", (int)name.len,
               (const char *)name.data);
    return NULL;
}

/* Takes a varint off; 0: there is none. */
static int64_t take_number(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return (int64_t)value;
    }
    return 0;
}

/* Lines of a reservation: a sku's length and bytes, and how many, again and again. */
static void add_lines(const struct sums *sums, const struct charge *charge)
{
    const uint8_t *at = charge->lines;
    const uint8_t *end = at + charge->line_len;
    int64_t units = 0;
    while (at < end) {
        size_t len = *at++;
        if (len > (size_t)(end - at))
            break;
        struct check_bytes sku = {at, len};
        at += len;
        int64_t quantity = take_number(&at, end);
        struct account *account = account_of(sums, sku);
        units += quantity;
        if (account != NULL)
            account->owed += quantity;
    }
    check_did(sums->checker, sums->books->service->sums);
    if (units != charge->amount)
        check_find(sums->checker, sums->books->service->sums,
                   check_name(sums->checker, &sums->checker->sagas[charge->saga]),
                   "%lld units are reserved, and its lines are of %lld", (long long)charge->amount,
                   (long long)units);
}

static void add_charges(const struct sums *sums)
{
    for (size_t i = 0; i < sums->books->charge_count; i++) {
        const struct charge *charge = &sums->books->charges[i];
        if (charge->of == NULL) {
            add_lines(sums, charge);
            continue;
        }
        struct account *account = account_of(sums, check_text(charge->of));
        if (account != NULL)
            account->owed += charge->amount;
    }
}

/* What an order owes: its total to its customer's account, or its quantities to those of the skus.
 * Returns the amount. */
static int64_t add_order(const struct sums *sums, const Zsaga__OrderInput *order, bool due)
{
    bool goods = sums->books->service->sums == I13;
    int64_t amount = 0;
    for (size_t i = 0; i < order->n_items; i++) {
        const Zsaga__OrderItem *item = order->items[i];
        int64_t part =
            goods ? (int64_t)item->quantity : (int64_t)(item->quantity * item->unit_price_cents);
        struct account *account = due && goods ? account_of(sums, check_packed(item->sku)) : NULL;
        amount += part;
        if (account != NULL)
            account->due += part;
    }
    struct account *account =
        due && !goods ? account_of(sums, check_packed(order->customer_id)) : NULL;
    if (account != NULL)
        account->due += amount;
    return amount;
}

/* Whether a saga has a step here that its service's books tell of. */
static bool is_party(const struct sums *sums, const struct saga *saga)
{
    const struct definition_step *rules;
    for (size_t i = 0; (rules = check_rules(sums->checker, saga, i)) != NULL; i++)
        if (strcmp(rules->participant, sums->process->name) == 0 &&
            check_service_tells(sums->books->service, rules->action))
            return true;
    return false;
}

static const Zsaga__OrderInput *order_of(struct checker *checker, const struct saga *saga)
{
    check_arena_reset(checker);
    return saga->order == NULL
               ? NULL
               : zsaga__order_input__unpack(&checker->allocator, saga->order_len, saga->order);
}

/* Each charge is what its order says, */
static void check_charges(const struct sums *sums)
{
    for (size_t i = 0; i < sums->books->charge_count; i++) {
        const struct charge *charge = &sums->books->charges[i];
        const struct saga *saga = &sums->checker->sagas[charge->saga];
        const Zsaga__OrderInput *order = order_of(sums->checker, saga);
        if (order == NULL)
            continue;
        int64_t amount = add_order(sums, order, false);
        check_did(sums->checker, sums->books->service->sums);
        if (amount != charge->amount ||
            (charge->of != NULL && !check_is(check_packed(order->customer_id), charge->of)))
            check_find(sums->checker, sums->books->service->sums, check_name(sums->checker, saga),
                       "%s has %lld for it, and it is worth %lld", sums->process->name,
                       (long long)charge->amount, (long long)amount);
    }
}

/* ... and all of them together are those of the completed sagas. */
static void add_dues(const struct sums *sums)
{
    for (size_t i = 0; i < sums->checker->saga_count; i++) {
        const struct saga *saga = &sums->checker->sagas[i];
        if (!saga->stored || saga->row != CHECK_COMPLETED || !is_party(sums, saga))
            continue;
        const Zsaga__OrderInput *order = order_of(sums->checker, saga);
        if (order != NULL)
            (void)add_order(sums, order, true);
    }
}

static void check_accounts(const struct sums *sums, bool settled)
{
    enum invariant invariant = sums->books->service->sums;
    for (size_t i = 0; i < sums->books->account_count; i++) {
        const struct account *account = &sums->books->accounts[i];
        check_did(sums->checker, invariant);
        if (account->held != account->owed)
            check_find(sums->checker, invariant, sums->process->name,
                       "'%s': %lld are taken, and the rows that took them make %lld", account->name,
                       (long long)account->held, (long long)account->owed);
        if (settled && account->held != account->due)
            check_find(sums->checker, invariant, sums->process->name,
                       "'%s': %lld are taken, and completed sagas owe %lld", account->name,
                       (long long)account->held, (long long)account->due);
    }
}

void check_money_finish(struct checker *checker, bool open)
{
    for (size_t i = 0; i < checker->process_count; i++) {
        struct process *process = &checker->processes[i];
        if (process->books == NULL || process->books->service == NULL ||
            process->books->service->accounts == NULL)
            continue;
        const struct sums sums = {checker, process, process->books};
        bool settled = !open && checker->journal != NOBODY;
        add_charges(&sums);
        if (settled)
            add_dues(&sums);
        check_charges(&sums);
        check_accounts(&sums, settled);
    }
    check_arena_reset(checker);
}
