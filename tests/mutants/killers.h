/* Who has to kill which mutant: the simulator, and where it cannot see one, a test. */
#ifndef ZSAGA_KILLERS_H
#define ZSAGA_KILLERS_H

#include "base/mutant.h"

struct killer {
    const char *name;
    const char *words;  /* What is wrong. */
    const char *breaks; /* Promises and invariants. */
    const char *blind;  /* Why the simulator cannot see it: it is not asked. NULL: it can. */
    const char *test;   /* The program beside it that does; NULL: the simulator is the one. */
};

struct killer killer_of(enum mutant mutant);

/* The mutant of that name; MUTANT_NONE: there is none. */
enum mutant killer_find(const char *name);

#endif
