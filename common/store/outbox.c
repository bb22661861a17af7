#include "store/outbox.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"
#include "store/outbox_internal.h"

#define EVENTS_FIELD 1 /* Of EventBatch. */

static const char *const schema[] = {
    "CREATE TABLE zsaga_outbox(first_seq INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " events BLOB NOT NULL) STRICT;"
    "INSERT INTO zsaga_counter VALUES ('outbox_head', 0);",

    /* Rows of before are as old as the day on which they got an age. */
    "ALTER TABLE zsaga_outbox ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE zsaga_outbox SET at_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000;"
    "INSERT INTO zsaga_counter SELECT 'outbox_bytes', coalesce(sum(length(events)), 0)"
    " FROM zsaga_outbox;"
    "CREATE TABLE zsaga_outbox_tail(tail INTEGER NOT NULL, below BLOB NOT NULL) STRICT;"
    "INSERT INTO zsaga_outbox_tail VALUES (1, zeroblob(16));",
};

const struct db_part outbox_part = {"outbox", sizeof schema / sizeof schema[0]};

static const char *const load_extent_sql =
    "SELECT (SELECT value FROM zsaga_counter WHERE name = 'outbox_head'),"
    " (SELECT value FROM zsaga_counter WHERE name = 'outbox_bytes'), tail, below"
    " FROM zsaga_outbox_tail";

static const char *const load_tail_sql =
    "SELECT first_seq, at_ms FROM zsaga_outbox ORDER BY first_seq LIMIT 1";

static const char *const load_last_sql =
    "SELECT first_seq, count, events, at_ms FROM zsaga_outbox ORDER BY first_seq DESC LIMIT 1";

/* Runs `sql` and lets `read` look at its only row; without one `read` is not called. */
static int load(struct outbox *outbox, const char *sql,
                bool (*read)(struct outbox_extent *extent, sqlite3_stmt *row), struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(outbox->db, sql, &stmt, err);
    if (rc == 0)
        rc = db_step(outbox->db, stmt, err);
    if (rc == DB_ROW && !read(&outbox->stored, stmt))
        rc = err_set(err, ERR_CORRUPT, "the log is damaged: \"%s\"", sql);
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

static bool read_extent(struct outbox_extent *extent, sqlite3_stmt *row)
{
    extent->head = (uint64_t)db_int(row, 0);
    extent->bytes = (uint64_t)db_int(row, 1);
    extent->tail = (uint64_t)db_int(row, 2);
    return !db_is_null(row, 0) && !db_is_null(row, 1) &&
           id_from_bytes(db_bytes(row, 3), &extent->below_id) && extent->tail >= 1 &&
           extent->tail <= extent->head + 1;
}

static bool read_tail(struct outbox_extent *extent, sqlite3_stmt *row)
{
    extent->tail_at_ms = db_int(row, 1);
    return (uint64_t)db_int(row, 0) == extent->tail;
}

static bool read_last(struct outbox_extent *extent, sqlite3_stmt *row)
{
    uint64_t count = (uint64_t)db_int(row, 1);
    extent->last_first = (uint64_t)db_int(row, 0);
    extent->last_at_ms = db_int(row, 3);
    return count >= 1 && extent->last_first + count - 1 == extent->head &&
           outbox_read_id(db_bytes(row, 2), count - 1, &extent->last_id);
}

static int load_all(struct outbox *outbox, struct err *err)
{
    int rc = load(outbox, load_extent_sql, read_extent, err);
    if (rc == 0 && outbox->stored.tail == 0)
        rc = err_set(err, ERR_CORRUPT, "the log's tail is missing");
    if (rc == 0)
        rc = load(outbox, load_tail_sql, read_tail, err);
    if (rc == 0)
        rc = load(outbox, load_last_sql, read_last, err);
    if (rc == 0 && (outbox->stored.head == 0) != (outbox->stored.last_first == 0))
        rc = err_set(err, ERR_CORRUPT, "the log's rows are missing");
    if (MUTANT(SEQ_REUSED))
        outbox->stored.head = outbox->stored.last_first;
    outbox->batch = outbox->stored;
    return rc;
}

static int prepare_all(struct outbox *outbox, struct err *err)
{
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } all[] = {
        {&outbox->insert,
         "INSERT INTO zsaga_outbox(first_seq, count, events, at_ms) VALUES (?1, ?2, ?3, ?4)"},
        {&outbox->count_up, "UPDATE zsaga_counter SET value = ?1 WHERE name = ?2"},
        {&outbox->find, "SELECT first_seq, count, events FROM zsaga_outbox WHERE first_seq <= ?1"
                        " ORDER BY first_seq DESC LIMIT 1"},
        {&outbox->oldest, "SELECT first_seq, count, length(events), at_ms FROM zsaga_outbox"
                          " ORDER BY first_seq LIMIT ?1"},
        {&outbox->remove, "DELETE FROM zsaga_outbox WHERE first_seq < ?1"},
        {&outbox->set_tail, "UPDATE zsaga_outbox_tail SET tail = ?1, below = ?2"},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof all[0]; i++)
        rc = db_prepare_engine(outbox->db, all[i].sql, all[i].stmt, err);
    return rc;
}

