/* Logs of events: numbers without a gap, one event for each record. I15, I16. */
#include "check_log.h"

#include <string.h>

#include "check_books.h"
#include "check_sql.h"
#include "check_story.h"
#include "event.pb-c.h"
#include "saga.pb-c.h"

#define CAUSATION (CHECK_ID_SIZE + 2)
#define LOG "SELECT first_seq, count, events FROM zsaga_outbox ORDER BY first_seq"

size_t check_log(struct checker *checker, const void *store, size_t process)
{
    const struct check_bytes name = {store, CHECK_ID_SIZE};
    size_t place = check_map_find(&checker->log_stores, name);
    if (place != CHECK_NOWHERE)
        return place;
    place = checker->log_count++;
    checker->logs = check_grow(checker->logs, &checker->log_capacity, checker->log_count,
                               sizeof *checker->logs);
    checker->logs[place] = (struct log){.process = process};
    memcpy(checker->logs[place].store, store, CHECK_ID_SIZE);
    check_map_add(&checker->log_stores, name, place);
    return place;
}

/* Which record a type of event tells; 0: none, or the end. */
static unsigned what_of(struct check_bytes type)
{
    static const char *const types[WHAT_COUNT] = {
        [WHAT_ACCEPTED] = "SagaAccepted",   [WHAT_DONE] = "StepDone",
        [WHAT_REJECTED] = "StepRejected",   [WHAT_GAVE_UP] = "StepGivenUp",
        [WHAT_UNDONE] = "StepUndone",       [WHAT_TROUBLE] = "StepTroubled",
        [WHAT_ATTENTION] = "SagaAttention", [WHAT_RESUMED] = "SagaResumed"};
    for (unsigned i = WHAT_ACCEPTED; i < WHAT_COUNT; i++)
        if (check_is(type, types[i]))
            return i;
    return 0;
}

int check_end_of(struct check_bytes type)
{
    if (check_is(type, "SagaCompleted"))
        return CHECK_COMPLETED;
    return check_is(type, "SagaCompensated") ? CHECK_COMPENSATED : 0;
}

/* The log as it is read. */
struct reading {
    struct checker *checker;
    size_t place; /* The process. */
    uint64_t next;
    bool cut;
    uint8_t last_id[CHECK_ID_SIZE];
};

static void fail_saga(struct reading *reading, const struct saga *saga, uint32_t number,
                      const char *words)
{
    check_find(reading->checker, I15, check_name(reading->checker, saga),
               "event %llu of %s, of record %u: %s", (unsigned long long)reading->next,
               reading->checker->processes[reading->place].name, number, words);
}

/* Records between the last one told and this one were none to tell. */
static bool may_pass(const struct saga *saga, uint32_t number)
{
    for (uint32_t i = saga->told_number + 1; i < number; i++)
        if (saga->records[i - 1].what != WHAT_TROUBLE)
            return false;
    return true;
}

static void note_end(struct reading *reading, struct saga *saga, const Zsaga__SagaEvent *event,
                     int end)
{
    if (saga->told_end)
        fail_saga(reading, saga, event->number, "its end is told twice");
    if (saga->row != end || event->number != saga->record_count || (int)event->state != end)
        fail_saga(reading, saga, event->number, "an end that it does not have");
    saga->told_end = true;
}

static void note_record(struct reading *reading, struct saga *saga, const Zsaga__SagaEvent *event,
                        unsigned what)
{
    uint32_t number = event->number;
    if (number == 0 || number > saga->record_count || saga->records[number - 1].what != what) {
        fail_saga(reading, saga, number, "the history has no such record");
        return;
    }
    const struct record *record = &saga->records[number - 1];
    const struct definition_step *rules = check_rules(reading->checker, saga, record->step);
    bool of_step = what != WHAT_ACCEPTED && what != WHAT_RESUMED;
    bool again = what == WHAT_TROUBLE && number == saga->told_number;
    bool first = saga->told_number == 0 && reading->cut;
    if (saga->told_end)
        fail_saga(reading, saga, number, "is told after its end");
    if (!again && number <= saga->told_number)
        fail_saga(reading, saga, number, "is told once more");
    else if (!first && !may_pass(saga, number))
        fail_saga(reading, saga, number, "a record before it was not told");
    if (of_step && rules != NULL &&
        (!check_is(check_packed(event->step), rules->name) ||
         !check_is(check_packed(event->participant), rules->participant) ||
         (bool)event->undo != record->undo))
        fail_saga(reading, saga, number, "it tells of another command than the record");
    if ((int)event->state != record->state)
        fail_saga(reading, saga, number, "it tells another state than the record led to");
    if (number > saga->told_number)
        saga->told_number = number;
}

