/* Queries: find, list, show, status. Final sagas from the journal, the others from memory. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"

#define FIND_KEYS_MAX 1000
#define LIST_ROWS_MAX 500     /* In one page. */
#define LIST_SCAN_MAX 5000    /* Rows looked at for one page: bounds a turn of the loop. */
#define HISTORY_ROWS_MAX 1000 /* The newest are left out: an answer must fit its frame. */

Zsaga__ClientAnswer *client_answer(struct orchestrator *self, struct work *work,
                                   Zsaga__ClientAnswer__KindCase kind)
{
    Zsaga__ClientAnswer init = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__ClientAnswer *answer = orchestrator_keep(self, &init, sizeof init);
    answer->id = work->request->id;
    answer->kind_case = kind;
    work->reply = &answer->base;
    return answer;
}

int client_refuse(struct orchestrator *self, struct work *work, const char *code,
                  const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    Zsaga__Refusal refusal = ZSAGA__REFUSAL__INIT;
    refusal.code = orchestrator_keep_bytes(self, bytes_text(code));
    refusal.message = orchestrator_keep_bytes(self, bytes_text(words));
    Zsaga__ClientAnswer *answer = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    answer->refusal = orchestrator_keep(self, &refusal, sizeof refusal);
    return 0;
}

Zsaga__SagaState client_state(enum saga_state state)
{
    static const Zsaga__SagaState states[SAGA_STATE_COUNT] = {
        [SAGA_RUNNING] = ZSAGA__SAGA_STATE__RUNNING,
        [SAGA_COMPENSATING] = ZSAGA__SAGA_STATE__COMPENSATING,
        [SAGA_COMPLETED] = ZSAGA__SAGA_STATE__COMPLETED,
        [SAGA_COMPENSATED] = ZSAGA__SAGA_STATE__COMPENSATED,
        [SAGA_ATTENTION] = ZSAGA__SAGA_STATE__ATTENTION,
    };
    return states[state];
}

/* A row's saga in memory; NULL once it is final. */
static struct active *active_of(struct orchestrator *self, const struct journal_saga *row)
{
    return row->final ? NULL : active_map_find(&self->active, &row->id);
}

static int find_one(struct orchestrator *self, const struct work *work, struct bytes key,
                    Zsaga__Brief *brief, struct err *err)
{
    struct journal_saga row;
    bool found = false;
    int rc = journal_find(self->journal, key, &row, &found, err);
    zsaga__brief__init(brief);
    brief->key = packed_borrow(key);
    if (rc < 0 || !found)
        return rc;
    struct active *active = active_of(self, &row);
    if (active == NULL) {
        brief->state = client_state(row.state);
        brief->reason = orchestrator_keep_bytes(self, row.reason);
        return 0;
    }
    brief->state = client_state(active->saga.state);
    brief->reason = orchestrator_keep_bytes(self, bytes_text(active->saga.reason));
    if (work->request->find->watch)
        intake_watch(active, &self->frames[work->frame].from);
    return 0;
}

int queries_find(struct orchestrator *self, struct work *work, struct err *err)
{
    const Zsaga__Find *find = work->request->find;
    if (find->n_keys > FIND_KEYS_MAX)
        return client_refuse(self, work, "malformed", "find asks for at most %d keys",
                             FIND_KEYS_MAX);
    for (size_t i = 0; i < find->n_keys; i++)
        if (!text_is_name(packed_view(find->keys[i])))
            return client_refuse(self, work, "malformed",
                                 "a key must be 1 to 64 bytes of UTF-8 without control characters");
    Zsaga__Found found = ZSAGA__FOUND__INIT;
    Zsaga__Brief *briefs = orchestrator_keep(self, NULL, find->n_keys * sizeof *briefs);
    found.sagas = orchestrator_keep(self, NULL, find->n_keys * sizeof *found.sagas);
    found.n_sagas = find->n_keys;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < find->n_keys; i++) {
        found.sagas[i] = &briefs[i];
        rc = find_one(self, work, packed_view(find->keys[i]), &briefs[i], err);
    }
    Zsaga__ClientAnswer *answer = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_FOUND);
    answer->found = orchestrator_keep(self, &found, sizeof found);
    return rc;
}

