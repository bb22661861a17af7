/* Pace: lets a given number of starts a second pass, evenly. */
#ifndef ZSAGA_CLI_PACE_H
#define ZSAGA_CLI_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_CATCH_UP_US 100000 /* What was held up longer ago is not made up for in a burst. */

struct pace {
    double interval_us; /* 0: no limit. */
    double next_us;     /* When the next one may start. */
};

void pace_init(struct pace *pace, double per_second, int64_t now_us); /* 0: no limit. */
bool pace_allows(const struct pace *pace, int64_t now_us);
void pace_take(struct pace *pace, int64_t now_us);
/* Microseconds until the next may start; 0: now. */
int64_t pace_wait_us(const struct pace *pace, int64_t now_us);

#endif
