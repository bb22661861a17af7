/* A killer's process: started with a mutant or without, its words kept, ended when it takes long.
 */
#ifndef ZSAGA_TRIAL_H
#define ZSAGA_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct trial {
    pid_t pid; /* 0: none runs. */
    int output;
    int64_t started_ms;
    int64_t limit_ms; /* Monotonic: when it is ended. */
    bool ended;       /* For that. */
};

/* Once, before any is started. */
void trial_prepare(void);

/* `mutant`: a name, or NULL for the engine as it is. */
void trial_start(struct trial *trial, const char *mutant, const char *const *arguments,
                 int64_t seconds);

/* Waits until one of them ends, and returns it; its words go to *ret_output (to be freed). Ends
 * those that take too long. At least one must run. */
struct trial *trial_wait(struct trial *trials, int count, int *ret_status, char **ret_output);

#endif