/* Running time of a wake-up, told as wall time. */
static uint64_t wall_of(const struct orchestrator *self, int64_t at_ms)
{
    int64_t wall = self->wall_ms + at_ms - self->now_ms;
    return wall < 0 ? 0 : (uint64_t)wall;
}

static void fill_from_memory(struct orchestrator *self, const struct active *active,
                             Zsaga__SagaRow *row)
{
    const struct saga *saga = &active->saga;
    row->state = client_state(saga->state);
    row->reason = orchestrator_keep_bytes(self, bytes_text(saga->reason));
    const struct definition_step *step = &active->definition->steps[saga->cursor];
    row->step = orchestrator_keep_bytes(self, bytes_text(step->name));
    if (saga->state != SAGA_ATTENTION)
        row->waiting_on = orchestrator_keep_bytes(self, bytes_text(step->participant));
    const struct saga_step_state *state = &saga->steps[saga->cursor];
    row->attempts = (saga_is_undoing(saga) ? state->undo_retries : state->retries) + 1U;
    if (saga->error_code[0] != '\0') {
        char words[TEXT_NAME_MAX + SAGA_WORDS_MAX + 4];
        (void)snprintf(words, sizeof words, "%s%s%s", saga->error_code,
                       saga->error_words[0] == '\0' ? "" : ": ", saga->error_words);
        row->last_error = orchestrator_keep_bytes(self, bytes_text(words));
    }
    if (active->timer.place != HEAP_NOWHERE)
        row->next_wake_ms = wall_of(self, active->timer.at_ms);
}

static void fill_row(struct orchestrator *self, const struct journal_saga *from,
                     Zsaga__SagaRow *row)
{
    zsaga__saga_row__init(row);
    row->id = orchestrator_keep_bytes(self, id_view(&from->id));
    row->key = orchestrator_keep_bytes(self, from->key);
    row->created_ms = (uint64_t)from->created_ms;
    const struct stored_definition *stored = load_find_definition(self, from->definition);
    if (stored != NULL)
        row->definition = orchestrator_keep_bytes(self, bytes_text(stored->definition->name));
    const struct active *active = active_of(self, from);
    if (active != NULL) {
        fill_from_memory(self, active, row);
        return;
    }
    row->state = client_state(from->state);
    row->reason = orchestrator_keep_bytes(self, from->reason);
    row->finished_ms = (uint64_t)from->finished_ms;
}

/* A page of `list` in the making. */
struct listing {
    struct orchestrator *self;
    unsigned states; /* From wanted_states(). */
    Zsaga__Listed listed;
    size_t limit;
    size_t scanned;
    struct id last;
    bool full;
};

/* One bit a state; all when none was asked for. */
static unsigned wanted_states(const Zsaga__List *list)
{
    unsigned mask = 0;
    for (size_t i = 0; i < list->n_states; i++)
        if (list->states[i] > 0 && list->states[i] <= ZSAGA__SAGA_STATE__ATTENTION)
            mask |= 1U << list->states[i];
    return list->n_states == 0 ? ~0U : mask;
}

static int list_one(void *context, const struct journal_saga *from, struct err *err)
{
    struct listing *listing = context;
    struct orchestrator *self = listing->self;
    (void)err;
    if (listing->full)
        return 0;
    listing->scanned++;
    listing->last = from->id;
    const struct active *active = active_of(self, from);
    Zsaga__SagaState state = client_state(active == NULL ? from->state : active->saga.state);
    if ((listing->states & 1U << state) == 0)
        return 0;
    Zsaga__SagaRow *row = orchestrator_keep(self, NULL, sizeof *row);
    fill_row(self, from, row);
    listing->listed.rows[listing->listed.n_rows++] = row;
    listing->full = listing->listed.n_rows == listing->limit;
    return 0;
}

