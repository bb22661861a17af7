#include "check_peek.h"

#include <stdlib.h>

#include "check_books.h"
#include "check_words.h"

static const char *const sql[PEEK_COUNT] = {
    [PEEK_STORE] = "SELECT uuid FROM zsaga_store",
    [PEEK_EXTENT] = "SELECT (SELECT value FROM zsaga_counter WHERE name = 'outbox_head'), tail"
                    " FROM zsaga_outbox_tail",
    [PEEK_ROW] = "SELECT count, events FROM zsaga_outbox WHERE first_seq = ?1",
    [PEEK_RECORDS] = "SELECT value FROM zsaga_counter WHERE name = 'inbox_records'",
    [PEEK_INBOX] = "SELECT forward, backward, code, message, output FROM zsaga_inbox"
                   " WHERE saga = ?1 AND step = ?2",
    [PEEK_PAIR] = "SELECT max(epoch) FROM zsaga_driver",
    [PEEK_FLOOR] = "SELECT 1 FROM zsaga_floor WHERE epoch > ?1"
                   " OR (epoch = ?1 AND version >= ?2)",
    [PEEK_SELF] = "SELECT epoch, max(last_saga, coalesce((SELECT max(id) FROM zsaga_saga),"
                  " last_saga)) FROM zsaga_self",
    [PEEK_OPEN] = "SELECT id FROM zsaga_saga WHERE state = 0 AND id < ?1",
    [PEEK_SAGA] = "SELECT s.key, s.state, CAST(d.text AS BLOB), i.input, d.name FROM zsaga_saga s"
                  " JOIN zsaga_definition d ON d.number = s.definition"
                  " JOIN zsaga_input i ON i.saga = s.id WHERE s.id = ?1",
    [PEEK_KEY] = "SELECT id, state FROM zsaga_saga WHERE key = ?1",
    [PEEK_LAST] = "SELECT what, step, flags, attempt FROM zsaga_history WHERE saga = ?1"
                  " ORDER BY number DESC LIMIT 1",
};

static void drop(struct process *process)
{
    for (int i = 0; process->peeks != NULL && i < PEEK_COUNT; i++)
        (void)sqlite3_finalize(process->peeks[i]);
    free(process->peeks);
    process->peeks = NULL;
    process->peeked = NULL;
}

void checker_drop(struct checker *checker, const char *name)
{
    size_t place = check_map_find(&checker->process_names, check_text(name));
    if (place != CHECK_NOWHERE)
        drop(&checker->processes[place]);
}

