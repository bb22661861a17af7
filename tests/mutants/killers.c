#include "killers.h"

#include <string.h>

static const struct killer killers[MUTANT_COUNT] = {
#define X(name_, words_, breaks_)                                                                  \
    [MUTANT_##name_] = {.name = #name_, .words = (words_), .breaks = (breaks_)},
    MUTANTS(X)
#undef X
};

/* Where the simulator is not enough. */
static const struct {
    const char *blind;
    const char *test;
} others[MUTANT_COUNT] = {
    [MUTANT_FLOOR_IGNORED] = {"nothing of a run is older than what participants remember",
                              "conformance_scribbler"},
};

struct killer killer_of(enum mutant mutant)
{
    struct killer killer = killers[mutant];
    killer.blind = others[mutant].blind;
    killer.test = others[mutant].test;
    return killer;
}

enum mutant killer_find(const char *name)
{
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
        if (strcmp(killers[i].name, name) == 0)
            return (enum mutant)i;
    return MUTANT_NONE;
}
