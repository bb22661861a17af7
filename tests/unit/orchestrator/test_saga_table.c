/* The pure saga: how long it waits, its whole table, and that its records alone bring it back. */
#include "saga.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sim_tale.h"

static void test_backoff__of_an_action__grows_up_to_its_limit(void **state)
{
    /* 100 ms, doubling up to 5 s: the defaults. */
    static const int64_t waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct sim_tale *tale = *state;
    for (uint32_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        tale->saga.repeats = i + 1;
        assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), waits[i]);
    }
    tale->saga.repeats = UINT32_MAX;
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 5000);
}

static void test_backoff__of_a_compensation__never_loops_hot(void **state)
{
    /* 100 ms, doubling up to 30 s. */
    struct sim_tale *tale = *state;
    (void)sim_tale_fires(tale, EVENT_PATIENCE_SPENT);
    tale->saga.repeats = 1;
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 100);
    tale->saga.repeats = 9;
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 25600);
    tale->saga.repeats = 10;
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 30000);
}

static void test_retry_after__asked_for__is_kept_and_survives(void **state)
{
    /* A longer wait that an answer asks for is kept to, at most an hour, after a restart as well.
     */
    struct sim_tale *tale = *state;
    struct saga_event event = {.type = EVENT_RETRY, .current = true, .retry_after_ms = 60000};
    (void)sim_tale_happens(tale, &event); /* Compares it with what the records tell. */
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 60000);
    (void)sim_tale_fires(tale, EVENT_PATIENCE_USED);
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 60000);
    (void)sim_tale_fires(tale, EVENT_WAKE);
    event.retry_after_ms = INT32_MAX;
    (void)sim_tale_happens(tale, &event);
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 3600 * 1000);
    (void)sim_tale_fires(tale, EVENT_WAKE);
    event.retry_after_ms = 1;
    (void)sim_tale_happens(tale, &event);
    assert_int_equal(saga_backoff_ms(&tale->saga, tale->definition), 400);
}

static void test_patience__of_each_command__is_its_own(void **state)
{
    /* An action has the step's patience; a compensation and a retriable have the long one. */
    struct sim_tale *tale = *state;
    assert_int_equal(saga_patience_ms(&tale->saga, tale->definition), 60 * 1000);
    assert_false(saga_backoff_counts(&tale->saga, tale->definition));
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(saga_patience_ms(&tale->saga, tale->definition), 24 * 3600 * 1000);
    assert_true(saga_backoff_counts(&tale->saga, tale->definition));
}

