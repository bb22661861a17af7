#include "order.h"

#include "order_audit.h"
#include "order_rows.h"
#include "order_rules.h"
#include "order_saga/order_call.h"
#include "order_saga/pages.h"

#define CREATED "OrderCreated"
#define REFUSED "OrderRefused"
#define CONFIRMED "OrderConfirmed"
#define CANCELLED "OrderCancelled"

struct order_self {
    struct order_rows rows;
    struct arena arena; /* Of the command being handled. */
};

static struct order_event event_of(const struct order_input *order)
{
    return (struct order_event){.order_id = order->order_id,
                                .customer_id = order->customer_id,
                                .amount_cents = order->total_cents,
                                .units = order->units};
}

static int create(struct call *call, struct err *err)
{
    struct order_self *self = call_self(call);
    struct order_input order;
    int rc = order_call_read(call, &self->arena, REFUSED, &order);
    if (rc != 0)
        return rc;
    struct order_owner owner;
    rc = order_rows_find(&self->rows, order.order_id, &owner, err);
    if (rc < 0)
        return rc;
    struct order_event event = event_of(&order);
    if (!order_rules_may_become(owner.status, ORDER_PENDING))
        return order_call_refuse(call, REFUSED, &event, "order_exists",
                                 "order id '%.*s' belongs to another saga", (int)order.order_id.len,
                                 (const char *)order.order_id.data);
    rc = order_rows_add(&self->rows, call_saga(call), &order, call_input(call), err);
    if (rc < 0)
        return rc;
    order_call_tell(call, CREATED, &event);
    return CALL_DONE;
}

/* Neither confirm nor cancel can refuse: an order that is not this saga's, or not pending, is a
 * mistake of the definition or of ours. */
static int move_on(struct call *call, enum order_status to, const char *event_type, struct err *err)
{
    struct order_self *self = call_self(call);
    struct order_input order;
    struct order_owner owner;
    int rc = order_call_read_again(call, &self->arena, &order, err);
    if (rc == 0)
        rc = order_rows_find(&self->rows, order.order_id, &owner, err);
    if (rc < 0)
        return rc;
    if (owner.status != ORDER_NONE && id_compare(&owner.saga, call_saga(call)) != 0)
        return err_set(err, ERR_INVALID, "the order belongs to another saga");
    if (!order_rules_may_become(owner.status, to))
        return err_set(err, ERR_INVALID, "the order cannot become %s: it is %s",
                       order_rules_status_text(to), order_rules_status_text(owner.status));
    rc = order_rows_set_status(&self->rows, order.order_id, to, err);
    if (rc < 0)
        return rc;
    struct order_event event = event_of(&order);
    order_call_tell(call, event_type, &event);
    return CALL_DONE;
}

static int cancel(struct call *call, struct err *err)
{
    return move_on(call, ORDER_CANCELLED, CANCELLED, err);
}

static int confirm(struct call *call, struct err *err)
{
    return move_on(call, ORDER_CONFIRMED, CONFIRMED, err);
}

static const char *const order_columns[] = {"order_id", "customer_id", "total_cents", "status"};

static int page_orders(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                       struct buffer *ret_next, struct err *err)
{
    struct order_self *self = self_p;
    return pages_fill(db, self->rows.statements[ORDER_PAGE], PAGES_KEY_TEXT, after, page, ret_next,
                      err);
}

static int open_order(void *self_p, struct db *db, struct config_node *settings, struct err *err)
{
    struct order_self *self = self_p;
    (void)settings;
    arena_init(&self->arena, ORDER_INPUT_ARENA_BUDGET);
    return order_rows_open(&self->rows, db, err);
}

static void close_order(void *self_p)
{
    struct order_self *self = self_p;
    order_rows_close(&self->rows);
    arena_release(&self->arena);
}

static const struct participant_action actions[] = {
    {"create", create, "cancel", cancel},
    {"confirm", confirm, NULL, NULL},
};

static const struct participant_table tables[] = {
    {.name = "orders", .columns = order_columns, .column_count = 4, .page = page_orders},
};

const struct participant_service order_service = {
    .name = "order",
    .about = "keeps the orders and where each stands",
    .schema = order_rows_schema,
    .schema_count = ORDER_ROWS_SCHEMA_COUNT,
    .actions = actions,
    .action_count = sizeof actions / sizeof actions[0],
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .self_size = sizeof(struct order_self),
    .open = open_order,
    .close = close_order,
    .audit = order_audit,
};
