#include "saga.h"

#include <assert.h>
#include <string.h>

#include "base/mutant.h"

#define RETRY_AFTER_MAX_MS (3600 * INT64_C(1000)) /* More a participant cannot ask for. */
#define UNDO_FACTOR 2

bool saga_is_final(const struct saga *saga)
{
    return saga->state == SAGA_COMPLETED || saga->state == SAGA_COMPENSATED;
}

static enum saga_state direction(const struct saga *saga)
{
    return saga->state == SAGA_ATTENTION ? saga->resumes : saga->state;
}

bool saga_is_undoing(const struct saga *saga)
{
    return direction(saga) == SAGA_COMPENSATING;
}

static const struct definition_step *at_cursor(const struct saga *saga,
                                               const struct definition *definition)
{
    assert(saga->cursor < definition->step_count);
    return &definition->steps[saga->cursor];
}

bool saga_has_long_patience(const struct saga *saga, const struct definition *definition)
{
    return saga_is_undoing(saga) || at_cursor(saga, definition)->kind == STEP_RETRIABLE;
}

int64_t saga_patience_ms(const struct saga *saga, const struct definition *definition)
{
    const struct definition_step *step = at_cursor(saga, definition);
    return saga_has_long_patience(saga, definition) ? step->undo_patience_ms : step->patience_ms;
}

bool saga_backoff_counts(const struct saga *saga, const struct definition *definition)
{
    /* What no number of attempts ends must be ended by patience. */
    return saga->pending || saga_has_long_patience(saga, definition);
}

static int64_t grown(int64_t first, int64_t factor, int64_t max, uint32_t repeats)
{
    int64_t wait = first;
    for (uint32_t i = 1; i < repeats && wait < max; i++)
        wait = wait > max / factor ? max : wait * factor;
    return wait < max ? wait : max;
}

int64_t saga_backoff_ms(const struct saga *saga, const struct definition *definition)
{
    const struct definition_step *step = at_cursor(saga, definition);
    int64_t wait =
        saga_is_undoing(saga)
            ? grown(step->undo_first_ms, UNDO_FACTOR, step->undo_max_ms, saga->repeats)
            : grown(step->retry_first_ms, step->retry_factor, step->retry_max_ms, saga->repeats);
    int64_t asked =
        saga->retry_after_ms < RETRY_AFTER_MAX_MS ? saga->retry_after_ms : RETRY_AFTER_MAX_MS;
    return asked > wait ? asked : wait;
}

static void keep_words(const struct saga *saga, struct saga_update *update)
{
    bytes_copy_text(bytes_text(saga->error_code), update->kept_code, sizeof update->kept_code);
    bytes_copy_text(bytes_text(saga->error_words), update->kept_words, sizeof update->kept_words);
}

static struct saga_record *add(struct saga *saga, struct saga_update *update, enum saga_what what)
{
    assert(update->record_count < SAGA_RECORDS_MAX);
    struct saga_record *record = &update->records[update->record_count++];
    *record = (struct saga_record){.number = saga->version + 1, .what = what};
    record->step = saga->cursor;
    record->undo = saga_is_undoing(saga);
    return record;
}

static void add_fact(struct saga *saga, const struct definition *definition,
                     const struct saga_event *event, enum saga_what what,
                     struct saga_update *update)
{
    struct saga_record *record = add(saga, update, what);
    record->step = event->step;
    record->undo = event->undo;
    record->code = event->code;
    record->words = event->words;
    record->output = event->output;
    saga_apply(saga, definition, record);
}

static void add_attention(struct saga *saga, const struct definition *definition, struct bytes code,
                          struct bytes words, struct saga_update *update)
{
    struct saga_record *record = add(saga, update, WHAT_ATTENTION);
    record->code = code;
    record->words = words;
    saga_apply(saga, definition, record);
}

