#include "top.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "asker.h"
#include "base/clock.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "suite.h"
#include "view.h"
#include "view_json.h"

#define RENEW_MS 3000 /* Silence after which the connection is made anew. */
#define ASK_AGAIN_MS 500
#define CONNECT_MS 100    /* Until the first answer it is asked so often. */
#define PLAIN_COLUMNS 120 /* Where there is no terminal. */
#define ROWS_ONCE 20      /* Of each kind of saga. */
#define ROWS_MAX 100

/* One run of it. */
struct top {
    const struct top_options *options;
    struct suite *suite;
    struct asker *asker;
    Zsaga__ViewReport *kept; /* The newest report; NULL: none yet. */
    struct buffer trouble;   /* What was answered instead since then; empty: nothing. */
    uint64_t answers;        /* Taken so far. */
    int64_t kept_at_ms;      /* Monotonic: when it came. */
    int64_t asked_at_ms;     /* First question since then; -1: none is open. */
    int64_t renewed_at_ms;
    bool ascii;
    bool color;
};

static int fail(int code, const char *words)
{
    (void)fprintf(stderr, "zsaga: %s\n", words);
    return code;
}

static int open_suite(struct top *top)
{
    const char *dir = top->options->dir;
    struct err err = {0};
    int rc = suite_load(dir, &top->suite, &err);
    if (rc == ERR_NOT_FOUND) {
        AUTO(freep)
        char *words =
            xprintf("there is no suite in %s; make and start one: zsaga up --data %s", dir, dir);
        return fail(TOP_MISSING, words);
    }
    if (rc < 0)
        return fail(TOP_USAGE, err.text);
    if (!suite_is_locked(dir)) {
        AUTO(freep)
        char *words =
            xprintf("the suite in %s is not running; start it: zsaga up --data %s", dir, dir);
        return fail(TOP_STOPPED, words);
    }
    if (suite_find_consumer(top->suite, SUITE_OBSERVER) != NULL)
        return 0;
    AUTO(freep)
    char *words = xprintf("the observer of the suite in %s is switched off: remove `run = no` from"
                          " its suite.zpl and start the suite again; meanwhile: zsaga status",
                          dir);
    return fail(TOP_STOPPED, words);
}

static int open_asker(struct top *top)
{
    struct err err = {0};
    AUTO(freep) char *endpoint = NULL;
    int rc = suite_endpoint(top->suite, SUITE_OBSERVER, "view", &endpoint, &err);
    if (rc == 0)
        rc = asker_new(endpoint, &top->asker, &err);
    return rc < 0 ? fail(TOP_FAILED, err.text) : 0;
}

static int ask(struct top *top, uint32_t rows, struct err *err)
{
    int64_t now_ms = clock_mono_ms();
    if (top->asked_at_ms < 0)
        top->asked_at_ms = now_ms;
    if (now_ms - top->asked_at_ms >= RENEW_MS && now_ms - top->renewed_at_ms >= RENEW_MS) {
        int rc = asker_renew(top->asker, err);
        if (rc < 0)
            return rc;
        top->renewed_at_ms = now_ms;
    }
    return asker_ask(top->asker, rows, err);
}

/* Keeps a report beyond the next question. */
static void keep(struct top *top, const Zsaga__ViewReport *report)
{
    size_t len = zsaga__view_report__get_packed_size(report);
    uint8_t *packed = xmalloc(len);
    (void)zsaga__view_report__pack(report, packed);
    if (top->kept != NULL)
        zsaga__view_report__free_unpacked(top->kept, NULL);
    top->kept = zsaga__view_report__unpack(NULL, len, packed);
    top->kept_at_ms = clock_mono_ms();
    top->answers++;
    top->asked_at_ms = -1;
    buffer_clear(&top->trouble);
    free(packed);
}

/* The question stays open: what is shown grows older. */
static void keep_trouble(struct top *top, struct bytes words)
{
    buffer_clear(&top->trouble);
    buffer_append(&top->trouble, words.data, words.len);
    top->renewed_at_ms = clock_mono_ms();
    top->answers++;
}

static int take(struct top *top, struct err *err)
{
    const Zsaga__ViewReport *report;
    int rc = asker_take(top->asker, &report, err);
    if (rc == 0 && report != NULL && report->trouble.len != 0)
        keep_trouble(top, packed_view(report->trouble));
    else if (rc == 0 && report != NULL)
        keep(top, report);
    return rc;
}

static struct view_state state_of(const struct top *top, bool live)
{
    int64_t now_ms = clock_mono_ms();
    return (struct view_state){
        .suite = top->suite->dir,
        .wall_ms = clock_wall_ms(),
        .age_ms = top->kept == NULL ? 0 : now_ms - top->kept_at_ms,
        .silent_ms = top->asked_at_ms < 0 ? 0 : now_ms - top->asked_at_ms,
        .live = live,
        .trouble = buffer_bytes(&top->trouble),
    };
}

/* Waits until something may have come, or may be sent. */
static void wait_for_peer(struct top *top, short events, int64_t wait_ms)
{
    zmq_pollitem_t item = {.socket = asker_socket(top->asker), .events = events};
    (void)zmq_poll(&item, 1, wait_ms < 0 ? 0 : (long)wait_ms);
}

