/* zsaga-sim --exhaustive */
#ifndef ZSAGA_EXHAUST_H
#define ZSAGA_EXHAUST_H

#include "sim_scope.h"

/* Every schedule of each story within the limits; prints how many there were. Returns the exit code
 * (a finding ends the process before). */
int exhaust_all(const struct sim_scope_limits *limits);

/* On standard error, the one that is under way, if there is one: from a signal's handler. */
void exhaust_tell_schedule(void);

/* One of them, as a finding names it, with its trace. */
int exhaust_play(const struct sim_scope_limits *limits, const char *schedule);

#endif
