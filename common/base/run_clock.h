/* Running time: the monotonic clock less the time in which this process did not run.
 *
 * Design rule "Time": a loop turn that comes over a second late (a stopped process, a stalled disk,
 * a suspended machine) must not fire timeouts, so all timers shift by that much. */
#ifndef ZSAGA_RUN_CLOCK_H
#define ZSAGA_RUN_CLOCK_H

#include <stdint.h>

#define RUN_CLOCK_LATE_MS 1000

struct run_clock {
    int64_t lost_ms;    /* Monotonic time not counted so far. */
    int64_t last_ms;    /* Monotonic time of the last turn; -1 before the first. */
    int64_t planned_ms; /* Monotonic time at which the next turn was due at the latest. */
};

void run_clock_init(struct run_clock *clock);

/* A turn begins at `mono_ms`: tells the running time. */
int64_t run_clock_turn(struct run_clock *clock, int64_t mono_ms);

/* The turn's work is done: the next one is due at running time `deadline` (INT64_MAX: none).
 * Returns that deadline on the monotonic clock. */
int64_t run_clock_plan(struct run_clock *clock, int64_t deadline);

#endif
