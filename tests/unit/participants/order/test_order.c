#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order/order.h"
#include "order_fixture.h"
#include "participant_driver.h"

struct fixture {
    struct participant_driver *driver;
    struct buffer input; /* Of order A1. */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->driver = driver_new(&order_service, NULL);
    (void)order_fixture_pack(&(struct order_fixture){.order_id = "A1",
                                                     .customer_id = "anna",
                                                     .country = "France",
                                                     .items = {{"apple", 2, 50}}},
                             &fixture->input);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    driver_free(fixture->driver);
    buffer_release(&fixture->input);
    free(fixture);
    return 0;
}

static struct driver_command create(struct fixture *fixture)
{
    return (struct driver_command){.saga = driver_new_saga(fixture->driver),
                                   .input = buffer_bytes(&fixture->input)};
}

static struct driver_command cancel(struct driver_command command)
{
    command.compensation = true;
    return command;
}

static struct driver_command confirm(struct driver_command command)
{
    command.step = 4;
    command.name = "confirm";
    return command;
}

static void assert_orders(struct fixture *fixture, const char *rows)
{
    char *actual = driver_export(fixture->driver, "orders");
    char *fault = driver_audit(fixture->driver);
    assert_string_equal(actual, rows);
    assert_null(fault);
    free(actual);
}

static void test_confirm__of_a_pending_order__is_done_once(void **state)
{
    /* The life of an order that went well. */
    struct fixture *fixture = *state;
    struct driver_command created = create(fixture);
    struct driver_command confirmed = confirm(created);
    driver_expect(fixture->driver, &created, ZSAGA__OUTCOME__DONE, NULL);
    assert_orders(fixture, "A1,anna,100,pending\n");
    driver_expect(fixture->driver, &confirmed, ZSAGA__OUTCOME__DONE, NULL);
    driver_expect(fixture->driver, &confirmed, ZSAGA__OUTCOME__DONE, NULL);
    assert_orders(fixture, "A1,anna,100,confirmed\n");
    char *events = driver_events(fixture->driver);
    assert_string_equal(events, "OrderCreated order=A1 customer=anna cents=100 units=2 code=\n"
                                "OrderConfirmed order=A1 customer=anna cents=100 units=2 code=\n");
    free(events);
}

static void test_cancel__of_a_pending_order__keeps_its_id_taken(void **state)
{
    /* An order id belongs to the saga that took it, also when that came to nothing. */
    struct fixture *fixture = *state;
    struct driver_command created = create(fixture);
    struct driver_command cancelled = cancel(created);
    driver_expect(fixture->driver, &created, ZSAGA__OUTCOME__DONE, NULL);
    driver_expect(fixture->driver, &cancelled, ZSAGA__OUTCOME__DONE, NULL);
    struct driver_command again = create(fixture);
    driver_expect(fixture->driver, &again, ZSAGA__OUTCOME__REJECTED, "order_exists");
    assert_orders(fixture, "A1,anna,100,cancelled\n");
    char *events = driver_events(fixture->driver);
    assert_string_equal(events, "OrderCreated order=A1 customer=anna cents=100 units=2 code=\n"
                                "OrderCancelled order=A1 customer=anna cents=100 units=2 code=\n"
                                "OrderRefused order=A1 customer=anna cents=100 units=2"
                                " code=order_exists\n");
    free(events);
}

static void test_confirm__of_what_is_not_pending__changes_nothing(void **state)
{
    /* A confirm cannot refuse: one that cannot be is a mistake to be seen, and is recorded nowhere.
     */
    struct fixture *fixture = *state;
    struct driver_command nothing = confirm(create(fixture));
    driver_expect(fixture->driver, &nothing, ZSAGA__OUTCOME__RETRY, "error");
    struct driver_command created = create(fixture);
    driver_expect(fixture->driver, &created, ZSAGA__OUTCOME__DONE, NULL);
    driver_expect(fixture->driver, &nothing, ZSAGA__OUTCOME__RETRY, "error");
    struct driver_command cancelled = cancel(created);
    driver_expect(fixture->driver, &cancelled, ZSAGA__OUTCOME__DONE, NULL);
    struct driver_command late = confirm(created);
    driver_expect(fixture->driver, &late, ZSAGA__OUTCOME__RETRY, "error");
    assert_orders(fixture, "A1,anna,100,cancelled\n");
}

static void test_create__of_a_total_over_64_bits__keeps_the_largest_number(void **state)
{
    /* Payment will refuse it; until then it is an order, with the largest total there is. */
    struct fixture *fixture = *state;
    struct buffer input = {0};
    struct order_fixture order = {.order_id = "A2", .customer_id = "anna", .country = "France"};
    for (size_t i = 0; i < 8; i++)
        order.items[i] = (struct order_fixture_item){"apple", 1000000, 1000000000};
    /* Appending protobuf messages merges them: their items add up, to 9.6 x 10^18 cents. */
    for (int i = 0; i < 1200; i++)
        (void)order_fixture_pack(&order, &input);
    struct driver_command created = create(fixture);
    created.input = buffer_bytes(&input);
    driver_expect(fixture->driver, &created, ZSAGA__OUTCOME__DONE, NULL);
    assert_orders(fixture, "A2,anna,9223372036854775807,pending\n");
    buffer_release(&input);
}

static void test_audit__of_tampered_rows__names_the_check_and_the_order(void **state)
{
    /* A status that is none, and a total that is not that of the items, are found. */
    static const struct {
        const char *sql;
        const char *fault;
    } cases[] = {
        {"UPDATE orders SET total = 99",
         "order.totals_add_up: 1 orders: 0 cents in confirmed ones; 1 wrong, first: order 'A1': its"
         " items cost 100, its total is 99"},
        {"UPDATE orders SET total = 100, customer_id = 'bob'",
         "order.totals_add_up: 1 orders: 0 cents in confirmed ones; 1 wrong, first: order 'A1' is"
         " not the order that was placed"},
        {"UPDATE orders SET status = 'lost'",
         "order.statuses_are_legal: 1 orders: 0 pending, 0 confirmed, 0 cancelled; 1 wrong, first:"
         " order 'A1' has an unknown status"},
        {"UPDATE orders SET status = 'pending'; DELETE FROM order_body",
         "order.totals_add_up: 1 orders: 0 cents in confirmed ones; 1 wrong, first: order 'A1': "
         "what"
         " was ordered is damaged: order_id must be 1 to 64 bytes of UTF-8 without control"
         " characters"},
    };
    struct fixture *fixture = *state;
    struct driver_command created = create(fixture);
    driver_expect(fixture->driver, &created, ZSAGA__OUTCOME__DONE, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        driver_tamper(fixture->driver, cases[i].sql);
        char *fault = driver_audit(fixture->driver);
        assert_non_null(fault);
        assert_string_equal(fault, cases[i].fault);
        free(fault);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_confirm__of_a_pending_order__is_done_once),
        TEST(test_cancel__of_a_pending_order__keeps_its_id_taken),
        TEST(test_confirm__of_what_is_not_pending__changes_nothing),
        TEST(test_create__of_a_total_over_64_bits__keeps_the_largest_number),
        TEST(test_audit__of_tampered_rows__names_the_check_and_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
