/* What is answered: how fresh it is, what is behind, silent or stuck. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "client.pb-c.h"
#include "model_driver.h"
#include "report.h"

#define NOW_MONO 500000
#define NOW_WALL INT64_C(1000000)

struct fixture {
    struct model_driver *driver;
    struct arena arena;
    struct consumer_stream stream;
    struct report_stream shown;
    int64_t since_mono_ms;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->driver = model_driver_new(1000);
    arena_init(&fixture->arena, (size_t)8 << 20);
    fixture->stream = (struct consumer_stream){
        .publisher = "orchestrator",
        .state = CONSUMER_STREAM_FOLLOWING,
        .head = 100,
        .applied = 100,
        .applied_wall_ms = NOW_WALL - 60000,
        .heard_mono_ms = NOW_MONO - 300,
    };
    fixture->shown.stream = &fixture->stream;
    fixture->since_mono_ms = NOW_MONO - REPORT_FRESH_MS;
    model_driver_begin(fixture->driver);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    model_driver_commit(fixture->driver);
    model_driver_free(fixture->driver);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static const Zsaga__ViewReport *report(struct fixture *fixture, uint32_t rows)
{
    const struct report_source source = {
        .model = fixture->driver->model,
        .streams = &fixture->shown,
        .stream_count = 1,
        .since_mono_ms = fixture->since_mono_ms,
        .now = {.mono_ms = NOW_MONO, .wall_ms = NOW_WALL},
    };
    arena_reset(&fixture->arena);
    const Zsaga__ViewReport *made = report_make(&source, rows, &fixture->arena);
    assert_non_null(made);
    return made;
}

static void expect_stream(struct fixture *fixture, const char *state, int64_t lag_ms)
{
    const Zsaga__ViewStream *stream = report(fixture, 0)->streams[0];
    assert_true(bytes_equal(packed_view(stream->state), bytes_text(state)));
    assert_int_equal(stream->lag_ms, lag_ms);
}

/* All is applied and the publisher was just heard: it is as of now, however long it was idle. */
static void test_stream__caught_up__has_no_lag(void **state)
{
    struct fixture *fixture = *state;
    expect_stream(fixture, "following", 0);
    assert_int_equal(report(fixture, 0)->as_of_ms, NOW_WALL);
}

/* A publisher not heard of any more is silent: what is known ages with its silence. */
static void test_stream__not_heard__is_silent(void **state)
{
    struct fixture *fixture = *state;
    fixture->stream.heard_mono_ms = NOW_MONO - 5000;
    expect_stream(fixture, "silent", 5000);
    assert_int_equal(report(fixture, 0)->as_of_ms, NOW_WALL - 5000);
}

/* A publisher that went silent before all it told was applied, or was never heard at all since the
 * observer's start, is silent too: nobody takes a dead process for a slow observer. */
static void test_stream__not_heard_and_not_current__is_silent(void **state)
{
    struct fixture *fixture = *state;
    fixture->stream.head = 200;
    fixture->stream.heard_mono_ms = NOW_MONO - 5000;
    expect_stream(fixture, "silent", 60000);
    fixture->stream.state = CONSUMER_STREAM_SYNCING;
    expect_stream(fixture, "silent", 60000);
    fixture->stream.heard_mono_ms = -1;
    expect_stream(fixture, "syncing", 60000);
    fixture->since_mono_ms -= 1;
    expect_stream(fixture, "silent", 60000);
    fixture->stream.state = CONSUMER_STREAM_DIVERGED;
    expect_stream(fixture, "diverged", 60000);
}

/* With events to apply, the lag counts from the last one applied, but not from before all was. */
static void test_stream__events_wait__lag_is_since_it_was_current(void **state)
{
    struct fixture *fixture = *state;
    fixture->stream.head = 200;
    expect_stream(fixture, "behind", 60000);
    fixture->shown.current_wall_ms = NOW_WALL - 40;
    expect_stream(fixture, "following", 40);
    fixture->stream.applied_wall_ms = NOW_WALL - 10;
    expect_stream(fixture, "following", 10);
    fixture->stream.applied_wall_ms = NOW_WALL + 10000; /* A clock ahead. */
    expect_stream(fixture, "following", 0);
}

/* Nothing was ever heard or applied: unknown, not zero. */
static void test_stream__never_heard__is_unknown(void **state)
{
    struct fixture *fixture = *state;
    fixture->stream = (struct consumer_stream){
        .publisher = "orchestrator", .state = CONSUMER_STREAM_SYNCING, .heard_mono_ms = -1};
    expect_stream(fixture, "syncing", -1);
    assert_int_equal(report(fixture, 0)->as_of_ms, 0);
    assert_int_equal(report(fixture, 0)->streams[0]->heard_ms, -1);
}

