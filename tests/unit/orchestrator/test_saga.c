/* The pure saga: what each answer leads to. */
#include "saga.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim_tale.h"

static void test_saga__accepted__has_its_first_action_out(void **state)
{
    /* A saga that is accepted has something to do at once. */
    struct sim_tale *tale = *state;
    sim_tale_is_out(tale, SAGA_RUNNING, 0);
    assert_false(saga_is_undoing(&tale->saga));
    assert_true(tale->update.moved);
    assert_int_equal(tale->update.records[0].what, WHAT_ACCEPTED);
}

static void test_action__done__is_followed_by_the_next(void **state)
{
    /* `done`: next step; the last one's completes the saga. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    sim_tale_is_out(tale, SAGA_RUNNING, 1);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    sim_tale_is_out(tale, SAGA_RUNNING, 2);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.state, SAGA_COMPLETED);
    assert_true(saga_is_final(&tale->saga));
}

static void test_action__rejected__undoes_the_steps_before(void **state)
{
    /* `rejected` of an action before the point of no return: compensate the earlier steps. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_REJECTED, "no_money");
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
    assert_true(saga_is_undoing(&tale->saga));
    assert_string_equal(tale->saga.reason, "no_money");
    assert_int_equal(tale->saga.steps[1].undo, UNDO_NONE);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.state, SAGA_COMPENSATED);
    assert_string_equal(tale->saga.reason, "no_money");
}

static void test_first_action__rejected__is_the_end(void **state)
{
    /* With nothing done there is nothing to undo. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_REJECTED, "no");
    assert_int_equal(tale->saga.state, SAGA_COMPENSATED);
}

static void test_retriable__rejected__rests_and_is_asked_again(void **state)
{
    /* `rejected` behind the point of no return: `attention`; an operator's word asks once more. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_REJECTED, "no");
    assert_int_equal(tale->saga.state, SAGA_ATTENTION);
    assert_string_equal(tale->saga.reason, "no");
    (void)sim_tale_resume(tale);
    assert_int_equal(tale->saga.state, SAGA_RUNNING);
    assert_int_equal(tale->saga.phase, PHASE_OUT);
    assert_int_equal(tale->saga.cursor, 2);
    assert_string_equal(tale->saga.reason, ""); /* It has turned nothing back. */
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.state, SAGA_COMPLETED);
}

static void test_retry__answered__moves_the_attempt_on_before_the_backoff(void **state)
{
    /* `retry` is taken once: the attempt number moves on before the backoff, so that the same
     * answer again is of no attempt that is out. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
    assert_int_equal(tale->saga.phase, PHASE_BACKOFF);
    assert_int_equal(tale->saga.attempt, 2);
    assert_true(sim_tale_answer(tale, EVENT_RETRY, "busy")->stale);
    assert_int_equal(tale->saga.attempt, 2);
    assert_int_equal(tale->saga.steps[0].retries, 1);
    (void)sim_tale_fires(tale, EVENT_WAKE);
    assert_int_equal(tale->saga.phase, PHASE_OUT);
    assert_int_equal(tale->saga.cursor, 0);
}

static void test_retry__too_often__is_given_up_and_compensated_too(void **state)
{
    /* Attempts count answers of `retry`; what is given up without a recorded `rejected` is
     * compensated too, and the reason is `unavailable`. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    for (int i = 0; i < 4; i++) {
        (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
        (void)sim_tale_fires(tale, EVENT_WAKE);
        assert_int_equal(tale->saga.state, SAGA_RUNNING);
    }
    (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
    sim_tale_is_out(tale, SAGA_COMPENSATING, 1);
    assert_string_equal(tale->saga.reason, "unavailable");
    (void)sim_tale_answer(tale, EVENT_DONE, "nothing_to_undo");
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.state, SAGA_COMPENSATED);
}

static void test_retriable__retried__is_never_given_up(void **state)
{
    /* A retriable is repeated whatever its attempts, and rests after its long patience. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    for (int i = 0; i < 50; i++) {
        (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
        (void)sim_tale_fires(tale, EVENT_WAKE);
    }
    assert_int_equal(tale->saga.state, SAGA_RUNNING);
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    assert_int_equal(tale->saga.state, SAGA_ATTENTION);
    assert_string_equal(tale->saga.error_code, "busy");
}

static void test_pending__answered__asks_again_until_patience_is_spent(void **state)
{
    /* `pending`: ask again with the same command, bounded by the step's patience, not by attempts.
     */
    struct sim_tale *tale = *state;
    for (int i = 0; i < 20; i++) {
        (void)sim_tale_answer(tale, EVENT_PENDING, "");
        assert_int_equal(tale->saga.phase, PHASE_BACKOFF);
        assert_true(saga_backoff_counts(&tale->saga, tale->definition));
        (void)sim_tale_fires(tale, EVENT_WAKE);
    }
    assert_int_equal(tale->saga.steps[0].retries, 0);
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
}

