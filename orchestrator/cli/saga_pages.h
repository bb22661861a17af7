/* All sagas of the orchestrator, page by page, newest first. */
#ifndef ZSAGA_CLI_SAGA_PAGES_H
#define ZSAGA_CLI_SAGA_PAGES_H

#include <stdint.h>

#include "cli.h"

typedef void (*saga_pages_row)(void *self, const Zsaga__SagaRow *row);

/* Gives at most `limit` sagas in one of `states` (none: in any) to `take`. Returns 0, or says why
 * not and returns the exit code. */
int saga_pages(struct cli *cli, const Zsaga__SagaState *states, size_t state_count, uint64_t limit,
               saga_pages_row take, void *self);

#endif
