#include "monolith.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "demand.h"
#include "inventory/stock_lines.h"
#include "inventory/stock_rows.h"
#include "order/order_rows.h"
#include "payment/credit_rows.h"
#include "shipping/shipment_rows.h"
#include "shipping/shipment_rules.h"
#include "store/db.h"

#define PREFIX "m"

struct monolith {
    struct db *db;
    struct order_rows orders;
    struct stock_rows stock;
    struct credit_rows credit;
    struct shipment_rows shipments;
    struct shipment_rules rules;
    struct id_source ids;
    struct buffer input;
    struct buffer lines;
    uint64_t serial; /* Of the next order. */
    uint64_t refused;
};

/* An order as the services read it. */
struct reading {
    struct demand_order order;
    struct order_item items[DEMAND_ITEMS];
    struct order_input input;
    struct stock_line lines[DEMAND_ITEMS];
    size_t line_count;
};

static int migrate(struct db *db, struct err *err)
{
    int rc = db_migrate(db, "order", order_rows_schema, ORDER_ROWS_SCHEMA_COUNT, err);
    if (rc == 0)
        rc = db_migrate(db, "inventory", stock_rows_schema, STOCK_ROWS_SCHEMA_COUNT, err);
    if (rc == 0)
        rc = db_migrate(db, "payment", credit_rows_schema, CREDIT_ROWS_SCHEMA_COUNT, err);
    if (rc == 0)
        rc = db_migrate(db, "shipping", shipment_rows_schema, SHIPMENT_ROWS_SCHEMA_COUNT, err);
    return rc;
}

static int prepare(struct monolith *monolith, struct err *err)
{
    int rc = order_rows_open(&monolith->orders, monolith->db, err);
    if (rc == 0)
        rc = stock_rows_open(&monolith->stock, monolith->db, err);
    if (rc == 0)
        rc = credit_rows_open(&monolith->credit, monolith->db, err);
    if (rc == 0)
        rc = shipment_rows_open(&monolith->shipments, monolith->db, err);
    return rc < 0 ? rc : shipment_rules_read(&monolith->rules, NULL, err);
}

static int import(struct monolith *monolith, struct err *err)
{
    char name[DEMAND_NAME_SIZE];
    int rc = db_begin(monolith->db, err);
    for (unsigned i = 0; rc == 0 && i < DEMAND_SKUS; i++) {
        demand_sku(i, name);
        struct total total = {.name = bytes_text(name), .value = DEMAND_ON_HAND};
        rc = stock_rows_import(&monolith->stock, &total, err);
    }
    for (unsigned i = 0; rc == 0 && i < DEMAND_CUSTOMERS; i++) {
        demand_customer(i, name);
        struct total total = {.name = bytes_text(name), .value = DEMAND_CREDIT_CENTS};
        rc = credit_rows_import(&monolith->credit, &total, err);
    }
    return rc < 0 ? rc : db_commit(monolith->db, err);
}

int monolith_open(const char *path, struct monolith **ret, struct err *err)
{
    AUTO(monolith_freep) struct monolith *monolith = xcalloc(1, sizeof *monolith);
    id_source_init(&monolith->ids, 1);
    int rc = db_open(path, &monolith->db, err);
    if (rc == 0)
        rc = migrate(monolith->db, err);
    if (rc == 0)
        rc = prepare(monolith, err);
    if (rc == 0)
        rc = import(monolith, err);
    if (rc < 0)
        return rc;
    *ret = monolith;
    monolith = NULL;
    return 0;
}

void monolith_free(struct monolith *monolith)
{
    if (monolith == NULL)
        return;
    order_rows_close(&monolith->orders);
    stock_rows_close(&monolith->stock);
    credit_rows_close(&monolith->credit);
    shipment_rows_close(&monolith->shipments);
    shipment_rules_release(&monolith->rules);
    db_close(monolith->db);
    buffer_release(&monolith->input);
    buffer_release(&monolith->lines);
    free(monolith);
}

void monolith_freep(struct monolith **monolith_p)
{
    monolith_free(*monolith_p);
    *monolith_p = NULL;
}

uint64_t monolith_orders(const struct monolith *monolith)
{
    return monolith->serial;
}

static void read_order(uint64_t serial, struct reading *ret)
{
    demand_order(PREFIX, serial, &ret->order);
    ret->input = (struct order_input){.order_id = bytes_text(ret->order.order_id),
                                      .customer_id = bytes_text(ret->order.customer_id),
                                      .country = bytes_text(ret->order.country),
                                      .items = ret->items,
                                      .item_count = DEMAND_ITEMS};
    for (size_t i = 0; i < DEMAND_ITEMS; i++) {
        const struct demand_item *item = &ret->order.items[i];
        ret->items[i] = (struct order_item){bytes_text(item->sku), item->quantity,
                                            (int64_t)item->unit_price_cents};
        ret->input.units += ret->items[i].quantity;
        ret->input.total_cents += ret->items[i].quantity * ret->items[i].unit_price_cents;
    }
    ret->line_count = stock_rules_merge(ret->items, DEMAND_ITEMS, ret->lines);
}