static void start(struct fixture *fixture, uint32_t saga, int64_t wall_ms)
{
    model_driver_tell(fixture->driver, &(const struct told){.type = "SagaAccepted",
                                                            .saga = saga,
                                                            .state = ZSAGA__SAGA_STATE__RUNNING,
                                                            .wall_ms = wall_ms});
}

static void trouble(struct fixture *fixture, uint32_t saga, const char *type, uint32_t saga_state)
{
    model_driver_tell(fixture->driver, &(const struct told){.type = type,
                                                            .saga = saga,
                                                            .state = saga_state,
                                                            .step = "create",
                                                            .code = "busy",
                                                            .wall_ms = NOW_WALL - 100});
}

static void expect_row(const Zsaga__ViewReport *made, size_t row, const char *key,
                       Zsaga__ViewWhy why)
{
    assert_true(row < made->n_sagas);
    assert_true(bytes_equal(packed_view(made->sagas[row]->key), bytes_text(key)));
    assert_int_equal(made->sagas[row]->why, why);
}

/* First who waits for a person, then who does not get on, then the oldest; the oldest first. */
static void test_sagas__in_attention_stuck_oldest__in_this_order(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t saga = 1; saga <= 6; saga++)
        start(fixture, saga, NOW_WALL - 10000 + saga);
    start(fixture, 7, NOW_WALL - SAGA_ROW_IDLE_MS - 1);
    trouble(fixture, 4, "StepTroubled", ZSAGA__SAGA_STATE__RUNNING);
    trouble(fixture, 4, "StepTroubled", ZSAGA__SAGA_STATE__RUNNING);
    trouble(fixture, 2, "StepTroubled", ZSAGA__SAGA_STATE__RUNNING);
    trouble(fixture, 5, "SagaAttention", ZSAGA__SAGA_STATE__ATTENTION);
    const Zsaga__ViewReport *made = report(fixture, 2);
    assert_int_equal(made->unfinished, 7);
    assert_int_equal(made->stuck, 2);
    assert_int_equal(made->n_sagas, 5);
    expect_row(made, 0, "K5", ZSAGA__VIEW_WHY__WHY_ATTENTION);
    assert_int_equal(made->sagas[0]->waiting_on.len, 0);
    expect_row(made, 1, "K4", ZSAGA__VIEW_WHY__WHY_STUCK);
    assert_true(bytes_equal(packed_view(made->sagas[1]->last_error), bytes_text("busy")));
    expect_row(made, 2, "K7", ZSAGA__VIEW_WHY__WHY_STUCK);
    expect_row(made, 3, "K1", ZSAGA__VIEW_WHY__WHY_OLDEST);
    assert_true(bytes_equal(packed_view(made->sagas[3]->waiting_on), bytes_text("order")));
    expect_row(made, 4, "K2", ZSAGA__VIEW_WHY__WHY_OLDEST);
}

/* Who is behind does not call sagas stuck that may have moved since: idle is as of the data. */
static void test_stuck__observer_is_behind__is_as_of_its_data(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 1, NOW_WALL - 70000);
    fixture->stream.head = 200;
    assert_int_equal(report(fixture, 0)->stuck, 0);
    fixture->stream.applied = 200;
    assert_int_equal(report(fixture, 0)->stuck, 1);
}

/* However much is asked for and however long the names are, an answer fits its frame. */
static void test_report__of_huge_names__is_bounded(void **state)
{
    struct fixture *fixture = *state;
    static char key[100000];
    memset(key, 'k', sizeof key - 1);
    for (uint32_t saga = 1; saga <= 400; saga++)
        model_driver_tell(fixture->driver, &(const struct told){.type = "SagaAccepted",
                                                                .saga = saga,
                                                                .state = ZSAGA__SAGA_STATE__RUNNING,
                                                                .key = key,
                                                                .reason = key});
    const Zsaga__ViewReport *made = report(fixture, UINT32_MAX);
    assert_int_equal(made->n_sagas, REPORT_ROWS_MAX);
    assert_true(zsaga__view_report__get_packed_size(made) < (size_t)256 << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stream__caught_up__has_no_lag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream__not_heard__is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream__not_heard_and_not_current__is_silent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stream__events_wait__lag_is_since_it_was_current,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream__never_heard__is_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sagas__in_attention_stuck_oldest__in_this_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stuck__observer_is_behind__is_as_of_its_data, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_report__of_huge_names__is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
