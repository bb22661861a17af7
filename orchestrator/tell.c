#include "tell.h"

#include <assert.h>
#include <string.h>

#include "base/packed.h"
#include "orchestrator_internal.h"
#include "saga.pb-c.h"

/* What each kind of record is called in the log, and whether it concerns one step. */
static const struct {
    const char *type;
    bool of_step;
} kinds[] = {
    [WHAT_ACCEPTED] = {"SagaAccepted", false},  [WHAT_DONE] = {"StepDone", true},
    [WHAT_REJECTED] = {"StepRejected", true},   [WHAT_GAVE_UP] = {"StepGivenUp", true},
    [WHAT_UNDONE] = {"StepUndone", true},       [WHAT_TROUBLE] = {"StepTroubled", true},
    [WHAT_ATTENTION] = {"SagaAttention", true}, [WHAT_RESUMED] = {"SagaResumed", false},
};

/* What caused the event: the command that it is about, as participants name it. */
struct cause {
    uint8_t bytes[ID_SIZE + 2];
    char traceparent[TRACEPARENT_SIZE];
};

static void add(struct orchestrator *self, const struct active *active, const char *type,
                const struct cause *cause, const Zsaga__SagaEvent *event)
{
    buffer_clear(&self->told);
    packed_append(&self->told, &event->base);
    outbox_add(self->outbox,
               &(struct outbox_event){
                   .id = id_next(&self->ids, self->wall_ms),
                   .saga = id_view(&active->saga.id),
                   .type = bytes_text(type),
                   .wall_ms = self->wall_ms,
                   .causation = cause == NULL ? bytes_of(NULL, 0)
                                              : bytes_of(cause->bytes, sizeof cause->bytes),
                   .traceparent = bytes_text(cause == NULL ? "" : cause->traceparent),
                   .payload = buffer_bytes(&self->told),
               });
}

static Zsaga__SagaEvent event_of(const struct active *active, uint32_t number,
                                 enum saga_state state)
{
    Zsaga__SagaEvent event = ZSAGA__SAGA_EVENT__INIT;
    event.key = packed_borrow(bytes_of(active->key, active->key_len));
    event.definition = packed_borrow_text(active->definition->name);
    event.number = number;
    event.state = client_state(state);
    event.reason = packed_borrow_text(active->saga.reason);
    return event;
}

static void tell_accepted(struct orchestrator *self, const struct active *active,
                          Zsaga__SagaEvent *event)
{
    const struct definition *definition = active->definition;
    Zsaga__SagaEventStep steps[DEFINITION_STEPS_MAX];
    Zsaga__SagaEventStep *pointers[DEFINITION_STEPS_MAX];
    for (size_t i = 0; i < definition->step_count; i++) {
        zsaga__saga_event_step__init(&steps[i]);
        steps[i].name = packed_borrow_text(definition->steps[i].name);
        steps[i].participant = packed_borrow_text(definition->steps[i].participant);
        steps[i].kind = packed_borrow_text(definition_kind_name(definition->steps[i].kind));
        pointers[i] = &steps[i];
    }
    event->n_steps = definition->step_count;
    event->steps = pointers;
    add(self, active, kinds[WHAT_ACCEPTED].type, NULL, event);
}

void tell_record(struct orchestrator *self, const struct active *active,
                 const struct saga_record *record, enum saga_state state)
{
    Zsaga__SagaEvent event = event_of(active, record->number, state);
    if (record->what == WHAT_ACCEPTED) {
        tell_accepted(self, active, &event);
        return;
    }
    event.code = packed_borrow(record->code);
    event.words = packed_borrow(record->words);
    if (record->what == WHAT_TROUBLE)
        event.attempts = record->retries;
    if (!kinds[record->what].of_step) {
        add(self, active, kinds[record->what].type, NULL, &event);
        return;
    }
    const struct definition_step *step = &active->definition->steps[record->step];
    struct cause cause;
    memcpy(cause.bytes, active->saga.id.bytes, ID_SIZE);
    cause.bytes[ID_SIZE] = record->step;
    cause.bytes[ID_SIZE + 1] =
        record->undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    send_traceparent(&active->saga.id, record->step, record->undo, cause.traceparent);
    event.step = packed_borrow_text(step->name);
    event.participant = packed_borrow_text(step->participant);
    event.undo = record->undo;
    add(self, active, kinds[record->what].type, &cause, &event);
}

void tell_final(struct orchestrator *self, const struct active *active)
{
    const struct saga *saga = &active->saga;
    assert(saga_is_final(saga));
    Zsaga__SagaEvent event = event_of(active, saga->version, saga->state);
    bool completed = saga->state == SAGA_COMPLETED;
    add(self, active, completed ? "SagaCompleted" : "SagaCompensated", NULL, &event);
}
