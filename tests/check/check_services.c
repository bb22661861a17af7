#include "check_services.h"

#include <string.h>

#include "check_sql.h"

static const struct service_event toy_events[] = {{"did", TOLD_DID},
                                                  {"undid", TOLD_UNDID},
                                                  {"refused", TOLD_REFUSED},
                                                  {"waits", TOLD_WAITS},
                                                  {NULL, 0}};
static const struct service_event order_events[] = {{"OrderCreated", TOLD_DID},
                                                    {"OrderConfirmed", TOLD_DID},
                                                    {"OrderCancelled", TOLD_UNDID},
                                                    {"OrderRefused", TOLD_REFUSED},
                                                    {NULL, 0}};
static const struct service_event stock_events[] = {{"InventoryReserved", TOLD_DID},
                                                    {"InventoryReleased", TOLD_UNDID},
                                                    {"InventoryReservationFailed", TOLD_REFUSED},
                                                    {NULL, 0}};
static const struct service_event credit_events[] = {{"PaymentCharged", TOLD_DID},
                                                     {"PaymentRefunded", TOLD_UNDID},
                                                     {"PaymentFailed", TOLD_REFUSED},
                                                     {NULL, 0}};
static const struct service_event shipment_events[] = {{"ShipmentScheduled", TOLD_DID},
                                                       {"ShipmentCancelled", TOLD_UNDID},
                                                       {"ShipmentRefused", TOLD_REFUSED},
                                                       {NULL, 0}};

static const char *const order_actions[] = {"create", "confirm", NULL};
static const char *const stock_actions[] = {"reserve", NULL};
static const char *const credit_actions[] = {"charge", NULL};
static const char *const shipment_actions[] = {"schedule", NULL};

static const struct service services[] = {
    {
        .name = "toy",
        .tables = {"toy_log", "toy_stock"},
        .effects = "SELECT saga, step, NULL, count(*) FILTER (WHERE undo = 0),"
                   " count(*) FILTER (WHERE undo = 1), coalesce(max(seq) FILTER (WHERE undo = 0) >"
                   " min(seq) FILTER (WHERE undo = 1), 0) FROM toy_log GROUP BY saga, step",
        .log = "SELECT first_seq, count, events FROM toy_told ORDER BY first_seq",
        .events = toy_events,
        .sums = I13,
        .wrong = "SELECT format('%d are free, %d taken, and %d should be', free, taken, net)"
                 " FROM toy_stock, (SELECT coalesce(sum(1 - 2 * undo), 0) AS net FROM toy_log)"
                 " WHERE free + taken <> 1000000 OR taken <> net OR free < 0 OR taken < 0",
    },
    {
        .name = "order",
        .tables = {"orders", "order_body"},
        .effects = "SELECT saga, NULL, 'create', 1, status = 'cancelled', 0 FROM orders UNION ALL"
                   " SELECT saga, NULL, 'confirm', 1, 0, 0 FROM orders WHERE status = 'confirmed'",
        .actions = order_actions,
        .events = order_events,
        .sums = I7,
        .wrong = "SELECT format('order ''%s'' has the status ''%s''', order_id, status) FROM orders"
                 " WHERE status NOT IN ('pending', 'confirmed', 'cancelled')",
    },
    {
        .name = "inventory",
        .tables = {"stock", "reservation"},
        .effects = "SELECT saga, NULL, 'reserve', 1, status <> 'reserved', 0 FROM reservation",
        .actions = stock_actions,
        .events = stock_events,
        .sums = I13,
        .wrong = "SELECT format('sku ''%s'': %d on hand and %d reserved of %d', sku, on_hand,"
                 " reserved, imported) FROM stock"
                 " WHERE on_hand + reserved <> imported OR on_hand < 0 OR reserved < 0",
        .accounts = "SELECT sku, reserved FROM stock",
        .charges = "SELECT saga, units, NULL, lines FROM reservation WHERE status = 'reserved'",
    },
    {
        .name = "payment",
        .tables = {"account", "charge"},
        .effects = "SELECT saga, NULL, 'charge', 1, status <> 'charged', 0 FROM charge",
        .actions = credit_actions,
        .events = credit_events,
        .sums = I12,
        .wrong = "SELECT format('customer ''%s'': %d left and %d charged of %d', customer_id,"
                 " credit, charged, imported) FROM account"
                 " WHERE credit + charged <> imported OR credit < 0 OR charged < 0",
        .accounts = "SELECT customer_id, charged FROM account",
        .charges = "SELECT saga, amount, customer_id, NULL FROM charge WHERE status = 'charged'",
    },
    {
        .name = "shipping",
        .tables = {"shipment"},
        .effects = "SELECT saga, NULL, 'schedule', 1, status <> 'scheduled', 0 FROM shipment",
        .actions = shipment_actions,
        .events = shipment_events,
        .sums = I7,
        .wrong = "SELECT format('order ''%s'' has a shipment of %d units', order_id, units)"
                 " FROM shipment WHERE units < 1",
    },
};

static bool has_all(sqlite3 *db, const struct service *service)
{
    for (size_t i = 0; service->tables[i] != NULL; i++)
        if (!check_has_table(db, service->tables[i]))
            return false;
    return true;
}

const struct service *check_service_of(sqlite3 *db)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (has_all(db, &services[i]))
            return &services[i];
    return NULL;
}

bool check_service_tells(const struct service *service, const char *action)
{
    if (service->actions == NULL)
        return true;
    for (size_t i = 0; service->actions[i] != NULL; i++)
        if (strcmp(service->actions[i], action) == 0)
            return true;
    return false;
}

unsigned check_service_event(const struct service *service, struct check_bytes type)
{
    for (size_t i = 0; service->events[i].type != NULL; i++)
        if (check_is(type, service->events[i].type))
            return service->events[i].kind;
    return 0;
}