static void test_patience__used__is_one_record_that_grows(void **state)
{
    /* Patience is journaled as time used; a repeated trouble replaces its record. */
    struct sim_tale *tale = *state;
    uint32_t records = tale->record_count;
    (void)sim_tale_happens(tale,
                           &(struct saga_event){.type = EVENT_PATIENCE_USED, .used_ms = 6000});
    (void)sim_tale_happens(tale,
                           &(struct saga_event){.type = EVENT_PATIENCE_USED, .used_ms = 12000});
    assert_int_equal(tale->record_count, records + 1);
    assert_int_equal(tale->saga.patience_used_ms, 12000);
    (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
    assert_int_equal(tale->record_count, records + 1);
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    assert_int_equal(tale->saga.patience_used_ms, 0);
    assert_int_equal(tale->record_count, records + 2);
}

/* The whole table: where the saga stands, and what each event leads to. */
enum place { RUNNING, WAITING, UNDOING, UNDO_WAITING, RESTING, UNDO_RESTING, PLACES };

static void bring_to(struct sim_tale *tale, enum place place)
{
    (void)sim_tale_answer(tale, EVENT_DONE, "");
    if (place == UNDOING || place == UNDO_WAITING || place == UNDO_RESTING)
        (void)sim_tale_answer(tale, EVENT_REJECTED, "no");
    if (place == WAITING || place == UNDO_WAITING)
        (void)sim_tale_answer(tale, EVENT_RETRY, "busy");
    if (place == RESTING || place == UNDO_RESTING)
        (void)sim_tale_answer(tale, EVENT_EXPIRED, "expired");
}

static char letter_of(const struct sim_tale *tale)
{
    static const char out[] = {[SAGA_RUNNING] = 'r', [SAGA_COMPENSATING] = 'c'};
    static const char waits[] = {[SAGA_RUNNING] = 'w', [SAGA_COMPENSATING] = 'v'};
    static const char rests[] = {
        [SAGA_COMPLETED] = 'D', [SAGA_COMPENSATED] = 'U', [SAGA_ATTENTION] = 'A'};
    if (tale->update.stale)
        return '-';
    if (tale->saga.phase == PHASE_REST)
        return rests[tale->saga.state];
    return (tale->saga.phase == PHASE_OUT ? out : waits)[tale->saga.state];
}

static void test_every_event__in_every_place__does_what_the_table_says(void **state)
{
    /* The states are a table. Columns: done rejected retry pending blocked expired malformed wake
     * patience-used patience-spent resume. `r` running, `c` compensating, `w` and `v` the same in
     * backoff, `A` attention, `U` compensated, `-` dropped. */
    static const char *const table[PLACES] = {
        [RUNNING] = "rcwwAAA-rc-",      [WAITING] = "rc-----rwc-", [UNDOING] = "U-vvAAA-cA-",
        [UNDO_WAITING] = "U------cvA-", [RESTING] = "AA--------r", [UNDO_RESTING] = "A---------c",
    };
    (void)state;
    for (int place = 0; place < PLACES; place++)
        for (int type = EVENT_DONE; type <= EVENT_RESUME; type++) {
            void *fresh = NULL;
            (void)sim_tale_begin(&fresh);
            struct sim_tale *tale = fresh;
            bring_to(tale, (enum place)place);
            (void)sim_tale_answer(tale, (enum saga_event_type)type, "code");
            char expected = table[place][type - EVENT_DONE];
            if (letter_of(tale) != expected)
                fail_msg("place %d, event %d: %c, not %c", place, type, letter_of(tale), expected);
            (void)sim_tale_end(&fresh);
        }
}

/* Any event, likely or not. */
static struct saga_event any_event(struct rng *rng, const struct saga *saga)
{
    static const char *const codes[] = {"", "busy", "no"};
    struct saga_event event = {
        .type = (enum saga_event_type)(EVENT_DONE + rng_below(rng, EVENT_RESUME)),
        .step = saga->cursor,
        .undo = saga_is_undoing(saga),
        .current = rng_below(rng, 8) != 0,
        .used_ms = saga->patience_used_ms + (int64_t)rng_below(rng, 5000),
        .retry_after_ms = (int64_t)rng_below(rng, 3) * 1000,
    };
    if (rng_below(rng, 8) == 0)
        event.step = (uint8_t)rng_below(rng, 4);
    if (rng_below(rng, 8) == 0)
        event.undo = !event.undo;
    event.code = bytes_text(codes[rng_below(rng, 3)]);
    event.words = bytes_text(codes[rng_below(rng, 3)]);
    if (event.type == EVENT_RESUME && rng_below(rng, 4) != 0)
        event.type = EVENT_WAKE;
    return event;
}

static void test_history__of_anything__folds_to_the_saga(void **state)
{
    /* Recovery is the fold of all records: after each event, whatever it was. */
    (void)state;
    uint32_t finals = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        void *fresh = NULL;
        struct rng rng;
        rng_seed(&rng, seed);
        (void)sim_tale_begin(&fresh);
        struct sim_tale *tale = fresh;
        for (int i = 0; i < 60 && !saga_is_final(&tale->saga); i++) {
            struct saga_event event = any_event(&rng, &tale->saga);
            (void)sim_tale_happens(tale, &event);
        }
        finals += saga_is_final(&tale->saga);
        (void)sim_tale_end(&fresh);
    }
    assert_in_range(finals, 1000, 3000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sim_tale_begin, sim_tale_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backoff__of_an_action__grows_up_to_its_limit),
        TEST(test_backoff__of_a_compensation__never_loops_hot),
        TEST(test_retry_after__asked_for__is_kept_and_survives),
        TEST(test_patience__of_each_command__is_its_own),
        TEST(test_patience__used__is_one_record_that_grows),
        cmocka_unit_test(test_every_event__in_every_place__does_what_the_table_says),
        cmocka_unit_test(test_history__of_anything__folds_to_the_saga),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
