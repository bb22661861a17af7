#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "client.pb-c.h"
#include "grid.h"
#include "states.h"
#include "view_parts.h"
#include "words.h"

#define HEIGHT_RATES 12  /* Rows of the screen from which on rates have lines of their own, */
#define HEIGHT_MINUTE 20 /* and the last minute is drawn. */
#define SAGAS_ROWS_MIN 5 /* Kept for the sagas, before streams get more than one line. */

/* What is drawn so far. */
struct page {
    struct screen *screen;
    const Zsaga__ViewReport *report;
    const struct view_state *state;
    size_t row; /* The next free one. */
};

static size_t rows_left(const struct page *page)
{
    return page->row < page->screen->rows ? page->screen->rows - page->row : 0;
}

static size_t put(struct page *page, size_t column, enum style style, const char *text)
{
    return screen_put(page->screen, page->row, column, page->screen->columns, style,
                      bytes_text(text));
}

static void put_right(struct page *page, enum style style, const char *text, size_t taken)
{
    size_t width = screen_measure(page->screen, bytes_text(text));
    if (taken + 1 + width <= page->screen->columns)
        (void)put(page, page->screen->columns - width, style, text);
}

static void put_title(struct page *page)
{
    char clock[WORDS_SIZE];
    char right[WORDS_SIZE + 24];
    (void)snprintf(right, sizeof right, "%s%s UTC", page->state->live ? "q quits  " : "",
                   words_clock(page->state->wall_ms, clock));
    size_t width = page->screen->columns;
    size_t reserved = strlen(right) + 1;
    size_t used = put(page, 0, STYLE_TITLE, "zsaga top");
    if (used + 2 + reserved < width)
        used += 2 + screen_put(page->screen, page->row, used + 2, width - used - 2 - reserved,
                               STYLE_PLAIN, bytes_text(page->state->suite));
    put_right(page, STYLE_FAINT, right, used);
    page->row++;
}

/* How fresh it is: what is old is never shown as if it were new. */
static void put_freshness(struct page *page)
{
    struct view_freshness freshness;
    view_freshness(page->report, page->state, &freshness);
    const char *glyph = view_glyph(freshness.glyph, page->screen->ascii);
    size_t used = put(page, 0, freshness.style, glyph);
    used += 1 + put(page, used + 1, freshness.style, freshness.word);
    (void)put(page, used + 2, STYLE_PLAIN, freshness.words);
    page->row++;
}

/* Pieces behind each other, on as many lines as they need. */
struct flow {
    struct page *page;
    size_t indent;
    size_t column;
    size_t reserve; /* Rows to be left for what comes below. */
    bool full;      /* No line left. */
};

static struct flow flow_begin(struct page *page, const char *label)
{
    struct flow flow = {.page = page, .full = rows_left(page) == 0};
    flow.indent = page->screen->columns < 60 ? strlen(label) + 1 : 8;
    flow.column = flow.indent;
    (void)put(page, 0, STYLE_HEAD, label);
    return flow;
}

static void flow_add(struct flow *flow, enum style style, const char *text)
{
    struct page *page = flow->page;
    size_t width = screen_measure(page->screen, bytes_text(text));
    if (flow->column > flow->indent && flow->column + width > page->screen->columns) {
        flow->full = flow->full || rows_left(page) <= 1 + flow->reserve;
        page->row += !flow->full;
        flow->column = flow->indent;
    }
    if (!flow->full)
        flow->column += put(page, flow->column, style, text) + 2;
}

static void flow_end(const struct flow *flow)
{
    flow->page->row++;
}

static void put_states(struct page *page)
{
    struct flow flow = flow_begin(page, "sagas");
    for (size_t i = 0; i < page->report->n_counts; i++) {
        const Zsaga__ViewCount *count = page->report->counts[i];
        const struct view_state_look *look = view_state_look(count->state);
        char number[WORDS_SIZE];
        AUTO(freep)
        char *text = xprintf("%s %s %s", view_glyph(look->glyph, page->screen->ascii),
                             states_name(count->state), words_number(count->count, number));
        flow_add(&flow, count->count == 0 ? STYLE_FAINT : look->style, text);
    }
    flow_end(&flow);
}

static void add_rate(struct flow *flow, const char *name, double per_s)
{
    char number[WORDS_SIZE];
    AUTO(freep) char *text = xprintf("%s %s", name, words_rate(per_s, number));
    flow_add(flow, STYLE_PLAIN, text);
}

static void put_rates(struct page *page)
{
    const Zsaga__ViewRates *rates = page->report->rates;
    struct flow flow = flow_begin(page, "rates");
    add_rate(&flow, "started", rates->started_10s);
    add_rate(&flow, "completed", rates->completed_10s);
    add_rate(&flow, "compensated", rates->compensated_10s);
    flow_add(&flow, STYLE_FAINT, "over 10 s");
    flow_end(&flow);
}

