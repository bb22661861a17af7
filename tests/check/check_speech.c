/* What clients are told and what publishers tell. I1, I4, I10, I15, I16. */
#include "check_log.h"
#include "check_peek.h"
#include "check_wire.h"
#include "check_words.h"

/* An answer may be older than the end that was committed with it; no end is told before it is. */
static bool agrees(int told, int64_t row)
{
    bool final = told == CHECK_COMPLETED || told == CHECK_COMPENSATED;
    return !final || row == told;
}

/* I1: what is told of a saga is committed. */
static void check_state(struct checker *checker, size_t place, int state, int64_t row)
{
    struct saga *saga = &checker->sagas[place];
    saga->known = true;
    check_did(checker, I1);
    if (row >= 0 && !agrees(state, row))
        check_find(checker, I1, check_name(checker, saga),
                   "is told as %s, and that is not committed: %lld",
                   check_states[(unsigned)state % CHECK_STATE_COUNT], (long long)row);
    check_told(checker, place, state);
    check_settled(checker, place);
}

static void note_submitted(struct checker *checker, const struct heard *heard,
                           const Zsaga__Submitted *submitted)
{
    struct query row;
    int64_t state = -1;
    if (submitted->verdict == ZSAGA__VERDICT__BUSY)
        return;
    if (submitted->saga.len != CHECK_ID_SIZE) {
        check_find(checker, PROTOCOL, heard->frame->from, "a verdict does not tell the saga");
        return;
    }
    size_t place = check_saga(checker, submitted->saga.data);
    if (check_peek(checker, heard->from, PEEK_SAGA, &row)) {
        check_bind(&row, 1, check_packed(submitted->saga));
        bool stored = check_next(&row);
        state = stored ? check_int(&row, 1) : -1;
        check_done(&row);
        check_identify(checker, heard->from, place);
        if (!stored)
            check_find(checker, I1, check_name(checker, &checker->sagas[place]),
                       "is told as accepted, and is not stored");
    }
    check_state(checker, place, (int)submitted->state, state);
}

static void note_brief(struct checker *checker, const struct heard *heard,
                       const Zsaga__Brief *brief)
{
    struct query row;
    size_t place = NOBODY;
    int64_t state = -1;
    bool unknown = brief->state == ZSAGA__SAGA_STATE__STATE_UNKNOWN;
    if (!check_peek(checker, heard->from, PEEK_KEY, &row))
        return;
    check_bind(&row, 1, check_packed(brief->key));
    check_did(checker, I1);
    if (check_next(&row) && check_bytes_at(&row, 0).len == CHECK_ID_SIZE) {
        place = check_saga(checker, check_bytes_at(&row, 0).data);
        state = check_int(&row, 1);
    }
    check_done(&row);
    if (unknown != (place == NOBODY))
        check_find(checker, I1, heard->frame->from, "%.*s is told as %s, and it is not so",
                   (int)brief->key.len, (const char *)brief->key.data,
                   unknown ? "unknown" : "known");
    else if (!unknown)
        check_state(checker, place, (int)brief->state, state);
}

void check_heard_client(struct checker *checker, const struct heard *heard,
                        const Zsaga__ClientAnswer *answer)
{
    if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED)
        note_submitted(checker, heard, answer->submitted);
    else if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_FOUND)
        for (size_t i = 0; i < answer->found->n_sagas; i++)
            note_brief(checker, heard, answer->found->sagas[i]);
}

/* A saga's end is told: by then nothing of it is open. */
static void note_events(struct checker *checker, const struct heard *heard,
                        ProtobufCBinaryData packed)
{
    const Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(&checker->allocator, packed.len, packed.data);
    if (batch == NULL) {
        check_find(checker, I16, heard->frame->from, "tells events that do not decode");
        return;
    }
    for (size_t i = 0; i < batch->n_events; i++) {
        const Zsaga__Event *event = batch->events[i];
        int end = check_end_of(check_packed(event->type));
        if (end == 0 || event->saga.len != CHECK_ID_SIZE)
            continue;
        size_t place = check_saga(checker, event->saga.data);
        check_told(checker, place, end);
        check_settled(checker, place);
    }
}