static void note_saga(struct reading *reading, const Zsaga__Event *event)
{
    struct checker *checker = reading->checker;
    size_t place = check_find_saga(checker, check_packed(event->saga));
    unsigned what = what_of(check_packed(event->type));
    int end = check_end_of(check_packed(event->type));
    check_did(checker, I15);
    if (what == 0 && end == 0)
        return;
    const Zsaga__SagaEvent *told =
        zsaga__saga_event__unpack(&checker->allocator, event->payload.len, event->payload.data);
    if (place == NOBODY || !checker->sagas[place].stored || told == NULL) {
        check_find(checker, I15, checker->processes[reading->place].name,
                   "event %llu is of no saga that is there", (unsigned long long)reading->next);
        return;
    }
    struct saga *saga = &checker->sagas[place];
    if (saga->record_count == 0)
        return; /* Its definition is not known. */
    if (saga->key != NOBODY && !check_is(check_packed(told->key), checker->keys[saga->key].text))
        fail_saga(reading, saga, told->number, "it tells another key");
    if (end != 0)
        note_end(reading, saga, told, end);
    else
        note_record(reading, saga, told, what);
}

/* What a participant tells of a step. */
static void note_step(struct reading *reading, const struct service *service,
                      const Zsaga__Event *event)
{
    struct checker *checker = reading->checker;
    unsigned kind = check_service_event(service, check_packed(event->type));
    if (kind == 0)
        return;
    check_did(checker, I15);
    if (event->causation.len != CAUSATION || event->causation.data[CHECK_ID_SIZE] >= STEPS_MAX) {
        check_find(checker, I15, checker->processes[reading->place].name,
                   "event %llu does not tell its cause", (unsigned long long)reading->next);
        return;
    }
    size_t place = check_saga(checker, event->causation.data);
    struct saga *saga = &checker->sagas[place];
    /* Which direction asked does not matter: undoing may find the action's outcome. */
    uint8_t number = event->causation.data[CHECK_ID_SIZE];
    struct step *step = check_step(saga, number);
    if ((step->told & kind) != 0)
        check_find(checker, I15, check_name(checker, saga), "step %u: \"%.*s\" is told twice",
                   number, (int)event->type.len, (const char *)event->type.data);
    step->told |= kind;
}

uint64_t check_event_says(const Zsaga__Event *event)
{
    int64_t time_ms = (int64_t)event->time_ms;
    uint64_t says = check_hash_field(CHECK_HASH_SEED, check_packed(event->saga));
    says = check_hash_field(says, check_packed(event->type));
    says = check_hash_field(says, (struct check_bytes){&time_ms, sizeof time_ms});
    says = check_hash_field(says, check_packed(event->causation));
    return check_hash_field(says, check_packed(event->payload));
}

static void note_event(struct reading *reading, const Zsaga__Event *event)
{
    struct checker *checker = reading->checker;
    struct process *process = &checker->processes[reading->place];
    struct books *books = process->books;
    check_did(checker, I15);
    if (event->id.len != CHECK_ID_SIZE) {
        check_find(checker, I15, process->name, "event %llu has no id",
                   (unsigned long long)reading->next);
        return;
    }
    if (memcmp(event->id.data, reading->last_id, CHECK_ID_SIZE) <= 0)
        check_find(checker, I15, process->name, "the ids of its events do not ascend at %llu",
                   (unsigned long long)reading->next);
    memcpy(reading->last_id, event->id.data, CHECK_ID_SIZE);
    books->events = check_grow(books->events, &books->event_capacity, books->event_count + 1,
                               sizeof *books->events);
    books->events[books->event_count++] =
        (struct event){.id = check_hash(CHECK_HASH_SEED, event->id.data, CHECK_ID_SIZE),
                       .says = check_event_says(event)};
    if (checker->journal == reading->place)
        note_saga(reading, event);
    else if (books->service != NULL)
        note_step(reading, books->service, event);
}