static void test_silence__beyond_patience__is_given_up_and_compensated_too(void **state)
{
    /* No answer is unknown, which is not failed: when patience is spent this step is undone too. */
    struct sim_tale *tale = *state;
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
    assert_string_equal(tale->saga.reason, "unavailable");
    assert_int_equal(tale->saga.steps[0].forward, FORWARD_GIVEN_UP);
}

static void test_blocked_expired_malformed__answered__rest(void **state)
{
    /* An action blocked without a compensation on record, expired, or refused as malformed cannot
     * be helped by asking again. */
    static const enum saga_event_type types[] = {EVENT_BLOCKED, EVENT_EXPIRED, EVENT_MALFORMED};
    for (size_t i = 0; i < 3; i++) {
        struct sim_tale *tale = *state;
        (void)sim_tale_answer(tale, types[i], "why");
        assert_int_equal(tale->saga.state, SAGA_ATTENTION);
        assert_string_equal(tale->saga.error_code, "why");
        (void)sim_tale_resume(tale);
        assert_int_equal(tale->saga.state, SAGA_RUNNING);
        assert_int_equal(tale->saga.attempt, 2 + i);
    }
}

static void test_answers__not_current__are_stale(void **state)
{
    /* All but facts match on the attempt that is out, or are dropped. */
    static const enum saga_event_type types[] = {EVENT_RETRY, EVENT_PENDING, EVENT_BLOCKED,
                                                 EVENT_EXPIRED, EVENT_MALFORMED};
    struct sim_tale *tale = *state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct saga_event event = {.type = types[i]};
        assert_true(sim_tale_happens(tale, &event)->stale);
        sim_tale_is_out(tale, SAGA_RUNNING, 0);
    }
}

static void test_facts__of_what_is_not_open__are_stale(void **state)
{
    /* A fact is taken once, of a command that was sent. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    const struct saga_event facts[] = {
        {.type = EVENT_DONE, .step = 0},                /* Known. */
        {.type = EVENT_REJECTED, .step = 0},            /* Contradicts what is known. */
        {.type = EVENT_DONE, .step = 2},                /* Never sent. */
        {.type = EVENT_DONE, .step = 0, .undo = true},  /* Never compensated. */
        {.type = EVENT_DONE, .step = 31, .undo = true}, /* No such step. */
        {.type = EVENT_DONE, .step = 31},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        assert_true(sim_tale_happens(tale, &facts[i])->stale);
        sim_tale_is_out(tale, SAGA_RUNNING, 1);
    }
}

static void test_fact__while_it_waits__is_taken_whatever_its_attempt(void **state)
{
    /* `done` is a fact about the step: it counts in a backoff, and from an attempt long past. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
    (void)sim_tale_happens(tale, &(struct saga_event){.type = EVENT_DONE, .step = 0});
    sim_tale_is_out(tale, SAGA_RUNNING, 1);
}

static void test_facts__in_attention__are_recorded_and_move_nothing(void **state)
{
    /* In `attention` facts are recorded and move nothing; the operator's word then follows them. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_EXPIRED, "expired");
    const struct saga_update *update =
        sim_tale_happens(tale, &(struct saga_event){.type = EVENT_DONE, .step = 0});
    assert_false(update->stale);
    assert_false(update->moved);
    assert_int_equal(tale->saga.state, SAGA_ATTENTION);
    (void)sim_tale_resume(tale);
    sim_tale_is_out(tale, SAGA_RUNNING, 1);
}

static void test_rejected__in_attention__is_why_it_turns(void **state)
{
    /* A refusal that comes while it rests turns it once it goes on: its code is the reason. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_EXPIRED, "expired");
    assert_string_equal(tale->saga.reason, "expired");
    (void)sim_tale_happens(
        tale, &(struct saga_event){.type = EVENT_REJECTED, .step = 1, .code = bytes_text("no")});
    assert_int_equal(tale->saga.state, SAGA_ATTENTION);
    (void)sim_tale_resume(tale);
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
    assert_string_equal(tale->saga.reason, "no");
}

static void test_done__after_giving_up__is_known_and_undone(void **state)
{
    /* Late word of what was given up is recorded; its compensation stays out. */
    struct sim_tale *tale = *state;
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    (void)sim_tale_happens(tale, &(struct saga_event){.type = EVENT_DONE, .step = 0});
    assert_int_equal(tale->saga.steps[0].forward, FORWARD_DONE);
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.state, SAGA_COMPENSATED);
}

