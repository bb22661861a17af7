#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order_fixture.h"
#include "participant_driver.h"
#include "shipping/shipping.h"

static int set_up(void **state)
{
    *state = driver_new(&shipping_service, NULL);
    return 0;
}

static int tear_down(void **state)
{
    driver_free(*state);
    return 0;
}

/* Sends `schedule` for two items of so many units on a new saga, which is returned. */
static struct id schedule(struct participant_driver *driver, const char *order_id,
                          const char *country, uint32_t units_each, Zsaga__Outcome outcome,
                          const char *code)
{
    const struct order_fixture order = {.order_id = order_id,
                                        .customer_id = "anna",
                                        .country = country,
                                        .items = {{"a", units_each, 1}, {"b", units_each, 1}}};
    struct buffer input = {0};
    struct driver_command command = {.saga = driver_new_saga(driver),
                                     .input = order_fixture_pack(&order, &input)};
    driver_expect(driver, &command, outcome, code);
    buffer_release(&input);
    return command.saga;
}

static void cancel(struct participant_driver *driver, struct id saga)
{
    struct driver_command command = {.saga = saga, .compensation = true};
    driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void test_schedule__of_800_units_in_all__is_possible(void **state)
{
    /* The limit is over all items together. */
    struct participant_driver *driver = *state;
    (void)schedule(driver, "A1", "France", 400, ZSAGA__OUTCOME__DONE, NULL);
    (void)schedule(driver, "A2", "France", 401, ZSAGA__OUTCOME__REJECTED, "oversize");
    char *rows = driver_export(driver, "shipments");
    assert_string_equal(rows, "A1,scheduled\n");
    free(rows);
}

static void test_schedule__to_nowhere__is_undeliverable(void **state)
{
    /* The place is looked at before the size. */
    struct participant_driver *driver = *state;
    (void)schedule(driver, "A1", "Unspecified", 1, ZSAGA__OUTCOME__REJECTED, "undeliverable");
    (void)schedule(driver, "A2", "European Community", 900, ZSAGA__OUTCOME__REJECTED,
                   "undeliverable");
}

static void test_cancel__of_a_shipment__marks_it(void **state)
{
    /* A cancelled shipment stays to be seen, and the log tells of all that happened. */
    struct participant_driver *driver = *state;
    cancel(driver, schedule(driver, "A1", "France", 2, ZSAGA__OUTCOME__DONE, NULL));
    (void)schedule(driver, "A2", "Unspecified", 1, ZSAGA__OUTCOME__REJECTED, NULL);
    char *rows = driver_export(driver, "shipments");
    char *events = driver_events(driver);
    assert_string_equal(rows, "A1,cancelled\n");
    assert_string_equal(events,
                        "ShipmentScheduled order=A1 customer= cents=0 units=4 code=\n"
                        "ShipmentCancelled order=A1 customer= cents=0 units=4 code=\n"
                        "ShipmentRefused order=A2 customer= cents=0 units=2 code=undeliverable\n");
    free(rows);
    free(events);
}

static void test_audit__of_tampered_rows__names_the_order(void **state)
{
    /* A shipment of an unknown status or of nothing is found. */
    struct participant_driver *driver = *state;
    (void)schedule(driver, "A1", "France", 2, ZSAGA__OUTCOME__DONE, NULL);
    assert_null(driver_audit(driver));
    driver_tamper(driver, "UPDATE shipment SET units = 0");
    char *fault = driver_audit(driver);
    assert_string_equal(fault, "shipping.shipments_are_whole: 1 shipments: 1 scheduled, 0"
                               " cancelled; 1 wrong, first: order 'A1' ships 0 units");
    free(fault);
    driver_tamper(driver, "UPDATE shipment SET status = 'lost'");
    fault = driver_audit(driver);
    assert_non_null(fault);
    free(fault);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_schedule__of_800_units_in_all__is_possible),
        TEST(test_schedule__to_nowhere__is_undeliverable),
        TEST(test_cancel__of_a_shipment__marks_it),
        TEST(test_audit__of_tampered_rows__names_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
