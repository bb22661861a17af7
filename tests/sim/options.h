/* What zsaga-sim is asked to do. */
#ifndef ZSAGA_OPTIONS_H
#define ZSAGA_OPTIONS_H

#include <stdbool.h>

struct options {
    unsigned long first;
    unsigned long seeds; /* 0: as many as there is time for. */
    long seconds;
    int profile;
    bool trace;
    const char *schedule; /* Of --exhaustive, played alone; or NULL. */
    bool exhaustive;
    unsigned faults; /* In one schedule. */
    bool shrinks;
    const char *const *tapes; /* Played instead of seeds. */
    int tape_count;
};

/* Ends the process after --help, and where an option is not understood. */
void options_read(int argc, char **argv, struct options *ret);

#endif
