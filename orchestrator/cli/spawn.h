/* Starting one process of the suite, and reading its last words. */
#ifndef ZSAGA_CLI_SPAWN_H
#define ZSAGA_CLI_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct spawn {
    const char *program;
    const char *data;
    const char *log_path;
    bool adopt;
    int lifeline_fd; /* Read end; inherited. */
};

/* Starts the program with its output appended to its log. *ret_ready_fd reads "ready\n" once it is;
 * *ret_log_start is where in the log it begins. */
int spawn(const struct spawn *what, pid_t *ret_pid, int *ret_ready_fd, off_t *ret_log_start,
          struct err *err);

/* The reason it gave in the log, or its last line; allocated, "" when it said nothing. */
char *spawn_last_words(const char *log_path, off_t start);

#endif
