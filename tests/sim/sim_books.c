/* The books of each process at the end of a run: its log, its stock, its counters. */
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"
#include "sim_parts.h"
#include "sim_rows.h"

/* What an event tells, to be found once only. */
struct told {
    uint8_t causation[ID_SIZE + 2];
    bool refusal;
    bool undo;
    bool waits;
};

struct log {
    struct told *events;
    size_t count;
    size_t capacity;
    int64_t did;
    int64_t undid;
    int64_t refused;
};

static void note_toys(struct sim *sim, void *context, const Zsaga__Event *event)
{
    struct log *log = context;
    struct told told = {0};
    struct bytes type = packed_view(event->type);
    told.refusal = bytes_equal(type, bytes_text("refused"));
    told.undo = bytes_equal(type, bytes_text("undid"));
    told.waits = bytes_equal(type, bytes_text("waits"));
    if (event->causation.len != sizeof told.causation || event->id.len != ID_SIZE)
        sim_fail(sim, "I15", "an event without its cause");
    memcpy(told.causation, event->causation.data, sizeof told.causation);
    /* Which direction asked does not matter: undoing may find the action's outcome. */
    told.causation[ID_SIZE + 1] = 0;
    for (size_t i = 0; i < log->count; i++)
        if (memcmp(&log->events[i], &told, sizeof told) == 0)
            sim_fail(sim, "I15", "step %d: %.*s is told twice", told.causation[ID_SIZE],
                     (int)type.len, (const char *)type.data);
    log->events = xgrow(log->events, &log->capacity, log->count + 1, sizeof *log->events);
    log->events[log->count++] = told;
    log->refused += told.refusal;
    log->undid += told.undo;
    log->did += bytes_equal(type, bytes_text("did"));
}

typedef void (*note_event)(struct sim *sim, void *context, const Zsaga__Event *event);

static void note_batch(struct sim *sim, struct bytes packed, int64_t count, note_event note,
                       void *context)
{
    Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, packed.len, packed.data);
    if (batch == NULL || (int64_t)batch->n_events != count)
        sim_fail(sim, "I16", "a row of the log is damaged");
    for (size_t i = 0; i < batch->n_events; i++)
        note(sim, context, batch->events[i]);
    zsaga__event_batch__free_unpacked(batch, NULL);
}

/* I16: numbers without a gap, up to the head. */
static void read_log(struct sim *sim, uint8_t place, note_event note, void *context)
{
    int64_t next = 1;
    struct sim_rows rows = sim_rows(
        sim, place,
        place == SIM_ORCHESTRATOR ? "SELECT first_seq, count, events FROM zsaga_outbox ORDER BY 1"
                                  : "SELECT first_seq, count, events FROM toy_told ORDER BY 1");
    while (sim_rows_next(&rows)) {
        if (sim_rows_int(&rows, 0) != next)
            sim_fail(sim, "I16", "%s: the log has a gap at %lld", sim->hosts[place].name,
                     (long long)next);
        note_batch(sim, sim_rows_bytes(&rows, 2), sim_rows_int(&rows, 1), note, context);
        next += sim_rows_int(&rows, 1);
    }
    sim_rows_end(&rows);
    if (sim_rows_one(sim, place, "SELECT value FROM zsaga_counter WHERE name = 'outbox_head'") !=
        next - 1)
        sim_fail(sim, "I16", "%s: the head is not the end of the log", sim->hosts[place].name);
}

/* I15: an event for each effect and each refusal, and none besides. */
static void check_log(struct sim *sim, uint8_t place)
{
    struct log log = {0};
    read_log(sim, place, note_toys, &log);
    int64_t did = sim_rows_one(sim, place, "SELECT count(*) FROM toy_log WHERE undo = 0");
    int64_t undid = sim_rows_one(sim, place, "SELECT count(*) FROM toy_log WHERE undo = 1");
    int64_t refused =
        sim_rows_one(sim, place, "SELECT count(*) FROM zsaga_inbox WHERE forward = 2");
    free(log.events);
    if (log.did != did || log.undid != undid || log.refused != refused)
        sim_fail(sim, "I15",
                 "%s tells %lld, %lld, %lld events of %lld effects, %lld undone, %lld"
                 " refusals",
                 sim->hosts[place].name, (long long)log.did, (long long)log.undid,
                 (long long)log.refused, (long long)did, (long long)undid, (long long)refused);
}

