#include "shipping.h"

#include "order_saga/order_call.h"
#include "order_saga/pages.h"
#include "shipment_rows.h"
#include "shipment_rules.h"

#define SCHEDULED "ShipmentScheduled"
#define REFUSED "ShipmentRefused"
#define CANCELLED "ShipmentCancelled"

struct shipping {
    struct shipment_rows rows;
    struct shipment_rules rules;
    struct arena arena; /* Of the command being handled. */
};

static int refuse(struct call *call, const struct order_event *event, enum shipment_verdict verdict,
                  const struct shipment_rules *rules, const struct order_input *order)
{
    if (verdict == SHIPMENT_UNDELIVERABLE)
        return order_call_refuse(call, REFUSED, event, "undeliverable", "nothing goes to '%.*s'",
                                 (int)order->country.len, (const char *)order->country.data);
    return order_call_refuse(call, REFUSED, event, "oversize",
                             "%lld units are more than one shipment holds: %lld",
                             (long long)order->units, (long long)rules->oversize_units);
}

static int schedule(struct call *call, struct err *err)
{
    struct shipping *self = call_self(call);
    struct order_input order;
    int rc = order_call_read(call, &self->arena, REFUSED, &order);
    if (rc != 0)
        return rc;
    struct order_event event = {.order_id = order.order_id, .units = order.units};
    enum shipment_verdict verdict = shipment_rules_judge(&self->rules, &order);
    if (verdict != SHIPMENT_POSSIBLE)
        return refuse(call, &event, verdict, &self->rules, &order);
    struct shipment shipment = {
        .order_id = order.order_id, .country = order.country, .units = order.units};
    rc = shipment_rows_add(&self->rows, call_saga(call), &shipment, err);
    if (rc < 0)
        return rc;
    order_call_tell(call, SCHEDULED, &event);
    return CALL_DONE;
}

static int cancel(struct call *call, struct err *err)
{
    struct shipping *self = call_self(call);
    struct shipment shipment;
    arena_reset(&self->arena);
    int rc = shipment_rows_find(&self->rows, call_saga(call), &self->arena, &shipment, err);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the saga has no shipment to cancel");
    if (rc > 0)
        rc = shipment_rows_cancel(&self->rows, call_saga(call), err);
    if (rc < 0)
        return rc;
    struct order_event event = {.order_id = shipment.order_id, .units = shipment.units};
    order_call_tell(call, CANCELLED, &event);
    return CALL_DONE;
}

static const char *const shipment_columns[] = {"order_id", "status"};

static int page_shipments(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                          struct buffer *ret_next, struct err *err)
{
    struct shipping *self = self_p;
    return pages_fill(db, self->rows.statements[SHIPMENT_PAGE], PAGES_KEY_BLOB, after, page,
                      ret_next, err);
}

static int open_shipping(void *self_p, struct db *db, struct config_node *settings, struct err *err)
{
    struct shipping *self = self_p;
    arena_init(&self->arena, ORDER_INPUT_ARENA_BUDGET);
    int rc = shipment_rules_read(&self->rules, settings, err);
    return rc < 0 ? rc : shipment_rows_open(&self->rows, db, err);
}

static void close_shipping(void *self_p)
{
    struct shipping *self = self_p;
    shipment_rows_close(&self->rows);
    shipment_rules_release(&self->rules);
    arena_release(&self->arena);
}

static const struct participant_action actions[] = {
    {"schedule", schedule, "cancel", cancel},
};

static const struct participant_table tables[] = {
    {.name = "shipments", .columns = shipment_columns, .column_count = 2, .page = page_shipments},
};

const struct participant_service shipping_service = {
    .name = "shipping",
    .about = "schedules a shipment for an order",
    .schema = shipment_rows_schema,
    .schema_count = SHIPMENT_ROWS_SCHEMA_COUNT,
    .actions = actions,
    .action_count = sizeof actions / sizeof actions[0],
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .self_size = sizeof(struct shipping),
    .open = open_shipping,
    .close = close_shipping,
    .audit = shipment_rows_audit,
};
