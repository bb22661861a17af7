#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/inventory.h"
#include "order_fixture.h"
#include "participant_driver.h"

static int set_up(void **state)
{
    struct participant_driver *driver = driver_new(&inventory_service, NULL);
    assert_null(driver_import(driver, "stock", "apple,10\nbean,5\nApple,3\n"));
    *state = driver;
    return 0;
}

static int tear_down(void **state)
{
    driver_free(*state);
    return 0;
}

/* Sends `reserve` for the items on a new saga, which is returned. */
static struct id reserve(struct participant_driver *driver, const char *order_id,
                         const struct order_fixture_item *items, size_t count,
                         Zsaga__Outcome outcome, const char *code)
{
    struct order_fixture order = {.order_id = order_id, .customer_id = "anna", .country = "France"};
    struct buffer input = {0};
    memcpy(order.items, items, count * sizeof *items);
    struct driver_command command = {.saga = driver_new_saga(driver),
                                     .input = order_fixture_pack(&order, &input)};
    driver_expect(driver, &command, outcome, code);
    buffer_release(&input);
    return command.saga;
}

static void release(struct participant_driver *driver, struct id saga)
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

static void test_reserve__of_a_sku_in_two_items__promises_their_sum(void **state)
{
    /* What is promised leaves on_hand for reserved, in all its units. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"apple", 2, 1}, {"bean", 5, 1}, {"apple", 3, 1}};
    (void)reserve(driver, "A1", items, 3, ZSAGA__OUTCOME__DONE, NULL);
    assert_table(driver, "stock", "Apple,3,0\napple,5,5\nbean,0,5\n");
    assert_table(driver, "reservations", "01000000000000000000000000000001,A1,10,reserved\n");
    assert_audit(driver, NULL);
}

static void test_reserve__of_too_much_in_two_items__is_out_of_stock(void **state)
{
    /* A sum beyond the stock is refused, though each item alone would be there. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"bean", 1, 1}, {"apple", 6, 1}, {"apple", 5, 1}};
    (void)reserve(driver, "A1", items, 3, ZSAGA__OUTCOME__REJECTED, "out_of_stock");
    assert_table(driver, "stock", "Apple,3,0\napple,10,0\nbean,5,0\n");
    assert_table(driver, "reservations", "");
}

static void test_reserve__of_an_unknown_sku__comes_before_out_of_stock(void **state)
{
    /* An unknown sku anywhere in the order is the reason told. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"apple", 99, 1}, {"pear", 1, 1}, {"bean", 99, 1}};
    (void)reserve(driver, "A1", items, 3, ZSAGA__OUTCOME__REJECTED, "unknown_sku");
}

static void test_release__of_a_reservation__gives_all_of_it_back(void **state)
{
    /* What was promised can be promised again, to the last unit. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"apple", 4, 1}, {"bean", 5, 1}, {"apple", 6, 1}};
    struct id saga = reserve(driver, "A1", items, 3, ZSAGA__OUTCOME__DONE, NULL);
    (void)reserve(driver, "A2", items, 1, ZSAGA__OUTCOME__REJECTED, "out_of_stock");
    release(driver, saga);
    assert_table(driver, "stock", "Apple,3,0\napple,10,0\nbean,5,0\n");
    (void)reserve(driver, "A3", items, 3, ZSAGA__OUTCOME__DONE, NULL);
    assert_table(driver, "reservations",
                 "01000000000000000000000000000001,A1,15,released\n"
                 "01000000000000000000000000000003,A3,15,reserved\n");
    assert_audit(driver, NULL);
}

static void test_events__of_each_outcome__tell_the_order(void **state)
{
    /* The log tells what was promised, refused and given back, and of which order. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"apple", 4, 1}, {"bean", 9, 1}};
    release(driver, reserve(driver, "A1", items, 1, ZSAGA__OUTCOME__DONE, NULL));
    (void)reserve(driver, "A2", items, 2, ZSAGA__OUTCOME__REJECTED, "out_of_stock");
    char *events = driver_events(driver);
    assert_string_equal(events, "InventoryReserved order=A1 customer= cents=0 units=4 code=\n"
                                "InventoryReleased order=A1 customer= cents=0 units=4 code=\n"
                                "InventoryReservationFailed order=A2 customer= cents=0 units=13"
                                " code=out_of_stock\n");
    free(events);
}

static void test_import__repeated__changes_nothing(void **state)
{
    /* The file states totals: what is promised stays subtracted, however often it is read. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"apple", 4, 1}};
    (void)reserve(driver, "A1", items, 1, ZSAGA__OUTCOME__DONE, NULL);
    for (int i = 0; i < 2; i++) {
        assert_null(driver_import(driver, "stock", "apple,10\nbean,5\nApple,3\n"));
        assert_table(driver, "stock", "Apple,3,0\napple,6,4\nbean,5,0\n");
    }
    assert_audit(driver, NULL);
}

static void test_import__of_a_new_total__moves_what_can_be_promised(void **state)
{
    /* Skus in the file get their new totals, others stay, new ones come. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"apple", 4, 1}};
    (void)reserve(driver, "A1", items, 1, ZSAGA__OUTCOME__DONE, NULL);
    assert_null(driver_import(driver, "stock", "apple,4\npear,9007199254740992\n"));
    assert_table(driver, "stock", "Apple,3,0\napple,0,4\nbean,5,0\npear,9007199254740992,0\n");
    assert_audit(driver, NULL);
}

static void test_import__of_a_total_below_what_is_promised__is_refused(void **state)
{
    /* One such row refuses the file: none of its rows counts. */
    struct participant_driver *driver = *state;
    const struct order_fixture_item items[] = {{"bean", 4, 1}};
    (void)reserve(driver, "A1", items, 1, ZSAGA__OUTCOME__DONE, NULL);
    const char *words = driver_import(driver, "stock", "apple,99\nbean,3\npear,1\n");
    assert_string_equal(words, "on_hand: 3 of sku 'bean' is less than the 4 that are"
                               " reserved for orders; import at least that many");
    assert_table(driver, "stock", "Apple,3,0\napple,10,0\nbean,1,4\n");
}

