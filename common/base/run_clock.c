#include "base/run_clock.h"

void run_clock_init(struct run_clock *clock)
{
    *clock = (struct run_clock){.last_ms = -1, .planned_ms = INT64_MAX};
}

int64_t run_clock_turn(struct run_clock *clock, int64_t mono_ms)
{
    if (clock->last_ms >= 0 && clock->planned_ms != INT64_MAX) {
        int64_t due = clock->planned_ms > clock->last_ms ? clock->planned_ms : clock->last_ms;
        if (mono_ms - due > RUN_CLOCK_LATE_MS)
            clock->lost_ms += mono_ms - due;
    }
    clock->last_ms = mono_ms;
    clock->planned_ms = mono_ms;
    return mono_ms - clock->lost_ms;
}

int64_t run_clock_plan(struct run_clock *clock, int64_t deadline)
{
    clock->planned_ms = deadline == INT64_MAX ? INT64_MAX : deadline + clock->lost_ms;
    return clock->planned_ms;
}
