#include "report.h"

#include <assert.h>
#include <string.h>

#include "base/packed.h"
#include "client.pb-c.h"
#include "suite.h"

#define KEY_BYTES 64 /* Of names from outside; longer ones are cut. */
#define WORDS_BYTES 330
#define TROUBLE_BYTES 512

static ProtobufCBinaryData cut(struct bytes text, size_t most)
{
    return packed_borrow(bytes_of(text.data, text.len < most ? text.len : most));
}

static ProtobufCBinaryData cut_text(const char *text, size_t most)
{
    return cut(bytes_text(text == NULL ? "" : text), most);
}

/* Streams. */

bool report_is_current(const struct consumer_stream *stream)
{
    return stream->state == CONSUMER_STREAM_FOLLOWING && stream->heard_mono_ms >= 0 &&
           stream->applied >= stream->head;
}

static int64_t heard_ms(const struct report_source *source, const struct consumer_stream *stream)
{
    return stream->heard_mono_ms < 0 ? -1 : source->now.mono_ms - stream->heard_mono_ms;
}

static bool is_silent(const struct report_source *source, const struct consumer_stream *stream)
{
    bool never = stream->heard_mono_ms < 0;
    int64_t since_ms = never ? source->since_mono_ms : stream->heard_mono_ms;
    return source->now.mono_ms - since_ms > REPORT_FRESH_MS;
}

/* Up to when all that its publisher did is known; 0: not at all. */
static int64_t as_of(const struct report_source *source, const struct report_stream *shown)
{
    const struct consumer_stream *stream = shown->stream;
    int64_t heard = heard_ms(source, stream);
    if (report_is_current(stream))
        return source->now.wall_ms - (is_silent(source, stream) ? heard : 0);
    return stream->applied_wall_ms > shown->current_wall_ms ? stream->applied_wall_ms
                                                            : shown->current_wall_ms;
}

static const char *state_of(const struct report_source *source,
                            const struct consumer_stream *stream, int64_t lag_ms)
{
    bool follows = stream->state == CONSUMER_STREAM_FOLLOWING;
    if ((follows || stream->state == CONSUMER_STREAM_SYNCING) && is_silent(source, stream))
        return "silent";
    if (follows && lag_ms > REPORT_BEHIND_MS)
        return "behind";
    return consumer_stream_state_name(stream->state);
}

static void fill_stream(Zsaga__ViewStream *to, const struct report_source *source,
                        const struct report_stream *shown)
{
    const struct consumer_stream *stream = shown->stream;
    int64_t known_ms = as_of(source, shown);
    int64_t lag_ms = source->now.wall_ms - known_ms;
    to->publisher = packed_borrow_text(stream->publisher);
    to->state = packed_borrow_text(state_of(source, stream, lag_ms));
    to->head = stream->head > stream->applied ? stream->head : stream->applied;
    to->applied = stream->applied;
    to->lag_ms = known_ms == 0 ? -1 : lag_ms < 0 ? 0 : lag_ms;
    to->heard_ms = heard_ms(source, stream);
    to->per_s = services_rate(&source->model->services, stream->publisher, known_ms);
    to->gaps = stream->gaps;
    to->duplicates = stream->duplicates;
    to->fetches = stream->fetches;
    to->resyncs = stream->resyncs;
    to->detail = packed_borrow_text(stream->detail);
}

static bool add_streams(Zsaga__ViewReport *report, const struct report_source *source,
                        struct arena *arena)
{
    size_t count = source->stream_count;
    report->streams = arena_alloc(arena, (count + 1) * sizeof(Zsaga__ViewStream *));
    Zsaga__ViewStream *all = arena_alloc(arena, (count + 1) * sizeof *all);
    if (report->streams == NULL || all == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        zsaga__view_stream__init(&all[i]);
        fill_stream(&all[i], source, &source->streams[i]);
        report->streams[report->n_streams++] = &all[i];
    }
    return true;
}

static int64_t sagas_as_of(const struct report_source *source)
{
    for (size_t i = 0; i < source->stream_count; i++)
        if (strcmp(source->streams[i].stream->publisher, SUITE_ORCHESTRATOR) == 0)
            return as_of(source, &source->streams[i]);
    return 0;
}

/* Counts and rates. */

static bool add_counts(Zsaga__ViewReport *report, const struct sagas *sagas, struct arena *arena)
{
    report->counts = arena_alloc(arena, SAGAS_STATES * sizeof(Zsaga__ViewCount *));
    Zsaga__ViewCount *all = arena_alloc(arena, SAGAS_STATES * sizeof *all);
    if (report->counts == NULL || all == NULL)
        return false;
    for (uint32_t state = 1; state < SAGAS_STATES; state++) {
        zsaga__view_count__init(&all[state]);
        all[state].state = state;
        all[state].count = sagas->counts[state];
        report->counts[report->n_counts++] = &all[state];
    }
    return true;
}

