/* Mutations of fuzz inputs: of bytes, and of packed messages and stories that stay ones. */
#ifndef ZSAGA_FUZZ_MUTATE_H
#define ZSAGA_FUZZ_MUTATE_H

#include "base/rng.h"
#include "fuzz.h"

/* Changes `data`, of which `len` bytes are there and up to `max` may be; returns the new length. */
typedef size_t (*mutate_plain)(struct rng *rng, uint8_t *data, size_t len, size_t max);

/* Flips, cuts, doubles, moves: a few of these. */
size_t mutate_bytes(struct rng *rng, uint8_t *data, size_t len, size_t max);

/* One mutation of what `fuzz_shape` says that it is; `plain` is for what has no structure. */
size_t mutate(struct rng *rng, mutate_plain plain, uint8_t *data, size_t len, size_t max);

#endif
