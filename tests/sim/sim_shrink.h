/* Makes a failing run smaller: choice after choice is made the plainest one, as long as the same
 * invariant fails. Each try is a process of its own.
 * Source: delta debugging, Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
 * input", IEEE TSE 28, 2002. */
#ifndef ZSAGA_SIM_SHRINK_H
#define ZSAGA_SIM_SHRINK_H

#include "sim_tape.h"

/* Plays a tape, or with `made` draws from its seed and writes what was drawn, in a process of its
 * own, silently. Tells what was found ("": nothing; "crash", "hang" also). */
void sim_shrink_try(const struct sim_tape *tape, bool draw, struct sim_tape *ret_made,
                    struct sim_finding *ret);

/* The run of `seed` that fails, as a small tape in *ret (release it); false: it does not fail when
 * it runs again. Takes at most `seconds`. `progress`: a line on standard error now and then. */
bool sim_shrink(uint64_t seed, int profile, long seconds, bool progress, struct sim_tape *ret);

#endif
