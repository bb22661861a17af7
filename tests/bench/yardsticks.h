/* Yardsticks: the monolith and the disk's flushes, measured in turns, so that whatever else the
 * machine does meets both alike. */
#ifndef ZSAGA_BENCH_YARDSTICKS_H
#define ZSAGA_BENCH_YARDSTICKS_H

#include "base/err.h"
#include "figures.h"

/* Measures in the directory `dir`, the monolith for so many seconds in all. */
int yardsticks_measure(const char *dir, double seconds, struct run_figures *run, struct err *err);

/* False, with the reason, when the monolith is slower than its disk explains: it would flatter. */
bool yardsticks_believable(const struct run_figures *run, struct err *err);

#endif
