/* The command line of zsaga-mutants. */
#ifndef ZSAGA_MUTANTS_OPTIONS_H
#define ZSAGA_MUTANTS_OPTIONS_H

#include <stdbool.h>

#include "base/mutant.h"

#define MUTANTS_EXIT_USAGE 2

struct options {
    enum mutant only; /* MUTANT_NONE: all. */
    long first;       /* The simulator's first seed, */
    long seeds;       /* and how many it may take for one mutant. */
    long seconds;     /* After which a killer is ended. */
    long jobs;
    bool list;
    bool json;
};

/* Prints what is wrong, or the help, and ends the process where there is nothing to run. */
void options_read(int argc, char **argv, struct options *ret);

#endif
