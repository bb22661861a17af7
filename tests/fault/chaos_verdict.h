/* Whether all has ended, and ended well. */
#ifndef ZSAGA_CHAOS_VERDICT_H
#define ZSAGA_CHAOS_VERDICT_H

#include <jansson.h>

#include "chaos.h"

/* A command of the tool with --json on one of the directories; NULL: it said nothing that is JSON.
 */
json_t *chaos_verdict_ask(struct chaos *chaos, const char *command, const char *dir);

/* After the heal: every order ends, the observer has read everything, the books agree. What does
 * not come about within the bound is a finding. */
void chaos_verdict_settle(struct chaos *chaos);

/* When the suite is stopped: the checker, over the databases and all that was recorded. */
void chaos_verdict_check(struct chaos *chaos);
const char *chaos_verdict_command(struct chaos *chaos); /* The same by hand. */

/* Faults of the programs themselves in their logs. */
void chaos_verdict_logs(struct chaos *chaos);

/* One line. */
void chaos_verdict_summary(struct chaos *chaos);

#endif
