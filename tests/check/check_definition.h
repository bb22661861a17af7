/* Definitions as the checker reads them: from their text, by itself. */
#ifndef ZSAGA_CHECK_DEFINITION_H
#define ZSAGA_CHECK_DEFINITION_H

#include <stdbool.h>

#include "check_base.h"

struct definition_step {
    char *name;
    char *participant;
    char *action;
    char *compensation; /* "" for a retriable one. */
    bool retriable;
    int64_t timeout_ms;
    int64_t retry_first_ms;
    int64_t undo_first_ms;
};

struct definition {
    char *name;
    struct definition_step *steps;
    size_t step_count;
};

/* False: it is no definition. */
bool check_definition_read(struct check_bytes text, struct definition *ret);
void check_definition_release(struct definition *definition);

#endif
