/* The supervisor: starts a suite's processes, starts crashed ones again, stops them all.
 *
 * One thread, one poll() loop, no ZeroMQ: it forks. Each process has the read end of a lifeline
 * pipe whose write end only the supervisor holds, so it ends with the supervisor however that dies;
 * a process that is stopped and cannot notice is killed by the kernel. */
#ifndef ZSAGA_CLI_SUPERVISOR_H
#define ZSAGA_CLI_SUPERVISOR_H

#include <stdbool.h>

#include "suite.h"

struct supervisor_options {
    const struct suite *suite; /* Its lock is held. */
    bool adopt;                /* The orchestrator was restored from a backup. */
    bool json;                 /* Say that it is ready in JSON. */
};

/* Runs until SIGTERM, SIGINT or SIGHUP, or until nothing is left to supervise. Returns the exit
 * code. */
int supervisor_run(const struct supervisor_options *options);

#endif
