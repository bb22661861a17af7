/* All sagas of an orchestrator's log: their rows, how many are in each state, the last minute. */
#ifndef ZSAGA_OBSERVER_SAGAS_H
#define ZSAGA_OBSERVER_SAGAS_H

#include "consumer.h"
#include "ledger.h"
#include "saga_row.h"
#include "window.h"
#include "wire/arena.h"

#define SAGAS_STATES 6 /* Values of SagaState. */

enum sagas_statement { SAGAS_PUT_TOTAL, SAGAS_TOTALS, SAGAS_CLEAR_TOTALS, SAGAS_STATEMENT_COUNT };

struct sagas {
    struct db *db;
    struct ledger ledger; /* Of struct saga_row. */
    struct shapes shapes;
    struct window window;
    uint64_t counts[SAGAS_STATES]; /* Ever seen, by the state they are in. */
    uint64_t started;              /* Ever seen to start. */
    bool totals_changed;
    struct arena arena; /* Of the event being applied. */
    sqlite3_stmt *statements[SAGAS_STATEMENT_COUNT];
};

extern const char sagas_schema[];

/* `keep`: finished sagas whose rows stay. */
int sagas_open(struct sagas *sagas, struct db *db, uint64_t keep, struct err *err);
void sagas_release(struct sagas *sagas); /* Also after a failed open. */
int sagas_load(struct sagas *sagas, struct err *err);
void sagas_forget(struct sagas *sagas);

/* SAGAS_MALFORMED: it tells of a saga in a way nobody understands, and changes nothing. */
enum { SAGAS_MALFORMED = 1 };
int sagas_apply(struct sagas *sagas, const struct consumer_event *event, struct err *err);
int sagas_flush(struct sagas *sagas, struct err *err);
int sagas_reset(struct sagas *sagas, struct err *err);

/* For the owner plane. */
int sagas_page(struct sagas *sagas, struct bytes after, struct export_page *page,
               struct buffer *ret_next, struct err *err);
void sagas_show_totals(const struct sagas *sagas, struct export_page *page);

#endif
