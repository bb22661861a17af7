#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/xalloc.h"
#include "saga_view.h"
#include "states.h"

static struct client_row row(void)
{
    return (struct client_row){
        .saga = {.bytes = {0x01, [15] = 0xff}},
        .key = "536365",
        .definition = "order",
        .state = CLIENT_COMPENSATING,
        .step = "",
        .waiting_on = "",
        .last_error = "",
        .reason = "",
        .created_ms = 1000,
    };
}

static void expect(const struct client_row *saga, const char *expected)
{
    json_t *json = saga_view_json(saga, 3560);
    AUTO(freep) char *text = json_dumps(json, JSON_REAL_PRECISION(6) | JSON_ENSURE_ASCII);
    assert_string_equal(text, expected);
    json_decref(json);
}

/* The fields that scripts depend on, in the contract's order; what is not known is null. */
static void test_saga_view_json__fields__as_agreed(void **state)
{
    (void)state;
    struct client_row saga = row();
    expect(&saga, "{\"key\": \"536365\", \"id\": \"010000000000000000000000000000ff\", "
                  "\"definition\": \"order\", \"state\": \"compensating\", \"step\": null, "
                  "\"waiting_on\": null, \"attempts\": 0, \"last_error\": null, "
                  "\"reason\": null, \"age_s\": 2.5, \"next_wake\": null}");
    saga.step = "charge";
    saga.waiting_on = "payment";
    saga.attempts = 3;
    saga.last_error = "no\xff";
    saga.reason = "oversize";
    saga.next_wake_ms = 2000;
    saga.created_ms = 5000; /* The clock was set back since. */
    expect(&saga, "{\"key\": \"536365\", \"id\": \"010000000000000000000000000000ff\", "
                  "\"definition\": \"order\", \"state\": \"compensating\", \"step\": \"charge\", "
                  "\"waiting_on\": \"payment\", \"attempts\": 3, \"last_error\": "
                  "\"no\\uFFFD\", \"reason\": \"oversize\", \"age_s\": 0.0, "
                  "\"next_wake\": \"1970-01-01T00:00:02.000Z\"}");
}

/* Views show every state that there is, and only such. */
static void test_states__all__are_shown_once(void **state)
{
    (void)state;
    bool seen[CLIENT_STATE_COUNT] = {false};
    for (size_t i = 0; i < STATES_COUNT; i++) {
        assert_int_not_equal(states_all[i], CLIENT_STATE_UNKNOWN);
        assert_false(seen[states_all[i]]);
        seen[states_all[i]] = true;
    }
    assert_int_equal(STATES_COUNT, CLIENT_STATE_COUNT - 1);
    assert_int_equal(states_style(CLIENT_COMPLETED), TABLE_GOOD);
    assert_int_equal(states_style(CLIENT_ATTENTION), TABLE_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saga_view_json__fields__as_agreed),
        cmocka_unit_test(test_states__all__are_shown_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
