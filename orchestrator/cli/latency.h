/* Latencies: percentiles of any number of durations, to under one percent, in fixed memory. */
#ifndef ZSAGA_CLI_LATENCY_H
#define ZSAGA_CLI_LATENCY_H

#include <stdint.h>

#define LATENCY_FINE 128  /* Buckets for each power of two: what the precision comes from. */
#define LATENCY_POWERS 40 /* Up to 2^46 microseconds: two years. */

struct latency {
    uint64_t count;
    uint64_t buckets[(LATENCY_POWERS + 1) * LATENCY_FINE];
};

void latency_add(struct latency *latency, int64_t us);

/* So many microseconds or fewer took `percent` of them; -1 when there are none. */
int64_t latency_percentile(const struct latency *latency, unsigned percent);

#endif
