/* The databases: after a crash, and at the end. */
#include "check_books.h"

#include <stdlib.h>
#include <string.h>

#include "check_sql.h"

void check_books_free(struct books *books)
{
    if (books == NULL)
        return;
    for (size_t i = 0; i < books->charge_count; i++) {
        free(books->charges[i].of);
        free(books->charges[i].lines);
    }
    for (size_t i = 0; i < books->account_count; i++)
        free(books->accounts[i].name);
    for (size_t i = 0; i < books->cursor_count; i++)
        free(books->cursors[i].publisher);
    check_map_release(&books->account_names);
    free(books->events);
    free(books->effects);
    free(books->charges);
    free(books->accounts);
    free(books->cursors);
    free(books->seen);
    free(books);
}

void check_sound(struct checker *checker, const char *process, sqlite3 *db)
{
    check_did(checker, I22);
    struct query rows = check_query(checker, process, db, "PRAGMA integrity_check(5)");
    while (check_next(&rows))
        if (strcmp(check_text_at(&rows, 0), "ok") != 0)
            check_find(checker, I22, process, "the database is damaged: %s",
                       check_text_at(&rows, 0));
    check_done(&rows);
    rows = check_query(checker, process, db, "PRAGMA foreign_key_check");
    if (check_next(&rows))
        check_find(checker, I22, process, "a row of \"%s\" refers to none that is there",
                   check_text_at(&rows, 0));
    check_done(&rows);
}

static bool read_store(struct checker *checker, const char *process, sqlite3 *db,
                       struct books *books)
{
    struct query rows = check_query(checker, process, db, "SELECT uuid FROM zsaga_store");
    bool known = check_next(&rows) && check_bytes_at(&rows, 0).len == CHECK_ID_SIZE;
    if (known)
        memcpy(books->store, check_bytes_at(&rows, 0).data, CHECK_ID_SIZE);
    check_done(&rows);
    return known;
}

/* I16: each database has a name of its own, and it is the one that its process tells. */
static void check_store(struct checker *checker, size_t place)
{
    const struct process *process = &checker->processes[place];
    check_did(checker, I16);
    for (size_t i = 0; i < checker->process_count; i++) {
        const struct books *other = checker->processes[i].books;
        if (i != place && other != NULL &&
            memcmp(other->store, process->books->store, CHECK_ID_SIZE) == 0)
            check_find(checker, I16, process->name, "its database has the uuid of %s's",
                       checker->processes[i].name);
    }
    if (process->heard && process->log != NOBODY && !process->restored &&
        memcmp(checker->logs[process->log].store, process->books->store, CHECK_ID_SIZE) != 0)
        check_find(checker, I16, process->name, "tells another uuid than its database has");
}

bool checker_database(struct checker *checker, const char *process, sqlite3 *db)
{
    size_t place = check_process(checker, process);
    if (!check_has_table(db, "zsaga_store")) {
        /* A damaged file may look as if it had no table at all. */
        uint64_t before = checker->findings;
        check_sound(checker, process, db);
        return checker->findings != before;
    }
    struct books *books = check_zeros(1, sizeof *books);
    check_books_free(checker->processes[place].books);
    checker->processes[place].books = books;
    check_sound(checker, process, db);
    if (!read_store(checker, process, db, books))
        check_find(checker, I22, process, "its database has no uuid");
    check_store(checker, place);
    books->service = check_service_of(db);
    books->has_inbox = check_has_table(db, "zsaga_inbox");
    books->has_log = check_has_table(db, "zsaga_outbox");
    if (check_has_table(db, "zsaga_saga"))
        check_journal_read(checker, place, db);
    if (books->has_inbox)
        check_inbox_read(checker, place, db);
    if (books->service != NULL) {
        check_money_now(checker, process, db, books->service);
        check_money_read(checker, place, db);
    }
    if (books->has_log)
        check_log_read(checker, place, db);
    if (check_has_table(db, "zsaga_cursor"))
        check_consumer_read(checker, place, db);
    return true;
}

static void check_rest(struct checker *checker)
{
    for (size_t i = 0; i < checker->saga_count; i++) {
        const struct saga *saga = &checker->sagas[i];
        if (!saga->stored)
            continue;
        check_did(checker, L1);
        if (saga->row == CHECK_RUNNING)
            check_find(checker, L1, check_name(checker, saga), "is not final at the end");
    }
}

void checker_finish(struct checker *checker, unsigned end)
{
    bool open = (end & CHECKER_OPEN) != 0;
    if (checker->journal != NOBODY && !open)
        check_rest(checker);
    check_client_finish(checker);
    check_steps_finish(checker);
    check_log_finish(checker);
    check_money_finish(checker, open);
    check_consumer_finish(checker, (end & CHECKER_CAUGHT_UP) != 0);
}
