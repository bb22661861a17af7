/* Consumers: where their cursors stand, and what they wrote down of each event. I17. */
#include <string.h>

#include "check_books.h"
#include "check_sql.h"

static uint64_t digest_of(struct check_bytes id)
{
    static const uint8_t none[CHECK_ID_SIZE];
    const struct check_bytes zeros = {none, sizeof none};
    return id.len == 0 || check_equal(id, zeros) ? 0 : check_hash(CHECK_HASH_SEED, id.data, id.len);
}

static size_t cursor_of(const struct books *books, const char *publisher)
{
    for (size_t i = 0; i < books->cursor_count; i++)
        if (strcmp(books->cursors[i].publisher, publisher) == 0)
            return i;
    return NOBODY;
}

static void read_cursors(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    struct query rows = check_query(checker, process->name, db,
                                    "SELECT publisher, store, seq, event_id, state, publisher IN"
                                    " (SELECT publisher FROM zsaga_resync) FROM zsaga_cursor");
    while (check_next(&rows)) {
        struct check_bytes store = check_bytes_at(&rows, 1);
        struct cursor cursor = {.publisher = (char *)check_copy(check_bytes_at(&rows, 0)),
                                .seq = (uint64_t)check_int(&rows, 2),
                                .id = digest_of(check_bytes_at(&rows, 3)),
                                .follows = check_int(&rows, 4) == 0,
                                .resynced = check_int(&rows, 5) != 0};
        if (store.len == CHECK_ID_SIZE)
            memcpy(cursor.store, store.data, CHECK_ID_SIZE);
        books->cursors = check_grow(books->cursors, &books->cursor_capacity,
                                    books->cursor_count + 1, sizeof cursor);
        books->cursors[books->cursor_count++] = cursor;
    }
    check_done(&rows);
}

static void read_seen(struct checker *checker, size_t place, sqlite3 *db)
{
    const struct process *process = &checker->processes[place];
    struct books *books = process->books;
    struct query rows = check_query(checker, process->name, db,
                                    "SELECT publisher, seq, id, digest FROM seen ORDER BY number");
    books->has_seen = true;
    while (check_next(&rows)) {
        bool ours = sqlite3_column_type(rows.stmt, 3) == SQLITE_INTEGER;
        const struct seen seen = {.publisher = cursor_of(books, check_text_at(&rows, 0)),
                                  .seq = (uint64_t)check_int(&rows, 1),
                                  .id = digest_of(check_bytes_at(&rows, 2)),
                                  .says = ours ? (uint64_t)check_int(&rows, 3) : 0};
        books->seen =
            check_grow(books->seen, &books->seen_capacity, books->seen_count + 1, sizeof seen);
        books->seen[books->seen_count++] = seen;
    }
    check_done(&rows);
}

void check_consumer_read(struct checker *checker, size_t place, sqlite3 *db)
{
    read_cursors(checker, place, db);
    if (check_has_table(db, "seen"))
        read_seen(checker, place, db);
}

/* A consumer and one of the logs that it follows. */
struct following {
    struct checker *checker;
    const char *consumer;
    const struct books *books;
    size_t place; /* Of the cursor. */
    const struct cursor *cursor;
    const struct books *log;
};

static const struct event *event_of(const struct books *log, uint64_t seq)
{
    if (seq < log->first || seq - log->first >= log->event_count)
        return NULL;
    return &log->events[seq - log->first];
}

static void check_cursor(const struct following *following, bool caught_up)
{
    struct checker *checker = following->checker;
    const struct cursor *cursor = following->cursor;
    const struct event *event = event_of(following->log, cursor->seq);
    check_did(checker, I17);
    if (cursor->seq > following->log->head)
        check_find(checker, I17, following->consumer, "has read %s up to %llu, which ends at %llu",
                   cursor->publisher, (unsigned long long)cursor->seq,
                   (unsigned long long)following->log->head);
    if (caught_up && cursor->seq < following->log->head)
        check_find(checker, I17, following->consumer,
                   "has read %s up to %llu, and all is at rest at %llu", cursor->publisher,
                   (unsigned long long)cursor->seq, (unsigned long long)following->log->head);
    if (event != NULL && cursor->id != 0 && event->id != cursor->id)
        check_find(checker, I17, following->consumer,
                   "its cursor stands at event %llu of %s with another id than the log's",
                   (unsigned long long)cursor->seq, cursor->publisher);
}

/* Events that it has left out may only be those that were cut off, or passed by on somebody's
 * word. */
static void check_step_to(const struct following *following, uint64_t last, uint64_t seq)
{
    struct checker *checker = following->checker;
    const char *publisher = following->cursor->publisher;
    check_did(checker, I17);
    if (seq <= last)
        check_find(checker, I17, following->consumer, "event %llu of %s was applied %s",
                   (unsigned long long)seq, publisher, seq == last ? "once more" : "too late");
    else if (seq > last + 1 && seq > following->log->tail && !following->cursor->resynced)
        check_find(checker, I17, following->consumer,
                   "event %llu of %s was not applied: %llu came after %llu",
                   (unsigned long long)(last + 1), publisher, (unsigned long long)seq,
                   (unsigned long long)last);
}

static void check_seen(const struct following *following)
{
    struct checker *checker = following->checker;
    const char *publisher = following->cursor->publisher;
    uint64_t last = 0;
    for (size_t i = 0; i < following->books->seen_count; i++) {
        const struct seen *seen = &following->books->seen[i];
        if (seen->publisher != following->place)
            continue;
        const struct event *event = event_of(following->log, seen->seq);
        check_step_to(following, last, seen->seq);
        if (event != NULL &&
            (event->id != seen->id || (seen->says != 0 && event->says != seen->says)))
            check_find(checker, I17, following->consumer,
                       "event %llu of %s was applied with another content",
                       (unsigned long long)seen->seq, publisher);
        last = seen->seq;
    }
    if (last != following->cursor->seq &&
        (last > following->cursor->seq || following->cursor->seq >= following->log->tail) &&
        !following->cursor->resynced)
        check_find(checker, I17, following->consumer,
                   "its cursor stands at event %llu of %s, and it has applied up to %llu",
                   (unsigned long long)following->cursor->seq, publisher, (unsigned long long)last);
}

static void check_consumer(struct checker *checker, const struct process *process, bool caught_up)
{
    const struct books *books = process->books;
    for (size_t i = 0; i < books->seen_count; i++)
        if (books->seen[i].publisher == NOBODY)
            check_find(checker, I17, process->name,
                       "has applied an event, and has no cursor for it");
    for (size_t i = 0; i < books->cursor_count; i++) {
        const struct cursor *cursor = &books->cursors[i];
        size_t place = check_map_find(&checker->process_names, check_text(cursor->publisher));
        const struct books *log = place == NOBODY ? NULL : checker->processes[place].books;
        if (log == NULL || !log->has_log || !cursor->follows ||
            memcmp(cursor->store, log->store, CHECK_ID_SIZE) != 0)
            continue; /* Another log than it has read: nothing can be compared. */
        const struct following following = {checker, process->name, books, i, cursor, log};
        check_cursor(&following, caught_up);
        if (books->has_seen)
            check_seen(&following);
    }
}

void check_consumer_finish(struct checker *checker, bool caught_up)
{
    for (size_t i = 0; i < checker->process_count; i++)
        if (checker->processes[i].books != NULL)
            check_consumer(checker, &checker->processes[i], caught_up);
}
