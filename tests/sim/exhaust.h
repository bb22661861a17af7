/* zsaga-sim --exhaustive */
#ifndef ZSAGA_EXHAUST_H
#define ZSAGA_EXHAUST_H

#include "sim_scope.h"

/* Every schedule of each story within the limits; prints how many there were. Returns the exit code
 * (a finding ends the process before). */
int exhaust_all(const struct sim_scope_limits *limits);

/* One of them, as a finding names it, with its trace. */
int exhaust_play(const struct sim_scope_limits *limits, const char *schedule);

#endif
