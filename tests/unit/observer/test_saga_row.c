/* Each event of a saga moves its row as the orchestrator moved the saga. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "client.pb-c.h"
#include "model_driver.h"

#define RUNNING ZSAGA__SAGA_STATE__RUNNING
#define COMPENSATING ZSAGA__SAGA_STATE__COMPENSATING
#define ATTENTION ZSAGA__SAGA_STATE__ATTENTION

static int set_up(void **state)
{
    struct model_driver *driver = model_driver_new(1000);
    model_driver_begin(driver);
    *state = driver;
    return 0;
}

static int tear_down(void **state)
{
    model_driver_commit(*state);
    model_driver_free(*state);
    return 0;
}

static void tell_all(struct model_driver *driver, const struct told *told, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct told with = told[i];
        with.saga = 1;
        model_driver_tell(driver, &with);
    }
}
#define TELL(driver, ...)                                                                          \
    tell_all((driver), (const struct told[]){__VA_ARGS__},                                         \
             sizeof((const struct told[]){__VA_ARGS__}) / sizeof(struct told))

static void expect_at(struct model_driver *driver, const char *step, const char *waiting_on,
                      uint32_t attempts)
{
    const struct saga_row *row = model_driver_saga(driver, 1);
    const struct shape_step *at = saga_row_step(row);
    assert_non_null(at);
    assert_true(bytes_equal(at->name, bytes_text(step)));
    assert_true(bytes_equal(at->participant, bytes_text(waiting_on)));
    assert_int_equal(saga_row_attempts(row), attempts);
}

/* An accepted saga waits for its first step. */
static void test_accepted__waits_for_the_first_step(void **state)
{
    TELL(*state, {.type = "SagaAccepted", .state = RUNNING, .wall_ms = 77});
    const struct saga_row *row = model_driver_saga(*state, 1);
    assert_string_equal(row->key, "K1");
    assert_true(bytes_equal(row->shape->definition, bytes_text("order")));
    assert_int_equal(row->state, RUNNING);
    assert_int_equal(row->started_ms, 77);
    expect_at(*state, "create", "order", 1);
    assert_int_equal(row->steps[0].forward, STEP_OUT);
    assert_int_equal(row->steps[1].forward, STEP_IDLE);
}

/* A step that is done is followed by the next one, and its trouble is over. */
static void test_done__waits_for_the_next_step(void **state)
{
    TELL(
        *state, {.type = "SagaAccepted", .state = RUNNING},
        {.type = "StepTroubled", .state = RUNNING, .step = "create", .attempts = 2, .code = "busy"},
        {.type = "StepDone", .state = RUNNING, .step = "create"});
    const struct saga_row *row = model_driver_saga(*state, 1);
    expect_at(*state, "reserve", "stock", 1);
    assert_int_equal(row->steps[0].forward, STEP_DONE);
    assert_null(row->last_error);
    assert_int_equal(row->troubles, 0);
}

/* A trouble shows its code, its words and the attempt that comes next. */
static void test_troubled__shows_the_current_trouble(void **state)
{
    TELL(*state, {.type = "SagaAccepted", .state = RUNNING},
         {.type = "StepTroubled",
          .state = RUNNING,
          .step = "create",
          .attempts = 1,
          .code = "busy",
          .words = "the door is shut"});
    const struct saga_row *row = model_driver_saga(*state, 1);
    assert_string_equal(row->last_error, "busy: the door is shut");
    expect_at(*state, "create", "order", 2);
    assert_false(saga_row_is_stuck(row, 0));
    TELL(
        *state,
        {.type = "StepTroubled", .state = RUNNING, .step = "create", .attempts = 2, .code = "off"});
    assert_string_equal(row->last_error, "off");
    assert_true(saga_row_is_stuck(row, 0));
}

/* Refused, it goes back from the last step that took effect. */
static void test_rejected__compensates_backwards(void **state)
{
    TELL(*state, {.type = "SagaAccepted", .state = RUNNING},
         {.type = "StepDone", .state = RUNNING, .step = "create"},
         {.type = "StepDone", .state = RUNNING, .step = "reserve"},
         {.type = "StepRejected",
          .state = COMPENSATING,
          .step = "charge",
          .code = "no_credit",
          .reason = "no_credit"});
    const struct saga_row *row = model_driver_saga(*state, 1);
    assert_string_equal(row->reason, "no_credit");
    assert_string_equal(row->steps[2].last_error, "no_credit");
    expect_at(*state, "reserve", "stock", 1);
    assert_int_equal(row->steps[1].undo, STEP_UNDO_OUT);
    TELL(*state, {.type = "StepTroubled",
                  .state = COMPENSATING,
                  .step = "reserve",
                  .undo = true,
                  .attempts = 3});
    expect_at(*state, "reserve", "stock", 4);
    TELL(*state, {.type = "StepUndone", .state = COMPENSATING, .step = "reserve", .undo = true});
    expect_at(*state, "create", "order", 1);
}

