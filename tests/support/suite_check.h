/* zsaga-check in a test: what it says about a suite's data directory. */
#ifndef ZSAGA_SUITE_CHECK_H
#define ZSAGA_SUITE_CHECK_H

#include "suite_process.h"

struct suite_checked {
    int exit_code;
    const char *out; /* Standard error too. */
};

/* `zsaga-check ARGUMENTS`: words as a shell takes them. */
struct suite_checked suite_check(struct suite_process *suite, const char *arguments);

/* Stops the suite; then it finds nothing. */
void suite_expect_sound(struct suite_process *suite);

#endif
