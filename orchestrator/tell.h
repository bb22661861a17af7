/* What the orchestrator's log tells of its sagas: an event for each record of the journal, in the
 * transaction that stores it, and one more when a saga is final (proto/saga.proto). */
#ifndef ZSAGA_TELL_H
#define ZSAGA_TELL_H

#include "active.h"
#include "saga.h"

struct orchestrator;

/* `state`: of the saga after this record. */
void tell_record(struct orchestrator *self, const struct active *active,
                 const struct saga_record *record, enum saga_state state);
void tell_final(struct orchestrator *self, const struct active *active);

#endif
