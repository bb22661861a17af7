/* Recovery: whatever happens to a saga of whatever shape, its records alone bring it back, and what
 * must hold at every moment does. sim_tale_happens() folds the history after each event and
 * compares all fields; only that a backoff has ended is not written down, so recovery waits anew.
 */
#include "saga.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/xalloc.h"
#include "sim_tale.h"

#define SEQUENCES 10000
#define EVENTS_MAX 150

/* Each letter is a step: `c`ompensatable or `r`etriable. */
static const char *const shapes[] = {"c",   "r",    "cc",   "cr",
                                     "ccr", "cccc", "ccrr", "ccccccccccccrrr"};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static struct definition *definition_of(const char *shape)
{
    struct buffer text = {0};
    struct err err = {0};
    struct definition *definition = NULL;
    buffer_append_text(&text, "saga\n    name = shape\n");
    for (size_t i = 0; shape[i] != '\0'; i++) {
        const char *kind = shape[i] == 'r' ? "kind = retriable" : "compensation = undo";
        AUTO(freep)
        char *step = xprintf("    step\n        name = s%zu\n        participant = p\n"
                             "        action = do\n        %s\n"
                             "        retry\n            attempts = 2\n",
                             i, kind);
        buffer_append_text(&text, step);
    }
    buffer_append(&text, "", 1);
    if (definition_parse("shape", (const char *)text.data, &definition, &err) != 0)
        fail_msg("%s", err.text);
    buffer_release(&text);
    return definition;
}

/* Mostly answers to what is out, so that sagas get on; now and then anything at all. */
static struct saga_event any_event(struct rng *rng, const struct saga *saga)
{
    static const enum saga_event_type likely[] = {EVENT_DONE,  EVENT_DONE,     EVENT_DONE,
                                                  EVENT_RETRY, EVENT_REJECTED, EVENT_PENDING,
                                                  EVENT_WAKE,  EVENT_WAKE,     EVENT_RESUME};
    static const char *const codes[] = {"", "busy", "no", "a_code_of_its_own"};
    struct saga_event event = {
        .type = likely[rng_below(rng, sizeof likely / sizeof likely[0])],
        .step = saga->cursor,
        .undo = saga_is_undoing(saga),
        .current = rng_below(rng, 10) != 0,
        .used_ms = saga->patience_used_ms + (int64_t)rng_below(rng, 5000),
        .retry_after_ms = (int64_t)rng_below(rng, 3) * 1000,
    };
    if (rng_below(rng, 3) == 0)
        event.type = (enum saga_event_type)(EVENT_DONE + rng_below(rng, EVENT_RESUME));
    if (rng_below(rng, 6) == 0)
        event.step = (uint8_t)rng_below(rng, DEFINITION_STEPS_MAX);
    if (rng_below(rng, 8) == 0)
        event.undo = !event.undo;
    event.code = bytes_text(codes[rng_below(rng, 4)]);
    event.words = bytes_text(codes[rng_below(rng, 4)]);
    event.output = bytes_text(codes[rng_below(rng, 4)]);
    return event;
}

static bool is_allowed(enum saga_state from, enum saga_state to)
{
    static const char *const allowed[SAGA_STATE_COUNT] = {
        [SAGA_RUNNING] = "01234", /* By one event a rejected first step is compensated at once. */
        [SAGA_COMPENSATING] = "134", [SAGA_COMPLETED] = "2", [SAGA_COMPENSATED] = "3",
        [SAGA_ATTENTION] = "01234", /* Facts that came meanwhile are followed at once. */
    };
    return strchr(allowed[from], '0' + (int)to) != NULL;
}

static void check_step(const struct saga *saga, const struct definition_step *rules,
                       const struct saga_step_state *step)
{
    bool unknown = step->forward == FORWARD_IDLE || step->forward == FORWARD_OPEN;
    bool took_effect = step->forward == FORWARD_DONE || step->forward == FORWARD_GIVEN_UP;
    /* A compensation starts only when the forward outcome is known or given up. */
    assert_false(step->undo != UNDO_NONE && unknown);
    /* Retriables are neither given up nor compensated, and nothing is once one was sent. */
    if (rules->kind == STEP_RETRIABLE) {
        assert_int_not_equal(step->forward, FORWARD_GIVEN_UP);
        assert_int_equal(step->undo, UNDO_NONE);
        assert_false(step->forward != FORWARD_IDLE && saga_is_undoing(saga));
        assert_false(step->forward != FORWARD_IDLE && saga->state == SAGA_COMPENSATED);
    } else {
        assert_in_range(step->retries, 0, (uintmax_t)rules->retry_attempts - 1);
    }
    /* All or compensated. */
    if (saga->state == SAGA_COMPENSATED)
        assert_false(took_effect && step->undo != UNDO_DONE);
    if (saga->state == SAGA_COMPLETED)
        assert_true(step->forward == FORWARD_DONE && step->undo == UNDO_NONE);
}

