/* What the parts of the screen look like: glyphs, words and styles, never one of them alone. */
#ifndef ZSAGA_OBSERVER_VIEW_PARTS_H
#define ZSAGA_OBSERVER_VIEW_PARTS_H

#include "screen.h"
#include "view.h"

enum view_glyph {
    VIEW_GLYPH_WELL,
    VIEW_GLYPH_WARNING,
    VIEW_GLYPH_BAD,
    VIEW_GLYPH_SILENT,
    VIEW_GLYPH_BUSY,
    VIEW_GLYPH_FORWARD,
    VIEW_GLYPH_BACKWARD,
    VIEW_GLYPH_UNDONE,
    VIEW_GLYPH_COUNT,
};
const char *view_glyph(enum view_glyph glyph, bool ascii);

/* A bar of eight heights; " " for nothing. */
const char *view_spark(uint32_t value, uint32_t peak, bool ascii);

struct view_state_look {
    enum view_glyph glyph;
    enum style style;
};
const struct view_state_look *view_state_look(uint32_t state); /* Of a saga. */
const struct view_state_look *view_why_look(Zsaga__ViewWhy why);
const struct view_state_look *view_stream_look(const Zsaga__ViewStream *stream);
const char *view_why_name(Zsaga__ViewWhy why);

struct view_freshness {
    enum view_glyph glyph;
    enum style style;
    const char *word; /* live, stale, silent, hindered, waiting */
    char words[700];
};
void view_freshness(const Zsaga__ViewReport *report, const struct view_state *state,
                    struct view_freshness *ret);

/* How old what is shown is; -1: nothing is known yet. */
int64_t view_lag_ms(const Zsaga__ViewReport *report, const struct view_state *state);

uint64_t view_count(const Zsaga__ViewReport *report, uint32_t saga_state);

#endif
