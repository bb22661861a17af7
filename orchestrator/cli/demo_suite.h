/* A suite for a demonstration: a temporary directory, its files, its processes. */
#ifndef ZSAGA_CLI_DEMO_SUITE_H
#define ZSAGA_CLI_DEMO_SUITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct demo_suite {
    char *dir;
    char *tool;    /* This executable. */
    pid_t up;      /* `zsaga up`; 0: not running. */
    pid_t submit;  /* `zsaga submit`; 0: not running. */
    int result_fd; /* What it prints. */
};

/* Makes the directory, under $TMPDIR or /tmp, and its files. */
int demo_suite_create(struct demo_suite *suite, struct err *err);
/* Stops what runs; removes the directory unless it is to be kept. */
void demo_suite_release(struct demo_suite *suite, bool keep);

/* Starts it and waits until it is ready; with `import`, with its stock and customers. */
int demo_suite_up(struct demo_suite *suite, bool import, struct err *err);
int demo_suite_submit(struct demo_suite *suite, const char *rate, struct err *err);
/* Waits for the submission to end; its JSON goes into *result. */
int demo_suite_submitted(struct demo_suite *suite, int64_t wait_ms, int *ret_exit,
                         struct buffer *result, struct err *err);

/* The running process of that name, "supervisor" or a service; 0: none. */
pid_t demo_suite_pid(const struct demo_suite *suite, const char *name);

/* Runs `zsaga COMMAND --data DIR [--json]`; its output goes into *output, or is ours if NULL. */
int demo_suite_run(const struct demo_suite *suite, const char *command, bool json,
                   struct buffer *output, int *ret_exit, struct err *err);

#endif
