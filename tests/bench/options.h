/* Options of the benchmark's command line. */
#ifndef ZSAGA_BENCH_OPTIONS_H
#define ZSAGA_BENCH_OPTIONS_H

#include "base/err.h"
#include "figures.h"
#include "subject.h"

#define OPTIONS_RUNS_MAX 100

struct bench_options {
    double seconds; /* Measured at each level, after its warm-up. */
    unsigned levels[FIGURES_LEVELS_MAX];
    size_t level_count;
    double rate; /* Also this fixed rate of arrivals; 0: not. */
    int64_t runs;
    bool json;
    bool help;
    struct subject_options subject;
};

/* Texts are borrowed from argv. ERR_INVALID says what is wrong with the call. */
int options_read(struct bench_options *options, int argc, char **argv, struct err *err);

/* Levels in flight as in "1,64,1024". */
int options_read_levels(struct bench_options *options, const char *text, struct err *err);

void options_print_help(void);

#endif
