/* One publisher's stream: what is asked, what is believed, and when.
 *
 *            the fetch from the cursor is answered
 *   SYNCING ---------------------------------------> FOLLOWING
 *      ^                                                 |
 *      |   another incarnation is heard, a reload        |
 *      +-------------------------------------------------+
 *
 * From both a breach (events behind the cursor are gone, or it is another log) leads to a stop,
 * TRUNCATED or DIVERGED, which is stored; or, where the service can be built anew, back to SYNCING
 * from another place. Late frames of an earlier incarnation may be heard after the newer one: they
 * cost a fetch, whose answer tells which one lives. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "consumer_internal.h"

void stream_sync(struct stream *stream)
{
    consumer_rows_clear(&stream->live);
    consumer_rows_clear(&stream->fetched);
    stream->syncing = true;
    stream->fetch.out = false;
    stream->doubted = false;
    stream->spoiled = false;
    stream->gap = true; /* What is missing now is no news. */
    stream->hold_until_ms = 0;
    stream->hold_ms = CONSUMER_FETCH_FIRST_MS;
}

void stream_hear(struct stream *stream, const struct frame_header *header, struct node_time now)
{
    bool same = stream->known && stream->incarnation == header->incarnation &&
                id_compare(&stream->store, &header->store) == 0;
    stream->shown->heard_mono_ms = now.mono_ms;
    if (same)
        return;
    if (stream->known)
        stream_sync(stream);
    stream->known = true;
    stream->told = false;
    stream->incarnation = header->incarnation;
    stream->store = header->store;
}

void stream_tell_range(struct stream *stream, uint64_t tail, uint64_t head)
{
    /* Neither goes back within an incarnation: a smaller one is late. */
    if (!stream->told || tail > stream->tail)
        stream->tail = tail;
    if (!stream->told || head > stream->head)
        stream->head = head;
    stream->told = true;
}

void stream_hold(struct stream *stream, int64_t now_ms)
{
    stream->hold_until_ms = now_ms + stream->hold_ms;
    stream->hold_ms *= 2;
    if (stream->hold_ms > CONSUMER_FETCH_MAX_MS)
        stream->hold_ms = CONSUMER_FETCH_MAX_MS;
}

void stream_break(struct stream *stream, enum cursor_state kind, uint64_t tail, const char *format,
                  ...)
{
    stream_sync(stream);
    stream->breach = (struct consumer_breach){.kind = kind, .store = stream->store, .tail = tail};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(stream->breach.words, sizeof stream->breach.words, format, args);
    va_end(args);
}

bool stream_matches(const struct stream *stream, const struct id *at_cursor)
{
    return id_is_zero(&stream->next.id) || id_compare(&stream->next.id, at_cursor) == 0;
}

bool stream_stopped(const struct stream *stream)
{
    return stream->cursor.state != CURSOR_FOLLOWS;
}

struct consumer_rows *stream_source(const struct stream *stream, uint64_t seq)
{
    struct stream *self = (struct stream *)(uintptr_t)stream;
    if (consumer_rows_next(&stream->fetched) != NULL)
        return &self->fetched;
    const struct consumer_row *row = consumer_rows_next(&stream->live);
    return row != NULL && (row->first <= seq + 1 || MUTANT(GAP_SKIPPED)) ? &self->live : NULL;
}

bool stream_has_work(const struct stream *stream, int64_t now_ms)
{
    bool waits = stream->failing && now_ms < stream->retry_at_ms;
    if (stream_stopped(stream))
        return false;
    if (stream->breach.kind != CURSOR_FOLLOWS)
        return !waits;
    if (stream->syncing || (waits && stream->cursor.seq + 1 >= stream->failing_at))
        return false;
    return stream_source(stream, stream->cursor.seq) != NULL;
}

/* The number of the last event that waits without a gap behind the cursor, as far as its id is
 * known. */
static uint64_t position(const struct stream *stream)
{
    const struct consumer_rows *fetched = &stream->fetched;
    if (consumer_rows_empty(fetched))
        return stream->cursor.seq;
    return consumer_row_last(&fetched->rows[fetched->end - 1]);
}

/* Whether something is missing that is not asked for yet. */
static bool wants_fetch(const struct stream *stream)
{
    if (stream_stopped(stream) || stream->breach.kind != CURSOR_FOLLOWS || stream->fetch.out)
        return false;
    if (stream->syncing)
        return true;
    if (stream->fetched.bytes >= CONSUMER_QUEUE_BYTES)
        return false;
    if (stream->doubted)
        return true;
    uint64_t after = position(stream);
    const struct consumer_row *first = consumer_rows_next(&stream->live);
    if (first != NULL)
        return first->first > after + 1; /* Else it is applied before more is asked. */
    return stream->told && stream->head > after;
}

