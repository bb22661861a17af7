/* The suite's programs: where they lie, and running one to its end. */
#ifndef ZSAGA_CLI_PROGRAM_H
#define ZSAGA_CLI_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

/* Beside the tool's own executable, or in ../libexec/zsaga from there; a path with a slash is
 * taken as it stands. Allocated. ERR_NOT_FOUND names where it was looked for. */
int program_find(const char *name, char **ret, struct err *err);

/* The tool's own executable. Allocated. */
int program_self(char **ret, struct err *err);

/* Runs it to its end: `input` on its standard input, its standard output into *output (NULL: shared
 * with ours), standard error shared. *ret_exit is its exit code, 128 + signal when killed. */
int program_run(const char *const *argv, struct bytes input, struct buffer *output, int *ret_exit,
                struct err *err);

/* Starts it in the background, its output going to `out_fd`; it is told to stop when the tool dies.
 */
int program_start(const char *const *argv, int out_fd, int err_fd, pid_t *ret_pid, struct err *err);

/* Waits for its end, at most `wait_ms` (below 0: however long). False when it still runs. */
bool program_wait(pid_t pid, int64_t wait_ms, int *ret_exit);

/* Exit code out of a wait status; 128 + signal when killed. */
int program_exit_code(int status);

/* In a new child, before exec: the defaults for all signals that the tool handles or blocks. */
void program_reset_signals(void);

#endif
