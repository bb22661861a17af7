/* DIR/run/ps.json: what the supervisor tells others of its processes. */
#ifndef ZSAGA_CLI_PROCESSES_H
#define ZSAGA_CLI_PROCESSES_H

#include <jansson.h>

#include "base/err.h"
#include "child.h"

/* Replaces the file in one step. */
int processes_write(const char *dir, const struct child *const *children, size_t count,
                    struct err *err);
void processes_remove(const char *dir);

/* The processes as an array of {name, pid, state, restarts}, ordered by name; NULL when no live
 * supervisor of ours wrote any. */
json_t *processes_read(const char *dir);

/* The state of the process of that name, borrowed; NULL when there is none. */
const char *processes_state(const json_t *processes, const char *name);

/* The pid of the process of that name, or 0. */
pid_t processes_pid(const json_t *processes, const char *name);

#endif
