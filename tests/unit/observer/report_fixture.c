#include "report_fixture.h"

#include <string.h>

#include "base/packed.h"
#include "client.pb-c.h"

static void fill_counts(struct report_fixture *fixture)
{
    static const uint64_t counts[] = {12, 3, 1234567, 56789, 1};
    for (uint32_t i = 0; i < 5; i++) {
        zsaga__view_count__init(&fixture->counts[i]);
        fixture->counts[i].state = i + 1;
        fixture->counts[i].count = counts[i];
        fixture->count_pointers[i] = &fixture->counts[i];
    }
    fixture->report.counts = fixture->count_pointers;
    fixture->report.n_counts = 5;
}

static void fill_rates(struct report_fixture *fixture)
{
    Zsaga__ViewRates *rates = &fixture->rates;
    zsaga__view_rates__init(rates);
    rates->started_10s = 812.44;
    rates->completed_10s = 700;
    rates->compensated_10s = 80.5;
    rates->timed = 48000;
    rates->p50_ms = 12;
    rates->p99_ms = 1279;
    for (uint32_t i = 0; i < 60; i++)
        fixture->finished[i] = i < 10 ? 0 : (i % 9) * 100;
    rates->finished = fixture->finished;
    rates->n_finished = 60;
    fixture->report.rates = rates;
}

static void fill_streams(struct report_fixture *fixture)
{
    static const struct {
        const char *publisher;
        const char *state;
        uint64_t head;
        uint64_t applied;
        int64_t lag_ms;
        const char *detail;
    } all[REPORT_FIXTURE_STREAMS] = {
        {"orchestrator", "following", 14000123, 14000123, 0, ""},
        {"order", "behind", 4000, 3900, 3200, ""},
        {"inventory", "silent", 2200, 2200, 5100, ""},
        {"payment", "diverged", 10, 20, -1, "it is another log: a restored backup?"},
        {"shipping", "syncing", 1800, 0, -1, ""},
    };
    for (size_t i = 0; i < REPORT_FIXTURE_STREAMS; i++) {
        Zsaga__ViewStream *stream = &fixture->streams[i];
        zsaga__view_stream__init(stream);
        stream->publisher = packed_borrow_text(all[i].publisher);
        stream->state = packed_borrow_text(all[i].state);
        stream->head = all[i].head > all[i].applied ? all[i].head : all[i].applied;
        stream->applied = all[i].applied;
        stream->lag_ms = all[i].lag_ms;
        stream->per_s = 140.25 * (double)i;
        stream->gaps = i;
        stream->fetches = 10 * i;
        stream->detail = packed_borrow_text(all[i].detail);
        fixture->stream_pointers[i] = stream;
    }
    fixture->report.streams = fixture->stream_pointers;
    fixture->report.n_streams = REPORT_FIXTURE_STREAMS;
}

static void fill_sagas(struct report_fixture *fixture)
{
    static const struct {
        const char *key;
        uint32_t state;
        const char *step;
        const char *waiting_on;
        uint32_t attempts;
        int64_t age_ms;
        const char *last_error;
        Zsaga__ViewWhy why;
    } all[REPORT_FIXTURE_SAGAS] = {
        {"A-17", ZSAGA__SAGA_STATE__ATTENTION, "reserve", "", 7, 7500000, "blocked: a tombstone",
         ZSAGA__VIEW_WHY__WHY_ATTENTION},
        {"536370", ZSAGA__SAGA_STATE__RUNNING, "charge", "payment", 3, 42000,
         "busy: the bank is shut, and will be so until the morning comes",
         ZSAGA__VIEW_WHY__WHY_STUCK},
        {"\033[31mevil\033[0m\xff", ZSAGA__SAGA_STATE__COMPENSATING, "ship", "shipping", 2, 31000,
         "\xe2\x80\xae\r\nrm -rf", ZSAGA__VIEW_WHY__WHY_STUCK},
        {"a-key-that-is-as-long-as-a-key-may-be-which-is-sixty-four-bytes-x",
         ZSAGA__SAGA_STATE__RUNNING, "confirm", "order", 1, 2100, "", ZSAGA__VIEW_WHY__WHY_OLDEST},
        {"\xe6\xbc\xa2\xe5\xad\x97", ZSAGA__SAGA_STATE__RUNNING, "reserve", "inventory", 1, 900, "",
         ZSAGA__VIEW_WHY__WHY_OLDEST},
        {"", ZSAGA__SAGA_STATE__RUNNING, "", "", 0, -1, "", ZSAGA__VIEW_WHY__WHY_OLDEST},
    };
    for (size_t i = 0; i < REPORT_FIXTURE_SAGAS; i++) {
        Zsaga__ViewSaga *saga = &fixture->sagas[i];
        zsaga__view_saga__init(saga);
        saga->key = packed_borrow_text(all[i].key);
        saga->definition = packed_borrow_text("order");
        saga->state = all[i].state;
        saga->step = packed_borrow_text(all[i].step);
        saga->waiting_on = packed_borrow_text(all[i].waiting_on);
        saga->attempts = all[i].attempts;
        if (all[i].age_ms >= 0)
            saga->started_ms = (uint64_t)(REPORT_FIXTURE_NOW_MS - all[i].age_ms);
        saga->changed_ms = (uint64_t)REPORT_FIXTURE_NOW_MS - 100;
        saga->last_error = packed_borrow_text(all[i].last_error);
        saga->why = all[i].why;
        fixture->saga_pointers[i] = saga;
    }
    fixture->report.sagas = fixture->saga_pointers;
    fixture->report.n_sagas = REPORT_FIXTURE_SAGAS;
}

void report_fixture_fill(struct report_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    zsaga__view_report__init(&fixture->report);
    fixture->report.now_ms = (uint64_t)REPORT_FIXTURE_NOW_MS;
    fixture->report.as_of_ms = (uint64_t)REPORT_FIXTURE_NOW_MS;
    fixture->report.unfinished = 16;
    fixture->report.stuck = 2;
    fill_counts(fixture);
    fill_rates(fixture);
    fill_streams(fixture);
    fill_sagas(fixture);
}
