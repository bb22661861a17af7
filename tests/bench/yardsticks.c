#include "yardsticks.h"

#include <math.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "flushes.h"
#include "interrupt.h"
#include "monolith.h"
#include "usage.h"

#define TURNS 10
#define WARM_UP_SHARE 0.1
#define FLUSH_SHARE 0.5 /* Of the monolith's time. */
#define MONOLITH_TO_FLUSH_MIN 0.7

static double now_s(void)
{
    return (double)clock_mono_us() / 1e6;
}

struct yardstick {
    int (*one)(void *self, struct err *err);
    void *self;
    double done;
    double seconds;
};

static int order(void *self, struct err *err)
{
    return monolith_order(self, err);
}

static int flush(void *self, struct err *err)
{
    return flushes_one(self, err);
}

static int work(struct yardstick *stick, double seconds, struct err *err)
{
    double began_s = now_s();
    double passed_s = 0;
    do {
        int rc = interrupt_check(err);
        if (rc == 0)
            rc = stick->one(stick->self, err);
        if (rc < 0)
            return rc;
        stick->done++;
        passed_s = now_s() - began_s;
    } while (passed_s < seconds);
    stick->seconds += passed_s;
    return 0;
}

static int take_turns(struct yardstick *monolith, struct yardstick *flushes, double seconds,
                      struct err *err)
{
    int rc = work(monolith, seconds * WARM_UP_SHARE, err);
    monolith->done = 0;
    monolith->seconds = 0;
    for (int turn = 0; rc == 0 && turn < TURNS; turn++) {
        rc = work(flushes, seconds * FLUSH_SHARE / TURNS, err);
        if (rc == 0)
            rc = work(monolith, seconds / TURNS, err);
    }
    return rc;
}

int yardsticks_measure(const char *dir, double seconds, struct run_figures *run, struct err *err)
{
    AUTO(freep) char *database = xprintf("%s/monolith.db", dir);
    AUTO(freep) char *appended = xprintf("%s/flushes", dir);
    AUTO(monolith_freep) struct monolith *monolith = NULL;
    struct flushes file = {.fd = -1};
    int rc = monolith_open(database, &monolith, err);
    if (rc == 0)
        rc = flushes_open(&file, appended, err);
    int64_t ticks = usage_machine_ticks();
    int64_t own_us = usage_own_us();
    double began_s = now_s();
    struct yardstick orders = {order, monolith, 0, 0};
    struct yardstick flushes = {flush, &file, 0, 0};
    if (rc == 0)
        rc = take_turns(&orders, &flushes, seconds, err);
    if (rc == 0)
        rc = monolith_audit(monolith, err);
    flushes_close(&file);
    if (rc < 0)
        return rc;
    run->values[RUN_OTHERS_SHARE] = usage_others_share(
        ticks, usage_machine_ticks(), (double)(usage_own_us() - own_us) / 1e6, now_s() - began_s);
    run->values[RUN_MONOLITH_PER_S] = orders.done / orders.seconds;
    run->values[RUN_FLUSH_PER_S] = flushes.done / flushes.seconds;
    return 0;
}

bool yardsticks_believable(const struct run_figures *run, struct err *err)
{
    double share = run->values[RUN_MONOLITH_TO_FLUSH];
    if (share >= MONOLITH_TO_FLUSH_MIN)
        return true;
    (void)err_set(err, ERR_INVALID,
                  "the monolith does %.0f orders/s where the disk does %.0f flushes/s: below %.1f"
                  " of them it would flatter the ratio; is the machine busy with something else?",
                  run->values[RUN_MONOLITH_PER_S], run->values[RUN_FLUSH_PER_S],
                  MONOLITH_TO_FLUSH_MIN);
    return false;
}
