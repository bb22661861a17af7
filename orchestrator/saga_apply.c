/* Applies what has happened to a saga: here as it happens, and again at recovery. */
#include <assert.h>
#include <string.h>

#include "base/mutant.h"
#include "saga.h"

/* Allowed moves; what is final has none. */
#define TO(state) (1U << (state))
static const struct {
    const char *name;
    unsigned to;
} states[SAGA_STATE_COUNT] = {
    [SAGA_RUNNING] = {"running", TO(SAGA_COMPENSATING) | TO(SAGA_COMPLETED) | TO(SAGA_ATTENTION)},
    [SAGA_COMPENSATING] = {"compensating", TO(SAGA_COMPENSATED) | TO(SAGA_ATTENTION)},
    [SAGA_COMPLETED] = {"completed", 0},
    [SAGA_COMPENSATED] = {"compensated", 0},
    [SAGA_ATTENTION] = {"attention", TO(SAGA_RUNNING) | TO(SAGA_COMPENSATING)},
};

static void move(struct saga *saga, enum saga_state to)
{
    assert((states[saga->state].to & TO(to)) != 0);
    saga->state = to;
    if (to == SAGA_COMPLETED || to == SAGA_COMPENSATED || to == SAGA_ATTENTION)
        saga->phase = PHASE_REST;
}

const char *saga_state_name(enum saga_state state)
{
    return states[state].name;
}

const char *saga_what_name(enum saga_what what)
{
    static const char *const names[] = {
        [WHAT_NONE] = "none",         [WHAT_ACCEPTED] = "accepted",   [WHAT_DONE] = "done",
        [WHAT_REJECTED] = "rejected", [WHAT_GAVE_UP] = "gave_up",     [WHAT_UNDONE] = "undone",
        [WHAT_TROUBLE] = "trouble",   [WHAT_ATTENTION] = "attention", [WHAT_RESUMED] = "resumed",
    };
    return names[what];
}

void saga_init(struct saga *saga, const struct id *id)
{
    memset(saga, 0, sizeof *saga);
    saga->id = *id;
    saga->state = SAGA_RUNNING;
    saga->phase = PHASE_OUT;
}

static void clear_trouble(struct saga *saga)
{
    saga->pending = false;
    saga->repeats = 0;
    saga->patience_used_ms = 0;
    saga->retry_after_ms = 0;
    saga->error_code[0] = '\0';
    saga->error_words[0] = '\0';
}

/* A new command is out: the action or compensation of the step at the cursor. */
static void begin(struct saga *saga, uint8_t cursor)
{
    saga->cursor = cursor;
    saga->attempt = 1;
    saga->phase = PHASE_OUT;
    clear_trouble(saga);
    if (saga_is_undoing(saga))
        saga->steps[cursor].undo = UNDO_OPEN;
    else
        saga->steps[cursor].forward = FORWARD_OPEN;
}

static bool needs_undo(const struct saga_step_state *step)
{
    if (step->undo == UNDO_DONE)
        return false;
    return step->undo == UNDO_OPEN || step->forward == FORWARD_DONE ||
           (step->forward == FORWARD_GIVEN_UP && !MUTANT(GIVEN_UP_NOT_UNDONE));
}

/* Goes on to the next step that must be undone, in reverse order, or ends. */
static void settle_undo(struct saga *saga)
{
    int next = saga->cursor;
    if (MUTANT(UNDO_IN_ORDER))
        while (next > 0 && needs_undo(&saga->steps[next - 1]))
            next--;
    while (next >= 0 && !needs_undo(&saga->steps[next]))
        next--;
    if (next < 0) {
        clear_trouble(saga);
        saga->cursor = 0;
        move(saga, SAGA_COMPENSATED);
    } else if (saga->steps[next].undo == UNDO_NONE) {
        begin(saga, (uint8_t)next);
    }
}

/* Goes on to where the recorded facts lead. */
static void settle(struct saga *saga, const struct definition *definition)
{
    if (saga->state == SAGA_COMPENSATING) {
        settle_undo(saga);
        return;
    }
    if (saga->state != SAGA_RUNNING)
        return;
    uint8_t forward = saga->steps[saga->cursor].forward;
    if (forward == FORWARD_DONE && (size_t)saga->cursor + 1 == definition->step_count) {
        saga->cursor++;
        clear_trouble(saga);
        move(saga, SAGA_COMPLETED);
    } else if (forward == FORWARD_DONE) {
        begin(saga, (uint8_t)(saga->cursor + 1));
    } else if ((forward == FORWARD_REJECTED || forward == FORWARD_GIVEN_UP) &&
               definition->steps[saga->cursor].kind == STEP_COMPENSATABLE) {
        move(saga, SAGA_COMPENSATING);
        settle_undo(saga);
    }
}

static void set_reason(struct saga *saga, struct bytes code)
{
    if (saga->reason[0] == '\0')
        bytes_copy_text(code, saga->reason, sizeof saga->reason);
}

