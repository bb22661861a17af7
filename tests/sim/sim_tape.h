/* A tape: one run's choices, in a file that people can read.
 *
 *   # what was found, in words
 *   found I14
 *   seed 5
 *   profile swarm
 *   host1 3=1 17=40
 *
 * A line for each stream of choices (sim_choice.h): those that are not 0, each behind its place. */
#ifndef ZSAGA_SIM_TAPE_H
#define ZSAGA_SIM_TAPE_H

#include "base/err.h"
#include "sim.h"

struct sim_tape {
    uint64_t seed; /* Of what the nodes draw for themselves: their incarnations, ids. */
    int profile;
    char found[24]; /* "I14": when it was written; empty: nothing was. */
    char about[200];
    struct sim_choice_tape choices;
};

/* ERR_INVALID with the line's number, ERR_SYSTEM. Release it either way. */
int sim_tape_read(const char *path, struct sim_tape *ret, struct err *err);
int sim_tape_write(const struct sim_tape *tape, const char *path, struct err *err);
void sim_tape_release(struct sim_tape *tape);

/* Choices that are not 0. */
size_t sim_tape_size(const struct sim_tape *tape);

#endif