int queries_list(struct orchestrator *self, struct work *work, struct err *err)
{
    const Zsaga__List *wanted = work->request->list;
    struct id before = {0};
    if (wanted->before.len != 0 && !id_from_bytes(packed_view(wanted->before), &before))
        return client_refuse(self, work, "malformed", "list.before must be a saga's id");
    struct listing listing = {
        .self = self, .states = wanted_states(wanted), .limit = LIST_ROWS_MAX};
    if (wanted->limit != 0 && wanted->limit < LIST_ROWS_MAX)
        listing.limit = wanted->limit;
    zsaga__listed__init(&listing.listed);
    listing.listed.rows =
        orchestrator_keep(self, NULL, LIST_ROWS_MAX * sizeof *listing.listed.rows);
    int64_t scan = wanted->n_states == 0 ? (int64_t)listing.limit : LIST_SCAN_MAX;
    int rc = journal_each_before(self->journal, &before, scan, list_one, &listing, err);
    if (rc < 0)
        return rc;
    if (listing.full || (int64_t)listing.scanned == scan)
        listing.listed.next = orchestrator_keep_bytes(self, id_view(&listing.last));
    Zsaga__ClientAnswer *answer = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_LISTED);
    answer->listed = orchestrator_keep(self, &listing.listed, sizeof listing.listed);
    return 0;
}

/* What `show` folds once more from the history, for final sagas as for running ones. */
struct showing {
    struct orchestrator *self;
    const struct definition *definition;
    struct saga saga;
    Zsaga__Shown shown;
    char step_errors[DEFINITION_STEPS_MAX][TEXT_NAME_MAX + SAGA_WORDS_MAX + 4];
    char step_reasons[DEFINITION_STEPS_MAX][TEXT_NAME_MAX + 1];
    int64_t last_at_ms;
};

static void add_history(struct showing *showing, int64_t at_ms, const char *what, const char *step,
                        const char *detail)
{
    struct orchestrator *self = showing->self;
    if (showing->shown.n_history == HISTORY_ROWS_MAX)
        return;
    Zsaga__HistoryRow *row = orchestrator_keep(self, NULL, sizeof *row);
    zsaga__history_row__init(row);
    row->at_ms = (uint64_t)at_ms;
    row->what = orchestrator_keep_bytes(self, bytes_text(what));
    row->step = orchestrator_keep_bytes(self, bytes_text(step));
    row->detail = orchestrator_keep_bytes(self, bytes_text(detail));
    showing->shown.history[showing->shown.n_history++] = row;
}

static void describe(const struct saga_record *record, char *text, size_t size)
{
    char code[TEXT_NAME_MAX + 1];
    char words[SAGA_WORDS_MAX + 1];
    bytes_copy_text(record->code, code, sizeof code);
    bytes_copy_text(record->words, words, sizeof words);
    const char *between = code[0] == '\0' || words[0] == '\0' ? "" : ": ";
    if (record->what == WHAT_TROUBLE && code[0] == '\0')
        (void)snprintf(text, size, "no answer (patience used: %lld ms)",
                       (long long)record->used_ms);
    else if (record->what == WHAT_TROUBLE)
        (void)snprintf(text, size, "%s%s%s (answers of retry: %u, patience used: %lld ms)", code,
                       between, words, record->retries, (long long)record->used_ms);
    else if (record->what == WHAT_RESUMED)
        (void)snprintf(text, size, "by %s: %s", code, words);
    else
        (void)snprintf(text, size, "%s%s%s", code, between, words);
}

static const char *what_name(const struct saga_record *record)
{
    if (record->what == WHAT_TROUBLE)
        return record->pending ? "pending" : record->undo ? "undo_waiting" : "waiting";
    return saga_what_name(record->what);
}

