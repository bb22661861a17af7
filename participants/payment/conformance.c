#include "conformance.h"

#include <stdio.h>

#include "payment/payment.h"

static void prepare(struct participant_driver *driver)
{
    (void)driver_import(driver, "customers", "anna,10000000\nbob,99\n");
}

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
    (void)order_fixture_pack(&(struct order_fixture){.order_id = "poor",
                                                     .customer_id = "bob",
                                                     .country = "France",
                                                     .items = {{"apple", 1, 100}}},
                             to);
}

const struct conformance_fixture conformance_fixture = {
    .service = &payment_service,
    .prepare = prepare,
    .good = good,
    .refused = refused,
    .refused_code = "insufficient_credit",
    .table = "payments",
};
