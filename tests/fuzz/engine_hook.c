/* Gives libFuzzer our mutations of packed messages and stories; its own are for what is inside. */
#include <stddef.h>
#include <stdint.h>

#include "mutate.h"

/* libFuzzer's. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static size_t plain(struct rng *rng, uint8_t *data, size_t len, size_t max)
{
    (void)rng;
    return LLVMFuzzerMutate(data, len, max);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    return mutate(&rng, plain, data, size, max_size);
}
