#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order_fixture.h"
#include "participant_driver.h"
#include "payment/payment.h"

static int set_up(void **state)
{
    struct participant_driver *driver = driver_new(&payment_service, NULL);
    assert_null(driver_import(driver, "customers", "anna,1000\nbob,0\n"));
    *state = driver;
    return 0;
}

static int tear_down(void **state)
{
    driver_free(*state);
    return 0;
}

/* Sends `charge` for 2 x `price_cents` on a new saga, which is returned. */
static struct id charge(struct participant_driver *driver, const char *order_id,
                        const char *customer_id, uint64_t price_cents, Zsaga__Outcome outcome,
                        const char *code)
{
    const struct order_fixture order = {.order_id = order_id,
                                        .customer_id = customer_id,
                                        .country = "France",
                                        .items = {{"apple", 2, price_cents}}};
    struct buffer input = {0};
    struct driver_command command = {.saga = driver_new_saga(driver),
                                     .input = order_fixture_pack(&order, &input)};
    driver_expect(driver, &command, outcome, code);
    buffer_release(&input);
    return command.saga;
}

static void refund(struct participant_driver *driver, struct id saga)
{
    struct driver_command command = {.saga = saga, .compensation = true};
    driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void assert_table(struct participant_driver *driver, const char *table, const char *rows)
{
    char *actual = driver_export(driver, table);
    assert_string_equal(actual, rows);
    free(actual);
}

static void assert_audit(struct participant_driver *driver, const char *words)
{
    char *fault = driver_audit(driver);
    if (words == NULL)
        assert_null(fault);
    else if (fault == NULL || strstr(fault, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", fault == NULL ? "all is well" : fault, words);
    free(fault);
}

static void test_charge__within_the_credit__is_taken_to_the_last_cent(void **state)
{
    /* The total is quantity times price, and credit can be used up. */
    struct participant_driver *driver = *state;
    (void)charge(driver, "A1", "anna", 499, ZSAGA__OUTCOME__DONE, NULL);
    (void)charge(driver, "A2", "anna", 1, ZSAGA__OUTCOME__DONE, NULL);
    (void)charge(driver, "A3", "anna", 1, ZSAGA__OUTCOME__REJECTED, "insufficient_credit");
    assert_table(driver, "customers", "anna,0\nbob,0\n");
    assert_table(driver, "payments", "A1,998,charged\nA2,2,charged\n");
    assert_audit(driver, NULL);
}

static void test_charge__of_an_unknown_customer__is_refused(void **state)
{
    /* Nobody's credit is not an empty credit. */
    struct participant_driver *driver = *state;
    (void)charge(driver, "A1", "ANNA", 1, ZSAGA__OUTCOME__REJECTED, "unknown_customer");
    (void)charge(driver, "A2", "bob", 1, ZSAGA__OUTCOME__REJECTED, "insufficient_credit");
}

static void test_charge__of_a_total_over_64_bits__is_refused(void **state)
{
    /* A total that no number holds must not wrap around into one that can be paid. */
    struct participant_driver *driver = *state;
    struct buffer input = {0};
    struct order_fixture order = {.order_id = "A1", .customer_id = "anna", .country = "France"};
    order.items[0] = (struct order_fixture_item){"apple", 1000000, 1000000000};
    for (size_t i = 1; i < 8; i++)
        order.items[i] = order.items[0];
    /* Appending protobuf messages merges them: their items add up, to 9.6 x 10^18 cents. */
    for (int i = 0; i < 1200; i++)
        (void)order_fixture_pack(&order, &input);
    struct driver_command command = {.saga = driver_new_saga(driver),
                                     .input = buffer_bytes(&input)};
    driver_expect(driver, &command, ZSAGA__OUTCOME__REJECTED, "insufficient_credit");
    assert_table(driver, "customers", "anna,1000\nbob,0\n");
    buffer_release(&input);
}

static void test_refund__of_a_charge__gives_it_back(void **state)
{
    /* Refunded money can be spent again. */
    struct participant_driver *driver = *state;
    struct id saga = charge(driver, "A1", "anna", 500, ZSAGA__OUTCOME__DONE, NULL);
    refund(driver, saga);
    assert_table(driver, "customers", "anna,1000\nbob,0\n");
    (void)charge(driver, "A2", "anna", 300, ZSAGA__OUTCOME__DONE, NULL);
    assert_table(driver, "payments", "A1,1000,refunded\nA2,600,charged\n");
    assert_audit(driver, NULL);
}

static void test_events__of_each_outcome__tell_customer_and_amount(void **state)
{
    /* The log tells whose money moved, how much, and why it did not. */
    struct participant_driver *driver = *state;
    refund(driver, charge(driver, "A1", "anna", 500, ZSAGA__OUTCOME__DONE, NULL));
    (void)charge(driver, "A2", "bob", 7, ZSAGA__OUTCOME__REJECTED, "insufficient_credit");
    char *events = driver_events(driver);
    assert_string_equal(events, "PaymentCharged order=A1 customer=anna cents=1000 units=0 code=\n"
                                "PaymentRefunded order=A1 customer=anna cents=1000 units=0 code=\n"
                                "PaymentFailed order=A2 customer=bob cents=14 units=0"
                                " code=insufficient_credit\n");
    free(events);
}

static void test_import__of_totals__keeps_what_is_charged_subtracted(void **state)
{
    /* Repeating changes nothing, a new total moves the credit, one below what is charged is
     * refused. */
    struct participant_driver *driver = *state;
    (void)charge(driver, "A1", "anna", 300, ZSAGA__OUTCOME__DONE, NULL);
    assert_null(driver_import(driver, "customers", "bob,0\nanna,1000\n"));
    assert_table(driver, "customers", "anna,400\nbob,0\n");
    assert_null(driver_import(driver, "customers", "anna,600\ncarl,5\n"));
    assert_table(driver, "customers", "anna,0\nbob,0\ncarl,5\n");
    const char *words = driver_import(driver, "customers", "bob,9\nanna,599\n");
    assert_string_equal(words, "credit_cents: 599 of customer 'anna' is less than the 600"
                               " that are charged for orders; import at least that many");
    assert_table(driver, "customers", "anna,0\nbob,0\ncarl,5\n");
    assert_audit(driver, NULL);
}

static void test_audit__of_tampered_rows__names_the_check_and_the_customer(void **state)
{
    /* Books that do not add up are found, whatever number is wrong. */
    static const struct {
        const char *sql;
        const char *words;
    } cases[] = {
        {"UPDATE account SET credit = credit + 1 WHERE customer_id = 'anna'",
         "payment.credit_adds_up: 2 customers: credit 401 + charged 600 = imported 1000; 1 wrong,"
         " first: customer 'anna': 401 + 600 is not 1000"},
        {"UPDATE account SET credit = -1, charged = 1001 WHERE customer_id = 'anna'",
         "payment.nothing_is_negative"},
        {"UPDATE charge SET amount = 599", "customer 'anna': 600 are charged, the charges are 599"},
        {"UPDATE charge SET status = 'refunded'", "payment.charged_is_owed"},
        {"UPDATE charge SET status = 'lost'", "payment.charged_is_owed"},
        {"UPDATE charge SET customer_id = 'nobody', status = 'refunded';"
         " UPDATE account SET credit = imported, charged = 0",
         "payment.charges_are_whole: 1 charges: 0 charged, 1 refunded; 1 wrong, first: order 'A1'"
         " is charged to a customer without an account"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        (void)charge(*state, "A1", "anna", 300, ZSAGA__OUTCOME__DONE, NULL);
        assert_audit(*state, NULL);
        driver_tamper(*state, cases[i].sql);
        assert_audit(*state, cases[i].words);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_charge__within_the_credit__is_taken_to_the_last_cent),
        TEST(test_charge__of_an_unknown_customer__is_refused),
        TEST(test_charge__of_a_total_over_64_bits__is_refused),
        TEST(test_refund__of_a_charge__gives_it_back),
        TEST(test_events__of_each_outcome__tell_customer_and_amount),
        TEST(test_import__of_totals__keeps_what_is_charged_subtracted),
        TEST(test_audit__of_tampered_rows__names_the_check_and_the_customer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