/* I16: all who read a row read the same, and it is committed. True: it was not told before. */
static bool note_row(struct checker *checker, const struct heard *heard, const Zsaga__LogRow *row)
{
    const struct process *process = &checker->processes[heard->from];
    struct check_bytes events = check_packed(row->events);
    const struct log_row told = {row->count, check_row_digest(events)};
    const struct check_bytes first = {&row->first, sizeof row->first};
    struct log *log = &checker->logs[heard->log];
    struct query stored;
    check_did(checker, I16);
    size_t place = check_map_find(&log->rows, first);
    bool fresh = place == CHECK_NOWHERE;
    if (!fresh && (log->told[place].count != told.count || log->told[place].digest != told.digest))
        check_find(checker, I16, process->name, "the row at %llu is told twice, and differs",
                   (unsigned long long)row->first);
    if (fresh) {
        log->told = check_grow(log->told, &log->told_capacity, log->told_count + 1, sizeof told);
        check_map_add(&log->rows, first, log->told_count);
        log->told[log->told_count++] = told;
    }
    if (row->first + row->count - 1 > log->head)
        log->head = row->first + row->count - 1;
    check_did(checker, I15);
    if (!check_peek(checker, heard->from, PEEK_ROW, &stored))
        return fresh;
    check_bind_int(&stored, 1, (int64_t)row->first);
    if (!check_next(&stored) || (uint64_t)check_int(&stored, 0) != row->count ||
        !check_equal(check_bytes_at(&stored, 1), events))
        check_find(checker, I16, process->name, "tells a row at %llu that it has not committed",
                   (unsigned long long)row->first);
    check_done(&stored);
    return fresh;
}

static void note_range(struct checker *checker, const struct heard *heard,
                       const Zsaga__LogRange *range)
{
    const struct process *process = &checker->processes[heard->from];
    struct log *log = &checker->logs[heard->log];
    struct query row;
    check_did(checker, I16);
    if (heard->fresh && !process->restored && range->head < log->head)
        check_find(checker, I16, process->name, "its log goes back from %llu to %llu",
                   (unsigned long long)log->head, (unsigned long long)range->head);
    if (range->head > log->head)
        log->head = range->head;
    if (!check_peek(checker, heard->from, PEEK_EXTENT, &row))
        return;
    if (!check_next(&row) || (uint64_t)check_int(&row, 0) != range->head ||
        (uint64_t)check_int(&row, 1) != range->tail)
        check_find(checker, I16, process->name, "tells %llu to %llu, which is not committed",
                   (unsigned long long)range->tail, (unsigned long long)range->head);
    check_done(&row);
}

void check_heard_event(struct checker *checker, const struct heard *heard,
                       const Zsaga__Publication *publication)
{
    const struct process *process = &checker->processes[heard->from];
    if (heard->log == NOBODY) {
        check_find(checker, PROTOCOL, heard->frame->from, "tells events of no database");
        return;
    }
    if (publication->kind_case == ZSAGA__PUBLICATION__KIND_RANGE)
        note_range(checker, heard, publication->range);
    else if (publication->kind_case == ZSAGA__PUBLICATION__KIND_ROW &&
             note_row(checker, heard, publication->row) && process->epoch != 0)
        note_events(checker, heard, publication->row->events);
}

static void note_fetched(struct checker *checker, const struct heard *heard,
                         const Zsaga__Fetched *fetched)
{
    for (size_t i = 0; i < fetched->n_rows; i++) {
        (void)note_row(checker, heard, fetched->rows[i]);
        if (i > 0 &&
            fetched->rows[i]->first != fetched->rows[i - 1]->first + fetched->rows[i - 1]->count)
            check_find(checker, I16, heard->frame->from, "a fetch is answered with a gap at %llu",
                       (unsigned long long)fetched->rows[i]->first);
    }
    if (fetched->range != NULL)
        note_range(checker, heard, fetched->range);
}

void check_heard_replay(struct checker *checker, const struct heard *heard,
                        const Zsaga__ReplayAnswer *answer)
{
    if (heard->log == NOBODY)
        return;
    switch (answer->kind_case) {
    case ZSAGA__REPLAY_ANSWER__KIND_FETCHED:
        note_fetched(checker, heard, answer->fetched);
        return;
    case ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED:
        if (answer->truncated->range != NULL)
            note_range(checker, heard, answer->truncated->range);
        if (answer->truncated->range == NULL || answer->truncated->range->tail <= 1)
            check_find(checker, I16, heard->frame->from,
                       "says that its log is cut off, and nothing is missing");
        return;
    case ZSAGA__REPLAY_ANSWER__KIND_REFUSAL:
        if (checker->options.noise)
            return; /* Of what could not be read. */
        __attribute__((fallthrough));
    case ZSAGA__REPLAY_ANSWER__KIND_DIVERGED:
        if (checker->options.faithful)
            check_find(checker, I16, heard->frame->from, "answers a fetch with kind %d",
                       (int)answer->kind_case);
        return;
    default:
        check_find(checker, PROTOCOL, heard->frame->from, "answers a fetch with nothing");
    }
}
