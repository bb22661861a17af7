/* Crash points: places where a test makes a process kill itself. See shell.h. */
#ifndef ZSAGA_SHELL_CRASH_H
#define ZSAGA_SHELL_CRASH_H

#include <stdint.h>

#include "base/err.h"

#ifndef ZSAGA_CRASHPOINTS
#define ZSAGA_CRASHPOINTS 0
#endif

enum shell_crash_point {
    SHELL_CRASH_BEFORE_COMMIT,
    SHELL_CRASH_AFTER_COMMIT,
    SHELL_CRASH_AFTER_SEND,
    SHELL_CRASH_POINT_COUNT,
};

struct shell_crash {
    uint64_t left[SHELL_CRASH_POINT_COUNT]; /* Passings until death; 0: never. */
};

#if ZSAGA_CRASHPOINTS

/* Reads $ZSAGA_CRASHPOINT; `name` is this process's. ERR_INVALID when it is malformed: a test that
 * misspells a point must not pass for want of a crash. */
int shell_crash_init(struct shell_crash *crash, const char *name, struct err *err);
void shell_crash_pass(struct shell_crash *crash, enum shell_crash_point point);

#else

static inline int shell_crash_init(struct shell_crash *crash, const char *name, struct err *err)
{
    (void)crash;
    (void)name;
    (void)err;
    return 0;
}

static inline void shell_crash_pass(struct shell_crash *crash, enum shell_crash_point point)
{
    (void)crash;
    (void)point;
}

#endif
#endif
