/* Results of the conformance checks, for a person and for a program. */
#ifndef ZSAGA_CLI_CONFORMANCE_REPORT_H
#define ZSAGA_CLI_CONFORMANCE_REPORT_H

#include <jansson.h>

#include "conformance_run.h"

struct report {
    bool json;
    bool color;
    size_t passed;
    size_t failed;
    size_t skipped;
    json_t *checks; /* With `json`. */
};

void report_begin(struct report *report, bool json, bool color);
void report_take(void *report, const struct run_result *result); /* As run_take. */
/* The summary; frees. */
void report_end(struct report *report, const char *participant);

/* All checks there are, with what they need and what they hold. */
void report_list(bool json);

#endif
