/* Why a suite is not ready yet, told once to whoever looks at a start that takes long.
 *
 * Only the orchestrator knows whom it misses. `zsaga status` asks it, in a process of its own: the
 * supervisor never waits for an answer. */
#ifndef ZSAGA_CLI_UNREADY_H
#define ZSAGA_CLI_UNREADY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "child.h"

enum unready_state { UNREADY_WAITS, UNREADY_ASKS, UNREADY_DONE };

struct unready {
    enum unready_state state;
    int64_t due_ms; /* When it goes on by itself. Monotonic. */
    pid_t pid;      /* While it asks. */
    int answer_fd;
};

/* Begins to ask at `due_ms`. */
void unready_begin(struct unready *self, int64_t due_ms);
/* When unready_step() has something to do, beside when a child has ended; INT64_MAX: no more. */
int64_t unready_due_ms(const struct unready *self);
/* Goes on as far as it can. `children` are those that the suite waits for, or is made of. */
void unready_step(struct unready *self, const char *dir, const struct child *const *children,
                  size_t count, int64_t now_ms);
/* Nobody needs to know any more. */
void unready_end(struct unready *self);

#endif
