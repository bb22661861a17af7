#include "conformance.h"

#include <stdio.h>

#include "shipping/shipping.h"

static void good(unsigned int number, struct buffer *to)
{
    char order_id[32];
    (void)snprintf(order_id, sizeof order_id, "A-%u", number);
    (void)order_fixture_pack(&(struct order_fixture){.order_id = order_id,
                                                     .customer_id = "anna",
                                                     .country = "France",
                                                     .items = {{"apple", 2, 100}}},
                             to);
}

static void refused(struct buffer *to)
{
    (void)order_fixture_pack(&(struct order_fixture){.order_id = "heavy",
                                                     .customer_id = "anna",
                                                     .country = "France",
                                                     .items = {{"apple", 11, 100}}},
                             to);
}

const struct conformance_fixture conformance_fixture = {
    .service = &shipping_service,
    .settings = "oversize_units = 10\n",
    .good = good,
    .refused = refused,
    .refused_code = "oversize",
    .table = "shipments",
};
