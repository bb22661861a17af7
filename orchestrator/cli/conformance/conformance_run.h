/* Runs the conformance checks over a line, one after another. */
#ifndef ZSAGA_CLI_CONFORMANCE_RUN_H
#define ZSAGA_CLI_CONFORMANCE_RUN_H

#include "conformance_case.h"

enum run_verdict { RUN_PASSED, RUN_FAILED, RUN_SKIPPED };

/* Texts are valid during the call. */
struct run_result {
    const struct conformance_case *check;
    enum run_verdict verdict;
    const char *why;  /* What is wrong, or what to give so that it runs; "" when it passed. */
    const char *sent; /* What the participant was told, and what it said: when it failed. */
    const char *came;
};

typedef void (*run_take)(void *self, const struct run_result *result);

struct run_options {
    bool has_good; /* There is an input that is done, and one that is refused. */
    bool has_refused;
    const char *only; /* Checks that begin so; NULL: all. */
};

/* Says hello and takes the place of the checks' orchestrator, above whatever is held of an earlier
 * run. ERR_TIMEOUT: nobody answers; ERR_INVALID: it answers otherwise than the protocol has it. */
int run_open(struct talk *talk, struct err *err);

/* All checks, each result given to `take`. */
void run_checks(struct talk *talk, const struct run_options *options, run_take take, void *self);

#endif