static void put_times(struct page *page)
{
    const Zsaga__ViewRates *rates = page->report->rates;
    char p50[WORDS_SIZE];
    char p99[WORDS_SIZE];
    struct flow flow = flow_begin(page, "time");
    if (rates->timed == 0) {
        flow_add(&flow, STYLE_FAINT, "no saga ended in the last minute");
    } else {
        AUTO(freep)
        char *text = xprintf("p50 %s  p99 %s", words_milliseconds(rates->p50_ms, p50),
                             words_milliseconds(rates->p99_ms, p99));
        flow_add(&flow, STYLE_PLAIN, text);
        flow_add(&flow, STYLE_FAINT, "from start to end, last minute");
    }
    flow_end(&flow);
}

/* The last minute, the newest second at the right. */
static void put_minute(struct page *page)
{
    const Zsaga__ViewRates *rates = page->report->rates;
    size_t indent = page->screen->columns < 60 ? 7 : 8;
    size_t room = page->screen->columns > indent + 16 ? page->screen->columns - indent - 16 : 0;
    size_t count = rates->n_finished < room ? rates->n_finished : room;
    size_t first = rates->n_finished - count;
    uint32_t peak = 0;
    for (size_t i = first; i < rates->n_finished; i++)
        peak = rates->finished[i] > peak ? rates->finished[i] : peak;
    (void)put(page, 0, STYLE_HEAD, "minute");
    for (size_t i = 0; i < count; i++)
        (void)put(page, indent + i, STYLE_GOOD,
                  view_spark(rates->finished[first + i], peak, page->screen->ascii));
    char text[WORDS_SIZE];
    (void)snprintf(text, sizeof text, "peak %" PRIu32 "/s", peak);
    (void)put(page, indent + count + 1, STYLE_FAINT, text);
    page->row++;
}

/* Streams. */

static const struct column stream_columns[] = {
    {"", false, 0, 0},       {"log of", false, 12, 0}, {"state", false, 0, 0},
    {"head", true, 0, 5},    {"applied", true, 0, 6},  {"lag", true, 0, 0},
    {"lag_s", true, 0, 1},   {"events/s", true, 0, 7}, {"gaps", true, 0, 8},
    {"fetches", true, 0, 9}, {"detail", false, 8, 4},
};
#define STREAM_COLUMNS (sizeof stream_columns / sizeof stream_columns[0])

static void number_cell(struct grid *grid, uint64_t number)
{
    char text[WORDS_SIZE];
    grid_text(grid, STYLE_PLAIN, words_number(number, text));
}

static void add_stream(struct grid *grid, const Zsaga__ViewStream *stream, bool ascii)
{
    const struct view_state_look *look = view_stream_look(stream);
    char text[WORDS_SIZE] = "?";
    grid_text(grid, look->style, view_glyph(look->glyph, ascii));
    grid_cell(grid, STYLE_PLAIN, packed_view(stream->publisher));
    grid_cell(grid, look->style, packed_view(stream->state));
    number_cell(grid, stream->head);
    number_cell(grid, stream->applied);
    number_cell(grid, stream->head - stream->applied);
    if (stream->lag_ms >= 0)
        (void)snprintf(text, sizeof text, "%.1f", (double)stream->lag_ms / 1000);
    grid_text(grid, stream->lag_ms > VIEW_STALE_MS ? STYLE_BUSY : STYLE_PLAIN, text);
    (void)snprintf(text, sizeof text, "%.1f", stream->per_s);
    grid_text(grid, STYLE_PLAIN, text);
    number_cell(grid, stream->gaps);
    number_cell(grid, stream->fetches);
    grid_cell(grid, STYLE_PLAIN, packed_view(stream->detail));
}

static void put_streams(struct page *page)
{
    AUTO(grid_freep) struct grid *grid = grid_new(stream_columns, STREAM_COLUMNS);
    for (size_t i = 0; i < page->report->n_streams; i++)
        add_stream(grid, page->report->streams[i], page->screen->ascii);
    page->row++;
    page->row += grid_put(grid, page->screen, page->row, rows_left(page));
}