static bool add_rates(Zsaga__ViewReport *report, const struct sagas *sagas, int64_t as_of_ms,
                      struct arena *arena)
{
    const struct window *window = &sagas->window;
    Zsaga__ViewRates *rates = arena_alloc(arena, sizeof *rates);
    uint32_t *finished = arena_alloc(arena, WINDOW_SECONDS * sizeof *finished);
    if (rates == NULL || finished == NULL)
        return false;
    zsaga__view_rates__init(rates);
    rates->started_10s = window_rate(window, WINDOW_STARTED, as_of_ms, 10);
    rates->completed_10s = window_rate(window, WINDOW_COMPLETED, as_of_ms, 10);
    rates->compensated_10s = window_rate(window, WINDOW_COMPENSATED, as_of_ms, 10);
    rates->started_60s = window_rate(window, WINDOW_STARTED, as_of_ms, 60);
    rates->completed_60s = window_rate(window, WINDOW_COMPLETED, as_of_ms, 60);
    rates->compensated_60s = window_rate(window, WINDOW_COMPENSATED, as_of_ms, 60);
    rates->timed = window_timed(window, as_of_ms);
    rates->p50_ms = window_percentile(window, as_of_ms, 50);
    rates->p99_ms = window_percentile(window, as_of_ms, 99);
    window_finished(window, as_of_ms, finished);
    rates->finished = finished;
    rates->n_finished = WINDOW_SECONDS;
    report->rates = rates;
    return true;
}

/* Sagas worth a look. */

static Zsaga__ViewWhy why_of(const struct saga_row *row, int64_t as_of_ms)
{
    if (row->state == ZSAGA__SAGA_STATE__ATTENTION)
        return ZSAGA__VIEW_WHY__WHY_ATTENTION;
    return saga_row_is_stuck(row, as_of_ms) ? ZSAGA__VIEW_WHY__WHY_STUCK
                                            : ZSAGA__VIEW_WHY__WHY_OLDEST;
}

static void fill_saga(Zsaga__ViewSaga *to, const struct saga_row *row, Zsaga__ViewWhy why)
{
    const struct shape_step *step = saga_row_step(row);
    zsaga__view_saga__init(to);
    to->key = cut_text(row->key, KEY_BYTES);
    to->definition = cut(row->shape->definition, KEY_BYTES);
    to->state = row->state;
    if (step != NULL)
        to->step = cut(step->name, KEY_BYTES);
    if (step != NULL && why != ZSAGA__VIEW_WHY__WHY_ATTENTION)
        to->waiting_on = cut(step->participant, KEY_BYTES);
    to->attempts = saga_row_attempts(row);
    to->started_ms = (uint64_t)row->started_ms;
    to->changed_ms = (uint64_t)row->changed_ms;
    to->last_error = cut_text(row->last_error, WORDS_BYTES);
    to->reason = cut_text(row->reason, KEY_BYTES);
    to->why = why;
}

#define WHYS 4 /* Values of ViewWhy. */

/* The first `rows` of each kind, oldest first; counts the stuck ones. */
static bool add_sagas(Zsaga__ViewReport *report, const struct sagas *sagas, size_t rows,
                      struct arena *arena)
{
    const struct saga_row *found[WHYS][REPORT_ROWS_MAX];
    size_t counts[WHYS] = {0};
    assert(rows <= REPORT_ROWS_MAX);
    for (const struct saga_row *row = ledger_first(&sagas->ledger); row != NULL;
         row = ledger_next(row)) {
        Zsaga__ViewWhy why = why_of(row, (int64_t)report->as_of_ms);
        if (why == ZSAGA__VIEW_WHY__WHY_STUCK)
            report->stuck++;
        if (counts[why] < rows && row->shape != NULL)
            found[why][counts[why]++] = row;
    }
    report->sagas = arena_alloc(arena, WHYS * REPORT_ROWS_MAX * sizeof(Zsaga__ViewSaga *));
    Zsaga__ViewSaga *all = arena_alloc(arena, WHYS * REPORT_ROWS_MAX * sizeof *all);
    if (report->sagas == NULL || all == NULL)
        return false;
    for (size_t why = 1; why < WHYS; why++)
        for (size_t i = 0; i < counts[why]; i++) {
            Zsaga__ViewSaga *saga = &all[report->n_sagas];
            fill_saga(saga, found[why][i], (Zsaga__ViewWhy)why);
            report->sagas[report->n_sagas++] = saga;
        }
    return true;
}

Zsaga__ViewReport *report_make(const struct report_source *source, uint32_t rows,
                               struct arena *arena)
{
    const struct sagas *sagas = &source->model->sagas;
    Zsaga__ViewReport *report = arena_alloc(arena, sizeof *report);
    if (report == NULL)
        return NULL;
    zsaga__view_report__init(report);
    int64_t as_of_ms = sagas_as_of(source);
    report->now_ms = (uint64_t)source->now.wall_ms;
    report->as_of_ms = (uint64_t)as_of_ms;
    report->unfinished = ledger_open_count(&sagas->ledger);
    report->partial = sagas->ledger.absent != 0;
    rows = rows == 0 ? REPORT_ROWS : rows > REPORT_ROWS_MAX ? REPORT_ROWS_MAX : rows;
    bool whole = add_streams(report, source, arena) && add_counts(report, sagas, arena) &&
                 add_rates(report, sagas, as_of_ms, arena) && add_sagas(report, sagas, rows, arena);
    return whole ? report : NULL;
}

Zsaga__ViewReport *report_make_trouble(const char *words, struct node_time now, struct arena *arena)
{
    Zsaga__ViewReport *report = arena_alloc(arena, sizeof *report);
    if (report == NULL)
        return NULL;
    zsaga__view_report__init(report);
    report->now_ms = (uint64_t)now.wall_ms;
    report->trouble = cut_text(words[0] == '\0' ? "unknown" : words, TROUBLE_BYTES);
    return report;
}