static void send_fetch(struct consumer_node *node, struct stream *stream, struct outbound *out)
{
    struct consumer_fetch *fetch = &stream->fetch;
    Zsaga__ReplayRequest request = ZSAGA__REPLAY_REQUEST__INIT;
    Zsaga__Fetch packed = ZSAGA__FETCH__INIT;
    struct id store = stream->cursor.store;
    /* Behind the cursor stand rows of the incarnation that is heard now. */
    if (id_is_zero(&store) && fetch->after > 0)
        store = stream->store;
    if (!id_is_zero(&store))
        packed.store = packed_borrow(id_view(&store));
    packed.after = fetch->after;
    if (!id_is_zero(&fetch->after_id))
        packed.after_id = packed_borrow(id_view(&fetch->after_id));
    request.id = fetch->id;
    request.kind_case = ZSAGA__REPLAY_REQUEST__KIND_FETCH;
    request.fetch = &packed;
    struct frame_writer writer = {.sender = &node->sender, .out = out};
    writer.to = (struct peer){.port = CONSUMER_PORT_REPLAY(stream->index)};
    frame_writer_add(&writer, &request.base, NULL);
    frame_writer_flush(&writer);
}

static void begin_fetch(struct consumer_node *node, struct stream *stream)
{
    struct consumer_fetch *fetch = &stream->fetch;
    *fetch = (struct consumer_fetch){.out = true, .id = ++node->last_fetch};
    fetch->after = position(stream);
    fetch->after_id =
        consumer_rows_empty(&stream->fetched) ? stream->cursor.id : stream->fetched_id;
    fetch->wait_ms = stream->syncing ? CONSUMER_FETCH_FIRST_MS : CONSUMER_FETCH_MS;
    fetch->due_ms = node->now_ms + fetch->wait_ms;
    stream->doubted = false;
    stream->shown->fetches++;
    if (!stream->gap) {
        stream->gap = true;
        stream->shown->gaps++;
    }
}

void stream_ask(struct consumer_node *node, struct stream *stream, struct outbound *out)
{
    struct consumer_fetch *fetch = &stream->fetch;
    if (fetch->out) {
        if (node->ticked_ms < fetch->due_ms)
            return;
        fetch->wait_ms *= 2;
        if (fetch->wait_ms > CONSUMER_FETCH_MAX_MS)
            fetch->wait_ms = CONSUMER_FETCH_MAX_MS;
        fetch->due_ms = node->now_ms + fetch->wait_ms;
    } else if (!wants_fetch(stream)) {
        stream->gap = false;
        return;
    } else if (node->now_ms < stream->hold_until_ms) {
        return;
    } else {
        begin_fetch(node, stream);
    }
    send_fetch(node, stream, out);
}

int64_t stream_deadline(const struct stream *stream, int64_t now_ms)
{
    int64_t deadline = INT64_MAX;
    if (stream->fetch.out)
        deadline = stream->fetch.due_ms;
    else if (wants_fetch(stream))
        deadline = stream->hold_until_ms > now_ms ? stream->hold_until_ms : now_ms;
    if (stream->failing && stream->retry_at_ms > now_ms && stream->retry_at_ms < deadline)
        deadline = stream->retry_at_ms;
    return deadline;
}

static enum consumer_stream_state state_of(const struct stream *stream)
{
    if (stream->cursor.state == CURSOR_TRUNCATED)
        return CONSUMER_STREAM_TRUNCATED;
    if (stream->cursor.state == CURSOR_DIVERGED)
        return CONSUMER_STREAM_DIVERGED;
    if (stream->failing || stream->unread[0] != '\0')
        return CONSUMER_STREAM_FAILING;
    return stream->syncing ? CONSUMER_STREAM_SYNCING : CONSUMER_STREAM_FOLLOWING;
}

void stream_show(struct stream *stream)
{
    struct consumer_stream *shown = stream->shown;
    const char *detail = "";
    shown->state = state_of(stream);
    shown->store = stream->cursor.store;
    shown->applied = stream->cursor.seq;
    shown->applied_wall_ms = stream->cursor.wall_ms;
    shown->tail = stream->tail;
    shown->head = stream->head;
    if (!stream_stopped(stream) && shown->head < shown->applied)
        shown->head = shown->applied; /* Its rows have told more than its range so far. */
    if (stream_stopped(stream))
        detail = stream->cursor.detail;
    else if (stream->failing)
        detail = stream->failure;
    else
        detail = stream->unread;
    (void)snprintf(shown->detail, sizeof shown->detail, "%s", detail);
}
