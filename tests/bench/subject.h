/* The subject: a suite on a temporary directory of its own, started, asked and cleaned up. */
#ifndef ZSAGA_BENCH_SUBJECT_H
#define ZSAGA_BENCH_SUBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "suite.h"
#include "usage.h"

struct subject {
    char *dir;  /* Temporary: ours to remove. */
    char *data; /* The suite's, in it. */
    char *tool; /* The program `zsaga`. */
    pid_t up;   /* 0: not running. */
    struct suite *suite;
    char *endpoint; /* The orchestrator's, for clients; good while `suite` is there. */
};

struct subject_options {
    const char *tool; /* NULL: the one built with the benchmark. */
    const char *dir;  /* Where to make the temporary directory; NULL: $TMPDIR, else /var/tmp. */
    bool no_observer;
};

/* Makes the directory and the files to import. */
int subject_create(struct subject *subject, const struct subject_options *options, struct err *err);
/* Starts the suite and waits until it is ready. */
int subject_up(struct subject *subject, struct err *err);
void subject_down(struct subject *subject);
/* Down, and all of it removed. */
void subject_release(struct subject *subject);

/* The processes of the suite, its supervisor included. */
void subject_processes(const struct subject *subject, struct usage_set *ret);
bool subject_has(const struct subject *subject, const char *name);
/* How often one of them was started again. */
int64_t subject_restarts(const struct subject *subject);

/* Runs `zsaga COMMAND --json` on it; *ret is the document. */
int subject_ask(const struct subject *subject, const char *command, json_t **ret, struct err *err);

#endif
