/* Random numbers of a node: splitmix64, so that a seed tells the whole sequence.
 * Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
#ifndef ZSAGA_RNG_H
#define ZSAGA_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 to bound - 1; `bound` not 0. */

#endif
