#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "saga_view.h"
#include "states.h"

static const uint8_t id_bytes[16] = {0x01, [15] = 0xff};

static Zsaga__SagaRow row(void)
{
    Zsaga__SagaRow saga = ZSAGA__SAGA_ROW__INIT;
    saga.id = packed_borrow(bytes_of(id_bytes, sizeof id_bytes));
    saga.key = packed_borrow_text("536365");
    saga.definition = packed_borrow_text("order");
    saga.state = ZSAGA__SAGA_STATE__COMPENSATING;
    saga.created_ms = 1000;
    return saga;
}

static void expect(const Zsaga__SagaRow *saga, const char *expected)
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
    Zsaga__SagaRow saga = row();
    expect(&saga, "{\"key\": \"536365\", \"id\": \"010000000000000000000000000000ff\", "
                  "\"definition\": \"order\", \"state\": \"compensating\", \"step\": null, "
                  "\"waiting_on\": null, \"attempts\": 0, \"last_error\": null, "
                  "\"reason\": null, \"age_s\": 2.5, \"next_wake\": null}");
    saga.step = packed_borrow_text("charge");
    saga.waiting_on = packed_borrow_text("payment");
    saga.attempts = 3;
    saga.last_error = packed_borrow(bytes_of("no\xff", 3));
    saga.reason = packed_borrow_text("oversize");
    saga.next_wake_ms = 2000;
    saga.created_ms = 5000; /* The clock was set back since. */
    expect(&saga, "{\"key\": \"536365\", \"id\": \"010000000000000000000000000000ff\", "
                  "\"definition\": \"order\", \"state\": \"compensating\", \"step\": \"charge\", "
                  "\"waiting_on\": \"payment\", \"attempts\": 3, \"last_error\": "
                  "\"no\\uFFFD\", \"reason\": \"oversize\", \"age_s\": 0.0, "
                  "\"next_wake\": \"1970-01-01T00:00:02.000Z\"}");
}

/* Each state has its name, and is found by it. */
static void test_states__names__both_ways(void **state)
{
    (void)state;
    static const char *const names[STATES_COUNT] = {"running", "compensating", "completed",
                                                    "compensated", "attention"};
    for (size_t i = 0; i < STATES_COUNT; i++) {
        Zsaga__SagaState found;
        assert_string_equal(states_name(states_all[i]), names[i]);
        assert_true(states_parse(names[i], &found));
        assert_int_equal(found, states_all[i]);
        assert_int_equal(states_rests(found), i >= 2);
    }
    Zsaga__SagaState none;
    assert_false(states_parse("unknown", &none));
    assert_false(states_parse("Running", &none));
    assert_string_equal(states_name((Zsaga__SagaState)99), "unknown");
    assert_false(states_rests((Zsaga__SagaState)99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saga_view_json__fields__as_agreed),
        cmocka_unit_test(test_states__names__both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
