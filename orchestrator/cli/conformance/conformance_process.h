/* The participant's process: killed with -9 and started anew by the user's command. */
#ifndef ZSAGA_CLI_CONFORMANCE_PROCESS_H
#define ZSAGA_CLI_CONFORMANCE_PROCESS_H

#include <sys/types.h>

#include "base/err.h"

struct process;

/* `command` is the shell's, and runs the participant in the foreground. `pid`: it runs already; 0:
 * it is to be started. Its output is shared with our standard error. */
struct process *process_new(const char *command, pid_t pid);

/* Ends what was started here, kindly. NULL is harmless. */
void process_free(struct process *process);

int process_start(struct process *process, struct err *err);

/* kill -9, and waits until it is gone. */
int process_kill(struct process *process, struct err *err);

#endif
