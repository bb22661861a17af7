#include "figures.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

#define RATIO_LEVEL 1024

const struct figure_kind figures_of_level[LEVEL_FIGURE_COUNT] = {
    [LEVEL_PER_S] = {"per_s", 1},
    [LEVEL_P50_MS] = {"p50_ms", 3},
    [LEVEL_P99_MS] = {"p99_ms", 3},
    [LEVEL_P999_MS] = {"p999_ms", 3},
    [LEVEL_CPU_US] = {"cpu_us", 1},
    [LEVEL_DEVICE_BYTES] = {"device_bytes", 0},
    [LEVEL_PSS_MB] = {"pss_mb", 1},
    [LEVEL_CLIENT_CPU_US] = {"client_cpu_us", 1},
    [LEVEL_OTHERS_SHARE] = {"others_share", 3},
};

const struct figure_kind figures_of_run[RUN_FIGURE_COUNT] = {
    [RUN_MONOLITH_PER_S] = {"monolith_per_s", 1},
    [RUN_FLUSH_PER_S] = {"flush_per_s", 1},
    [RUN_MONOLITH_TO_FLUSH] = {"monolith_to_flush", 3},
    [RUN_RATIO] = {"ratio", 3},
    [RUN_PSS_MB] = {"memory_pss_mb", 1},
    [RUN_OTHERS_SHARE] = {"others_share", 3},
};

static void forget(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
}

void figures_init(struct run_figures *run)
{
    *run = (struct run_figures){.audit = VERDICT_NONE};
    forget(run->values, RUN_FIGURE_COUNT);
    for (size_t i = 0; i < FIGURES_LEVELS_MAX; i++)
        forget(run->levels[i].values, LEVEL_FIGURE_COUNT);
}

static int compare_samples(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void figures_sort(uint32_t *samples, size_t count)
{
    if (count > 0)
        qsort(samples, count, sizeof *samples, compare_samples);
}

double figures_percentile(const uint32_t *samples, size_t count, double share)
{
    if (count == 0)
        return NAN;
    /* Less a hair: 0.999 * 1000 must be rank 999, whatever is left over in binary. */
    double rank = ceil(share * (double)count - 1e-6);
    size_t at = rank < 1 ? 0 : (size_t)rank - 1;
    return samples[at < count ? at : count - 1];
}

static int compare_values(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double figures_median(double *values, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[known++] = values[i];
    if (known == 0)
        return NAN;
    qsort(values, known, sizeof *values, compare_values);
    return (values[(known - 1) / 2] + values[known / 2]) / 2;
}

void figures_median_run(const struct run_figures *runs, size_t count, struct run_figures *ret)
{
    AUTO(freep) double *values = xcalloc(count, sizeof *values);
    *ret = runs[0];
    for (size_t figure = 0; figure < RUN_FIGURE_COUNT; figure++) {
        for (size_t i = 0; i < count; i++)
            values[i] = runs[i].values[figure];
        ret->values[figure] = figures_median(values, count);
    }
    for (size_t level = 0; level < ret->level_count; level++) {
        for (size_t figure = 0; figure < LEVEL_FIGURE_COUNT; figure++) {
            for (size_t i = 0; i < count; i++)
                values[i] = runs[i].levels[level].values[figure];
            ret->levels[level].values[figure] = figures_median(values, count);
        }
    }
}

void figures_derive(struct run_figures *run)
{
    double monolith = run->values[RUN_MONOLITH_PER_S];
    run->values[RUN_MONOLITH_TO_FLUSH] = monolith / run->values[RUN_FLUSH_PER_S];
    for (size_t i = 0; i < run->level_count; i++) {
        const struct level_figures *level = &run->levels[i];
        if (level->in_flight == RATIO_LEVEL)
            run->values[RUN_RATIO] = level->values[LEVEL_PER_S] / monolith;
        run->values[RUN_PSS_MB] = fmax(run->values[RUN_PSS_MB], level->values[LEVEL_PSS_MB]);
        run->values[RUN_OTHERS_SHARE] =
            fmax(run->values[RUN_OTHERS_SHARE], level->values[LEVEL_OTHERS_SHARE]);
    }
}

void figures_fault(struct run_figures *run, const char *format, ...)
{
    va_list words;
    if (run->fault[0] != '\0')
        return;
    va_start(words, format);
    (void)vsnprintf(run->fault, sizeof run->fault, format, words);
    va_end(words);
}
