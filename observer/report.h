/* What the observer answers: the model and the streams it was built from, as one ViewReport. */
#ifndef ZSAGA_OBSERVER_REPORT_H
#define ZSAGA_OBSERVER_REPORT_H

#include "consumer_node.h"
#include "model.h"
#include "view.pb-c.h"
#include "wire/arena.h"

#define REPORT_ROWS 20 /* Of each kind, unless asked for. */
#define REPORT_ROWS_MAX 100
#define REPORT_FRESH_MS 1500  /* A publisher tells its range twice a second. */
#define REPORT_BEHIND_MS 2000 /* A log read so late is said to be behind. */

struct report_stream {
    const struct consumer_stream *stream;
    int64_t current_wall_ms; /* When all that was known of it was last applied; 0: not yet. */
};

struct report_source {
    const struct model *model; /* Loaded. */
    const struct report_stream *streams;
    size_t stream_count;
    int64_t since_mono_ms; /* Listens since then. */
    struct node_time now;
};

/* In the arena; borrows from the source. NULL: the arena is spent. */
Zsaga__ViewReport *report_make(const struct report_source *source, uint32_t rows,
                               struct arena *arena);

/* Instead of all that: why there is nothing to tell. In the arena; borrows `words`. */
Zsaga__ViewReport *report_make_trouble(const char *words, struct node_time now,
                                       struct arena *arena);

/* All that is known to be in a log is applied. */
bool report_is_current(const struct consumer_stream *stream);

#endif
