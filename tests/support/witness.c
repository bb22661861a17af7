#include "witness.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "event.pb-c.h"

struct witness {
    sqlite3_stmt *insert;
    sqlite3_stmt *page;
};

static const char *const schema[] = {
    "CREATE TABLE seen(number INTEGER PRIMARY KEY, publisher TEXT NOT NULL, seq INTEGER NOT NULL,"
    " id BLOB NOT NULL, digest BLOB NOT NULL) STRICT;",
};

static int witness_open(void *self, struct db *db, struct config_node *settings, struct err *err)
{
    struct witness *witness = self;
    (void)settings;
    int rc =
        db_prepare(db, "INSERT INTO seen VALUES (NULL, ?1, ?2, ?3, ?4)", &witness->insert, err);
    if (rc == 0)
        rc = db_prepare(db,
                        "SELECT publisher, seq, state FROM zsaga_cursor WHERE publisher > ?1"
                        " ORDER BY publisher",
                        &witness->page, err);
    return rc;
}

static void witness_close(void *self)
{
    struct witness *witness = self;
    sqlite3_finalize(witness->insert);
    sqlite3_finalize(witness->page);
}

static void add_part(crypto_generichash_state *hash, struct bytes part)
{
    uint64_t len = part.len;
    (void)crypto_generichash_update(hash, (const uint8_t *)&len, sizeof len);
    (void)crypto_generichash_update(hash, part.data, part.len);
}

void witness_digest(const struct witness_content *content, uint8_t digest[WITNESS_DIGEST])
{
    crypto_generichash_state hash;
    (void)crypto_generichash_init(&hash, NULL, 0, WITNESS_DIGEST);
    add_part(&hash, content->saga);
    add_part(&hash, content->type);
    add_part(&hash, content->causation);
    add_part(&hash, content->traceparent);
    add_part(&hash, content->payload);
    add_part(&hash, bytes_of(&content->wall_ms, sizeof content->wall_ms));
    (void)crypto_generichash_final(&hash, digest, WITNESS_DIGEST);
}

static int witness_event(void *self, const struct consumer_event *event, struct err *err)
{
    struct witness *witness = self;
    const struct witness_content content = {event->saga,        event->type,    event->causation,
                                            event->traceparent, event->payload, event->wall_ms};
    uint8_t digest[WITNESS_DIGEST];
    witness_digest(&content, digest);
    db_bind_text(witness->insert, 1, bytes_text(event->publisher));
    db_bind_int(witness->insert, 2, (int64_t)event->seq);
    db_bind_bytes(witness->insert, 3, id_view(&event->id));
    db_bind_bytes(witness->insert, 4, bytes_of(digest, sizeof digest));
    sqlite3 *handle = sqlite3_db_handle(witness->insert);
    int rc = sqlite3_step(witness->insert) == SQLITE_DONE
                 ? 0
                 : err_set(err, ERR_SYSTEM, "%s", sqlite3_errmsg(handle));
    (void)sqlite3_reset(witness->insert);
    return rc;
}

static int page_cursors(void *self, struct db *db, struct bytes after, struct export_page *page,
                        struct buffer *ret_next, struct err *err)
{
    struct witness *witness = self;
    int rc;
    (void)ret_next;
    db_bind_text(witness->page, 1, after);
    while ((rc = db_step(db, witness->page, err)) == DB_ROW) {
        const struct bytes fields[] = {
            db_bytes(witness->page, 0),
            db_bytes(witness->page, 1),
            db_bytes(witness->page, 2),
        };
        export_add(page, fields);
    }
    return rc;
}

static const char *const cursor_columns[] = {"publisher", "applied", "state"};
static const struct participant_table tables[] = {
    {.name = "cursors", .columns = cursor_columns, .column_count = 3, .page = page_cursors},
};

const struct consumer_service witness_service = {
    .name = "witness",
    .about = "Writes down every event it is given.",
    .schema = schema,
    .schema_count = 1,
    .self_size = sizeof(struct witness),
    .open = witness_open,
    .close = witness_close,
    .event = witness_event,
    .on_break = CONSUMER_STOPS,
    .tables = tables,
    .table_count = 1,
};

/* The comparison. */

static sqlite3 *open_left(const char *path)
{
    sqlite3 *handle = NULL;
    if (sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        fail_msg("%s: %s", path, sqlite3_errmsg(handle));
    return handle;
}

static sqlite3_stmt *select_rows(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
    return stmt;
}

static bool is_column(sqlite3_stmt *row, int column, struct bytes wanted)
{
    return bytes_equal(
        bytes_of(sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column)),
        wanted);
}

static void compare_event(sqlite3_stmt *seen, const char *publisher, uint64_t seq,
                          const Zsaga__Event *event)
{
    const struct witness_content content = {
        .saga = packed_view(event->saga),
        .type = packed_view(event->type),
        .causation = packed_view(event->causation),
        .traceparent = packed_view(event->traceparent),
        .payload = packed_view(event->payload),
        .wall_ms = (int64_t)event->time_ms,
    };
    uint8_t digest[WITNESS_DIGEST];
    witness_digest(&content, digest);
    if (sqlite3_step(seen) != SQLITE_ROW)
        fail_msg("%s: event %llu was not applied", publisher, (unsigned long long)seq);
    uint64_t got = (uint64_t)sqlite3_column_int64(seen, 0);
    if (got != seq)
        fail_msg("%s: event %llu was applied in the place of %llu", publisher,
                 (unsigned long long)got, (unsigned long long)seq);
    if (!is_column(seen, 1, packed_view(event->id)) ||
        !is_column(seen, 2, bytes_of(digest, sizeof digest)))
        fail_msg("%s: event %llu is another one than in the log", publisher,
                 (unsigned long long)seq);
}

static uint64_t compare_row(sqlite3_stmt *seen, const char *publisher, sqlite3_stmt *row,
                            uint64_t next)
{
    uint64_t first = (uint64_t)sqlite3_column_int64(row, 0);
    const uint8_t *packed = sqlite3_column_blob(row, 1);
    Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(NULL, (size_t)sqlite3_column_bytes(row, 1), packed);
    assert_non_null(batch);
    assert_true(first <= next);
    for (; next < first + batch->n_events; next++)
        compare_event(seen, publisher, next, batch->events[next - first]);
    zsaga__event_batch__free_unpacked(batch, NULL);
    return next;
}

uint64_t witness_compare(const char *witness_db, const char *publisher_db, const char *publisher,
                         uint64_t from)
{
    sqlite3 *witness = open_left(witness_db);
    sqlite3 *log = open_left(publisher_db);
    sqlite3_stmt *seen = select_rows(
        witness, "SELECT seq, id, digest FROM seen WHERE publisher = ?1 ORDER BY number");
    sqlite3_stmt *rows = select_rows(log, "SELECT first_seq, events FROM zsaga_outbox"
                                          " WHERE first_seq + count > ?1 ORDER BY first_seq");
    (void)sqlite3_bind_text(seen, 1, publisher, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(rows, 1, (sqlite3_int64)from);
    uint64_t next = from;
    while (sqlite3_step(rows) == SQLITE_ROW)
        next = compare_row(seen, publisher, rows, next);
    if (sqlite3_step(seen) == SQLITE_ROW)
        fail_msg("%s: after the log's end, event %lld was applied once more", publisher,
                 (long long)sqlite3_column_int64(seen, 0));
    (void)sqlite3_finalize(seen);
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(witness);
    (void)sqlite3_close(log);
    return next - from;
}
