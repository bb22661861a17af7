/* The last minute: what happened in each of its seconds, by the publishers' stamps. Pure. */
#ifndef ZSAGA_OBSERVER_WINDOW_H
#define ZSAGA_OBSERVER_WINDOW_H

#include <stdint.h>

#define WINDOW_SECONDS 60
#define WINDOW_SLOTS 64
#define WINDOW_STEPS 256 /* Of durations: eight for each doubling. */

enum window_kind { WINDOW_STARTED, WINDOW_COMPLETED, WINDOW_COMPENSATED, WINDOW_KIND_COUNT };

struct window_slot {
    int64_t second;
    uint32_t counts[WINDOW_KIND_COUNT];
    uint32_t durations[WINDOW_STEPS];
};

struct window {
    struct window_slot slots[WINDOW_SLOTS];
};

void window_init(struct window *window);

void window_count(struct window *window, enum window_kind kind, int64_t wall_ms);
void window_time(struct window *window, int64_t duration_ms, int64_t wall_ms);

/* Each second, over the `seconds` whole ones before `as_of_ms`; at most WINDOW_SECONDS. */
double window_rate(const struct window *window, enum window_kind kind, int64_t as_of_ms,
                   int64_t seconds);

/* Completed and compensated in each second, the oldest first. */
void window_finished(const struct window *window, int64_t as_of_ms, uint32_t ret[WINDOW_SECONDS]);

/* Of the minute's durations: how many, and below which value so many of a hundred are (the upper
 * end of its step; 0 when there are none). */
uint64_t window_timed(const struct window *window, int64_t as_of_ms);
uint64_t window_percentile(const struct window *window, int64_t as_of_ms, unsigned percent);

#endif