/* One line instead of the table: those that are not well, by name. */
static void put_streams_line(struct page *page)
{
    struct flow flow = flow_begin(page, "logs");
    flow.reserve = SAGAS_ROWS_MIN - 2;
    size_t well = 0;
    for (size_t i = 0; i < page->report->n_streams; i++)
        well += view_stream_look(page->report->streams[i])->style == STYLE_GOOD;
    AUTO(freep)
    char *text = xprintf("%s %zu of %zu followed", view_glyph(VIEW_GLYPH_WELL, page->screen->ascii),
                         well, page->report->n_streams);
    flow_add(&flow, well == page->report->n_streams ? STYLE_GOOD : STYLE_BUSY, text);
    for (size_t i = 0; i < page->report->n_streams; i++) {
        const Zsaga__ViewStream *stream = page->report->streams[i];
        const struct view_state_look *look = view_stream_look(stream);
        if (look->style == STYLE_GOOD)
            continue;
        AUTO(freep)
        char *words = xprintf("%s %.*s %.*s", view_glyph(look->glyph, page->screen->ascii),
                              (int)stream->publisher.len, (const char *)stream->publisher.data,
                              (int)stream->state.len, (const char *)stream->state.data);
        flow_add(&flow, look->style, words);
    }
    flow_end(&flow);
}

/* Sagas. */

static const struct column saga_columns[] = {
    {"", false, 0, 0},      {"saga", false, 12, 0}, {"why", false, 0, 4},
    {"state", false, 0, 5}, {"step", false, 6, 3},  {"waiting_on", false, 7, 2},
    {"att", true, 0, 6},    {"age", true, 0, 1},    {"last_error", false, 9, 7},
};
#define SAGA_COLUMNS (sizeof saga_columns / sizeof saga_columns[0])

static void add_saga(struct grid *grid, const Zsaga__ViewSaga *saga,
                     const Zsaga__ViewReport *report, bool ascii)
{
    const struct view_state_look *look = view_why_look(saga->why);
    char text[WORDS_SIZE];
    int64_t age_ms = -1;
    if (saga->started_ms != 0 && report->as_of_ms != 0)
        age_ms = report->as_of_ms > saga->started_ms
                     ? (int64_t)(report->as_of_ms - saga->started_ms)
                     : 0;
    grid_text(grid, look->style, view_glyph(look->glyph, ascii));
    grid_cell(grid, STYLE_PLAIN, packed_view(saga->key));
    grid_text(grid, look->style, view_why_name(saga->why));
    grid_text(grid, view_state_look(saga->state)->style, states_name(saga->state));
    grid_cell(grid, STYLE_PLAIN, packed_view(saga->step));
    grid_cell(grid, STYLE_PLAIN, packed_view(saga->waiting_on));
    number_cell(grid, saga->attempts);
    grid_text(grid, STYLE_PLAIN, words_duration(age_ms, text));
    grid_cell(grid, STYLE_PLAIN, packed_view(saga->last_error));
}

static void put_sagas_heading(struct page *page)
{
    const Zsaga__ViewReport *report = page->report;
    uint64_t attention = view_count(report, ZSAGA__SAGA_STATE__ATTENTION);
    char numbers[3][WORDS_SIZE];
    AUTO(freep)
    char *text = xprintf("unfinished %s  stuck %s%s  in attention %s",
                         words_number(report->unfinished, numbers[0]),
                         words_number(report->stuck, numbers[1]), report->partial ? "+" : "",
                         words_number(attention, numbers[2]));
    enum style style = attention != 0 ? STYLE_BAD : report->stuck != 0 ? STYLE_BUSY : STYLE_HEAD;
    (void)put(page, 0, style, text);
    page->row++;
}

static void put_sagas(struct page *page)
{
    if (rows_left(page) == 0)
        return;
    if (rows_left(page) > SAGAS_ROWS_MIN)
        page->row++;
    put_sagas_heading(page);
    if (page->report->n_sagas == 0)
        return;
    AUTO(grid_freep) struct grid *grid = grid_new(saga_columns, SAGA_COLUMNS);
    for (size_t i = 0; i < page->report->n_sagas; i++)
        add_saga(grid, page->report->sagas[i], page->report, page->screen->ascii);
    page->row += grid_put(grid, page->screen, page->row, rows_left(page));
}

void view_render(const Zsaga__ViewReport *report, const struct view_state *state,
                 struct screen *screen)
{
    struct page page = {.screen = screen, .report = report, .state = state};
    put_title(&page);
    put_freshness(&page);
    if (report == NULL)
        return;
    put_states(&page);
    if (screen->rows >= HEIGHT_RATES && report->rates != NULL) {
        put_rates(&page);
        put_times(&page);
    }
    if (screen->rows >= HEIGHT_MINUTE && report->rates != NULL)
        put_minute(&page);
    if (rows_left(&page) >= report->n_streams + 2 + SAGAS_ROWS_MIN)
        put_streams(&page);
    else
        put_streams_line(&page);
    put_sagas(&page);
}

size_t view_rows(const Zsaga__ViewReport *report)
{
    size_t head = HEIGHT_MINUTE + SAGAS_ROWS_MIN;
    return report == NULL ? head : head + report->n_streams + report->n_sagas;
}
