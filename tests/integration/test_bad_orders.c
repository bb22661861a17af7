/* Orders that no tool of ours would submit: refused for good, by whom they concern, with words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client_link.h"
#include "order.pb-c.h"
#include "order_fixture.h"
#include "suite.h"
#include "suite_data.h"
#include "suite_tool.h"
#include "suite_wire.h"

#define ASK_MS 10000
#define REST_MS 20000
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { TRUE = 0 };

static void release_client(void *client)
{
    client_link_free(client);
}

/* A client of its own, beside the tool. */
static struct client_link *connect_client(struct suite_process *suite)
{
    struct err err = {0};
    struct client_link *client = NULL;
    const char *endpoint =
        suite_process_text(suite, "ipc://%s/run/orchestrator-client.sock", suite->data);
    if (client_link_new(endpoint, &client, &err) < 0)
        fail_msg("%s", err.text);
    return suite_process_keep(suite, client, release_client);
}

static const Zsaga__ClientAnswer *ask(struct client_link *client, Zsaga__ClientRequest *request)
{
    struct err err = {0};
    const Zsaga__ClientAnswer *answer;
    if (client_link_ask(client, request, ASK_MS, &answer, &err) < 0)
        fail_msg("%s", err.text);
    return answer;
}

static const Zsaga__ClientAnswer *submit(struct client_link *client, const char *definition,
                                         struct bytes key, struct bytes nonce, struct bytes input)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Submit body = ZSAGA__SUBMIT__INIT;
    body.definition = packed_borrow_text(definition);
    body.key = packed_borrow(key);
    body.nonce = packed_borrow(nonce);
    body.input = packed_borrow(input);
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &body;
    return ask(client, &request);
}

/* It is taken, since inputs are not the orchestrator's business, and ends compensated. (The audit
 * knows an order by its saga's key, which the tool makes its order_id.) */