/* What must hold after every event, whatever it was. */
static void check_all(const struct saga *saga, const struct definition *definition)
{
    bool undone = false;
    int open = 0;
    for (size_t i = 0; i < definition->step_count; i++) {
        const struct saga_step_state *step = &saga->steps[i];
        check_step(saga, &definition->steps[i], step);
        open += step->forward == FORWARD_OPEN || step->undo == UNDO_OPEN;
        /* In reverse order: behind what is undone nothing is left to undo. */
        bool left = step->forward == FORWARD_DONE || step->forward == FORWARD_GIVEN_UP;
        assert_false(undone && left && step->undo != UNDO_DONE);
        undone = undone || step->undo == UNDO_DONE;
    }
    assert_in_range(open, 0, 1); /* One command is out at a time. */
    assert_true(saga->phase != PHASE_REST || saga_is_final(saga) || saga->state == SAGA_ATTENTION);
}

/* The next command starts afresh: nothing of the last one's trouble counts against it. */
static void check_new_command(const struct saga *before, const struct saga *saga)
{
    bool same = before->cursor == saga->cursor && saga_is_undoing(before) == saga_is_undoing(saga);
    if (same || saga->phase == PHASE_REST)
        return;
    assert_int_equal(saga->phase, PHASE_OUT);
    assert_int_equal(saga->attempt, 1);
    assert_int_equal(saga->repeats, 0);
    assert_false(saga->pending);
    assert_int_equal(saga->patience_used_ms, 0);
    assert_int_equal(saga->retry_after_ms, 0);
    assert_string_equal(saga->error_code, "");
}

/* Plays one sequence; tells the state it ended in. */
static enum saga_state play(struct definition *definition, uint64_t seed, unsigned *seen)
{
    static const struct id id = {{9}};
    struct sim_tale *tale = xcalloc(1, sizeof *tale);
    struct rng rng;
    rng_seed(&rng, seed);
    tale->definition = definition;
    saga_init(&tale->saga, &id);
    (void)sim_tale_happens(tale, &(struct saga_event){.type = EVENT_ACCEPTED});
    for (int i = 0; i < EVENTS_MAX; i++) {
        struct saga before = tale->saga;
        enum saga_state from = before.state;
        struct saga_event event = any_event(&rng, &tale->saga);
        const struct saga_update *update = sim_tale_happens(tale, &event);
        if (!is_allowed(from, tale->saga.state))
            fail_msg("seed %llu: from %s to %s", (unsigned long long)seed, saga_state_name(from),
                     saga_state_name(tale->saga.state));
        assert_false(update->stale && update->record_count != 0);
        seen[from] |= 1U << tale->saga.state;
        check_all(&tale->saga, definition);
        check_new_command(&before, &tale->saga);
        if (saga_is_final(&tale->saga) && rng_below(&rng, 4) == 0)
            break; /* The others hear more after their end. */
    }
    enum saga_state end = tale->saga.state;
    tale->definition = NULL; /* Not the tale's. */
    void *state = tale;
    (void)sim_tale_end(&state);
    return end;
}

/* Recovery is the fold of the records, for sagas of every shape and any sequence of events. */
static void test_records__of_any_sequence__fold_to_the_saga(void **state)
{
    (void)state;
    unsigned seen[SAGA_STATE_COUNT] = {0};
    size_t ends[SAGA_STATE_COUNT] = {0};
    struct definition *definitions[SHAPES];
    for (size_t i = 0; i < SHAPES; i++)
        definitions[i] = definition_of(shapes[i]);
    for (uint64_t seed = 1; seed <= SEQUENCES; seed++)
        ends[play(definitions[seed % SHAPES], seed, seen)]++;
    for (size_t i = 0; i < SHAPES; i++)
        definition_free(definitions[i]);
    /* It was worth it: many of each end, and each move of the diagram was made. */
    assert_true(ends[SAGA_COMPLETED] > SEQUENCES / 20);
    assert_true(ends[SAGA_COMPENSATED] > SEQUENCES / 20);
    static const unsigned expected[SAGA_STATE_COUNT] = {[SAGA_RUNNING] = 0x1f,
                                                        [SAGA_COMPENSATING] = 0x1a,
                                                        [SAGA_COMPLETED] = 0x04,
                                                        [SAGA_COMPENSATED] = 0x08,
                                                        [SAGA_ATTENTION] = 0x13};
    for (size_t i = 0; i < SAGA_STATE_COUNT; i++)
        if ((seen[i] & expected[i]) != expected[i])
            fail_msg("from %s only 0x%x", saga_state_name((enum saga_state)i), seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records__of_any_sequence__fold_to_the_saga),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
