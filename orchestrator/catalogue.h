/* The catalogue: which definition files there are, and which of them serve this suite.
 *
 * The shipped ones lie in `definitions` beside the program, or in ../share/zsaga/definitions where
 * it was installed; the user's own in DIR/definitions, where a file replaces a shipped definition
 * of the same saga. A shipped one that needs a participant this suite does not have is left out; a
 * user's own is refused. */
#ifndef ZSAGA_CATALOGUE_H
#define ZSAGA_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "definition.h"
#include "suite.h"

#define CATALOGUE_MAX 64

struct catalogue {
    struct definition *definitions[CATALOGUE_MAX];
    bool own[CATALOGUE_MAX]; /* The user's. */
    size_t count;
};

int catalogue_load(const struct suite *suite, struct catalogue *ret, struct err *err);
void catalogue_release(struct catalogue *catalogue);

#endif
