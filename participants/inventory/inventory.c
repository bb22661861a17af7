#include "inventory.h"

#include "order_saga/order_call.h"
#include "order_saga/pages.h"
#include "stock_audit.h"
#include "stock_lines.h"
#include "stock_rows.h"

#include <stdlib.h>

#define RESERVED "InventoryReserved"
#define REFUSED "InventoryReservationFailed"
#define RELEASED "InventoryReleased"

struct inventory {
    struct stock_rows rows;
    struct arena arena;  /* Of the command being handled. */
    struct buffer lines; /* Packed, of the command being handled. */
};

/* An order's demand on the stock, beside what there is of it. */
struct demand {
    struct stock_line *lines;
    struct stock_level *levels;
    size_t count;
};

static int find_levels(struct inventory *self, const struct order_input *order, struct demand *ret,
                       struct err *err)
{
    ret->lines = arena_alloc(&self->arena, order->item_count * sizeof *ret->lines);
    ret->levels = arena_alloc(&self->arena, order->item_count * sizeof *ret->levels);
    if (ret->lines == NULL || ret->levels == NULL)
        return err_set(err, ERR_INVALID, "an order of %zu items is too large", order->item_count);
    ret->count = stock_rules_merge(order->items, order->item_count, ret->lines);
    for (size_t i = 0; i < ret->count; i++) {
        int rc = stock_rows_level(&self->rows, ret->lines[i].sku, &ret->levels[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int refuse(struct call *call, const struct order_event *event, enum stock_verdict verdict,
                  const struct stock_line *line, const struct stock_level *level)
{
    int len = (int)line->sku.len;
    const char *sku = (const char *)line->sku.data;
    if (verdict == STOCK_SKU_UNKNOWN)
        return order_call_refuse(call, REFUSED, event, "unknown_sku", "there is no sku '%.*s'", len,
                                 sku);
    return order_call_refuse(call, REFUSED, event, "out_of_stock",
                             "%lld of sku '%.*s' are wanted, %lld are left",
                             (long long)line->quantity, len, sku, (long long)level->on_hand);
}

static int promise(struct inventory *self, const struct id *saga, const struct order_input *order,
                   const struct demand *demand, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < demand->count; i++)
        rc = stock_rows_move(&self->rows, &demand->lines[i], 1, err);
    if (rc < 0)
        return rc;
    buffer_clear(&self->lines);
    stock_lines_pack(demand->lines, demand->count, &self->lines);
    struct reservation reservation = {
        .order_id = order->order_id, .units = order->units, .lines = buffer_bytes(&self->lines)};
    return stock_rows_reserve(&self->rows, saga, &reservation, err);
}

static int reserve(struct call *call, struct err *err)
{
    struct inventory *self = call_self(call);
    struct order_input order;
    int rc = order_call_read(call, &self->arena, REFUSED, &order);
    if (rc != 0)
        return rc;
    struct demand demand = {0};
    rc = find_levels(self, &order, &demand, err);
    if (rc < 0)
        return rc;
    struct order_event event = {.order_id = order.order_id, .units = order.units};
    size_t fault = 0;
    enum stock_verdict verdict =
        stock_rules_judge(demand.lines, demand.levels, demand.count, &fault);
    if (verdict != STOCK_SUFFICES)
        return refuse(call, &event, verdict, &demand.lines[fault], &demand.levels[fault]);
    rc = promise(self, call_saga(call), &order, &demand, err);
    if (rc < 0)
        return rc;
    order_call_tell(call, RESERVED, &event);
    return CALL_DONE;
}

static int give_back(struct inventory *self, struct bytes lines, struct err *err)
{
    struct stock_line line;
    int rc;
    while ((rc = stock_lines_next(&lines, &line, err)) == 1) {
        rc = stock_rows_move(&self->rows, &line, -1, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int release(struct call *call, struct err *err)
{
    struct inventory *self = call_self(call);
    struct reservation reservation;
    arena_reset(&self->arena);
    int rc = stock_rows_find(&self->rows, call_saga(call), &self->arena, &reservation, err);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the saga has no reservation to release");
    if (rc > 0)
        rc = give_back(self, reservation.lines, err);
    if (rc == 0)
        rc = stock_rows_release(&self->rows, call_saga(call), err);
    if (rc < 0)
        return rc;
    struct order_event event = {.order_id = reservation.order_id, .units = reservation.units};
    order_call_tell(call, RELEASED, &event);
    return CALL_DONE;
}

static const char *const stock_columns[] = {"sku", "on_hand", "reserved"};
static const char *const reservation_columns[] = {"saga", "order_id", "units", "status"};

static int page_stock(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                      struct buffer *ret_next, struct err *err)
{
    struct inventory *self = self_p;
    return pages_fill(db, self->rows.statements[STOCK_PAGE], PAGES_KEY_TEXT, after, page, ret_next,
                      err);
}

static int page_reservations(void *self_p, struct db *db, struct bytes after,
                             struct export_page *page, struct buffer *ret_next, struct err *err)
{
    struct inventory *self = self_p;
    return pages_fill(db, self->rows.statements[RESERVATION_PAGE], PAGES_KEY_BLOB, after, page,
                      ret_next, err);
}

static int import_stock(void *self_p, struct db *db, const struct bytes *fields, size_t row_count,
                        struct err *err)
{
    struct inventory *self = self_p;
    struct total *totals = NULL;
    (void)db;
    int rc = totals_read(stock_columns, fields, row_count, &totals, err);
    for (size_t i = 0; rc == 0 && i < row_count; i++)
        rc = stock_rows_import(&self->rows, &totals[i], err);
    free(totals);
    return rc;
}

static int open_inventory(void *self_p, struct db *db, struct config_node *settings,
                          struct err *err)
{
    struct inventory *self = self_p;
    (void)settings;
    arena_init(&self->arena, ORDER_INPUT_ARENA_BUDGET);
    return stock_rows_open(&self->rows, db, err);
}

static void close_inventory(void *self_p)
{
    struct inventory *self = self_p;
    stock_rows_close(&self->rows);
    arena_release(&self->arena);
    buffer_release(&self->lines);
}

static const struct participant_action actions[] = {
    {"reserve", reserve, "release", release},
};

static const struct participant_table tables[] = {
    {.name = "stock",
     .columns = stock_columns,
     .column_count = 3,
     .import_columns = stock_columns,
     .import_column_count = 2,
     .page = page_stock,
     .import = import_stock},
    {.name = "reservations",
     .columns = reservation_columns,
     .column_count = 4,
     .page = page_reservations},
};

const struct participant_service inventory_service = {
    .name = "inventory",
    .about = "promises stock to orders, all of an order or nothing",
    .schema = stock_rows_schema,
    .schema_count = STOCK_ROWS_SCHEMA_COUNT,
    .actions = actions,
    .action_count = sizeof actions / sizeof actions[0],
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .self_size = sizeof(struct inventory),
    .open = open_inventory,
    .close = close_inventory,
    .audit = stock_audit,
};