/* The trouble of the command at the cursor as it stands; the caller changes what is new. */
static struct saga_record *add_trouble(struct saga *saga, const struct saga_event *event,
                                       struct saga_update *update)
{
    bool replaces = saga->last_what == WHAT_TROUBLE;
    keep_words(saga, update);
    struct saga_record *record = add(saga, update, WHAT_TROUBLE);
    const struct saga_step_state *step = &saga->steps[saga->cursor];
    record->number = replaces ? saga->version : saga->version + 1;
    record->pending = saga->pending;
    record->backoff = saga->phase == PHASE_BACKOFF;
    record->attempt = saga->attempt;
    record->retries = record->undo ? step->undo_retries : step->retries;
    record->repeats = saga->repeats;
    record->used_ms = event->used_ms;
    record->retry_after_ms = saga->retry_after_ms;
    record->code = bytes_text(update->kept_code);
    record->words = bytes_text(update->kept_words);
    return record;
}

/* Facts about a step: whatever attempt they answer, and recorded even where they move nothing. */
static bool on_fact(struct saga *saga, const struct definition *definition,
                    const struct saga_event *event, struct saga_update *update)
{
    const struct saga_step_state *step = &saga->steps[event->step];
    if (event->undo) {
        if (step->undo != UNDO_OPEN || event->type != EVENT_DONE)
            return false;
        add_fact(saga, definition, event, WHAT_UNDONE, update);
        return true;
    }
    bool known = step->forward != FORWARD_OPEN && step->forward != FORWARD_GIVEN_UP;
    if (known && !(MUTANT(FACT_TAKEN_TWICE) && step->forward == FORWARD_DONE))
        return false;
    bool done = event->type == EVENT_DONE;
    add_fact(saga, definition, event, done ? WHAT_DONE : WHAT_REJECTED, update);
    if (!done && saga->state == SAGA_RUNNING)
        add_attention(saga, definition, event->code, event->words, update);
    return true;
}

static void give_up(struct saga *saga, const struct definition *definition, struct bytes code,
                    struct bytes words, struct saga_update *update)
{
    if (MUTANT(UNDO_GIVEN_UP) && saga_is_undoing(saga)) {
        saga_apply(saga, definition, add(saga, update, WHAT_UNDONE));
        return;
    }
    if (MUTANT(RETRIABLE_GIVEN_UP) && at_cursor(saga, definition)->kind == STEP_RETRIABLE) {
        saga_apply(saga, definition, add(saga, update, WHAT_DONE));
        return;
    }
    if (saga_has_long_patience(saga, definition)) {
        add_attention(saga, definition, code, words, update);
        return;
    }
    struct saga_record *record = add(saga, update, WHAT_GAVE_UP);
    record->code = code;
    record->words = words;
    saga_apply(saga, definition, record);
}

static void on_retry(struct saga *saga, const struct definition *definition,
                     const struct saga_event *event, struct saga_update *update)
{
    const struct definition_step *rules = at_cursor(saga, definition);
    uint32_t retries = saga->steps[saga->cursor].retries + 1;
    if (MUTANT(RETRY_IS_REFUSAL) && !saga_has_long_patience(saga, definition) &&
        retries >= rules->retry_attempts) {
        add_fact(saga, definition, event, WHAT_REJECTED, update);
        return;
    }
    if (!saga_has_long_patience(saga, definition) && retries >= rules->retry_attempts) {
        give_up(saga, definition, event->code, event->words, update);
        return;
    }
    struct saga_record *record = add_trouble(saga, event, update);
    record->attempt++;
    record->retries++;
    record->repeats = saga->pending ? 1 : record->repeats + 1;
    record->pending = false;
    record->backoff = true;
    record->code = event->code;
    record->words = event->words;
    record->retry_after_ms = event->retry_after_ms;
    saga_apply(saga, definition, record);
}