static void test_import__of_a_bad_row__is_refused_as_a_whole(void **state)
{
    /* A file with one row that is no good changes nothing. */
    static const char *const bad[] = {"apple,1\nbean,-1\n", "apple,1\nbean,\n", "apple,1\n,1\n",
                                      "apple,1\nbean,1\napple,1\n", "apple,1\nbean,1,1\n"};
    struct participant_driver *driver = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(driver_import(driver, "stock", bad[i]));
        assert_table(driver, "stock", "Apple,3,0\napple,10,0\nbean,5,0\n");
    }
}

static void test_audit__of_tampered_rows__names_the_check_and_the_sku(void **state)
{
    /* Books that do not add up are found, whatever number is wrong. */
    static const struct {
        const char *sql;
        const char *words;
    } cases[] = {
        {"UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'bean'",
         "inventory.stock_adds_up: 3 skus: on_hand 13 + reserved 6 = imported 18; 1 wrong, first:"
         " sku 'bean': 4 + 2 is not 5"},
        {"UPDATE stock SET on_hand = -1, reserved = 6 WHERE sku = 'bean'",
         "inventory.nothing_is_negative"},
        {"UPDATE stock SET on_hand = 2, reserved = 3 WHERE sku = 'bean'",
         "inventory.reserved_is_promised: 3 skus: 6 promised by active reservations; 1 wrong,"
         " first: sku 'bean': 3 are reserved, 2 promised to orders"},
        {"UPDATE reservation SET status = 'released'", "inventory.reserved_is_promised"},
        {"DELETE FROM stock WHERE sku = 'bean'",
         "inventory.reserved_is_promised: 2 skus: 4 promised by active reservations; 1 wrong,"
         " first: sku 'bean' is promised but not in stock"},
        {"UPDATE reservation SET units = 7",
         "inventory.reservations_are_whole: 1 reservations: 1 active; 1 wrong, first: order 'A1'"
         " has 6 units in its lines, 7 in its row"},
        {"UPDATE reservation SET status = 'lost'", "order 'A1' has an unknown status"},
        {"UPDATE reservation SET lines = x'0561'", "the lines of order 'A1' are damaged"},
    };
    const struct order_fixture_item items[] = {{"apple", 4, 1}, {"bean", 2, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        (void)reserve(*state, "A1", items, 2, ZSAGA__OUTCOME__DONE, NULL);
        assert_audit(*state, NULL);
        driver_tamper(*state, cases[i].sql);
        assert_audit(*state, cases[i].words);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reserve__of_a_sku_in_two_items__promises_their_sum),
        TEST(test_reserve__of_too_much_in_two_items__is_out_of_stock),
        TEST(test_reserve__of_an_unknown_sku__comes_before_out_of_stock),
        TEST(test_release__of_a_reservation__gives_all_of_it_back),
        TEST(test_events__of_each_outcome__tell_the_order),
        TEST(test_import__repeated__changes_nothing),
        TEST(test_import__of_a_new_total__moves_what_can_be_promised),
        TEST(test_import__of_a_total_below_what_is_promised__is_refused),
        TEST(test_import__of_a_bad_row__is_refused_as_a_whole),
        TEST(test_audit__of_tampered_rows__names_the_check_and_the_sku),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
