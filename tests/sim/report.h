/* What has happened in all runs: printed, and looked at for what never did. */
#ifndef ZSAGA_REPORT_H
#define ZSAGA_REPORT_H

#include "sim.h"

void report_print(const struct sim_counts *counts);

/* Returns how many rare things never happened; names them. */
int report_missing(const struct sim_counts *counts);

#endif
