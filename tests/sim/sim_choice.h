/* Every choice of a run goes through here: drawn from the seed, or read from a tape.
 *
 * Choices stand in streams (one for each process, each direction of each link, and so on), each
 * with a generator of its own, so that one more draw in one place shifts no other. Of each choice 0
 * is the plainest: no fault, the shortest delay, the fewest steps. What was drawn can be recorded;
 * what is recorded can be made smaller (sim_shrink.h), and played again. Where a tape has come to
 * its end all choices are 0. */
#ifndef ZSAGA_SIM_CHOICE_H
#define ZSAGA_SIM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define SIM_CHOICE_PLACES 16 /* Processes and the clients: at most. */

enum sim_choice_kind {
    SIM_CHOICE_PROFILE,
    SIM_CHOICE_SHAPES,
    SIM_CHOICE_FAULTS,
    SIM_CHOICE_CLIENT,
    SIM_CHOICE_HOST,                                       /* One for each place, */
    SIM_CHOICE_LINK = SIM_CHOICE_HOST + SIM_CHOICE_PLACES, /* from each to each. */
    SIM_CHOICE_CLOCKS = SIM_CHOICE_LINK + SIM_CHOICE_PLACES * SIM_CHOICE_PLACES,
    SIM_CHOICE_STREAMS, /* A new one stands last: so it changes no seed's other choices. */
};

/* Choices in the order in which they were made. */
struct sim_choice_list {
    uint64_t *values;
    size_t count;
    size_t capacity;
};

struct sim_choice_stream {
    struct rng rng;
    struct sim_choice_list *made;        /* NULL: not recorded. */
    const struct sim_choice_list *given; /* NULL: drawn. */
    size_t at;                           /* In `given`. */
};

/* As many lists as there are streams, named by sim_choice_name(). */
struct sim_choice_tape {
    struct sim_choice_list lists[SIM_CHOICE_STREAMS];
};

struct sim_choice {
    struct sim_choice_stream streams[SIM_CHOICE_STREAMS];
};

/* Draws from `seed`; or plays `given`. `made`: records. Both are borrowed for the run; either may
 * be NULL. */
void sim_choice_open(struct sim_choice *choice, uint64_t seed, const struct sim_choice_tape *given,
                     struct sim_choice_tape *made);

struct sim_choice_stream *sim_choice_host(struct sim_choice *choice, uint8_t place);
struct sim_choice_stream *sim_choice_link(struct sim_choice *choice, uint8_t from, uint8_t to);

/* 0 to `bound` - 1; `bound` not 0. */
uint64_t sim_choice_below(struct sim_choice_stream *stream, uint64_t bound);
/* True in `n` of `of` cases: 1, else 0. */
bool sim_choice_rarely(struct sim_choice_stream *stream, uint64_t n, uint64_t of);
/* sim_choice_below() with the stream as its context. */
uint64_t sim_choice_draw(void *stream, uint64_t bound);

/* "host3", "link0>1" ... Returns `to`. */
const char *sim_choice_name(size_t stream, char *to, size_t size);
void sim_choice_tape_release(struct sim_choice_tape *tape);
void sim_choice_list_add(struct sim_choice_list *list, uint64_t value);

#endif