static int fail_of_trouble(const struct top *top)
{
    struct bytes trouble = buffer_bytes(&top->trouble);
    size_t size = 3 * trouble.len + 1;
    AUTO(freep) char *safe = xmalloc(size);
    text_to_utf8(trouble, safe, size);
    AUTO(freep) char *words = xprintf("the observer is hindered: %s", safe);
    return fail(TOP_STOPPED, words);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int get_one(struct top *top, uint32_t rows)
{
    struct err err = {0};
    int64_t until_ms = clock_mono_ms() + (int64_t)(top->options->timeout_s * 1000);
    int rc = 0;
    while (rc == 0 && top->kept == NULL && clock_mono_ms() < until_ms) {
        /* What is asked before the connection stands is dropped. */
        wait_for_peer(top, ZMQ_POLLOUT, least(ASK_AGAIN_MS, until_ms - clock_mono_ms()));
        rc = ask(top, rows, &err);
        if (rc == 0) {
            wait_for_peer(top, ZMQ_POLLIN, least(ASK_AGAIN_MS, until_ms - clock_mono_ms()));
            rc = take(top, &err);
        }
    }
    if (rc < 0)
        return fail(TOP_FAILED, err.text);
    if (top->kept != NULL)
        return 0;
    if (top->trouble.len != 0)
        return fail_of_trouble(top);
    AUTO(freep)
    char *words = xprintf("the observer does not answer; see: zsaga ps --data %s, and %s/log/"
                          "observer.log",
                          top->options->dir, top->options->dir);
    return fail(TOP_STOPPED, words);
}

static bool print_screen(const struct top *top, const struct view_state *state)
{
    size_t columns = PLAIN_COLUMNS;
    size_t terminal_rows;
    (void)term_size(&columns, &terminal_rows);
    AUTO(screen_freep)
    struct screen *screen = screen_new(columns, view_rows(top->kept), top->ascii);
    view_render(top->kept, state, screen);
    return term_print(screen, top->color);
}

static bool print_json(const struct top *top, const struct view_state *state)
{
    json_t *json = view_json(top->kept, state);
    (void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    (void)fputc('\n', stdout);
    json_decref(json);
    return fflush(stdout) == 0 && !ferror(stdout);
}

static int show_once(struct top *top)
{
    int code = get_one(top, top->options->json ? ROWS_MAX : ROWS_ONCE);
    if (code != 0)
        return code;
    const struct view_state state = state_of(top, false);
    if (top->options->json ? print_json(top, &state) : print_screen(top, &state))
        return TOP_SHOWN;
    return fail(TOP_FAILED, "cannot write to standard output");
}

/* Live. */

static void draw(const struct top *top)
{
    size_t columns = 80;
    size_t rows = 24;
    const struct view_state state = state_of(top, true);
    (void)term_size(&columns, &rows);
    AUTO(screen_freep) struct screen *screen = screen_new(columns, rows, top->ascii);
    view_render(top->kept, &state, screen);
    term_show(screen);
}

/* True when the terminal is gone. */
static bool wait_live(struct top *top, int64_t wait_ms)
{
    zmq_pollitem_t items[] = {
        {.socket = asker_socket(top->asker), .events = ZMQ_POLLIN},
        {.fd = term_fd(), .events = ZMQ_POLLIN},
        {.fd = term_signal_fd(), .events = ZMQ_POLLIN},
    };
    (void)zmq_poll(items, 3, wait_ms < 0 ? 0 : (long)wait_ms);
    return (items[1].revents & ZMQ_POLLERR) != 0;
}

static int live_loop(struct top *top, struct err *err)
{
    int64_t interval_ms = (int64_t)(top->options->interval_s * 1000);
    int64_t next_ms = clock_mono_ms();
    for (;;) {
        uint64_t before = top->answers;
        enum term_event event = term_take();
        int rc = 0;
        if (event == TERM_QUIT)
            return 0;
        bool silent = false;
        if (clock_mono_ms() >= next_ms) {
            next_ms = clock_mono_ms() +
                      (top->answers == 0 ? least(CONNECT_MS, interval_ms) : interval_ms);
            silent = top->asked_at_ms >= 0 || top->kept == NULL;
            rc = ask(top, ROWS_MAX, err);
        }
        if (rc == 0)
            rc = take(top, err);
        if (rc < 0)
            return rc;
        if (silent || event == TERM_REDRAW || top->answers != before)
            draw(top);
        if (wait_live(top, next_ms - clock_mono_ms()))
            return 0;
    }
}

static int show_live(struct top *top)
{
    struct err err = {0};
    int rc = term_open(top->color, &err);
    if (rc < 0)
        return fail(TOP_USAGE, err.text);
    rc = live_loop(top, &err);
    term_close();
    return rc < 0 ? fail(TOP_FAILED, err.text) : TOP_SHOWN;
}

int top_run(const struct top_options *options)
{
    size_t columns;
    size_t rows;
    struct top top = {.options = options, .asked_at_ms = -1, .renewed_at_ms = clock_mono_ms()};
    top.ascii = !term_is_utf8() || options->ascii;
    top.color = term_wants_color(options->color);
    bool once = options->once || options->json || !term_size(&columns, &rows) || term_is_dumb();
    int code = open_suite(&top);
    if (code == 0)
        code = open_asker(&top);
    if (code == 0)
        code = once ? show_once(&top) : show_live(&top);
    if (top.kept != NULL)
        zsaga__view_report__free_unpacked(top.kept, NULL);
    buffer_release(&top.trouble);
    asker_free(top.asker);
    suite_free(top.suite);
    return code;
}
