#include "saga_row.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client.pb-c.h"

#define ERROR_BYTES_MAX 330 /* A code, ": ", words, as the orchestrator keeps them. */

static void set_text(char **text, struct bytes to)
{
    free(*text);
    *text = NULL;
    if (to.len == 0)
        return;
    *text = xmalloc(to.len + 1);
    bytes_copy_text(to, *text, to.len + 1);
}

static void set_error(char **text, const Zsaga__SagaEvent *event)
{
    char words[ERROR_BYTES_MAX];
    char code[70];
    char rest[260];
    bytes_copy_text(packed_view(event->code), code, sizeof code);
    bytes_copy_text(packed_view(event->words), rest, sizeof rest);
    int len = snprintf(words, sizeof words, "%s%s%s", code,
                       code[0] == '\0' || rest[0] == '\0' ? "" : ": ", rest);
    set_text(text, bytes_of(words, (size_t)len));
}

static void progress(struct saga_row *row)
{
    set_text(&row->last_error, bytes_text(""));
    row->troubles = 0;
}

/* The event's step; learns of it when it is not known. NULL: it names none, or one too many. */
static struct step_row *step_of(struct saga_row *row, struct shapes *shapes,
                                const Zsaga__SagaEvent *event)
{
    struct bytes name = packed_view(event->step);
    if (name.len == 0)
        return NULL;
    int place = shape_find(row->shape, name);
    if (place >= 0)
        return &row->steps[place];
    const struct shape_step step = {.name = name, .participant = packed_view(event->participant)};
    struct shape *shape = shapes_extend(shapes, row->shape, &step);
    if (shape == NULL)
        return NULL;
    if (row->cursor == row->shape->step_count)
        row->cursor++;
    shape_drop(row->shape);
    row->shape = shape;
    row->steps = xrealloc(row->steps, shape->step_count * sizeof *row->steps);
    row->steps[shape->step_count - 1] = (struct step_row){0};
    return &row->steps[shape->step_count - 1];
}

static bool needs_undo(const struct step_row *step)
{
    if (step->undo == STEP_UNDO_DONE)
        return false;
    return step->undo == STEP_UNDO_OUT || step->forward == STEP_DONE ||
           step->forward == STEP_GIVEN_UP;
}

/* Where the next command goes, from what is known of the steps. */
static void advance(struct saga_row *row)
{
    size_t count = row->shape->step_count;
    size_t at = count;
    if (row->state == ZSAGA__SAGA_STATE__RUNNING) {
        for (at = 0; at < count && row->steps[at].forward == STEP_DONE;)
            at++;
        if (at < count)
            row->steps[at].forward = STEP_OUT;
    } else if (row->state == ZSAGA__SAGA_STATE__COMPENSATING) {
        while (at > 0 && !needs_undo(&row->steps[at - 1]))
            at--;
        at = at == 0 ? count : at - 1;
        if (at < count)
            row->steps[at].undo = STEP_UNDO_OUT;
    } else if (row->state == ZSAGA__SAGA_STATE__ATTENTION) {
        return;
    }
    row->cursor = (uint8_t)at;
}

static void on_accepted(struct saga_row *row, struct step_row *step,
                        const struct saga_row_event *event)
{
    (void)step;
    row->started_ms = event->wall_ms;
    advance(row);
}

static void on_done(struct saga_row *row, struct step_row *step, const struct saga_row_event *event)
{
    (void)event;
    if (step != NULL)
        step->forward = STEP_DONE;
    progress(row);
    advance(row);
}

static void on_rejected(struct saga_row *row, struct step_row *step,
                        const struct saga_row_event *event)
{
    if (step != NULL) {
        step->forward = STEP_REJECTED;
        set_error(&step->last_error, event->saga);
    }
    progress(row);
    advance(row);
}

static void on_given_up(struct saga_row *row, struct step_row *step,
                        const struct saga_row_event *event)
{
    if (step != NULL) {
        step->forward = STEP_GIVEN_UP;
        set_error(&step->last_error, event->saga);
    }
    progress(row);
    advance(row);
}

static void on_undone(struct saga_row *row, struct step_row *step,
                      const struct saga_row_event *event)
{
    (void)event;
    if (step != NULL)
        step->undo = STEP_UNDO_DONE;
    progress(row);
    advance(row);
}

/* Not progress: the cursor stays at the event's step. */
static void stay_at(struct saga_row *row, const struct step_row *step)
{
    if (step != NULL)
        row->cursor = (uint8_t)(step - row->steps);
}

static void on_troubled(struct saga_row *row, struct step_row *step,
                        const struct saga_row_event *event)
{
    set_error(&row->last_error, event->saga);
    row->troubles++;
    stay_at(row, step);
    if (step == NULL)
        return;
    set_error(&step->last_error, event->saga);
    *(event->saga->undo ? &step->undo_retries : &step->retries) = event->saga->attempts;
    if (event->saga->undo)
        step->undo = STEP_UNDO_OUT;
    else if (step->forward == STEP_IDLE)
        step->forward = STEP_OUT;
}

static void on_attention(struct saga_row *row, struct step_row *step,
                         const struct saga_row_event *event)
{
    progress(row);
    set_error(&row->last_error, event->saga);
    stay_at(row, step);
    if (step != NULL)
        set_error(&step->last_error, event->saga);
}