static void set_error(struct saga *saga, const struct saga_record *record)
{
    bytes_copy_text(record->code, saga->error_code, sizeof saga->error_code);
    bytes_copy_text(record->words, saga->error_words, sizeof saga->error_words);
}

static void apply_trouble(struct saga *saga, const struct saga_record *record)
{
    struct saga_step_state *step = &saga->steps[record->step];
    saga->attempt = record->attempt;
    saga->repeats = record->repeats;
    saga->pending = record->pending;
    saga->patience_used_ms = record->used_ms;
    saga->retry_after_ms = record->retry_after_ms;
    saga->phase = record->backoff ? PHASE_BACKOFF : PHASE_OUT;
    *(record->undo ? &step->undo_retries : &step->retries) = record->retries;
    set_error(saga, record);
}

static void apply_resumed(struct saga *saga, const struct definition *definition)
{
    struct saga_step_state *step = &saga->steps[saga->cursor];
    move(saga, saga->resumes);
    *(saga_is_undoing(saga) ? &step->undo_retries : &step->retries) = 0;
    saga->attempt++;
    saga->phase = PHASE_OUT;
    clear_trouble(saga);
    bool refused_for_good =
        step->forward == FORWARD_REJECTED && definition->steps[saga->cursor].kind == STEP_RETRIABLE;
    if (saga->state == SAGA_RUNNING && refused_for_good)
        step->forward = FORWARD_OPEN; /* Asked again: the participant may have been mended. */
    settle(saga, definition);
    if (saga->state == SAGA_RUNNING || saga->state == SAGA_COMPLETED)
        saga->reason[0] = '\0'; /* What stopped it is mended, and has turned nothing back. */
}

/* What is refused while it rests turns it as soon as it goes on, whatever it rests for. */
static void apply_rejected(struct saga *saga, const struct definition *definition,
                           const struct saga_record *record)
{
    saga->steps[record->step].forward = FORWARD_REJECTED;
    if (!saga_is_undoing(saga))
        bytes_copy_text(record->code, saga->reason, sizeof saga->reason);
    settle(saga, definition);
}

void saga_apply(struct saga *saga, const struct definition *definition,
                const struct saga_record *record)
{
    struct saga_step_state *step = &saga->steps[record->step];
    saga->version = record->number;
    saga->last_what = (uint8_t)record->what;
    switch (record->what) {
    case WHAT_NONE:
        assert(0);
        return;
    case WHAT_ACCEPTED:
        begin(saga, 0);
        return;
    case WHAT_DONE:
        step->forward = FORWARD_DONE;
        settle(saga, definition);
        return;
    case WHAT_REJECTED:
        apply_rejected(saga, definition, record);
        return;
    case WHAT_GAVE_UP:
        step->forward = FORWARD_GIVEN_UP;
        set_reason(saga, bytes_text("unavailable"));
        settle(saga, definition);
        return;
    case WHAT_UNDONE:
        step->undo = UNDO_DONE;
        settle(saga, definition);
        return;
    case WHAT_TROUBLE:
        apply_trouble(saga, record);
        return;
    case WHAT_ATTENTION:
        saga->resumes = saga->state;
        move(saga, SAGA_ATTENTION);
        set_reason(saga, record->code);
        set_error(saga, record);
        return;
    case WHAT_RESUMED:
        apply_resumed(saga, definition);
        return;
    }
}

bool saga_can_apply(const struct saga *saga, const struct definition *definition,
                    const struct saga_record *record)
{
    if (record->number != saga->version + 1 || record->step >= definition->step_count ||
        saga_is_final(saga))
        return false;
    switch (record->what) {
    case WHAT_ATTENTION:
        return saga->state != SAGA_ATTENTION;
    case WHAT_RESUMED:
        return saga->state == SAGA_ATTENTION;
    case WHAT_TROUBLE:
        return saga->state != SAGA_ATTENTION && record->step == saga->cursor &&
               record->undo == saga_is_undoing(saga);
    default:
        return record->what != WHAT_NONE && record->what != WHAT_ACCEPTED;
    }
}

static bool step_is_sound(const struct saga *saga, size_t place)
{
    const struct saga_step_state *step = &saga->steps[place];
    if (saga->state == SAGA_COMPLETED && (step->forward != FORWARD_DONE || step->undo != UNDO_NONE))
        return false;
    if (saga->state == SAGA_COMPENSATED && needs_undo(step))
        return false;
    /* In reverse order: what is undone has nothing open behind it. */
    return step->undo != UNDO_OPEN || place == saga->cursor;
}

bool saga_is_sound(const struct saga *saga, const struct definition *definition)
{
    bool rests = saga_is_final(saga) || saga->state == SAGA_ATTENTION;
    if (rests != (saga->phase == PHASE_REST) || saga->cursor > definition->step_count)
        return false;
    for (size_t i = 0; i < definition->step_count; i++)
        if (!step_is_sound(saga, i))
            return false;
    return true;
}

void saga_check(const struct saga *saga, const struct definition *definition)
{
    assert(saga_is_sound(saga, definition));
}
