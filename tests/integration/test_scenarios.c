/* What an order's saga does, seen from outside: each test is one of its promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "suite_data.h"
#include "suite_tool.h"
#include "suite_wire.h"

/* A shop with ten mugs and two lamps, a rich customer and a poor one. */
static void open_shop(struct suite_process *suite)
{
    suite_process_up(
        suite, "--stock", suite_data_write(suite, "sku,on_hand\nmug,10\nlamp,2\nbrick,5000\n"),
        "--customers", suite_data_write(suite, "customer_id,credit_cents\nrich,100000\npoor,50\n"),
        NULL);
}

/* Submits the one order "A" of these rows, and waits for its end. */
static void order(struct suite_process *suite, const char *rows)
{
    const char *file =
        suite_data_write(suite, suite_process_text(suite, SUITE_ORDERS_HEADER "%s", rows));
    struct suite_tool *tool =
        suite_tool_expect(suite, 0, "submit", "order", file, "--wait", "--json", NULL);
    assert_int_equal(suite_json_number(suite_tool_json(tool), "accepted"), 1);
}

static void expect_number(struct suite_process *suite, const char *table, const char *key,
                          const char *column, json_int_t number)
{
    const json_t *rows = suite_table(suite, table, column);
    assert_int_equal(suite_json_number(rows, key), number);
}

static void expect_word(struct suite_process *suite, const char *table, const char *key,
                        const char *word)
{
    assert_string_equal(suite_json_text(suite_table(suite, table, "status"), key), word);
}

static void expect_absent(struct suite_process *suite, const char *table, const char *key)
{
    assert_null(json_object_get(suite_table(suite, table, "status"), key));
}

static void expect_untouched(struct suite_process *suite)
{
    expect_number(suite, "stock", "mug", "on_hand", 10);
    expect_number(suite, "stock", "lamp", "on_hand", 2);
    expect_number(suite, "stock", "brick", "on_hand", 5000);
    expect_number(suite, "stock", "mug", "reserved", 0);
    expect_number(suite, "customers", "rich", "credit_cents", 100000);
    expect_number(suite, "customers", "poor", "credit_cents", 50);
}

/* The saga of order "A" went back from `step`, for this reason; it took back as many steps. */
static void expect_turned(struct suite_process *suite, const char *step, const char *reason,
                          size_t undone)
{
    size_t i;
    size_t counted = 0;
    const json_t *row;
    const json_t *saga = suite_show(suite, "A");
    assert_string_equal(suite_json_text(saga, "state"), "compensated");
    assert_string_equal(suite_json_text(saga, "reason"), reason);
    const json_t *steps = json_object_get(saga, "steps");
    const json_t *turned = suite_json_find(steps, "name", step);
    assert_non_null(turned);
    assert_string_equal(suite_json_text(turned, "state"), "rejected");
    json_array_foreach(steps, i, row) counted +=
        strcmp(suite_json_text(row, "undo_state"), "done") == 0;
    assert_int_equal(counted, undone);
}

/* An order that everybody agrees to is confirmed, paid, reserved and scheduled. */
static void test_order__all_agree__takes_effect_everywhere(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    order(suite, "A,rich,mug,3,500,Portugal,\nA,rich,lamp,1,2000,Portugal,\n");
    assert_string_equal(suite_json_text(suite_show(suite, "A"), "state"), "completed");
    expect_word(suite, "orders", "A", "confirmed");
    expect_word(suite, "payments", "A", "charged");
    expect_word(suite, "shipments", "A", "scheduled");
    expect_number(suite, "payments", "A", "amount_cents", 3500);
    expect_number(suite, "customers", "rich", "credit_cents", 96500);
    expect_number(suite, "stock", "mug", "on_hand", 7);
    expect_number(suite, "stock", "mug", "reserved", 3);
    expect_number(suite, "stock", "lamp", "reserved", 1);
    suite_expect_clean(suite);
}

/* An order of which one item is out of stock is cancelled, and nothing of it is reserved. */
static void test_order__out_of_stock__is_cancelled_and_undone(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    order(suite, "A,rich,mug,3,500,Portugal,\nA,rich,lamp,3,2000,Portugal,\n");
    expect_turned(suite, "reserve", "out_of_stock", 1);
    expect_word(suite, "orders", "A", "cancelled");
    expect_absent(suite, "payments", "A");
    expect_absent(suite, "shipments", "A");
    expect_untouched(suite);
    suite_expect_clean(suite);
}

/* A payment refused after the reservation gives the stock back. */
static void test_order__payment_refused__releases_the_stock(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    order(suite, "A,poor,mug,1,51,Portugal,\n");
    expect_turned(suite, "charge", "insufficient_credit", 2);
    expect_word(suite, "orders", "A", "cancelled");
    expect_absent(suite, "payments", "A");
    expect_untouched(suite);
    suite_expect_clean(suite);
}

