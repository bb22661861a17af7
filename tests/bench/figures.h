/* Figures of a run: what is measured at each level and over all, percentiles, medians of runs.
 *
 * Pure. A figure that is not known is NAN. */
#ifndef ZSAGA_BENCH_FIGURES_H
#define ZSAGA_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIGURES_LEVELS_MAX 16

/* At one level of load. Per saga: of those that ended in the time measured. */
enum level_figure {
    LEVEL_PER_S,
    LEVEL_P50_MS,
    LEVEL_P99_MS,
    LEVEL_P999_MS,
    LEVEL_CPU_US,       /* Of all processes of the suite, per saga. */
    LEVEL_DEVICE_BYTES, /* The same, per saga. */
    LEVEL_PSS_MB,       /* Highest sum over all processes of the suite. */
    LEVEL_CLIENT_CPU_US,
    LEVEL_OTHERS_SHARE, /* Of the machine's processors, taken by what is not measured. */
    LEVEL_FIGURE_COUNT
};

enum run_figure {
    RUN_MONOLITH_PER_S,
    RUN_FLUSH_PER_S,
    RUN_MONOLITH_TO_FLUSH,
    RUN_RATIO,
    RUN_PSS_MB,       /* Highest of all levels. */
    RUN_OTHERS_SHARE, /* The same, and of the yardsticks: above a tenth the machine is busy. */
    RUN_FIGURE_COUNT
};

/* What a figure is called in the document, and to how many decimals it is told. */
struct figure_kind {
    const char *name;
    int decimals;
};
extern const struct figure_kind figures_of_level[LEVEL_FIGURE_COUNT];
extern const struct figure_kind figures_of_run[RUN_FIGURE_COUNT];

#define FIGURES_OTHERS_SHARE_BUSY 0.1

struct level_figures {
    unsigned in_flight; /* 0: at a fixed rate. */
    double rate;        /* Arrivals a second, then. */
    double values[LEVEL_FIGURE_COUNT];
};

enum verdict { VERDICT_NONE, VERDICT_OK, VERDICT_FAILED };

struct run_figures {
    struct level_figures levels[FIGURES_LEVELS_MAX];
    size_t level_count;
    double values[RUN_FIGURE_COUNT];
    uint64_t sagas; /* All of them, warm-up included. */
    size_t processes;
    bool observer;
    enum verdict audit;
    char fault[512]; /* Why the figures do not count; empty: they do. */
};

void figures_init(struct run_figures *run);

/* The value that `share` (above 0, to 1) of the samples do not exceed, by nearest rank. The samples
 * are ascending. NAN when there are none. */
double figures_percentile(const uint32_t *samples, size_t count, double share);
void figures_sort(uint32_t *samples, size_t count);

/* Of the known ones; the mean of the middle two when they are even. Reorders the values. */
double figures_median(double *values, size_t count);

/* Of each figure by itself. The runs measured the same levels; at least one. */
void figures_median_run(const struct run_figures *runs, size_t count, struct run_figures *ret);

/* What follows from others: the ratio, the monolith by the flushes, the highest memory. */
void figures_derive(struct run_figures *run);

/* Keeps the first fault. */
void figures_fault(struct run_figures *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