static void check_toy(struct sim *sim, uint8_t place)
{
    check_log(sim, place);
    if (sim_rows_one(sim, place, "SELECT free + taken FROM toy_stock") != SIM_STOCK ||
        sim_rows_one(sim, place,
                     "SELECT taken - (SELECT coalesce(sum(1 - 2 * undo), 0) FROM toy_log)"
                     " FROM toy_stock") != 0)
        sim_fail(sim, "I13", "%s: the stock does not add up", sim->hosts[place].name);
    struct sim_rows rows = sim_rows(sim, place, "SELECT DISTINCT saga FROM zsaga_inbox");
    while (sim_rows_next(&rows)) {
        struct id id;
        if (!id_from_bytes(sim_rows_bytes(&rows, 0), &id) || sim_find_saga(sim, &id) == NULL)
            sim_fail(sim, "I2", "%s knows a saga that nobody submitted", sim->hosts[place].name);
    }
    sim_rows_end(&rows);
}

/* What an orchestrator tells, and how often it must have, by its journal. */
static const struct {
    const char *type;
    const char *sql;
} saga_kinds[] = {
    {"SagaAccepted", "SELECT count(*) FROM zsaga_saga"},
    {"StepDone", "SELECT count(*) FROM zsaga_history WHERE what = 2"},
    {"StepRejected", "SELECT count(*) FROM zsaga_history WHERE what = 3"},
    {"StepGivenUp", "SELECT count(*) FROM zsaga_history WHERE what = 4"},
    {"StepUndone", "SELECT count(*) FROM zsaga_history WHERE what = 5"},
    {"SagaAttention", "SELECT count(*) FROM zsaga_history WHERE what = 7"},
    {"SagaResumed", "SELECT count(*) FROM zsaga_history WHERE what = 8"},
    {"SagaCompleted", "SELECT count(*) FROM zsaga_saga WHERE state = 3"},
    {"SagaCompensated", "SELECT count(*) FROM zsaga_saga WHERE state = 4"},
};
#define SAGA_KINDS (sizeof saga_kinds / sizeof saga_kinds[0])

struct saga_log {
    int64_t counts[SAGA_KINDS];
    struct id last;
};

static void note_sagas(struct sim *sim, void *context, const Zsaga__Event *event)
{
    struct saga_log *log = context;
    struct id id;
    if (!id_from_bytes(packed_view(event->id), &id) || id_compare(&id, &log->last) <= 0)
        sim_fail(sim, "I15", "the ids of the orchestrator's events do not ascend");
    log->last = id;
    for (size_t i = 0; i < SAGA_KINDS; i++)
        log->counts[i] += bytes_equal(packed_view(event->type), bytes_text(saga_kinds[i].type));
}

/* I15: an event for each record and each end, and none besides. */
static void check_saga_log(struct sim *sim)
{
    struct saga_log log = {0};
    read_log(sim, SIM_ORCHESTRATOR, note_sagas, &log);
    for (size_t i = 0; i < SAGA_KINDS; i++) {
        int64_t expected = sim_rows_one(sim, SIM_ORCHESTRATOR, saga_kinds[i].sql);
        if (log.counts[i] != expected)
            sim_fail(sim, "I15", "%s is told %lld times, and happened %lld times",
                     saga_kinds[i].type, (long long)log.counts[i], (long long)expected);
    }
}

static void check_orchestrator(struct sim *sim)
{
    check_saga_log(sim);
    if (sim_rows_one(sim, SIM_ORCHESTRATOR, "SELECT count(*) FROM zsaga_saga") !=
        (int64_t)sim->saga_count)
        sim_fail(sim, "I2", "there are more sagas than were submitted");
    static const char off[] =
        "SELECT count(*) FROM zsaga_counter WHERE (name = 'saga_completed' AND value <>"
        " (SELECT count(*) FROM zsaga_saga WHERE state = 3)) OR (name = 'saga_compensated' AND"
        " value <> (SELECT count(*) FROM zsaga_saga WHERE state = 4))";
    if (sim_rows_one(sim, SIM_ORCHESTRATOR, off) != 0)
        sim_fail(sim, "I7", "the counters of final sagas are off");
}

void sim_check_books(struct sim *sim)
{
    check_orchestrator(sim);
    for (size_t i = 0; i < sim->host_count; i++) {
        uint8_t place = (uint8_t)i;
        if (place != SIM_ORCHESTRATOR && !sim_is_reader(sim, place))
            check_toy(sim, place);
        if (sim_rows_one(sim, place,
                         "SELECT count(*) FROM pragma_integrity_check"
                         " WHERE integrity_check = 'ok'") != 1)
            sim_fail(sim, "I22", "%s: the database is damaged", sim->hosts[place].name);
    }
}
