/* Toy participants: their effects can be counted, and they behave as a script says.
 *
 * A toy has the actions do0 to do7, compensated by undo0 to undo7, one for each step a saga can
 * have. An effect is a row in toy_log, a unit moved in toy_stock, and an event; so each can be
 * counted against the others. What troubles a call comes after its writes: they must be taken back.
 *
 * The input of a saga is "NUMBER:whatever"; its number leads to its script. */
#ifndef ZSAGA_SIM_TOY_H
#define ZSAGA_SIM_TOY_H

#include <stdint.h>

#include "participant.h"

#define SIM_STEPS_MAX 8
#define SIM_TOYS_MAX 5
#define SIM_STOCK 1000000 /* Units in each toy_stock, free and taken together. */

enum toy_trouble {
    TOY_SMOOTH,
    TOY_RETRY,       /* Answers `retry`. */
    TOY_RETRY_LATER, /* The same, and says when. */
    TOY_ERROR,       /* Fails without an outcome. */
    TOY_POISON,      /* Its SQL ends the batch's transaction. */
    TOY_LATE_POISON, /* Its SQL makes the batch's commit fail. */
    TOY_TOO_LARGE,   /* Its output is over the limit. */
    TOY_PENDING,     /* Accepts, and knows later. An action only. */
    TOY_UNWILLING,   /* Refuses, which a compensation cannot. Not for actions. */
    TOY_CRASH,       /* Its process dies. */
    TOY_TROUBLE_COUNT,
};

/* What one action or compensation of one saga does. */
struct toy_line {
    enum toy_trouble trouble;
    uint32_t times; /* Calls that are troubled; those after them say the last word. */
    bool refuses;   /* The last word of an action; else it is done. */
    bool output;    /* Done with an output. */
    uint32_t calls; /* So far. Lives outside of all processes, as the world does. */
};

struct toy_script {
    struct toy_line action[SIM_STEPS_MAX];
    struct toy_line undo[SIM_STEPS_MAX];
};

/* The world that the toys live in: borrowed, until the next one is set. */
struct toy_world {
    struct toy_script *scripts; /* By saga's number. */
    size_t count;
    const char *path; /* Database of the process that runs now. */
    bool died;        /* Set by TOY_CRASH: its commit fails, and the process ends. */
    uint64_t troubled[TOY_TROUBLE_COUNT];
};
void sim_toy_set_world(struct toy_world *world);

extern const struct participant_service sim_toys[SIM_TOYS_MAX]; /* Named p0 to p4. */

/* The number at the head of an input; UINT32_MAX when there is none. */
uint32_t sim_toy_number(struct bytes input);

#endif