static void on_resumed(struct saga_row *row, struct step_row *step,
                       const struct saga_row_event *event)
{
    (void)step;
    (void)event;
    progress(row);
    if (row->cursor < row->shape->step_count) {
        bool undo = row->state == ZSAGA__SAGA_STATE__COMPENSATING;
        struct step_row *here = &row->steps[row->cursor];
        *(undo ? &here->undo_retries : &here->retries) = 0;
    }
    advance(row);
}

static void on_final(struct saga_row *row, struct step_row *step,
                     const struct saga_row_event *event)
{
    (void)step;
    progress(row);
    row->state = bytes_equal(event->type, bytes_text("SagaCompleted"))
                     ? ZSAGA__SAGA_STATE__COMPLETED
                     : ZSAGA__SAGA_STATE__COMPENSATED;
    row->finished_ms = event->wall_ms;
    row->cursor = (uint8_t)row->shape->step_count;
}

static const struct route {
    const char *type;
    void (*apply)(struct saga_row *row, struct step_row *step, const struct saga_row_event *event);
    enum saga_row_outcome outcome;
} routes[] = {
    {"SagaAccepted", on_accepted, SAGA_ROW_STARTED},
    {"StepDone", on_done, SAGA_ROW_MOVED},
    {"SagaCompleted", on_final, SAGA_ROW_FINISHED},
    {"StepRejected", on_rejected, SAGA_ROW_MOVED},
    {"StepUndone", on_undone, SAGA_ROW_MOVED},
    {"SagaCompensated", on_final, SAGA_ROW_FINISHED},
    {"StepTroubled", on_troubled, SAGA_ROW_MOVED},
    {"StepGivenUp", on_given_up, SAGA_ROW_MOVED},
    {"SagaAttention", on_attention, SAGA_ROW_MOVED},
    {"SagaResumed", on_resumed, SAGA_ROW_MOVED},
};

static const struct route *find_route(struct bytes type)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (bytes_equal(bytes_text(routes[i].type), type))
            return &routes[i];
    return NULL;
}

bool saga_row_knows(struct bytes type)
{
    return find_route(type) != NULL;
}

static void drop_steps(struct saga_row *row)
{
    for (size_t i = 0; row->shape != NULL && i < row->shape->step_count; i++)
        free(row->steps[i].last_error);
    free(row->steps);
    shape_drop(row->shape);
    row->steps = NULL;
    row->shape = NULL;
}

static void set_shape(struct saga_row *row, struct shapes *shapes, const Zsaga__SagaEvent *event)
{
    struct shape_step steps[SHAPE_STEPS_MAX];
    size_t count = event->n_steps < SHAPE_STEPS_MAX ? event->n_steps : SHAPE_STEPS_MAX;
    for (size_t i = 0; i < count; i++)
        steps[i] = (struct shape_step){
            .name = packed_view(event->steps[i]->name),
            .participant = packed_view(event->steps[i]->participant),
            .kind = packed_view(event->steps[i]->kind),
        };
    drop_steps(row);
    row->shape = shapes_take(shapes, packed_view(event->definition), steps, count);
    row->steps = xcalloc(row->shape->step_count, sizeof *row->steps);
    row->cursor = (uint8_t)row->shape->step_count;
}

enum saga_row_outcome saga_row_apply(struct saga_row *row, struct shapes *shapes,
                                     const struct saga_row_event *event)
{
    const struct route *route = find_route(event->type);
    assert(route != NULL);
    const Zsaga__SagaEvent *saga = event->saga;
    if (row->shape == NULL || route->outcome == SAGA_ROW_STARTED)
        set_shape(row, shapes, saga);
    if (row->key == NULL)
        set_text(&row->key, packed_view(saga->key));
    row->state = (uint8_t)saga->state;
    set_text(&row->reason, packed_view(saga->reason)); /* Forgotten by one that goes on. */
    row->seq = event->seq;
    row->changed_ms = event->wall_ms;
    route->apply(row, step_of(row, shapes, saga), event);
    return route->outcome;
}

void saga_row_release(struct saga_row *row)
{
    drop_steps(row);
    free(row->key);
    free(row->reason);
    free(row->last_error);
}

const struct shape_step *saga_row_step(const struct saga_row *row)
{
    if (row->shape == NULL || row->cursor >= row->shape->step_count)
        return NULL;
    return &row->shape->steps[row->cursor];
}

uint32_t saga_row_attempts(const struct saga_row *row)
{
    if (saga_row_step(row) == NULL)
        return 0;
    const struct step_row *step = &row->steps[row->cursor];
    return (step->undo == STEP_UNDO_NONE ? step->retries : step->undo_retries) + 1;
}

bool saga_row_is_final(const struct saga_row *row)
{
    return row->state == ZSAGA__SAGA_STATE__COMPLETED ||
           row->state == ZSAGA__SAGA_STATE__COMPENSATED;
}

bool saga_row_is_stuck(const struct saga_row *row, int64_t as_of_ms)
{
    if (saga_row_is_final(row) || row->state == ZSAGA__SAGA_STATE__ATTENTION)
        return false;
    return row->troubles >= SAGA_ROW_TROUBLES || as_of_ms - row->changed_ms > SAGA_ROW_IDLE_MS;
}

const char *saga_row_forward_name(uint8_t forward)
{
    static const char *const names[] = {"idle", "out", "done", "rejected", "given_up"};
    return forward < sizeof names / sizeof names[0] ? names[forward] : "unknown";
}

const char *saga_row_undo_name(uint8_t undo)
{
    static const char *const names[] = {"none", "out", "done"};
    return undo < sizeof names / sizeof names[0] ? names[undo] : "unknown";
}