static void test_rejected__after_giving_up__still_waits_for_the_compensation(void **state)
{
    /* A compensation that was sent is waited for, also when it turns out that nothing was done. */
    struct sim_tale *tale = *state;
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    (void)sim_tale_happens(
        tale, &(struct saga_event){.type = EVENT_REJECTED, .step = 0, .code = bytes_text("no")});
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
    assert_string_equal(tale->saga.reason, "unavailable");
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.state, SAGA_COMPENSATED);
}

static void test_compensation__out_of_patience__rests_and_keeps_the_others(void **state)
{
    /* A compensation parks the saga when its patience is spent; the other ones are kept, not
     * skipped, and an operator's word goes on from there with fresh patience. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    (void)sim_tale_answer(tale, EVENT_RETRY, "broken");
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    assert_int_equal(tale->saga.state, SAGA_ATTENTION);
    assert_string_equal(tale->saga.error_code, "broken");
    assert_string_equal(tale->saga.reason, "unavailable");
    assert_int_equal(tale->saga.steps[0].undo, UNDO_NONE);
    (void)sim_tale_resume(tale);
    assert_int_equal(tale->saga.state, SAGA_COMPENSATING);
    assert_int_equal(tale->saga.cursor, 1);
    assert_int_equal(tale->saga.patience_used_ms, 0);
    assert_int_equal(tale->saga.steps[1].undo_retries, 0);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    sim_tale_is_out(tale, SAGA_COMPENSATING, 0);
}

static void test_compensation__retried__has_no_attempts_to_use_up(void **state)
{
    /* A compensation is asked until it is done: only its patience ends it. */
    struct sim_tale *tale = *state;
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    for (int i = 0; i < 100; i++) {
        (void)sim_tale_answer(tale, EVENT_RETRY, "broken");
        assert_int_equal(tale->saga.state, SAGA_COMPENSATING);
        (void)sim_tale_fires(tale, EVENT_WAKE);
    }
    assert_int_equal(tale->saga.steps[0].undo_retries, 100);
}

static void test_final__whatever_happens__stays(void **state)
{
    /* Final is for ever. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_REJECTED, "no");
    for (int type = EVENT_DONE; type <= EVENT_RESUME; type++) {
        struct saga before = tale->saga;
        assert_true(sim_tale_fires(tale, (enum saga_event_type)type)->stale);
        assert_memory_equal(&before, &tale->saga, sizeof before);
    }
}

static void test_reason__given_once__stays(void **state)
{
    /* The reason is the code that turned the saga, not its latest trouble. */
    struct sim_tale *tale = *state;
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_REJECTED, "no_money");
    (void)sim_tale_answer(tale, EVENT_RETRY, "broken");
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    assert_int_equal(tale->saga.state, SAGA_ATTENTION);
    assert_string_equal(tale->saga.reason, "no_money");
    assert_string_equal(tale->saga.error_code, "broken");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sim_tale_begin, sim_tale_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_saga__accepted__has_its_first_action_out),
        TEST(test_action__done__is_followed_by_the_next),
        TEST(test_action__rejected__undoes_the_steps_before),
        TEST(test_first_action__rejected__is_the_end),
        TEST(test_retriable__rejected__rests_and_is_asked_again),
        TEST(test_retry__answered__moves_the_attempt_on_before_the_backoff),
        TEST(test_retry__too_often__is_given_up_and_compensated_too),
        TEST(test_retriable__retried__is_never_given_up),
        TEST(test_pending__answered__asks_again_until_patience_is_spent),
        TEST(test_silence__beyond_patience__is_given_up_and_compensated_too),
        TEST(test_blocked_expired_malformed__answered__rest),
        TEST(test_answers__not_current__are_stale),
        TEST(test_facts__of_what_is_not_open__are_stale),
        TEST(test_fact__while_it_waits__is_taken_whatever_its_attempt),
        TEST(test_facts__in_attention__are_recorded_and_move_nothing),
        TEST(test_rejected__in_attention__is_why_it_turns),
        TEST(test_done__after_giving_up__is_known_and_undone),
        TEST(test_rejected__after_giving_up__still_waits_for_the_compensation),
        TEST(test_compensation__out_of_patience__rests_and_keeps_the_others),
        TEST(test_compensation__retried__has_no_attempts_to_use_up),
        TEST(test_final__whatever_happens__stays),
        TEST(test_reason__given_once__stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