static void expect_compensated(struct suite_process *suite, struct client_link *client,
                               const char *key, struct bytes input, const char *reason,
                               const char *words)
{
    const Zsaga__ClientAnswer *answer =
        submit(client, "order", bytes_text(key), bytes_text(""), input);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    assert_int_equal(answer->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
    SUITE_AWAIT(strcmp(suite_json_text(suite_show(suite, key), "state"), "running") != 0 &&
                    strcmp(suite_json_text(suite_show(suite, key), "state"), "compensating") != 0,
                REST_MS);
    const json_t *saga = suite_show(suite, key);
    assert_string_equal(suite_json_text(saga, "state"), "compensated");
    assert_string_equal(suite_json_text(saga, "reason"), reason);
    char *text = json_dumps(json_object_get(saga, "history"), JSON_COMPACT);
    bool said = strstr(text, words) != NULL;
    if (!said)
        print_error("%s: wanted \"%s\" in: %s\n", key, words, text);
    free(text);
    assert_true(said);
}

static struct bytes pack_order(struct buffer *to, const char *order, const char *sku,
                               uint32_t quantity, uint64_t cents)
{
    const struct order_fixture fixture = {order, "c1", "Portugal", {{sku, quantity, cents}}};
    buffer_clear(to);
    return order_fixture_pack(&fixture, to);
}

/* An order of so many items that its sum is beyond 64 bits. */
static struct bytes pack_giant(struct buffer *to)
{
    Zsaga__OrderInput input = ZSAGA__ORDER_INPUT__INIT;
    Zsaga__OrderItem item = ZSAGA__ORDER_ITEM__INIT;
    Zsaga__OrderItem *items[10000];
    for (size_t i = 0; i < COUNT(items); i++)
        items[i] = &item;
    item.sku = packed_borrow_text("s1");
    item.quantity = 1000000;
    item.unit_price_cents = 1000000000;
    input.order_id = packed_borrow_text("giant");
    input.customer_id = packed_borrow_text("c1");
    input.country = packed_borrow_text("Portugal");
    input.items = items;
    input.n_items = COUNT(items);
    buffer_clear(to);
    packed_append(to, &input.base);
    return buffer_bytes(to);
}

/* An order whose quantity is minus one, as another language may pack it. */
static struct bytes pack_negative(struct buffer *to)
{
    static const char item[] = "\x0a\x02s1\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x64";
    static const char head[] = "\x0a\x03neg\x12\x02"
                               "c1\x1a\x08Portugal\x22";
    uint8_t len = sizeof item - 1;
    buffer_clear(to);
    buffer_append(to, head, sizeof head - 1);
    buffer_append(to, &len, 1);
    buffer_append(to, item, sizeof item - 1);
    return buffer_bytes(to);
}

/* What is no order, or an impossible one, is refused by the first participant whom it concerns:
 * compensated with its reason, and never on anybody's desk. */
static void test_order__impossible__ends_compensated(void **state)
{
    static const char long_name[66] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct suite_process *suite = *state;
    struct buffer input = {0};
    suite_data_up_plenty(suite);
    struct client_link *client = connect_client(suite);
    const struct impossible {
        const char *order;
        const char *sku;
        uint32_t quantity;
        uint64_t cents;
        const char *words;
    } all[] = {
        {"zero", "s1", 0, 100, "items[0].quantity"},
        {"many", "s1", 1000001, 100, "items[0].quantity"},
        {"most", "s1", UINT32_MAX, 100, "items[0].quantity"},
        {"gratis", "s1", 1, 0, "items[0].unit_price_cents"},
        {"dear", "s1", 1, UINT64_MAX, "items[0].unit_price_cents"},
        {"nothing", NULL, 0, 0, "items"},
        {"sku", "", 1, 100, "items[0].sku"},
        {"sku", long_name, 1, 100, "items[0].sku"},
        {"sku", "\xff", 1, 100, "items[0].sku"},
        {"", "s1", 1, 100, "order_id"},
        {long_name, "s1", 1, 100, "order_id"},
        {"a\nb", "s1", 1, 100, "order_id"},
    };
    for (size_t i = 0; i < COUNT(all); i++)
        expect_compensated(
            suite, client, suite_process_text(suite, "bad-%zu", i),
            pack_order(&input, all[i].order, all[i].sku, all[i].quantity, all[i].cents),
            "malformed", all[i].words);
    expect_compensated(suite, client, "empty", bytes_text(""), "malformed", "order_id");
    expect_compensated(suite, client, "bytes", bytes_text("\xff\xff\xff"), "malformed",
                       "OrderInput");
    expect_compensated(suite, client, "neg", pack_negative(&input), "malformed",
                       "items[0].quantity");
    expect_compensated(suite, client, "giant", pack_giant(&input), "out_of_stock", "s1");
    expect_compensated(suite, client, "rich", pack_order(&input, "rich", "s1", 1000000, 1000000000),
                       "insufficient_credit", "c1");
    buffer_release(&input);
    suite_expect_clean(suite);
}

/* A submit that breaks a rule of its own is refused with its code, and leaves nothing. */
static void test_submit__that_breaks_a_rule__leaves_nothing(void **state)
{
    struct suite_process *suite = *state;
    AUTO(freep) uint8_t *large = xcalloc(1, (256 << 10) + 1);
    suite_data_up_plenty(suite);
    struct client_link *client = connect_client(suite);
    const struct bytes key = bytes_text("k");
    const struct bytes none = {0};
    const struct bad {
        const char *definition;
        struct bytes key;
        struct bytes nonce;
        struct bytes input;
        const char *code;
    } all[] = {
        {"parcel", key, none, none, "unknown_definition"},
        {"", key, none, none, "unknown_definition"},
        {"order", none, none, none, "malformed"},
        {"order", bytes_of(large, 1), none, none, "malformed"},
        {"order", bytes_text("a\nb"), none, none, "malformed"},
        {"order", bytes_text("\xff"), none, none, "malformed"},
        {"order", bytes_of(large, 65), none, none, "malformed"},
        {"order", key, bytes_of(large, 33), none, "malformed"},
        {"order", key, none, bytes_of(large, (256 << 10) + 1), "too_large"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        const Zsaga__ClientAnswer *answer =
            submit(client, all[i].definition, all[i].key, all[i].nonce, all[i].input);
        assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
        assert_true(bytes_equal(packed_view(answer->refusal->code), bytes_text(all[i].code)));
        assert_int_not_equal(answer->refusal->message.len, 0);
    }
    assert_int_equal(json_object_size(suite_sagas(suite)), 0);
    suite_expect_clean(suite);
}

/* A participant judges its input itself, whoever sends the command: refused, with words, again the
 * same, and the compensation has nothing to undo. */
static void test_command__with_an_impossible_order__is_refused(void **state)
{
    static const struct step {
        const char *participant;
        const char *action;
        const char *compensation;
    } steps[] = {
        {"order", "create", "cancel"},
        {"inventory", "reserve", "release"},
        {"payment", "charge", "refund"},
        {"shipping", "schedule", "cancel"},
    };
    static const struct order_fixture orders[] = {
        {"zero", "c1", "Portugal", {{"s1", 0, 100}}},
        {"none", "c1", "Portugal", {{NULL, 0, 0}}},
        {"", "", "", {{"", UINT32_MAX, UINT64_MAX}}},
    };
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct suite_wire *wire = suite_wire_open(suite, steps[i].participant);
        for (size_t j = 0; j < COUNT(orders); j++) {
            suite_wire_begin(wire, &orders[j]);
            const Zsaga__Reply *reply = suite_wire_ask(wire, steps[i].action, false, 2);
            assert_int_equal(reply->outcome, ZSAGA__OUTCOME__REJECTED);
            assert_true(bytes_equal(packed_view(reply->code), bytes_text("malformed")));
            assert_int_not_equal(reply->message.len, 0);
            suite_wire_expect(wire, steps[i].compensation, true, ZSAGA__OUTCOME__DONE);
        }
    }
    suite_expect_clean(suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_order__impossible__ends_compensated),
        SUITE_TEST(test_submit__that_breaks_a_rule__leaves_nothing),
        SUITE_TEST(test_command__with_an_impossible_order__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
