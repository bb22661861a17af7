#include "sagas.h"

#include <stdlib.h>
#include <string.h>

#include "client.pb-c.h"
#include "fields.h"
#include "saga_record.h"
#include "states.h"

#define DECODE_BUDGET ((size_t)4 << 20) /* Of one event's payload. */
#define RECENT_MAX 100000               /* Finished sagas looked at to know the last minute. */
#define STARTED "started"

const char sagas_schema[] =
    "CREATE TABLE sagas_open(id BLOB PRIMARY KEY, " SAGA_RECORD_COLUMNS ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE sagas_closed(number INTEGER PRIMARY KEY, id BLOB NOT NULL, " SAGA_RECORD_COLUMNS
    ") STRICT;"
    "CREATE TABLE saga_totals(name TEXT PRIMARY KEY, count INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;";

static const char *const sql[SAGAS_STATEMENT_COUNT] = {
    [SAGAS_PUT_TOTAL] = "INSERT OR REPLACE INTO saga_totals(name, count) VALUES (?1, ?2)",
    [SAGAS_TOTALS] = "SELECT name, count FROM saga_totals",
    [SAGAS_CLEAR_TOTALS] = "DELETE FROM saga_totals",
};

int sagas_open(struct sagas *sagas, struct db *db, uint64_t keep, struct err *err)
{
    sagas->db = db;
    arena_init(&sagas->arena, DECODE_BUDGET);
    window_init(&sagas->window);
    int rc = ledger_open(&sagas->ledger, db, &saga_record_kind, &sagas->shapes, keep, err);
    for (size_t i = 0; rc == 0 && i < SAGAS_STATEMENT_COUNT; i++)
        rc = db_prepare(db, sql[i], &sagas->statements[i], err);
    return rc;
}

void sagas_release(struct sagas *sagas)
{
    ledger_release(&sagas->ledger);
    shapes_release(&sagas->shapes);
    arena_release(&sagas->arena);
    for (size_t i = 0; i < SAGAS_STATEMENT_COUNT; i++)
        sqlite3_finalize(sagas->statements[i]);
}

void sagas_forget(struct sagas *sagas)
{
    ledger_forget(&sagas->ledger);
    window_init(&sagas->window);
    memset(sagas->counts, 0, sizeof sagas->counts);
    sagas->started = 0;
    sagas->totals_changed = false;
}

/* Loading. */

static uint64_t *total_of(struct sagas *sagas, struct bytes name)
{
    if (bytes_equal(name, bytes_text(STARTED)))
        return &sagas->started;
    for (uint32_t state = 1; state < SAGAS_STATES; state++)
        if (bytes_equal(name, bytes_text(states_name(state))))
            return &sagas->counts[state];
    return NULL;
}

static int load_totals(struct sagas *sagas, struct err *err)
{
    sqlite3_stmt *stmt = sagas->statements[SAGAS_TOTALS];
    int rc;
    while ((rc = db_step(sagas->db, stmt, err)) == DB_ROW) {
        uint64_t *total = total_of(sagas, db_bytes(stmt, 0));
        if (total != NULL)
            *total = (uint64_t)db_int(stmt, 1);
    }
    db_reset(stmt);
    return rc;
}

/* Counts in the minute that a finished saga belongs to. */
static void count_finished(struct window *window, const struct saga_row *row)
{
    bool completed = row->state == ZSAGA__SAGA_STATE__COMPLETED;
    window_count(window, completed ? WINDOW_COMPLETED : WINDOW_COMPENSATED, row->finished_ms);
    if (row->started_ms != 0)
        window_time(window, row->finished_ms - row->started_ms, row->finished_ms);
}

struct recent {
    struct window *window;
    int64_t newest_ms; /* Of all stamps seen. */
};

/* From the newest on: what is a minute older would throw it out again. */
static bool recall(void *context, const void *record)
{
    struct recent *recent = context;
    const struct saga_row *row = record;
    if (row->finished_ms > recent->newest_ms)
        recent->newest_ms = row->finished_ms;
    int64_t first_ms = recent->newest_ms - WINDOW_SECONDS * 1000;
    if (row->finished_ms < first_ms)
        return false;
    count_finished(recent->window, row);
    if (row->started_ms >= first_ms)
        window_count(recent->window, WINDOW_STARTED, row->started_ms);
    return true;
}

static int load_window(struct sagas *sagas, struct err *err)
{
    struct recent recent = {.window = &sagas->window};
    for (const struct saga_row *row = ledger_first(&sagas->ledger); row != NULL;
         row = ledger_next(row))
        if (row->changed_ms > recent.newest_ms)
            recent.newest_ms = row->changed_ms;
    int rc = ledger_recent(&sagas->ledger, RECENT_MAX, recall, &recent, err);
    for (const struct saga_row *row = ledger_first(&sagas->ledger); row != NULL;
         row = ledger_next(row))
        if (row->started_ms >= recent.newest_ms - WINDOW_SECONDS * 1000)
            window_count(&sagas->window, WINDOW_STARTED, row->started_ms);
    return rc;
}

int sagas_load(struct sagas *sagas, struct err *err)
{
    int rc = ledger_load(&sagas->ledger, err);
    if (rc == 0)
        rc = load_totals(sagas, err);
    return rc < 0 ? rc : load_window(sagas, err);
}

/* Applying. */

static void count(struct sagas *sagas, uint8_t before, enum saga_row_outcome outcome,
                  const struct saga_row *row)
{
    sagas->totals_changed = true;
    if (before != 0)
        sagas->counts[before]--;
    if (row->state != 0)
        sagas->counts[row->state]++;
    if (outcome == SAGA_ROW_STARTED) {
        sagas->started++;
        window_count(&sagas->window, WINDOW_STARTED, row->started_ms);
    }
    if (outcome == SAGA_ROW_FINISHED)
        count_finished(&sagas->window, row);
}

int sagas_apply(struct sagas *sagas, const struct consumer_event *event, struct err *err)
{
    void *record;
    if (!saga_row_knows(event->type))
        return 0;
    arena_reset(&sagas->arena);
    Zsaga__SagaEvent *saga =
        zsaga__saga_event__unpack(&sagas->arena.allocator, event->payload.len, event->payload.data);
    if (saga == NULL || saga->state == 0 || saga->state >= SAGAS_STATES ||
        event->saga.len != ID_SIZE)
        return SAGAS_MALFORMED;
    int rc = ledger_get(&sagas->ledger, event->saga, &record, err);
    if (rc < 0)
        return rc;
    struct saga_row *row = record;
    uint8_t before = row->state;
    const struct saga_row_event what = {event->type, saga, event->wall_ms, event->seq};
    enum saga_row_outcome outcome = saga_row_apply(row, &sagas->shapes, &what);
    count(sagas, before, outcome, row);
    if (outcome == SAGA_ROW_FINISHED)
        ledger_close(&sagas->ledger, row);
    else
        ledger_touch(&sagas->ledger, row);
    return 0;
}

/* Writing. */

static int put_total(struct sagas *sagas, const char *name, uint64_t value, struct err *err)
{
    sqlite3_stmt *stmt = sagas->statements[SAGAS_PUT_TOTAL];
    db_bind_text(stmt, 1, bytes_text(name));
    db_bind_int(stmt, 2, (int64_t)value);
    return db_run(sagas->db, stmt, err);
}

int sagas_flush(struct sagas *sagas, struct err *err)
{
    int rc = ledger_flush(&sagas->ledger, err);
    if (rc < 0 || !sagas->totals_changed)
        return rc;
    rc = put_total(sagas, STARTED, sagas->started, err);
    for (uint32_t state = 1; rc == 0 && state < SAGAS_STATES; state++)
        rc = put_total(sagas, states_name(state), sagas->counts[state], err);
    sagas->totals_changed = false;
    return rc;
}

int sagas_reset(struct sagas *sagas, struct err *err)
{
    sagas_forget(sagas);
    int rc = ledger_reset(&sagas->ledger, err);
    return rc < 0 ? rc : db_run(sagas->db, sagas->statements[SAGAS_CLEAR_TOTALS], err);
}

/* Showing. */

int sagas_page(struct sagas *sagas, struct bytes after, struct export_page *page,
               struct buffer *ret_next, struct err *err)
{
    return ledger_page(&sagas->ledger, after, page, saga_record_show, ret_next, err);
}

static void show_total(const char *name, uint64_t value, struct export_page *page)
{
    struct fields fields = {0};
    fields_text(&fields, name);
    fields_number(&fields, value);
    fields_to_page(&fields, page);
}

void sagas_show_totals(const struct sagas *sagas, struct export_page *page)
{
    for (uint32_t state = 1; state < SAGAS_STATES; state++)
        show_total(states_name(state), sagas->counts[state], page);
    show_total(STARTED, sagas->started, page);
}