/* Every rule in the saga's order. *ret: nothing speaks against it. */
static int judge(struct monolith *monolith, const struct reading *reading, bool *ret,
                 struct err *err)
{
    struct stock_level levels[DEMAND_ITEMS];
    struct credit credit;
    size_t at_fault;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < reading->line_count; i++)
        rc = stock_rows_level(&monolith->stock, reading->lines[i].sku, &levels[i], err);
    if (rc == 0)
        rc = credit_rows_credit(&monolith->credit, reading->input.customer_id, &credit, err);
    if (rc < 0)
        return rc;
    *ret = stock_rules_judge(reading->lines, levels, reading->line_count, &at_fault) ==
               STOCK_SUFFICES &&
           credit_rules_judge(&credit, &reading->input) == CREDIT_SUFFICES &&
           shipment_rules_judge(&monolith->rules, &reading->input) == SHIPMENT_POSSIBLE;
    return 0;
}

static int fulfil(struct monolith *monolith, const struct reading *reading, const struct id *id,
                  struct err *err)
{
    const struct order_input *order = &reading->input;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < reading->line_count; i++)
        rc = stock_rows_move(&monolith->stock, &reading->lines[i], 1, err);
    if (rc < 0)
        return rc;
    buffer_clear(&monolith->lines);
    stock_lines_pack(reading->lines, reading->line_count, &monolith->lines);
    const struct reservation reservation = {order->order_id, order->units,
                                            buffer_bytes(&monolith->lines)};
    const struct charge charge = {order->order_id, order->customer_id, order->total_cents};
    const struct shipment shipment = {order->order_id, order->country, order->units};
    rc = stock_rows_reserve(&monolith->stock, id, &reservation, err);
    if (rc == 0)
        rc = credit_rows_charge(&monolith->credit, id, &charge, err);
    return rc < 0 ? rc : shipment_rows_add(&monolith->shipments, id, &shipment, err);
}

static int carry_out(struct monolith *monolith, const struct reading *reading, struct err *err)
{
    bool good = false;
    struct id id = id_next(&monolith->ids, clock_wall_ms());
    int rc = judge(monolith, reading, &good, err);
    if (rc == 0)
        rc = order_rows_add(&monolith->orders, &id, &reading->input, buffer_bytes(&monolith->input),
                            err);
    if (rc == 0 && good)
        rc = fulfil(monolith, reading, &id, err);
    monolith->refused += !good;
    return rc < 0 ? rc
                  : order_rows_set_status(&monolith->orders, reading->input.order_id,
                                          good ? ORDER_CONFIRMED : ORDER_CANCELLED, err);
}

int monolith_order(struct monolith *monolith, struct err *err)
{
    struct reading reading;
    read_order(monolith->serial, &reading);
    demand_pack(&reading.order, &monolith->input);
    int rc = db_begin(monolith->db, err);
    if (rc == 0)
        rc = carry_out(monolith, &reading, err);
    if (rc == 0)
        rc = db_commit(monolith->db, err);
    if (rc < 0)
        return rc;
    monolith->serial++;
    return db_checkpoint_if_large(monolith->db, err);
}

static int count(struct monolith *monolith, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = db_prepare_engine(monolith->db, sql, &statement, err);
    if (rc == 0)
        rc = db_step(monolith->db, statement, err);
    if (rc == DB_ROW)
        *ret = db_int(statement, 0);
    sqlite3_finalize(statement);
    return rc < 0 ? rc : 0;
}

int monolith_audit(struct monolith *monolith, struct err *err)
{
    uint64_t refused = monolith->serial / DEMAND_REFUSED_EVERY;
    int64_t good = (int64_t)(monolith->serial - refused);
    const struct {
        const char *sql;
        int64_t wanted;
    } checks[] = {
        {"SELECT count(*) FROM orders WHERE status = 'confirmed'", good},
        {"SELECT count(*) FROM orders WHERE status = 'cancelled'", (int64_t)refused},
        {"SELECT count(*) FROM order_body", (int64_t)monolith->serial},
        {"SELECT count(*) FROM reservation", good},
        {"SELECT count(*) FROM shipment", good},
        {"SELECT sum(reserved) - (SELECT sum(units) FROM reservation) FROM stock", 0},
        {"SELECT sum(charged) - (SELECT sum(amount) FROM charge) FROM account", 0},
        {"SELECT sum(charged) - (SELECT sum(total) FROM orders WHERE status = 'confirmed')"
         " FROM account",
         0},
        {"SELECT count(*) FROM stock WHERE on_hand + reserved <> imported", 0},
        {"SELECT count(*) FROM account WHERE credit + charged <> imported", 0},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int64_t got = -1;
        int rc = count(monolith, checks[i].sql, &got, err);
        if (rc < 0)
            return rc;
        if (got != checks[i].wanted)
            return err_set(err, ERR_CORRUPT,
                           "the monolith's books: \"%s\" is %" PRId64 ", not %" PRId64,
                           checks[i].sql, got, checks[i].wanted);
    }
    return 0;
}
