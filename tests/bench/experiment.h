/* The experiment: one run from the start of a suite to its audit, and the yardsticks. */
#ifndef ZSAGA_BENCH_EXPERIMENT_H
#define ZSAGA_BENCH_EXPERIMENT_H

#include "figures.h"
#include "options.h"

enum experiment_end {
    EXPERIMENT_COUNTS = 0,
    EXPERIMENT_VOID = 1, /* The figures do not count: run->fault says why. */
    EXPERIMENT_STOPPED = 4,
    EXPERIMENT_TIMEOUT = 5,
    EXPERIMENT_INTERRUPTED = 128 /* Plus the signal. */
};

/* Returns the exit code; tells on standard error what it is doing. */
int experiment_run(const struct bench_options *options, struct run_figures *ret);

#endif
