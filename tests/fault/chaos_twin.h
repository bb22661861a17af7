/* A second orchestrator, as an operator might start one by mistake. */
#ifndef ZSAGA_CHAOS_TWIN_H
#define ZSAGA_CHAOS_TWIN_H

#include "chaos.h"

/* On the same directory: the database's lock keeps it out. */
void chaos_twin_same(struct chaos *chaos);
/* On a copy that has grown old: the participants keep it out. */
void chaos_twin_old(struct chaos *chaos);
/* On a copy that knows everything, while the first is down: it takes over, and is what goes on. */
void chaos_twin_new(struct chaos *chaos);

/* On such a copy while the first starts too, when all sagas have ended: two that are equal would
 * lead an open one two ways. */
void chaos_twin_fight(struct chaos *chaos);

/* At the end of a run: a participant's old backup. Nothing is sent to it until it is trusted. */
void chaos_twin_backup(struct chaos *chaos);

#endif
