#include "conformance.h"

#include <stdio.h>

#include "order/order.h"

static void pack(const char *order_id, struct buffer *to)
{
    (void)order_fixture_pack(&(struct order_fixture){.order_id = order_id,
                                                     .customer_id = "anna",
                                                     .country = "France",
                                                     .items = {{"apple", 2, 100}}},
                             to);
}

/* An order id belongs to the saga that took it first. */
static void prepare(struct participant_driver *driver)
{
    struct buffer input = {0};
    pack("taken", &input);
    struct driver_command create = {.saga = driver_new_saga(driver), .input = buffer_bytes(&input)};
    driver_expect(driver, &create, ZSAGA__OUTCOME__DONE, NULL);
    buffer_release(&input);
}

static void good(unsigned int number, struct buffer *to)
{
    char order_id[32];
    (void)snprintf(order_id, sizeof order_id, "A-%u", number);
    pack(order_id, to);
}

static void refused(struct buffer *to)
{
    pack("taken", to);
}

const struct conformance_fixture conformance_fixture = {
    .service = &order_service,
    .prepare = prepare,
    .good = good,
    .refused = refused,
    .refused_code = "order_exists",
    .table = "orders",
};
