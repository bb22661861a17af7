#include "base/mutant.h"

#ifdef ZSAGA_MUTANTS

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_UNKNOWN 2

enum mutant mutant_chosen;

static const char *const names[MUTANT_COUNT] = {
#define X(name, words, breaks) [MUTANT_##name] = #name,
    MUTANTS(X)
#undef X
};

/* Before main(): nobody forgets to call it. */
__attribute__((constructor)) static void choose(void)
{
    const char *wanted = getenv("ZSAGA_MUTANT");
    if (wanted == NULL || *wanted == '\0')
        return;
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
        if (strcmp(names[i], wanted) == 0)
            mutant_chosen = (enum mutant)i;
    if (mutant_chosen != MUTANT_NONE)
        return;
    (void)fprintf(stderr, "ZSAGA_MUTANT: there is no mutant \"%s\": see zsaga-mutants --list\n",
                  wanted);
    exit(EXIT_UNKNOWN);
}

#endif
