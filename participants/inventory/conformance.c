#include "conformance.h"

#include <stdio.h>

#include "inventory/inventory.h"

static void prepare(struct participant_driver *driver)
{
    (void)driver_import(driver, "stock", "apple,100000\nbean,100000\nrare,1\n");
}

static void good(unsigned int number, struct buffer *to)
{
    char order_id[32];
    (void)snprintf(order_id, sizeof order_id, "A-%u", number);
    (void)order_fixture_pack(&(struct order_fixture){.order_id = order_id,
                                                     .customer_id = "anna",
                                                     .country = "France",
                                                     .items = {{"apple", 2, 100}, {"bean", 3, 50}}},
                             to);
}

static void refused(struct buffer *to)
{
    (void)order_fixture_pack(&(struct order_fixture){.order_id = "greedy",
                                                     .customer_id = "anna",
                                                     .country = "France",
                                                     .items = {{"apple", 1, 100}, {"rare", 2, 50}}},
                             to);
}

const struct conformance_fixture conformance_fixture = {
    .service = &inventory_service,
    .prepare = prepare,
    .good = good,
    .refused = refused,
    .refused_code = "out_of_stock",
    .table = "reservations",
};