static int show_record(void *context, int64_t at_ms, const struct saga_record *record,
                       struct err *err)
{
    struct showing *showing = context;
    if (!saga_can_apply(&showing->saga, showing->definition, record))
        return err_set(err, ERR_CORRUPT, "a saga's history is damaged");
    const char *step = showing->definition->steps[record->step].name;
    char detail[TEXT_NAME_MAX + SAGA_WORDS_MAX + 96];
    describe(record, detail, sizeof detail);
    bool of_saga = record->what == WHAT_RESUMED;
    add_history(showing, at_ms, what_name(record), of_saga ? "" : step, detail);
    if (record->what == WHAT_REJECTED || record->what == WHAT_GAVE_UP)
        bytes_copy_text(record->code, showing->step_reasons[record->step],
                        sizeof showing->step_reasons[0]);
    if (record->what == WHAT_DONE)
        showing->step_reasons[record->step][0] = '\0'; /* Refused before, and then mended. */
    if (record->what == WHAT_TROUBLE || record->what == WHAT_ATTENTION)
        (void)snprintf(showing->step_errors[record->step], sizeof showing->step_errors[0], "%s",
                       detail);
    enum saga_state before = showing->saga.state;
    saga_apply(&showing->saga, showing->definition, record);
    if (before != showing->saga.state && showing->saga.state != SAGA_ATTENTION)
        add_history(showing, at_ms, saga_state_name(showing->saga.state), "", "");
    showing->last_at_ms = at_ms;
    return 0;
}

static const char *forward_name(uint8_t forward)
{
    static const char *const names[] = {
        [FORWARD_IDLE] = "idle",         [FORWARD_OPEN] = "out",          [FORWARD_DONE] = "done",
        [FORWARD_REJECTED] = "rejected", [FORWARD_GIVEN_UP] = "given_up",
    };
    return names[forward];
}

static const char *undo_name(uint8_t undo)
{
    static const char *const names[] = {
        [UNDO_NONE] = "none", [UNDO_OPEN] = "out", [UNDO_DONE] = "done"};
    return names[undo];
}

static void add_steps(struct showing *showing)
{
    struct orchestrator *self = showing->self;
    const struct saga *saga = &showing->saga;
    bool rests = saga_is_final(saga);
    for (size_t i = 0; i < showing->definition->step_count; i++) {
        const struct definition_step *step = &showing->definition->steps[i];
        const struct saga_step_state *state = &saga->steps[i];
        bool here = !rests && i == saga->cursor;
        Zsaga__StepRow *row = orchestrator_keep(self, NULL, sizeof *row);
        zsaga__step_row__init(row);
        row->name = orchestrator_keep_bytes(self, bytes_text(step->name));
        row->participant = orchestrator_keep_bytes(self, bytes_text(step->participant));
        row->kind = orchestrator_keep_bytes(self, bytes_text(definition_kind_name(step->kind)));
        row->state = orchestrator_keep_bytes(self, bytes_text(forward_name(state->forward)));
        row->undo_state = orchestrator_keep_bytes(self, bytes_text(undo_name(state->undo)));
        row->attempts = state->forward == FORWARD_IDLE ? 0 : state->retries + 1;
        row->undo_attempts = state->undo == UNDO_NONE ? 0 : state->undo_retries + 1;
        if (here && saga->error_code[0] != '\0')
            row->last_error = orchestrator_keep_bytes(self, bytes_text(showing->step_errors[i]));
        row->reason = orchestrator_keep_bytes(self, bytes_text(showing->step_reasons[i]));
        showing->shown.steps[showing->shown.n_steps++] = row;
    }
}

static int show_saga(struct orchestrator *self, struct work *work, struct journal_saga *from,
                     struct showing *showing, struct err *err)
{
    const struct stored_definition *stored = load_find_definition(self, from->definition);
    if (stored == NULL)
        return err_set(err, ERR_CORRUPT, "a saga's definition is missing");
    showing->self = self;
    showing->definition = stored->definition;
    zsaga__shown__init(&showing->shown);
    showing->shown.row = orchestrator_keep(self, NULL, sizeof *showing->shown.row);
    showing->shown.steps = orchestrator_keep(self, NULL, DEFINITION_STEPS_MAX * sizeof(void *));
    showing->shown.history = orchestrator_keep(self, NULL, HISTORY_ROWS_MAX * sizeof(void *));
    fill_row(self, from, showing->shown.row);
    saga_init(&showing->saga, &from->id);
    const struct saga_record accepted = {.number = 1, .what = WHAT_ACCEPTED};
    saga_apply(&showing->saga, showing->definition, &accepted);
    add_history(showing, from->created_ms, "accepted", "", "");
    int rc = journal_each_record(self->journal, &showing->saga.id, show_record, showing, err);
    if (rc < 0)
        return rc;
    add_steps(showing);
    Zsaga__ClientAnswer *answer = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_SHOWN);
    answer->shown = orchestrator_keep(self, &showing->shown, sizeof showing->shown);
    return 0;
}

