/* A line on a terminal that tells how far a submission has come. */
#ifndef ZSAGA_CLI_PROGRESS_H
#define ZSAGA_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "submission.h"

#define PROGRESS_EVERY_MS 200

struct progress {
    bool shown; /* Standard error is a terminal. */
    bool drawn; /* The line stands there now. */
    bool ends;  /* Ends are counted too. */
    int64_t next_us;
};

void progress_init(struct progress *progress, bool ends);
/* Draws it if it is time; `done` of the input, 0 to 1, or below 0 when that is not known. */
void progress_update(struct progress *progress, const struct submission_counts *counts,
                     size_t under_way, double done, int64_t now_us);
/* Wipes it away, before anything else is written there. */
void progress_clear(struct progress *progress);

/* The line's text, at most `width` columns wide. */
void progress_render(const struct submission_counts *counts, size_t under_way, bool ends,
                     double done, size_t width, struct buffer *to);

#endif
