/* Health: what hinders the processes of a suite, as they say themselves. */
#ifndef ZSAGA_CLI_HEALTH_H
#define ZSAGA_CLI_HEALTH_H

#include <jansson.h>
#include <stdbool.h>

#include "suite.h"

/* For one process and for all together. */
#define HEALTH_WAIT_MS 400
#define HEALTH_WAIT_ALL_MS 1000

/* Gives each of `processes` (as from processes_read()) its "health" ("ok", or what hinders it) and
 * "detail", null when not known: it does not run, or does not answer soon; and one that follows
 * others its "streams": publisher, state, head, applied, lag, detail. */
void health_add(struct suite *suite, json_t *processes);

/* Whether something is known to hinder one of them that is no consumer. */
bool health_is_hindered(const struct suite *suite, const json_t *processes);

#endif
