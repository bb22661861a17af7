/* The one screen of `zsaga top`: a report drawn for a screen of any size. Pure. */
#ifndef ZSAGA_OBSERVER_VIEW_H
#define ZSAGA_OBSERVER_VIEW_H

#include "screen.h"
#include "view.pb-c.h"

#define VIEW_STALE_MS 2000 /* Older than this is said to be old. */

struct view_state {
    const char *suite;    /* Whose: its directory. */
    int64_t wall_ms;      /* Now. */
    int64_t age_ms;       /* Of the report: since it came. */
    int64_t silent_ms;    /* Since a question that the observer has not answered; 0: it has. */
    bool live;            /* Redrawn again and again: says how to leave it. */
    struct bytes trouble; /* What the observer says that hinders it, instead of answering. */
};

/* `report` NULL: none so far. */
void view_render(const Zsaga__ViewReport *report, const struct view_state *state,
                 struct screen *screen);

/* Rows that show all that is in the report. */
size_t view_rows(const Zsaga__ViewReport *report);

#endif