static void on_pending(struct saga *saga, const struct definition *definition,
                       const struct saga_event *event, struct saga_update *update)
{
    struct saga_record *record = add_trouble(saga, event, update);
    record->attempt++;
    record->repeats = saga->pending ? record->repeats + 1 : 1;
    record->pending = true;
    record->backoff = true;
    record->code = bytes_text("pending");
    record->words = event->words;
    record->retry_after_ms = event->retry_after_ms;
    saga_apply(saga, definition, record);
}

/* Answers that count only for the attempt that is out. */
static bool on_answer(struct saga *saga, const struct definition *definition,
                      const struct saga_event *event, struct saga_update *update)
{
    if ((!event->current && !MUTANT(LATE_RETRY_TAKEN)) || saga->phase != PHASE_OUT)
        return false;
    switch (event->type) {
    case EVENT_RETRY:
        on_retry(saga, definition, event, update);
        return true;
    case EVENT_PENDING:
        on_pending(saga, definition, event, update);
        return true;
    case EVENT_BLOCKED: /* Its compensation is not journaled, or it would not be current. */
    case EVENT_EXPIRED:
    case EVENT_MALFORMED:
        add_attention(saga, definition, event->code, event->words, update);
        return true;
    default:
        assert(0);
        return false;
    }
}

static bool on_timer(struct saga *saga, const struct definition *definition,
                     const struct saga_event *event, struct saga_update *update)
{
    if (saga->phase == PHASE_REST)
        return false;
    if (event->type == EVENT_WAKE) {
        if (saga->phase != PHASE_BACKOFF)
            return false;
        saga->phase = PHASE_OUT;
        return true;
    }
    if (event->type == EVENT_PATIENCE_USED) {
        saga_apply(saga, definition, add_trouble(saga, event, update));
        update->marks = true;
        return true;
    }
    keep_words(saga, update);
    bool known = update->kept_code[0] != '\0';
    give_up(saga, definition, bytes_text(known ? update->kept_code : "no_answer"),
            bytes_text(known ? update->kept_words : "no answer within the step's patience"),
            update);
    return true;
}

static bool on_resume(struct saga *saga, const struct definition *definition,
                      const struct saga_event *event, struct saga_update *update)
{
    if (saga->state != SAGA_ATTENTION)
        return false;
    struct saga_record *record = add(saga, update, WHAT_RESUMED);
    record->code = event->code;
    record->words = event->words;
    saga_apply(saga, definition, record);
    return true;
}

static bool dispatch(struct saga *saga, const struct definition *definition,
                     const struct saga_event *event, struct saga_update *update)
{
    switch (event->type) {
    case EVENT_ACCEPTED:
        saga_apply(saga, definition, add(saga, update, WHAT_ACCEPTED));
        return true;
    case EVENT_DONE:
    case EVENT_REJECTED:
        return event->step < definition->step_count && on_fact(saga, definition, event, update);
    case EVENT_RETRY:
    case EVENT_PENDING:
    case EVENT_BLOCKED:
    case EVENT_EXPIRED:
    case EVENT_MALFORMED:
        return on_answer(saga, definition, event, update);
    case EVENT_WAKE:
    case EVENT_PATIENCE_USED:
    case EVENT_PATIENCE_SPENT:
        return on_timer(saga, definition, event, update);
    case EVENT_RESUME:
        return on_resume(saga, definition, event, update);
    }
    assert(0);
    return false;
}

void saga_step(struct saga *saga, const struct definition *definition,
               const struct saga_event *event, struct saga_update *ret)
{
    *ret = (struct saga_update){0};
    enum saga_state state = saga->state;
    enum saga_phase phase = saga->phase;
    uint8_t cursor = saga->cursor;
    if (saga_is_final(saga) || !dispatch(saga, definition, event, ret)) {
        ret->stale = true;
        return;
    }
    ret->moved = event->type == EVENT_ACCEPTED || state != saga->state || phase != saga->phase ||
                 cursor != saga->cursor;
    saga_check(saga, definition);
}
