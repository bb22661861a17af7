/* The load generator as a process of its own, and what it tells the benchmark. */
#ifndef ZSAGA_BENCH_LOAD_PROCESS_H
#define ZSAGA_BENCH_LOAD_PROCESS_H

#include <sys/types.h>

#include "load.h"

struct load_process {
    pid_t pid; /* 0: none. */
    int fd;
};

enum load_news { LOAD_NONE, LOAD_BEGINS, LOAD_ENDS, LOAD_RESULT };

/* Forks. Nothing of ZeroMQ may be in use here. It dies with us. */
int load_process_start(struct load_process *process, const struct load_plan *plan, struct err *err);

/* Waits at most so long for something to happen to it. LOAD_RESULT: *ret is its result, and it has
 * ended. LOAD_NONE: nothing came, or a signal did. Its own error is passed on. */
int load_process_news(struct load_process *process, int wait_ms, struct load_result *ret,
                      struct err *err);

/* Kills it if it lives. */
void load_process_release(struct load_process *process);

#endif