/* Given up without an answer, the step itself is compensated too. */
static void test_given_up__compensates_that_step_too(void **state)
{
    TELL(*state, {.type = "SagaAccepted", .state = RUNNING},
         {.type = "StepDone", .state = RUNNING, .step = "create"},
         {.type = "StepGivenUp",
          .state = COMPENSATING,
          .step = "reserve",
          .code = "silence",
          .reason = "unavailable"});
    expect_at(*state, "reserve", "stock", 1);
    assert_int_equal(model_driver_saga(*state, 1)->steps[1].forward, STEP_GIVEN_UP);
}

/* In attention it rests where it stands, and goes on from there once an operator says so; why it
 * stopped is forgotten then. */
static void test_attention_and_resumed__goes_on_where_it_stood(void **state)
{
    TELL(*state, {.type = "SagaAccepted", .state = RUNNING},
         {.type = "StepDone", .state = RUNNING, .step = "create"},
         {.type = "StepTroubled", .state = RUNNING, .step = "reserve", .attempts = 7, .code = "x"},
         {.type = "SagaAttention",
          .state = ATTENTION,
          .step = "reserve",
          .code = "blocked",
          .reason = "blocked"});
    const struct saga_row *row = model_driver_saga(*state, 1);
    assert_int_equal(row->state, ATTENTION);
    assert_string_equal(row->last_error, "blocked");
    assert_string_equal(row->reason, "blocked");
    assert_false(saga_row_is_stuck(row, INT64_MAX));
    expect_at(*state, "reserve", "stock", 8);
    TELL(*state, {.type = "SagaResumed", .state = RUNNING, .code = "anna"});
    assert_int_equal(row->state, RUNNING);
    assert_null(row->last_error);
    assert_null(row->reason);
    expect_at(*state, "reserve", "stock", 1);
}

/* Nothing heard of it for half a minute: stuck; what rests or is final never is. */
static void test_stuck__after_silence__unless_it_rests(void **state)
{
    TELL(*state, {.type = "SagaAccepted", .state = RUNNING, .wall_ms = 1000});
    const struct saga_row *row = model_driver_saga(*state, 1);
    assert_false(saga_row_is_stuck(row, 1000 + SAGA_ROW_IDLE_MS));
    assert_true(saga_row_is_stuck(row, 1001 + SAGA_ROW_IDLE_MS));
}

/* A log that is read from its middle leaves a row with what is known. */
static void test_middle_of_a_log__what_is_known_is_shown(void **state)
{
    TELL(*state, {.type = "StepDone", .state = RUNNING, .step = "reserve", .wall_ms = 50});
    const struct saga_row *row = model_driver_saga(*state, 1);
    assert_string_equal(row->key, "K1");
    assert_int_equal(row->started_ms, 0);
    assert_int_equal(row->changed_ms, 50);
    assert_int_equal(row->shape->step_count, 1);
    assert_null(saga_row_step(row));
    TELL(*state,
         {.type = "StepRejected", .state = COMPENSATING, .step = "charge", .reason = "no_credit"});
    assert_int_equal(row->shape->step_count, 2);
    expect_at(*state, "reserve", "stock", 1);
}

/* Steps without end are more than a definition may have: the first of them stay. */
static void test_too_many_steps__are_bounded(void **state)
{
    char name[16];
    for (int i = 0; i < 3 * SHAPE_STEPS_MAX; i++) {
        (void)snprintf(name, sizeof name, "step%d", i);
        TELL(*state, {.type = "StepDone", .state = RUNNING, .step = name});
    }
    assert_int_equal(model_driver_saga(*state, 1)->shape->step_count, SHAPE_STEPS_MAX);
}

/* Words from elsewhere are kept, cut to what is shown, and survive being stored. */
static void test_hostile_words__are_cut_and_kept(void **state)
{
    struct model_driver *driver = *state;
    char words[5000];
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    TELL(driver, {.type = "SagaAccepted", .state = RUNNING, .key = "\033[2J\xff\xfe,\"\n"},
         {.type = "StepTroubled",
          .state = RUNNING,
          .step = "create",
          .code = "\033]0;title\a",
          .words = words});
    model_driver_commit(driver);
    AUTO(freep) char *before = model_driver_dump(driver);
    model_driver_restart(driver);
    AUTO(freep) char *after = model_driver_dump(driver);
    assert_string_equal(before, after);
    const struct saga_row *row = model_driver_saga(driver, 1);
    assert_string_equal(row->key, "\033[2J\xff\xfe,\"\n");
    assert_true(strlen(row->last_error) < 340);
    model_driver_begin(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accepted__waits_for_the_first_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_done__waits_for_the_next_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_troubled__shows_the_current_trouble, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_rejected__compensates_backwards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_up__compensates_that_step_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_attention_and_resumed__goes_on_where_it_stood, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stuck__after_silence__unless_it_rests, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_middle_of_a_log__what_is_known_is_shown, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_steps__are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_words__are_cut_and_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