/* A shipment refused after the payment refunds it and gives the stock back. */
static void test_order__shipment_refused__refunds_and_releases(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    order(suite, "A,rich,brick,801,10,Portugal,\n");
    expect_turned(suite, "ship", "oversize", 3);
    expect_word(suite, "orders", "A", "cancelled");
    expect_word(suite, "payments", "A", "refunded");
    expect_absent(suite, "shipments", "A");
    expect_untouched(suite);
    suite_expect_clean(suite);
}

/* Commands as they come late, early and twice, at each participant. */

static const struct order_fixture goods = {
    .order_id = "W", .customer_id = "rich", .country = "Portugal", .items = {{"mug", 4, 100}}};

struct deed {
    const char *participant;
    const char *action;
    const char *compensation;
    const char *table; /* Where its effect shows. */
    const char *key;
    const char *column;
    const char *before; /* NULL: no such row. */
    const char *after;
    const char *undone;
};

static const struct deed deeds[] = {
    {"order", "create", "cancel", "orders", "W", "status", NULL, "pending", "cancelled"},
    {"inventory", "reserve", "release", "stock", "mug", "on_hand", "10", "6", "10"},
    {"payment", "charge", "refund", "customers", "rich", "credit_cents", "100000", "99600",
     "100000"},
    {"shipping", "schedule", "cancel", "shipments", "W", "status", NULL, "scheduled", "cancelled"},
};
#define DEED_COUNT (sizeof deeds / sizeof deeds[0])

static void expect_effect(struct suite_process *suite, const struct deed *deed, const char *wanted)
{
    char number[32];
    const char *got = NULL;
    const json_t *cell = json_object_get(suite_table(suite, deed->table, deed->column), deed->key);
    (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(cell));
    if (cell != NULL)
        got = json_is_integer(cell) ? number : json_string_value(cell);
    if ((got == NULL) != (wanted == NULL) || (got != NULL && strcmp(got, wanted) != 0))
        fail_msg("%s: %s of %s is %s instead of %s", deed->participant, deed->column, deed->key,
                 got == NULL ? "not there" : got, wanted == NULL ? "not there" : wanted);
}

static struct suite_wire *begin(struct suite_process *suite, const struct deed *deed)
{
    struct suite_wire *wire = suite_wire_open(suite, deed->participant);
    suite_wire_begin(wire, &goods);
    return wire;
}

/* A command delivered twice, at once or later, applies once and has the same answer each time. */
static void test_command__delivered_twice__applies_once(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        struct suite_wire *wire = begin(suite, &deeds[i]);
        const Zsaga__Reply *reply = suite_wire_ask(wire, deeds[i].action, false, 5);
        assert_int_equal(reply->outcome, ZSAGA__OUTCOME__DONE);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__DONE);
        expect_effect(suite, &deeds[i], deeds[i].after);
        reply = suite_wire_ask(wire, deeds[i].compensation, true, 5);
        assert_int_equal(reply->outcome, ZSAGA__OUTCOME__DONE);
        suite_wire_expect(wire, deeds[i].compensation, true, ZSAGA__OUTCOME__DONE);
        expect_effect(suite, &deeds[i], deeds[i].undone);
    }
}

/* A command delivered again after kill -9 of its participant applies no second time. */
static void test_command__again_after_a_kill__applies_once(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        struct suite_wire *wire = begin(suite, &deeds[i]);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__DONE);
        suite_process_kill(suite, deeds[i].participant);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__DONE);
        expect_effect(suite, &deeds[i], deeds[i].after);
    }
}

/* A forward that arrives after its compensation is refused, and changes nothing. */
static void test_command__forward_after_its_compensation__is_refused(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        struct suite_wire *wire = begin(suite, &deeds[i]);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__DONE);
        suite_wire_expect(wire, deeds[i].compensation, true, ZSAGA__OUTCOME__DONE);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__BLOCKED);
        expect_effect(suite, &deeds[i], deeds[i].undone);
    }
}

/* A compensation that arrives before its forward changes nothing, and blocks it for ever. */
static void test_command__compensation_before_its_forward__blocks_it(void **state)
{
    struct suite_process *suite = *state;
    open_shop(suite);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        struct suite_wire *wire = begin(suite, &deeds[i]);
        suite_wire_expect(wire, deeds[i].compensation, true, ZSAGA__OUTCOME__DONE);
        expect_effect(suite, &deeds[i], deeds[i].before);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__BLOCKED);
        suite_process_kill(suite, deeds[i].participant);
        suite_wire_expect(wire, deeds[i].action, false, ZSAGA__OUTCOME__BLOCKED);
        expect_effect(suite, &deeds[i], deeds[i].before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_order__all_agree__takes_effect_everywhere),
        SUITE_TEST(test_order__out_of_stock__is_cancelled_and_undone),
        SUITE_TEST(test_order__payment_refused__releases_the_stock),
        SUITE_TEST(test_order__shipment_refused__refunds_and_releases),
        SUITE_TEST(test_command__delivered_twice__applies_once),
        SUITE_TEST(test_command__again_after_a_kill__applies_once),
        SUITE_TEST(test_command__forward_after_its_compensation__is_refused),
        SUITE_TEST(test_command__compensation_before_its_forward__blocks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