uint64_t check_row_digest(struct check_bytes events)
{
    return check_hash(CHECK_HASH_SEED, events.data, events.len);
}

/* I16: what was told of the row is what is there. */
static void compare_told(struct reading *reading, uint64_t first, uint64_t count,
                         struct check_bytes events)
{
    struct checker *checker = reading->checker;
    const struct process *process = &checker->processes[reading->place];
    const struct check_bytes store = {process->books->store, CHECK_ID_SIZE};
    size_t place = check_map_find(&checker->log_stores, store);
    if (place == CHECK_NOWHERE)
        return;
    const struct log *log = &checker->logs[place];
    size_t row = check_map_find(&log->rows, (struct check_bytes){&first, sizeof first});
    if (row == CHECK_NOWHERE)
        return;
    check_did(checker, I16);
    if (log->told[row].count != count || log->told[row].digest != check_row_digest(events))
        check_find(checker, I16, process->name, "the row at %llu is another one than was told",
                   (unsigned long long)first);
}

static void read_row(struct reading *reading, const struct query *row)
{
    struct checker *checker = reading->checker;
    const char *process = checker->processes[reading->place].name;
    uint64_t first = (uint64_t)check_int(row, 0);
    uint64_t count = (uint64_t)check_int(row, 1);
    struct check_bytes events = check_bytes_at(row, 2);
    check_did(checker, I16);
    if (first != reading->next)
        check_find(checker, I16, process, "the log has a gap: %llu comes before %llu",
                   (unsigned long long)(reading->next - 1), (unsigned long long)first);
    reading->next = first;
    compare_told(reading, first, count, events);
    check_arena_reset(checker);
    const Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(&checker->allocator, events.len, events.data);
    if (batch == NULL || batch->n_events != count) {
        check_find(checker, I16, process, "the row at %llu is damaged", (unsigned long long)first);
        return;
    }
    for (size_t i = 0; i < batch->n_events; i++) {
        note_event(reading, batch->events[i]);
        reading->next++;
    }
}

static void read_extent(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    books->head =
        (uint64_t)check_number(checker, process->name, db,
                               "SELECT value FROM zsaga_counter WHERE name = 'outbox_head'", 0);
    books->tail =
        (uint64_t)check_number(checker, process->name, db, "SELECT tail FROM zsaga_outbox_tail", 1);
    if (process->restored || process->log == NOBODY)
        return;
    check_did(checker, I16);
    if (books->head < checker->logs[process->log].head)
        check_find(checker, I16, process->name, "the log ends at %llu, and was told up to %llu",
                   (unsigned long long)books->head,
                   (unsigned long long)checker->logs[process->log].head);
}

void check_log_read(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    bool own = books->service != NULL && books->service->log != NULL;
    read_extent(checker, place, db);
    books->first = own ? 1 : books->tail;
    struct reading reading = {
        .checker = checker, .place = place, .next = books->first, .cut = books->first > 1};
    struct query rows = check_query(checker, process->name, db, own ? books->service->log : LOG);
    while (check_next(&rows))
        read_row(&reading, &rows);
    check_done(&rows);
    check_arena_reset(checker);
    check_did(checker, I16);
    if (reading.next != books->head + 1)
        check_find(checker, I16, process->name, "the log's head is %llu, and it ends at %llu",
                   (unsigned long long)books->head, (unsigned long long)(reading.next - 1));
}

/* I15: nothing was left untold. */
void check_log_finish(struct checker *checker)
{
    if (checker->journal == NOBODY)
        return;
    const struct books *books = checker->processes[checker->journal].books;
    for (size_t i = 0; books->has_log && i < checker->saga_count; i++) {
        struct saga *saga = &checker->sagas[i];
        bool untold = books->first > 1 && saga->told_number == 0;
        if (!saga->stored || saga->record_count == 0 || untold)
            continue;
        check_did(checker, I15);
        if (!may_pass(saga, (uint32_t)saga->record_count + 1))
            check_find(checker, I15, check_name(checker, saga),
                       "record %u was not told, or one behind it", saga->told_number + 1);
        if (saga->row != CHECK_RUNNING && !saga->told_end)
            check_find(checker, I15, check_name(checker, saga), "its end was not told");
    }
}
