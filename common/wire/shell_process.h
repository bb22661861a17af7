/* The process around the shell: its signals, limits and scheduling, and who watches over it. */
#ifndef ZSAGA_SHELL_PROCESS_H
#define ZSAGA_SHELL_PROCESS_H

#include <stdbool.h>

#include "base/err.h"

/* Descriptors wanted: ZeroMQ aborts the process when a listener finds none left. */
#define SHELL_PROCESS_FILES 4096

/* Before the first thread. `yields`: with a low priority. *ret_signal_fd reads SIGTERM and SIGINT,
 * which stay blocked for good. */
int shell_process_prepare(bool yields, int *ret_signal_fd, struct err *err);

/* Name of the signal that has come, or NULL. */
const char *shell_process_signal(int signal_fd);

/* To be asked when poll found something: whether whoever holds the other end is gone. */
bool shell_process_orphaned(int lifeline_fd);

#endif
