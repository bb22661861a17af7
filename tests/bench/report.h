/* Reports: the figures of a run as a JSON document and as a table. */
#ifndef ZSAGA_BENCH_REPORT_H
#define ZSAGA_BENCH_REPORT_H

#include <jansson.h>

#include "base/bytes.h"
#include "figures.h"

/* New reference. What is not known is null. */
json_t *report_json(const struct run_figures *run);

/* For people, at most 80 columns wide, into `to`. */
void report_text(const struct run_figures *run, struct buffer *to);

#endif
