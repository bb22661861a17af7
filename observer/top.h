/* `zsaga top`: asks the observer and shows its view, once or again and again. */
#ifndef ZSAGA_OBSERVER_TOP_H
#define ZSAGA_OBSERVER_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "term.h"

/* As the tool's exit codes. */
enum top_exit {
    TOP_SHOWN = 0,
    TOP_FAILED = 1,
    TOP_USAGE = 2,
    TOP_MISSING = 3,
    TOP_STOPPED = 4, /* The suite or its observer does not run, or does not answer. */
};

#define TOP_TIMEOUT_S 10.0  /* How long --once waits by itself: it outlives a restart. */
#define TOP_SECONDS_MIN 0.1 /* Of both below. */
#define TOP_SECONDS_MAX 3600.0

struct top_options {
    const char *dir; /* As it was given. */
    bool once;
    bool json;
    bool ascii;
    enum term_color color;
    double interval_s; /* Between two looks. */
    double timeout_s;  /* For the answer to a single one. */
};

int top_run(const struct top_options *options); /* Returns the exit code. */

#endif