int outbox_open(struct db *db, struct outbox **ret, struct err *err)
{
    struct outbox *outbox = xcalloc(1, sizeof *outbox);
    outbox->db = db;
    int rc = db_migrate(db, outbox_part.name, schema, outbox_part.version, err);
    if (rc == 0)
        rc = prepare_all(outbox, err);
    if (rc == 0)
        rc = load_all(outbox, err);
    if (rc < 0) {
        outbox_close(outbox);
        return rc;
    }
    *ret = outbox;
    return 0;
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    sqlite3_stmt *const all[] = {outbox->insert, outbox->count_up, outbox->find,
                                 outbox->oldest, outbox->remove,   outbox->set_tail};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sqlite3_finalize(all[i]);
    buffer_release(&outbox->packed);
    buffer_release(&outbox->told);
    free(outbox->parts);
    free(outbox->ids);
    free(outbox->fresh);
    free(outbox);
}

const struct id *outbox_last_id(const struct outbox *outbox)
{
    return &outbox->stored.last_id;
}

int64_t outbox_last_at_ms(const struct outbox *outbox)
{
    return outbox->stored.last_at_ms;
}

uint64_t outbox_head(const struct outbox *outbox)
{
    return outbox->stored.head;
}

uint64_t outbox_tail(const struct outbox *outbox)
{
    return outbox->stored.tail;
}

static void begin_part(struct outbox *outbox, size_t start)
{
    outbox->parts =
        xgrow(outbox->parts, &outbox->part_capacity, outbox->part_count + 1, sizeof *outbox->parts);
    outbox->parts[outbox->part_count++] =
        (struct outbox_part){.start = start, .first = outbox->count};
}

void outbox_add(struct outbox *outbox, const struct outbox_event *event)
{
    Zsaga__Event message = ZSAGA__EVENT__INIT;
    message.id = packed_borrow(id_view(&event->id));
    message.saga = packed_borrow(event->saga);
    message.type = packed_borrow(event->type);
    message.time_ms = (uint64_t)event->wall_ms;
    message.causation = packed_borrow(event->causation);
    message.traceparent = packed_borrow(event->traceparent);
    message.payload = packed_borrow(event->payload);
    size_t before = outbox->packed.len;
    packed_append_field(&outbox->packed, EVENTS_FIELD, &message.base);
    const struct outbox_part *last =
        outbox->part_count == 0 ? NULL : &outbox->parts[outbox->part_count - 1];
    if (last == NULL || outbox->packed.len - last->start > OUTBOX_ROW_BYTES)
        begin_part(outbox, before);
    outbox->ids =
        xgrow(outbox->ids, &outbox->id_capacity, (size_t)outbox->count + 1, sizeof *outbox->ids);
    outbox->ids[outbox->count++] = event->id;
}

struct outbox_mark outbox_mark(const struct outbox *outbox)
{
    return (struct outbox_mark){
        .len = outbox->packed.len, .count = outbox->count, .rows = outbox->part_count};
}

