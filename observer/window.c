#include "window.h"

#include <string.h>

#define NEVER INT64_MIN

void window_init(struct window *window)
{
    memset(window, 0, sizeof *window);
    for (int i = 0; i < WINDOW_SLOTS; i++)
        window->slots[i].second = NEVER;
}

static int64_t second_of(int64_t wall_ms)
{
    return wall_ms < 0 ? 0 : wall_ms / 1000;
}

/* One stream's stamps only go on: another second in the slot is a minute old, or the clock was set
 * back. */
static struct window_slot *slot_of(struct window *window, int64_t wall_ms)
{
    int64_t second = second_of(wall_ms);
    struct window_slot *slot = &window->slots[second % WINDOW_SLOTS];
    if (slot->second != second) {
        memset(slot, 0, sizeof *slot);
        slot->second = second;
    }
    return slot;
}

void window_count(struct window *window, enum window_kind kind, int64_t wall_ms)
{
    slot_of(window, wall_ms)->counts[kind]++;
}

/* Below 8 ms each has its own step; above, the three bits behind the highest choose within its
 * doubling. */
static unsigned step_of(uint64_t ms)
{
    if (ms < 8)
        return (unsigned)ms;
    unsigned high = 63 - (unsigned)__builtin_clzll(ms);
    unsigned step = (high - 2) * 8 + (unsigned)(ms >> (high - 3) & 7);
    return step < WINDOW_STEPS ? step : WINDOW_STEPS - 1;
}

static uint64_t step_end(unsigned step)
{
    if (step < 8)
        return step;
    unsigned high = step / 8 + 2;
    return ((UINT64_C(8) + step % 8 + 1) << (high - 3)) - 1;
}

void window_time(struct window *window, int64_t duration_ms, int64_t wall_ms)
{
    uint64_t ms = duration_ms < 0 ? 0 : (uint64_t)duration_ms;
    slot_of(window, wall_ms)->durations[step_of(ms)]++;
}

/* The slot of a second, or NULL when nothing happened in it. */
static const struct window_slot *look(const struct window *window, int64_t second)
{
    if (second < 0)
        return NULL;
    const struct window_slot *slot = &window->slots[second % WINDOW_SLOTS];
    return slot->second == second ? slot : NULL;
}

double window_rate(const struct window *window, enum window_kind kind, int64_t as_of_ms,
                   int64_t seconds)
{
    uint64_t sum = 0;
    int64_t end = second_of(as_of_ms);
    for (int64_t second = end - seconds; second < end; second++) {
        const struct window_slot *slot = look(window, second);
        sum += slot == NULL ? 0 : slot->counts[kind];
    }
    return (double)sum / (double)seconds;
}

void window_finished(const struct window *window, int64_t as_of_ms, uint32_t ret[WINDOW_SECONDS])
{
    int64_t first = second_of(as_of_ms) - WINDOW_SECONDS;
    for (int i = 0; i < WINDOW_SECONDS; i++) {
        const struct window_slot *slot = look(window, first + i);
        ret[i] =
            slot == NULL ? 0 : slot->counts[WINDOW_COMPLETED] + slot->counts[WINDOW_COMPENSATED];
    }
}

/* Of the minute up to and with the second that has begun: a few sagas show at once. */
static uint64_t sum_durations(const struct window *window, int64_t as_of_ms,
                              uint64_t ret[WINDOW_STEPS])
{
    uint64_t total = 0;
    int64_t end = second_of(as_of_ms);
    memset(ret, 0, WINDOW_STEPS * sizeof *ret);
    for (int64_t second = end - WINDOW_SECONDS + 1; second <= end; second++) {
        const struct window_slot *slot = look(window, second);
        for (unsigned i = 0; slot != NULL && i < WINDOW_STEPS; i++) {
            ret[i] += slot->durations[i];
            total += slot->durations[i];
        }
    }
    return total;
}

uint64_t window_timed(const struct window *window, int64_t as_of_ms)
{
    uint64_t sums[WINDOW_STEPS];
    return sum_durations(window, as_of_ms, sums);
}

uint64_t window_percentile(const struct window *window, int64_t as_of_ms, unsigned percent)
{
    uint64_t sums[WINDOW_STEPS];
    uint64_t total = sum_durations(window, as_of_ms, sums);
    uint64_t wanted = (total * percent + 99) / 100;
    uint64_t below = 0;
    for (unsigned i = 0; i < WINDOW_STEPS && wanted != 0; i++) {
        below += sums[i];
        if (below >= wanted)
            return step_end(i);
    }
    return 0;
}
