#include "pace.h"

void pace_init(struct pace *pace, double per_second, int64_t now_us)
{
    pace->interval_us = per_second > 0 ? 1e6 / per_second : 0;
    pace->next_us = (double)now_us;
}

bool pace_allows(const struct pace *pace, int64_t now_us)
{
    return pace_wait_us(pace, now_us) == 0;
}

void pace_take(struct pace *pace, int64_t now_us)
{
    double earliest = (double)(now_us - PACE_CATCH_UP_US);
    if (pace->next_us < earliest)
        pace->next_us = earliest;
    pace->next_us += pace->interval_us;
}

int64_t pace_wait_us(const struct pace *pace, int64_t now_us)
{
    double wait = pace->next_us - (double)now_us;
    return pace->interval_us > 0 && wait > 0 ? (int64_t)wait + 1 : 0;
}
