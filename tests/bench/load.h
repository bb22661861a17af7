/* Load: submits orders and follows each to its end, as fast as a level of load asks for.
 *
 * Closed loop: a number of sagas in flight; one that ends makes room for the next. Open loop:
 * orders arrive at a fixed rate, whatever becomes of them; the time of an order counts from when it
 * was to arrive, so a generator that is late hides nothing.
 *
 * First a warm-up, then the time measured, then what is still in flight is followed to its end. */
#ifndef ZSAGA_BENCH_LOAD_H
#define ZSAGA_BENCH_LOAD_H

#include <stdint.h>

#include "base/err.h"

#define LOAD_END_MS 60000 /* All that is in flight must have ended so long after the last one. */

struct load_plan {
    const char *endpoint; /* The orchestrator's, for clients. */
    const char *prefix;   /* Of the keys: another for each load on one suite. */
    unsigned in_flight;   /* 0: open loop. */
    double rate;          /* Arrivals a second, then. */
    double warm_up_s;
    double seconds;
};

struct load_result {
    uint64_t submitted; /* From the first to the last. All of them are final. */
    uint64_t completed;
    uint64_t compensated;
    uint64_t misjudged; /* Ended otherwise than their order asked for. */
    char example[128];  /* One of those, with its end. */
    uint64_t measured;  /* Became final in the time measured. */
    double seconds;     /* That time. */
    double p50_ms;      /* Of those, from submit to final. */
    double p99_ms;
    double p999_ms;
    double cpu_us; /* Of the generator, in that time. */
};

/* Told as the time measured begins and ends. */
struct load_watch {
    void (*begins)(void *self);
    void (*ends)(void *self);
    void *self;
};

/* ERR_TIMEOUT: some did not come to their end. ERR_INVALID: the orchestrator refused an order. */
int load_run(const struct load_plan *plan, const struct load_watch *watch, struct load_result *ret,
             struct err *err);

#endif