bool check_peek(struct checker *checker, size_t place, enum peek what, struct query *ret)
{
    struct process *process = &checker->processes[place];
    sqlite3 *db = checker->options.peek == NULL
                      ? NULL
                      : checker->options.peek(checker->options.context, process->name);
    if (db == NULL)
        return false;
    if (db != process->peeked)
        drop(process);
    process->peeked = db;
    if (process->peeks == NULL)
        process->peeks = check_zeros(PEEK_COUNT, sizeof(sqlite3_stmt *));
    sqlite3_stmt **stmt = &process->peeks[what];
    if (*stmt == NULL &&
        sqlite3_prepare_v3(db, sql[what], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK)
        return false; /* It has no such table. */
    *ret = (struct query){checker, process->name, *stmt, true};
    return true;
}

bool check_peek_step(struct checker *checker, size_t process, const struct saga *saga,
                     uint32_t step, struct peeked_step *ret)
{
    struct query row;
    *ret = (struct peeked_step){.words = CHECK_HASH_SEED};
    if (!check_peek(checker, process, PEEK_INBOX, &row))
        return false;
    check_bind(&row, 1, (struct check_bytes){saga->id, CHECK_ID_SIZE});
    check_bind_int(&row, 2, step);
    if (check_next(&row)) {
        ret->forward = check_int(&row, 0);
        ret->backward = check_int(&row, 1);
        for (int i = 2; i < 5; i++)
            ret->words = check_hash_field(ret->words, check_bytes_at(&row, i));
    }
    check_done(&row);
    return true;
}

static void check_settled_step(struct checker *checker, const struct saga *saga, uint32_t number)
{
    const struct step *step = &saga->steps[number];
    struct peeked_step at;
    if (!step->sent || step->at == NOBODY || !check_peek_step(checker, step->at, saga, number, &at))
        return;
    bool done = at.forward == FORWARD_DONE;
    bool settled = done || at.forward == FORWARD_REFUSED || at.backward != BACKWARD_NOTHING;
    bool right = saga->told == CHECK_COMPLETED ? done && at.backward == BACKWARD_NOTHING
                                               : done == (at.backward == BACKWARD_UNDONE);
    check_did(checker, I10);
    check_did(checker, I7);
    if (!settled)
        check_find(checker, I10, check_name(checker, saga),
                   "is told as %s, and step %u is open: %lld, %lld", check_states[saga->told],
                   number, (long long)at.forward, (long long)at.backward);
    else if (!right)
        check_find(checker, I7, check_name(checker, saga),
                   "is told as %s, and step %u is not: %lld, %lld", check_states[saga->told],
                   number, (long long)at.forward, (long long)at.backward);
}

void check_settled(struct checker *checker, size_t place)
{
    struct saga *saga = &checker->sagas[place];
    if (saga->settled || saga->told == 0)
        return;
    saga->settled = true;
    for (uint32_t i = 0; i < saga->step_count; i++)
        check_settled_step(checker, saga, i);
}

/* After a crash. */

static void crash_journal(struct checker *checker, const char *process, sqlite3 *db)
{
    uint64_t stamp = ++checker->stamps;
    struct query rows = check_query(checker, process, db, "SELECT id, state FROM zsaga_saga");
    while (check_next(&rows)) {
        size_t place = check_find_saga(checker, check_bytes_at(&rows, 0));
        if (place == NOBODY)
            continue;
        struct saga *saga = &checker->sagas[place];
        int state = (int)check_int(&rows, 1);
        saga->stamp = stamp;
        check_did(checker, I1);
        if (saga->told != 0 && saga->told != state)
            check_find(checker, I1, check_name(checker, saga),
                       "after a crash it is %s, and it was told as %s",
                       state == 0 ? "unfinished" : check_states[state % CHECK_STATE_COUNT],
                       check_states[saga->told]);
    }
    check_done(&rows);
    for (size_t i = 0; i < checker->saga_count; i++) {
        const struct saga *saga = &checker->sagas[i];
        if (saga->known && saga->stamp != stamp)
            check_find(checker, I1, check_name(checker, saga),
                       "was told as accepted, and a crash of %s has lost it", process);
    }
}

/* A number that was told never falls. */
static void crash_number(struct checker *checker, enum invariant invariant, const char *process,
                         sqlite3 *db, const char *query, uint64_t told)
{
    check_did(checker, invariant);
    int64_t stored = check_number(checker, process, db, query, 0);
    if ((uint64_t)stored < told)
        check_find(checker, invariant, process, "after a crash: %s gives %lld, and %llu was told",
                   query, (long long)stored, (unsigned long long)told);
}

static void crash_log(struct checker *checker, const struct process *process, sqlite3 *db)
{
    const struct log *log = process->log == NOBODY ? NULL : &checker->logs[process->log];
    if (log == NULL)
        return;
    crash_number(checker, I16, process->name, db,
                 "SELECT value FROM zsaga_counter WHERE name = 'outbox_head'", log->head);
    if (log->records != 0)
        crash_number(checker, I16, process->name, db,
                     "SELECT value FROM zsaga_counter WHERE name = 'inbox_records'", log->records);
}

void checker_crash(struct checker *checker, const char *name, sqlite3 *db, bool sound)
{
    size_t place = check_process(checker, name);
    const struct process *process = &checker->processes[place];
    if (!check_has_table(db, "zsaga_store")) {
        if (process->publishes && !process->restored)
            check_find(checker, I22, name, "a crash has taken its whole database");
        return;
    }
    const struct service *service = check_service_of(db);
    if (sound)
        check_sound(checker, name, db);
    if (service != NULL)
        check_money_now(checker, name, db, service);
    if (process->restored)
        return;
    if (check_has_table(db, "zsaga_saga")) {
        crash_journal(checker, name, db);
        crash_number(checker, I20, name, db, "SELECT epoch FROM zsaga_self", process->epoch);
    }
    if (check_has_table(db, "zsaga_inbox")) {
        check_inbox_crash(checker, place, db);
        crash_number(checker, I20, name, db, "SELECT max(epoch) FROM zsaga_driver",
                     process->answered);
    }
    if (check_has_table(db, "zsaga_outbox"))
        crash_log(checker, process, db);
}
