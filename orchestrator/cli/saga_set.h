/* A set of saga ids. */
#ifndef ZSAGA_CLI_SAGA_SET_H
#define ZSAGA_CLI_SAGA_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/id.h"

struct saga_set {
    struct id *places;  /* The zero id: free. */
    size_t place_count; /* A power of two, or 0. */
    size_t used;
};

/* True when it was not in the set. `id` is not zero. */
bool saga_set_add(struct saga_set *set, const struct id *id);
void saga_set_release(struct saga_set *set);

#endif
