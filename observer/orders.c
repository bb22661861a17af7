#include "orders.h"

#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "fields.h"
#include "order.pb-c.h"

#define DECODE_BUDGET ((size_t)1 << 20) /* Of one event's payload. */
#define COLUMNS                                                                                    \
    "customer_id BLOB NOT NULL,"                                                                   \
    " status INTEGER NOT NULL," /* 1 pending, 2 confirmed, 3 cancelled. */                         \
    " total_cents INTEGER NOT NULL,"                                                               \
    " created_ms INTEGER NOT NULL,"                                                                \
    " changed_ms INTEGER NOT NULL"

const char orders_schema[] =
    "CREATE TABLE orders_open(order_id BLOB PRIMARY KEY, " COLUMNS ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE orders_closed(number INTEGER PRIMARY KEY, order_id BLOB NOT NULL, " COLUMNS
    ") STRICT;";

enum status { STATUS_NONE, STATUS_PENDING, STATUS_CONFIRMED, STATUS_CANCELLED };
static const char *const status_names[] = {"", "pending", "confirmed", "cancelled"};

struct order_row {
    struct ledger_entry entry; /* Its key is the order's id. */
    char customer_id[TEXT_NAME_MAX + 1];
    enum status status;
    int64_t total_cents; /* Beyond this type: its highest. */
    int64_t created_ms;  /* 0: before what the log still tells. */
    int64_t changed_ms;
};

static void bind(const void *record, sqlite3_stmt *stmt, struct buffer *scratch)
{
    const struct order_row *row = record;
    (void)scratch;
    db_bind_bytes(stmt, 2, bytes_text(row->customer_id));
    db_bind_int(stmt, 3, row->status);
    db_bind_int(stmt, 4, row->total_cents);
    db_bind_int(stmt, 5, row->created_ms);
    db_bind_int(stmt, 6, row->changed_ms);
}

static int read_row(void *context, sqlite3_stmt *stmt, void *record, struct err *err)
{
    struct order_row *row = record;
    int64_t status = db_int(stmt, 2);
    (void)context;
    bytes_copy_text(db_bytes(stmt, 1), row->customer_id, sizeof row->customer_id);
    row->total_cents = db_int(stmt, 3);
    row->created_ms = db_int(stmt, 4);
    row->changed_ms = db_int(stmt, 5);
    if (status < STATUS_PENDING || status > STATUS_CANCELLED)
        return err_set(err, ERR_CORRUPT,
                       "an order's row is damaged: stop the suite and remove the observer's"
                       " database, it will be built anew");
    row->status = (enum status)status;
    return 0;
}

static void release(void *record)
{
    (void)record;
}

static const struct ledger_kind kind = {
    .name = "orders",
    .key = "order_id",
    .columns = "customer_id, status, total_cents, created_ms, changed_ms",
    .column_count = 5,
    .record_size = sizeof(struct order_row),
    .bind = bind,
    .read = read_row,
    .release = release,
};

int orders_open(struct orders *orders, struct db *db, uint64_t keep, struct err *err)
{
    arena_init(&orders->arena, DECODE_BUDGET);
    return ledger_open(&orders->ledger, db, &kind, NULL, keep, err);
}

void orders_release(struct orders *orders)
{
    ledger_release(&orders->ledger);
    arena_release(&orders->arena);
}

int orders_load(struct orders *orders, struct err *err)
{
    return ledger_load(&orders->ledger, err);
}

void orders_forget(struct orders *orders)
{
    ledger_forget(&orders->ledger);
}

/* What an event makes of its order; STATUS_NONE: nothing. An order that was refused never was one,
 * and its id may be another's. */
static enum status status_after(struct bytes type)
{
    static const struct {
        const char *type;
        enum status status;
    } all[] = {
        {"OrderCreated", STATUS_PENDING},
        {"OrderConfirmed", STATUS_CONFIRMED},
        {"OrderCancelled", STATUS_CANCELLED},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (bytes_equal(bytes_text(all[i].type), type))
            return all[i].status;
    return STATUS_NONE;
}

int orders_apply(struct orders *orders, const struct consumer_event *event, struct err *err)
{
    enum status status = status_after(event->type);
    if (status == STATUS_NONE)
        return 0;
    arena_reset(&orders->arena);
    const Zsaga__OrderEvent *order = zsaga__order_event__unpack(
        &orders->arena.allocator, event->payload.len, event->payload.data);
    if (order == NULL || !text_is_name(packed_view(order->order_id)))
        return ORDERS_MALFORMED;
    void *record;
    int rc = ledger_get(&orders->ledger, packed_view(order->order_id), &record, err);
    if (rc < 0)
        return rc;
    struct order_row *row = record;
    row->status = status;
    row->total_cents = order->amount_cents > INT64_MAX ? INT64_MAX : (int64_t)order->amount_cents;
    row->changed_ms = event->wall_ms;
    bytes_copy_text(packed_view(order->customer_id), row->customer_id, sizeof row->customer_id);
    if (status == STATUS_PENDING) {
        row->created_ms = event->wall_ms;
        ledger_touch(&orders->ledger, row);
    } else {
        ledger_close(&orders->ledger, row);
    }
    return 0;
}

int orders_flush(struct orders *orders, struct err *err)
{
    return ledger_flush(&orders->ledger, err);
}

int orders_reset(struct orders *orders, struct err *err)
{
    return ledger_reset(&orders->ledger, err);
}

const char *const orders_fields[ORDERS_FIELD_COUNT] = {
    "order_id", "customer_id", "total_cents", "status", "created_at", "changed_at",
};

static void show(const void *record, struct export_page *page)
{
    const struct order_row *row = record;
    struct fields fields = {0};
    fields_add(&fields, row->entry.key);
    fields_text(&fields, row->customer_id);
    fields_number(&fields, (uint64_t)row->total_cents);
    fields_text(&fields, status_names[row->status]);
    fields_time(&fields, row->created_ms);
    fields_time(&fields, row->changed_ms);
    fields_to_page(&fields, page);
}

int orders_page(struct orders *orders, struct bytes after, struct export_page *page,
                struct buffer *ret_next, struct err *err)
{
    return ledger_page(&orders->ledger, after, page, show, ret_next, err);
}
