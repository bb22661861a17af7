#include "latency.h"

#include <stddef.h>

/* Values below LATENCY_FINE have a bucket each; above, each power of two has LATENCY_FINE. */
static size_t bucket_of(uint64_t us)
{
    size_t power = 0;
    while (us >= 2 * LATENCY_FINE && power < LATENCY_POWERS - 1) {
        us /= 2;
        power++;
    }
    if (us >= 2 * LATENCY_FINE)
        us = 2 * LATENCY_FINE - 1;
    return us < LATENCY_FINE ? (size_t)us : power * LATENCY_FINE + (size_t)us;
}

/* The middle of a bucket. */
static int64_t value_of(size_t bucket)
{
    if (bucket < 2 * LATENCY_FINE)
        return (int64_t)bucket;
    size_t power = bucket / LATENCY_FINE - 1;
    uint64_t low = (uint64_t)(bucket % LATENCY_FINE + LATENCY_FINE) << power;
    return (int64_t)(low + ((UINT64_C(1) << power) - 1) / 2);
}

void latency_add(struct latency *latency, int64_t us)
{
    latency->buckets[bucket_of(us < 0 ? 0 : (uint64_t)us)]++;
    latency->count++;
}

int64_t latency_percentile(const struct latency *latency, unsigned percent)
{
    if (latency->count == 0)
        return -1;
    uint64_t rank = (latency->count * percent + 99) / 100;
    uint64_t seen = 0;
    size_t bucket = 0;
    for (;; bucket++) {
        seen += latency->buckets[bucket];
        if (seen >= rank && seen > 0)
            return value_of(bucket);
    }
}
