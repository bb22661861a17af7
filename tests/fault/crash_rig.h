/* A suite whose processes are started by the test itself, one of them under strace: it dies, or its
 * disk fails it, at a chosen system call.
 *
 * Whoever dies is started again at once. Nobody but the victim may die, and it only as a process
 * may that is started again. */
#ifndef ZSAGA_CRASH_RIG_H
#define ZSAGA_CRASH_RIG_H

#include "suite_process.h"

/* What happens at a system call, as strace says it. */
struct crash_fault {
    const char *call;
    const char *effect; /* "signal=KILL", "error=EIO" */
    bool lasts;         /* From that call on, in later starts from their first one, until healed. */
};

struct crash_rig {
    struct suite_process *suite;
    const char *victim; /* One of suite_process_names. */
    pid_t pids[SUITE_PROCESS_COUNT];
    int lock_fd;
    const struct crash_fault *fault; /* NULL: none. */
    const char *trace; /* What strace wrote in the victim's last start with a fault. */
    int deaths;        /* Of the victim, by the fault. */
    int deaths_max;
};

/* False: no process may be traced here; `words` tells why. */
bool crash_rig_is_permitted(char *words, size_t size);

/* Makes a suite with plenty in stock and starts it. `suite` is borrowed. */
void crash_rig_begin(struct crash_rig *rig, struct suite_process *suite, const char *victim);
/* Stops it as its owner would; each database is sound. */
void crash_rig_end(struct crash_rig *rig);

/* Starts the victim anew, with a fault at its `nth` such call (of each thread), 1 being the first.
 */
void crash_rig_arm(struct crash_rig *rig, const struct crash_fault *fault, long nth);
/* Starts again who has died. */
void crash_rig_turn(struct crash_rig *rig);
/* No fault from now on, neither in this start nor in the next ones. */
void crash_rig_heal(struct crash_rig *rig);

/* Whether the fault was felt since it was armed. */
bool crash_rig_felt(const struct crash_rig *rig);
/* How many such calls a thread of the victim has made at most since it was armed. */
long crash_rig_calls(const struct crash_rig *rig);

/* Alone, on a database that it creates while it is hit: true when it was. It starts afterwards. */
bool crash_rig_create(struct suite_process *suite, const char *name,
                      const struct crash_fault *fault, long nth, long *ret_calls);

#endif