void outbox_take_back(struct outbox *outbox, struct outbox_mark mark)
{
    outbox->packed.len = mark.len;
    outbox->count = mark.count;
    outbox->part_count = mark.rows;
}

static struct outbox_row row_of(const struct outbox *outbox, size_t part)
{
    const struct outbox_part *own = &outbox->parts[part];
    bool last = part + 1 == outbox->part_count;
    size_t end = last ? outbox->packed.len : own[1].start;
    uint32_t behind = last ? outbox->count : own[1].first;
    return (struct outbox_row){.first = outbox->stored.head + 1 + own->first,
                               .count = behind - own->first,
                               .events =
                                   bytes_of(outbox->packed.data + own->start, end - own->start)};
}

static int count_up(struct outbox *outbox, const char *name, uint64_t value, struct err *err)
{
    db_bind_int(outbox->count_up, 1, (int64_t)value);
    db_bind_text(outbox->count_up, 2, bytes_text(name));
    return db_run(outbox->db, outbox->count_up, err);
}

int outbox_write(struct outbox *outbox, int64_t at_ms, struct err *err)
{
    struct outbox_extent *batch = &outbox->batch;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < outbox->part_count; i++) {
        struct outbox_row row = row_of(outbox, i);
        db_bind_int(outbox->insert, 1, (int64_t)row.first);
        db_bind_int(outbox->insert, 2, row.count);
        db_bind_bytes(outbox->insert, 3, row.events);
        db_bind_int(outbox->insert, 4, at_ms);
        rc = db_run(outbox->db, outbox->insert, err);
        if (batch->last_first == 0)
            batch->tail_at_ms = at_ms;
        batch->last_at_ms = at_ms;
        batch->last_first = row.first;
        batch->head = row.first + row.count - 1;
        batch->last_id = outbox->ids[outbox->count - 1];
        batch->bytes += row.events.len;
    }
    if (rc == 0 && batch->head != outbox->stored.head)
        rc = count_up(outbox, "outbox_head", batch->head, err);
    if (rc == 0 && batch->bytes != outbox->stored.bytes)
        rc = count_up(outbox, "outbox_bytes", batch->bytes, err);
    return rc;
}

static void add_fresh(struct outbox *outbox)
{
    size_t held = outbox->told.len;
    size_t count = outbox->fresh_count;
    outbox->fresh = xgrow(outbox->fresh, &outbox->fresh_capacity, count + outbox->part_count,
                          sizeof *outbox->fresh);
    for (size_t i = 0; i < outbox->part_count; i++)
        outbox->fresh[count + i] = row_of(outbox, i);
    outbox->fresh_count += outbox->part_count;
    if (held == 0) { /* As a rule: the bytes change hands, and stay where they are. */
        struct buffer told = outbox->told;
        outbox->told = outbox->packed;
        outbox->packed = told;
        return;
    }
    buffer_append(&outbox->told, outbox->packed.data, outbox->packed.len);
    const uint8_t *at = outbox->told.data;
    for (size_t i = 0; i < outbox->fresh_count; i++) {
        outbox->fresh[i].events.data = at;
        at += outbox->fresh[i].events.len;
    }
}

static void drop_collected(struct outbox *outbox)
{
    buffer_clear(&outbox->packed);
    outbox->part_count = 0;
    outbox->count = 0;
}

void outbox_committed(struct outbox *outbox)
{
    if (outbox->count > 0)
        add_fresh(outbox);
    outbox->stored = outbox->batch;
    drop_collected(outbox);
}

void outbox_forget(struct outbox *outbox)
{
    if (MUTANT(EVENT_BEFORE_COMMIT) && outbox->count > 0)
        add_fresh(outbox);
    outbox->batch = outbox->stored;
    drop_collected(outbox);
}

size_t outbox_fresh(const struct outbox *outbox, const struct outbox_row **ret)
{
    *ret = outbox->fresh;
    return outbox->fresh_count;
}

void outbox_published(struct outbox *outbox)
{
    buffer_clear(&outbox->told);
    outbox->fresh_count = 0;
}
