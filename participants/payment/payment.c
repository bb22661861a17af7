#include "payment.h"

#include <stdlib.h>

#include "credit_audit.h"
#include "credit_rows.h"
#include "order_saga/order_call.h"
#include "order_saga/pages.h"

#define CHARGED "PaymentCharged"
#define REFUSED "PaymentFailed"
#define REFUNDED "PaymentRefunded"

struct payment {
    struct credit_rows rows;
    struct arena arena; /* Of the command being handled. */
};

static int refuse(struct call *call, const struct order_event *event, enum credit_verdict verdict,
                  const struct order_input *order, const struct credit *credit)
{
    int len = (int)event->customer_id.len;
    const char *customer = (const char *)event->customer_id.data;
    if (verdict == CREDIT_CUSTOMER_UNKNOWN)
        return order_call_refuse(call, REFUSED, event, "unknown_customer",
                                 "there is no customer '%.*s'", len, customer);
    return order_call_refuse(call, REFUSED, event, "insufficient_credit",
                             "%s%lld cents are wanted of customer '%.*s', %lld are left",
                             order->total_is_cut ? "over " : "", (long long)order->total_cents, len,
                             customer, (long long)credit->left_cents);
}

static int charge(struct call *call, struct err *err)
{
    struct payment *self = call_self(call);
    struct order_input order;
    int rc = order_call_read(call, &self->arena, REFUSED, &order);
    if (rc != 0)
        return rc;
    struct credit credit;
    rc = credit_rows_credit(&self->rows, order.customer_id, &credit, err);
    if (rc < 0)
        return rc;
    struct order_event event = {.order_id = order.order_id,
                                .customer_id = order.customer_id,
                                .amount_cents = order.total_cents};
    enum credit_verdict verdict = credit_rules_judge(&credit, &order);
    if (verdict != CREDIT_SUFFICES)
        return refuse(call, &event, verdict, &order, &credit);
    struct charge row = {.order_id = order.order_id,
                         .customer_id = order.customer_id,
                         .amount_cents = order.total_cents};
    rc = credit_rows_charge(&self->rows, call_saga(call), &row, err);
    if (rc < 0)
        return rc;
    order_call_tell(call, CHARGED, &event);
    return CALL_DONE;
}

static int refund(struct call *call, struct err *err)
{
    struct payment *self = call_self(call);
    struct charge row;
    arena_reset(&self->arena);
    int rc = credit_rows_find(&self->rows, call_saga(call), &self->arena, &row, err);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the saga has no charge to refund");
    if (rc > 0)
        rc = credit_rows_refund(&self->rows, call_saga(call), &row, err);
    if (rc < 0)
        return rc;
    struct order_event event = {
        .order_id = row.order_id, .customer_id = row.customer_id, .amount_cents = row.amount_cents};
    order_call_tell(call, REFUNDED, &event);
    return CALL_DONE;
}

static const char *const customer_columns[] = {"customer_id", "credit_cents"};
static const char *const payment_columns[] = {"order_id", "amount_cents", "status"};

static int page_customers(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                          struct buffer *ret_next, struct err *err)
{
    struct payment *self = self_p;
    return pages_fill(db, self->rows.statements[ACCOUNT_PAGE], PAGES_KEY_TEXT, after, page,
                      ret_next, err);
}

static int page_payments(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                         struct buffer *ret_next, struct err *err)
{
    struct payment *self = self_p;
    return pages_fill(db, self->rows.statements[CHARGE_PAGE], PAGES_KEY_BLOB, after, page, ret_next,
                      err);
}

static int import_customers(void *self_p, struct db *db, const struct bytes *fields,
                            size_t row_count, struct err *err)
{
    struct payment *self = self_p;
    struct total *totals = NULL;
    (void)db;
    int rc = totals_read(customer_columns, fields, row_count, &totals, err);
    for (size_t i = 0; rc == 0 && i < row_count; i++)
        rc = credit_rows_import(&self->rows, &totals[i], err);
    free(totals);
    return rc;
}

static int open_payment(void *self_p, struct db *db, struct config_node *settings, struct err *err)
{
    struct payment *self = self_p;
    (void)settings;
    arena_init(&self->arena, ORDER_INPUT_ARENA_BUDGET);
    return credit_rows_open(&self->rows, db, err);
}

static void close_payment(void *self_p)
{
    struct payment *self = self_p;
    credit_rows_close(&self->rows);
    arena_release(&self->arena);
}

static const struct participant_action actions[] = {
    {"charge", charge, "refund", refund},
};

static const struct participant_table tables[] = {
    {.name = "customers",
     .columns = customer_columns,
     .column_count = 2,
     .page = page_customers,
     .import = import_customers},
    {.name = "payments", .columns = payment_columns, .column_count = 3, .page = page_payments},
};

const struct participant_service payment_service = {
    .name = "payment",
    .about = "charges orders to the credit of their customers",
    .schema = credit_rows_schema,
    .schema_count = CREDIT_ROWS_SCHEMA_COUNT,
    .actions = actions,
    .action_count = sizeof actions / sizeof actions[0],
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .self_size = sizeof(struct payment),
    .open = open_payment,
    .close = close_payment,
    .audit = credit_audit,
};
