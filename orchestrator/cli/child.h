/* A supervised process: what state it is in, and when it is started again. Pure.
 *
 *                      ready                    the supervisor stops it
 *   stopped → starting ─────→ running        any ─────────────────────→ stopped
 *                │    ended      │
 *                └──────┬────────┘
 *                       ├──→ backoff ──(50 ms, doubling to 1 s)──→ starting
 *                       └──→ failed     its exit code says that starting it again is no use */
#ifndef ZSAGA_CLI_CHILD_H
#define ZSAGA_CLI_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_BACKOFF_MIN_MS 50
#define CHILD_BACKOFF_MAX_MS 1000
#define CHILD_STEADY_MS 5000 /* Up so long, the backoff begins anew. */

enum child_state { CHILD_STOPPED, CHILD_STARTING, CHILD_RUNNING, CHILD_BACKOFF, CHILD_FAILED };

struct child {
    const char *name;
    pid_t pid; /* 0: no process. */
    enum child_state state;
    uint64_t restarts;
    int exit_code; /* Of the last process that ended. */
    int64_t started_ms;
    int64_t backoff_ms;
    int64_t restart_at_ms; /* In backoff. */
};

const char *child_state_name(enum child_state state);

/* Monotonic milliseconds throughout. */
void child_started(struct child *child, pid_t pid, int64_t now_ms);
void child_is_ready(struct child *child);
/* Its process ended; `stopping`: because it was told to. */
void child_ended(struct child *child, int exit_code, bool stopping, int64_t now_ms);
/* It never will be started again (an attempt to start it failed, or it is told to stop). */
void child_stopped(struct child *child);

bool child_is_due(const struct child *child, int64_t now_ms);

#endif
