#include "view_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "client.pb-c.h"
#include "words.h"

#define LAG_MS_MAX (UINT64_C(1) << 50) /* More is nonsense, and would not add up. */

const char *view_glyph(enum view_glyph glyph, bool ascii)
{
    static const char *const glyphs[VIEW_GLYPH_COUNT][2] = {
        [VIEW_GLYPH_WELL] = {"\xe2\x97\x8f", "*"},    /* A filled circle. */
        [VIEW_GLYPH_WARNING] = {"\xe2\x96\xb2", "!"}, /* A triangle. */
        [VIEW_GLYPH_BAD] = {"\xc3\x97", "x"},         /* A cross. */
        [VIEW_GLYPH_SILENT] = {"\xe2\x97\x8b", "o"},  /* An empty circle. */
        [VIEW_GLYPH_BUSY] = {"\xe2\x97\x8c", "~"},    /* A dotted circle. */
        [VIEW_GLYPH_FORWARD] = {"\xe2\x96\xb8", ">"}, /* Small triangles. */
        [VIEW_GLYPH_BACKWARD] = {"\xe2\x97\x82", "<"}, [VIEW_GLYPH_UNDONE] = {"\xe2\x97\x8b", "o"},
    };
    return glyphs[glyph][ascii];
}

const char *view_spark(uint32_t value, uint32_t peak, bool ascii)
{
    static const char *const bars[] = {
        " ",
        "\xe2\x96\x81",
        "\xe2\x96\x82",
        "\xe2\x96\x83",
        "\xe2\x96\x84",
        "\xe2\x96\x85",
        "\xe2\x96\x86",
        "\xe2\x96\x87",
        "\xe2\x96\x88",
    };
    static const char *const plain[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
    uint64_t height = peak == 0 ? 0 : ((uint64_t)value * 8 + peak - 1) / peak;
    return ascii ? plain[height] : bars[height];
}

const struct view_state_look *view_state_look(uint32_t state)
{
    static const struct view_state_look looks[] = {
        [ZSAGA__SAGA_STATE__STATE_UNKNOWN] = {VIEW_GLYPH_SILENT, STYLE_FAINT},
        [ZSAGA__SAGA_STATE__RUNNING] = {VIEW_GLYPH_FORWARD, STYLE_PLAIN},
        [ZSAGA__SAGA_STATE__COMPENSATING] = {VIEW_GLYPH_BACKWARD, STYLE_BUSY},
        [ZSAGA__SAGA_STATE__COMPLETED] = {VIEW_GLYPH_WELL, STYLE_GOOD},
        [ZSAGA__SAGA_STATE__COMPENSATED] = {VIEW_GLYPH_UNDONE, STYLE_BUSY},
        [ZSAGA__SAGA_STATE__ATTENTION] = {VIEW_GLYPH_BAD, STYLE_BAD},
    };
    return &looks[state < sizeof looks / sizeof looks[0] ? state : 0];
}

const struct view_state_look *view_why_look(Zsaga__ViewWhy why)
{
    static const struct view_state_look looks[] = {
        {VIEW_GLYPH_SILENT, STYLE_FAINT},
        {VIEW_GLYPH_BAD, STYLE_BAD},
        {VIEW_GLYPH_WARNING, STYLE_BUSY},
        {VIEW_GLYPH_FORWARD, STYLE_PLAIN},
    };
    size_t i = (size_t)why;
    return &looks[i < sizeof looks / sizeof looks[0] ? i : 0];
}

const char *view_why_name(Zsaga__ViewWhy why)
{
    static const char *const names[] = {"unknown", "attention", "stuck", "oldest"};
    size_t i = (size_t)why;
    return names[i < sizeof names / sizeof names[0] ? i : 0];
}

const struct view_state_look *view_stream_look(const Zsaga__ViewStream *stream)
{
    static const struct {
        const char *state;
        struct view_state_look look;
    } all[] = {
        {"following", {VIEW_GLYPH_WELL, STYLE_GOOD}},
        {"behind", {VIEW_GLYPH_WARNING, STYLE_BUSY}},
        {"syncing", {VIEW_GLYPH_BUSY, STYLE_BUSY}},
        {"silent", {VIEW_GLYPH_SILENT, STYLE_BUSY}},
    };
    static const struct view_state_look stopped = {VIEW_GLYPH_BAD, STYLE_BAD};
    struct bytes state = packed_view(stream->state);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (bytes_equal(state, bytes_text(all[i].state)))
            return &all[i].look;
    return &stopped;
}

int64_t view_lag_ms(const Zsaga__ViewReport *report, const struct view_state *state)
{
    if (report == NULL || report->as_of_ms == 0)
        return -1;
    uint64_t lag_ms = report->now_ms > report->as_of_ms ? report->now_ms - report->as_of_ms : 0;
    return (int64_t)(lag_ms < LAG_MS_MAX ? lag_ms : LAG_MS_MAX) + state->age_ms;
}

static void hindered(int64_t lag_ms, struct bytes trouble, struct view_freshness *ret)
{
    char lag[WORDS_SIZE];
    ret->word = "hindered";
    ret->glyph = VIEW_GLYPH_BAD;
    ret->style = STYLE_BAD;
    (void)snprintf(ret->words, sizeof ret->words, "%s%s%s%.*s", lag_ms < 0 ? "" : "lag ",
                   lag_ms < 0 ? "" : words_duration(lag_ms, lag), lag_ms < 0 ? "" : ": ",
                   (int)trouble.len, (const char *)trouble.data);
}

void view_freshness(const Zsaga__ViewReport *report, const struct view_state *state,
                    struct view_freshness *ret)
{
    char clock[WORDS_SIZE];
    char lag[WORDS_SIZE];
    char silence[WORDS_SIZE];
    int64_t lag_ms = view_lag_ms(report, state);
    static const char format[] = "data as of %s, lag %s";
    *ret = (struct view_freshness){VIEW_GLYPH_SILENT, STYLE_BUSY, "waiting", ""};
    (void)snprintf(ret->words, sizeof ret->words, "for the observer's first answer");
    if (state->trouble.len != 0)
        hindered(lag_ms, state->trouble, ret);
    if (report == NULL || state->trouble.len != 0)
        return;
    (void)words_duration(lag_ms, lag);
    (void)words_clock((int64_t)report->as_of_ms, clock);
    if (state->silent_ms > VIEW_STALE_MS) {
        ret->word = "silent";
        ret->style = STYLE_BAD;
        (void)snprintf(ret->words, sizeof ret->words, "data as of %s, lag %s: no answer for %s",
                       clock, lag, words_duration(state->silent_ms, silence));
    } else if (lag_ms < 0) {
        (void)snprintf(ret->words, sizeof ret->words, "nothing is known of the orchestrator yet");
    } else if (lag_ms > VIEW_STALE_MS) {
        ret->word = "stale";
        ret->glyph = VIEW_GLYPH_WARNING;
        (void)snprintf(ret->words, sizeof ret->words, format, clock, lag);
    } else {
        ret->word = "live";
        ret->glyph = VIEW_GLYPH_WELL;
        ret->style = STYLE_GOOD;
        (void)snprintf(ret->words, sizeof ret->words, format, clock, lag);
    }
}

uint64_t view_count(const Zsaga__ViewReport *report, uint32_t saga_state)
{
    for (size_t i = 0; i < report->n_counts; i++)
        if (report->counts[i]->state == saga_state)
            return report->counts[i]->count;
    return 0;
}