int queries_show(struct orchestrator *self, struct work *work, struct err *err)
{
    struct journal_saga row;
    bool found = false;
    int rc = journal_find(self->journal, packed_view(work->request->show->key), &row, &found, err);
    if (rc < 0)
        return rc;
    if (!found)
        return client_refuse(self, work, "not_found", "there is no saga with this key");
    struct showing *showing = orchestrator_keep(self, NULL, sizeof *showing);
    rc = show_saga(self, work, &row, showing, err);
    return rc < 0 ? journal_blame(&row, rc, err) : 0;
}

static void add_channels(struct orchestrator *self, Zsaga__StatusReport *report)
{
    report->channels =
        orchestrator_keep(self, NULL, self->channel_count * sizeof *report->channels);
    for (size_t i = 0; i < self->channel_count; i++) {
        const struct channel *from = &self->channels[i];
        Zsaga__Channel *channel = orchestrator_keep(self, NULL, sizeof *channel);
        zsaga__channel__init(channel);
        channel->participant = orchestrator_keep_bytes(self, bytes_text(from->name));
        channel->state = orchestrator_keep_bytes(self, bytes_text(channel_state_name(from)));
        channel->window = from->window;
        channel->in_flight = (uint32_t)from->lists[PLACE_IN_FLIGHT].count;
        channel->waiting = channel_waiting(from);
        channel->detail = orchestrator_keep_bytes(self, bytes_text(from->detail));
        report->channels[report->n_channels++] = channel;
        report->ready = report->ready && (from->absent || from->state == CHANNEL_UP);
    }
}

static void add_counts(struct orchestrator *self, Zsaga__StatusReport *report)
{
    uint64_t counts[SAGA_STATE_COUNT];
    memcpy(counts, self->state_counts, sizeof counts);
    const struct active *oldest = NULL;
    for (size_t i = 0; i < self->active.slot_count; i++)
        for (const struct active *active = self->active.slots[i]; active != NULL;
             active = active->chain) {
            if (active->finished)
                continue;
            counts[active->saga.state]++;
            if (oldest == NULL || id_compare(&active->saga.id, &oldest->saga.id) < 0)
                oldest = active;
        }
    report->sagas = orchestrator_keep(self, NULL, SAGA_STATE_COUNT * sizeof *report->sagas);
    for (int state = 0; state < SAGA_STATE_COUNT; state++) {
        Zsaga__StateCount *count = orchestrator_keep(self, NULL, sizeof *count);
        zsaga__state_count__init(count);
        count->state = client_state((enum saga_state)state);
        count->count = counts[state];
        report->sagas[report->n_sagas++] = count;
    }
    if (oldest == NULL)
        return;
    report->oldest_key = orchestrator_keep_bytes(self, bytes_of(oldest->key, oldest->key_len));
    report->oldest_created_ms = (uint64_t)oldest->created_ms;
}

int queries_status(struct orchestrator *self, struct work *work, struct err *err)
{
    (void)err;
    Zsaga__StatusReport report = ZSAGA__STATUS_REPORT__INIT;
    report.ready = true;
    add_channels(self, &report);
    add_counts(self, &report);
    report.stalled = orchestrator_stalled(&self->node);
    Zsaga__ClientAnswer *answer = client_answer(self, work, ZSAGA__CLIENT_ANSWER__KIND_STATUS);
    answer->status = orchestrator_keep(self, &report, sizeof report);
    return 0;
}
