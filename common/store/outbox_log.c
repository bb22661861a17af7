/* The log behind the outbox: reading what is committed, removing what is no longer kept. */
#include <inttypes.h>

#include "base/packed.h"
#include "event.pb-c.h"
#include "store/outbox_internal.h"

#define EVENT_TAG 0x0a    /* Field 1 of EventBatch, length-delimited. */
#define TRIM_ROWS_MAX 256 /* Removed in one transaction. */
#define VARINT_BITS_MAX 63

/* Takes a length from the front of `bytes`; false when there is none that fits behind it. */
static bool take_length(struct bytes *bytes, size_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift <= VARINT_BITS_MAX && bytes->len > 0; shift += 7) {
        uint8_t byte = *bytes->data;
        *bytes = bytes_of(bytes->data + 1, bytes->len - 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret = (size_t)value;
            return value <= bytes->len;
        }
    }
    return false;
}

/* Takes the next packed Event from the front of a packed EventBatch. */
static bool take_event(struct bytes *events, struct bytes *ret)
{
    if (events->len == 0 || *events->data != EVENT_TAG)
        return false;
    *events = bytes_of(events->data + 1, events->len - 1);
    size_t len = 0;
    if (!take_length(events, &len))
        return false;
    *ret = bytes_of(events->data, len);
    *events = bytes_of(events->data + len, events->len - len);
    return true;
}

bool outbox_read_id(struct bytes events, uint64_t index, struct id *ret)
{
    struct bytes packed;
    do {
        if (!take_event(&events, &packed))
            return false;
    } while (index-- > 0);
    Zsaga__Event *event = zsaga__event__unpack(NULL, packed.len, packed.data);
    bool sound = event != NULL && id_from_bytes(packed_view(event->id), ret);
    if (event != NULL)
        zsaga__event__free_unpacked(event, NULL);
    return sound;
}

static int damaged(uint64_t seq, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the log is damaged at event %" PRIu64, seq);
}

/* OUTBOX_FOUND, or negative: the number is within the log. */
static int read_row(struct outbox *outbox, uint64_t seq, struct outbox_row *ret, struct err *err)
{
    db_reset(outbox->find);
    db_bind_int(outbox->find, 1, (int64_t)seq);
    int rc = db_step(outbox->db, outbox->find, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : damaged(seq, err);
    *ret = (struct outbox_row){.first = (uint64_t)db_int(outbox->find, 0),
                               .count = (uint32_t)db_int(outbox->find, 1),
                               .events = db_bytes(outbox->find, 2)};
    if (seq - ret->first >= ret->count || ret->first < outbox->stored.tail)
        return damaged(seq, err);
    outbox->next = ret->first + ret->count;
    return OUTBOX_FOUND;
}

int outbox_find(struct outbox *outbox, uint64_t seq, struct outbox_row *ret, struct err *err)
{
    if (seq > outbox->stored.head)
        return OUTBOX_BEYOND;
    return seq < outbox->stored.tail ? OUTBOX_TRUNCATED : read_row(outbox, seq, ret, err);
}

int outbox_next(struct outbox *outbox, struct outbox_row *ret, struct err *err)
{
    uint64_t seq = outbox->next;
    if (seq > outbox->stored.head)
        return OUTBOX_BEYOND;
    int rc = read_row(outbox, seq, ret, err);
    return rc == OUTBOX_FOUND && ret->first != seq ? damaged(seq, err) : rc;
}

void outbox_rest(struct outbox *outbox)
{
    db_reset(outbox->find);
}

int outbox_id_at(struct outbox *outbox, uint64_t seq, struct id *ret, struct err *err)
{
    if (seq == 0 || seq + 1 == outbox->stored.tail) {
        *ret = seq == 0 ? (struct id){0} : outbox->stored.below_id;
        return OUTBOX_FOUND;
    }
    struct outbox_row row;
    int rc = outbox_find(outbox, seq, &row, err);
    if (rc == OUTBOX_FOUND && !outbox_read_id(row.events, seq - row.first, ret))
        rc = damaged(seq, err);
    outbox_rest(outbox);
    return rc;
}

bool outbox_wants_trim(const struct outbox *outbox, uint64_t keep_bytes, int64_t keep_from_ms)
{
    const struct outbox_extent *stored = &outbox->stored;
    return stored->tail < stored->last_first &&
           (stored->bytes > keep_bytes || stored->tail_at_ms < keep_from_ms);
}

/* Moves the batch's tail over the rows to be removed; *ret_last is the first event of the last of
 * them, 0: there is none. */
static int move_tail(struct outbox *outbox, uint64_t keep_bytes, int64_t keep_from_ms,
                     uint64_t *ret_last, struct err *err)
{
    struct outbox_extent *batch = &outbox->batch;
    int rc;
    int removed = 0;
    db_reset(outbox->oldest);
    db_bind_int(outbox->oldest, 1, TRIM_ROWS_MAX + 1);
    while ((rc = db_step(outbox->db, outbox->oldest, err)) == DB_ROW) {
        uint64_t first = (uint64_t)db_int(outbox->oldest, 0);
        batch->tail_at_ms = db_int(outbox->oldest, 3);
        if (first != batch->tail) {
            rc = damaged(batch->tail, err);
            break;
        }
        bool kept = batch->bytes <= keep_bytes && batch->tail_at_ms >= keep_from_ms;
        if (kept || removed++ == TRIM_ROWS_MAX || first == batch->last_first)
            break;
        batch->tail += (uint64_t)db_int(outbox->oldest, 1);
        batch->bytes -= (uint64_t)db_int(outbox->oldest, 2);
        *ret_last = first;
    }
    db_reset(outbox->oldest);
    return rc < 0 ? rc : 0;
}

/* The id of the last event below the batch's tail. */
static int remember_below(struct outbox *outbox, uint64_t first, struct err *err)
{
    struct outbox_extent *batch = &outbox->batch;
    struct outbox_row row;
    int rc = read_row(outbox, first, &row, err);
    if (rc == OUTBOX_FOUND && !outbox_read_id(row.events, row.count - 1, &batch->below_id))
        rc = damaged(first, err);
    outbox_rest(outbox);
    return rc < 0 ? rc : 0;
}

int outbox_trim(struct outbox *outbox, uint64_t keep_bytes, int64_t keep_from_ms, struct err *err)
{
    uint64_t last = 0;
    int rc = move_tail(outbox, keep_bytes, keep_from_ms, &last, err);
    if (rc < 0 || last == 0)
        return rc;
    rc = remember_below(outbox, last, err);
    if (rc < 0)
        return rc;
    db_bind_int(outbox->remove, 1, (int64_t)outbox->batch.tail);
    rc = db_run(outbox->db, outbox->remove, err);
    if (rc < 0)
        return rc;
    db_bind_int(outbox->set_tail, 1, (int64_t)outbox->batch.tail);
    db_bind_bytes(outbox->set_tail, 2, id_view(&outbox->batch.below_id));
    return db_run(outbox->db, outbox->set_tail, err);
}
