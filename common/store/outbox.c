#include "store/outbox.h"

#include <stdlib.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"

#define EVENTS_FIELD 1 /* Of EventBatch. */

struct outbox {
    struct db *db;
    sqlite3_stmt *insert;
    sqlite3_stmt *count_up;
    struct buffer packed; /* An EventBatch, in the making. */
    uint32_t count;
    uint64_t head;
    struct id last_id; /* As it was when the log was opened. */
};

static const char *const schema[] = {
    "CREATE TABLE zsaga_outbox(first_seq INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " events BLOB NOT NULL) STRICT;"
    "INSERT INTO zsaga_counter VALUES ('outbox_head', 0);",
};

static int load_head(struct outbox *outbox, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(
        outbox->db, "SELECT value FROM zsaga_counter WHERE name = 'outbox_head'", &stmt, err);
    if (rc == 0)
        rc = db_step(outbox->db, stmt, err);
    if (rc == DB_ROW)
        outbox->head = (uint64_t)db_int(stmt, 0);
    else if (rc == 0)
        rc = err_set(err, ERR_CORRUPT, "the log's counter is missing");
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

static int load_last_id(struct outbox *outbox, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(
        outbox->db, "SELECT events FROM zsaga_outbox ORDER BY first_seq DESC LIMIT 1", &stmt, err);
    if (rc == 0)
        rc = db_step(outbox->db, stmt, err);
    if (rc == DB_ROW) {
        struct bytes packed = db_bytes(stmt, 0);
        Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, packed.len, packed.data);
        bool sound =
            batch != NULL && batch->n_events > 0 &&
            id_from_bytes(packed_view(batch->events[batch->n_events - 1]->id), &outbox->last_id);
        if (batch != NULL)
            zsaga__event_batch__free_unpacked(batch, NULL);
        rc = sound ? 0 : err_set(err, ERR_CORRUPT, "the log's last row is damaged");
    }
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

const struct id *outbox_last_id(const struct outbox *outbox)
{
    return &outbox->last_id;
}

int outbox_open(struct db *db, struct outbox **ret, struct err *err)
{
    struct outbox *outbox = xcalloc(1, sizeof *outbox);
    outbox->db = db;
    int rc = db_migrate(db, "outbox", schema, 1, err);
    if (rc == 0)
        rc = db_prepare_engine(db, "INSERT INTO zsaga_outbox VALUES (?1, ?2, ?3)", &outbox->insert,
                               err);
    if (rc == 0)
        rc = db_prepare_engine(db, "UPDATE zsaga_counter SET value = ?1 WHERE name = 'outbox_head'",
                               &outbox->count_up, err);
    if (rc == 0)
        rc = load_head(outbox, err);
    if (rc == 0)
        rc = load_last_id(outbox, err);
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
    sqlite3_finalize(outbox->insert);
    sqlite3_finalize(outbox->count_up);
    buffer_release(&outbox->packed);
    free(outbox);
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
    packed_append_field(&outbox->packed, EVENTS_FIELD, &message.base);
    outbox->count++;
}

struct outbox_mark outbox_mark(const struct outbox *outbox)
{
    return (struct outbox_mark){outbox->packed.len, outbox->count};
}

void outbox_take_back(struct outbox *outbox, struct outbox_mark mark)
{
    outbox->packed.len = mark.len;
    outbox->count = mark.count;
}

int outbox_write(struct outbox *outbox, struct err *err)
{
    if (outbox->count == 0)
        return 0;
    db_bind_int(outbox->insert, 1, (int64_t)outbox->head + 1);
    db_bind_int(outbox->insert, 2, outbox->count);
    db_bind_bytes(outbox->insert, 3, buffer_bytes(&outbox->packed));
    int rc = db_run(outbox->db, outbox->insert, err);
    if (rc < 0)
        return rc;
    db_bind_int(outbox->count_up, 1, (int64_t)(outbox->head + outbox->count));
    return db_run(outbox->db, outbox->count_up, err);
}

void outbox_committed(struct outbox *outbox)
{
    outbox->head += outbox->count;
    outbox_forget(outbox);
}

void outbox_forget(struct outbox *outbox)
{
    buffer_clear(&outbox->packed);
    outbox->count = 0;
}

uint64_t outbox_head(const struct outbox *outbox)
{
    return outbox->head;
}
