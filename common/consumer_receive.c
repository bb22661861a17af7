/* What arrives at a consumer: frames decoded into rows that wait, answers, and the owner's work. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "consumer_internal.h"

#define DECODE_BUDGET ((size_t)16 << 20)

void consumer_say(struct consumer_node *node, bool warning, const char *event, const char *format,
                  ...)
{
    if (node->news_count == CONSUMER_NEWS_MAX)
        return;
    struct node_news *line = &node->news[node->news_count++];
    line->warning = warning;
    (void)snprintf(line->event, sizeof line->event, "%s", event);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line->pairs, sizeof line->pairs, format, args);
    va_end(args);
}

void consumer_malformed(struct consumer_node *node, const struct stream *stream, const char *words)
{
    node->counters.malformed++;
    node->untold_malformed++;
    if (node->told_malformed_ms >= 0 && node->now_ms < node->told_malformed_ms + CONSUMER_TELL_MS)
        return;
    consumer_say(node, true, "malformed", "publisher=%s words=%s count=%" PRIu64,
                 stream->shown->publisher, log_quote(words), node->untold_malformed);
    node->told_malformed_ms = node->now_ms;
    node->untold_malformed = 0;
}

/* As docs/protocol.md has it: a service may rely on that. */
static bool event_is_valid(const Zsaga__Event *event)
{
    return event->id.len == ID_SIZE && (event->saga.len == 0 || event->saga.len == ID_SIZE) &&
           text_is_name(packed_view(event->type)) && event->time_ms <= INT64_MAX &&
           (event->causation.len == 0 || event->causation.len == ID_SIZE + 2) &&
           event->traceparent.len <= TEXT_NAME_MAX && event->payload.len <= OUTBOX_PAYLOAD_MAX;
}

const Zsaga__EventBatch *consumer_decode(struct consumer_node *node, uint32_t count,
                                         struct bytes events)
{
    node->arena.budget = node->arena.used + DECODE_BUDGET;
    const Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(&node->arena.allocator, events.len, events.data);
    if (batch == NULL || batch->n_events != count)
        return NULL;
    for (size_t i = 0; i < batch->n_events; i++)
        if (!event_is_valid(batch->events[i]))
            return NULL;
    return batch;
}

static bool row_is_valid(const Zsaga__LogRow *row)
{
    return row->first >= 1 && row->count >= 1 && row->first <= (uint64_t)INT64_MAX - row->count;
}

static uint64_t last_of(const Zsaga__LogRow *row)
{
    return row->first + row->count - 1;
}

static bool range_is_valid(const Zsaga__LogRange *range)
{
    return range != NULL && range->tail >= 1 && range->head < INT64_MAX &&
           range->tail <= range->head + 1;
}

static bool has_applied(const struct stream *stream, const Zsaga__LogRow *row)
{
    return last_of(row) <= stream->cursor.seq;
}

/* A row at the cursor was applied before: unless it is another one. */
static void compare_at_cursor(struct consumer_node *node, struct stream *stream,
                              const Zsaga__LogRow *row)
{
    const Zsaga__EventBatch *batch = consumer_decode(node, row->count, packed_view(row->events));
    struct id id;
    if (batch == NULL) {
        consumer_malformed(node, stream, "a row does not decode");
        return;
    }
    (void)id_from_bytes(packed_view(batch->events[row->count - 1]->id), &id);
    if (!stream_matches(stream, &id))
        stream_break(stream, CURSOR_DIVERGED, stream->tail,
                     "event %" PRIu64 " of its log is another one than was applied",
                     stream->cursor.seq);
}

static void note_queued(struct consumer_node *node)
{
    if (node->queued_ms < 0)
        node->queued_ms = node->now_ms;
}

static void receive_row(struct consumer_node *node, struct stream *stream, const Zsaga__LogRow *row)
{
    if (!row_is_valid(row)) {
        consumer_malformed(node, stream, "a row has no proper numbers");
        return;
    }
    if (stream_stopped(stream) || stream->breach.kind != CURSOR_FOLLOWS)
        return;
    if (has_applied(stream, row)) {
        stream->shown->duplicates++;
        if (!stream->syncing && last_of(row) == stream->cursor.seq)
            compare_at_cursor(node, stream, row);
        return;
    }
    if (!consumer_rows_add(&stream->live, row->first, row->count, packed_view(row->events))) {
        stream->shown->duplicates++;
        return;
    }
    note_queued(node);
    /* The oldest can be fetched as well as the newest, and comes first. */
    while (stream->live.bytes > CONSUMER_QUEUE_BYTES) {
        consumer_rows_drop_first(&stream->live);
        node->counters.dropped++;
    }
}

static void receive_range(struct consumer_node *node, struct stream *stream,
                          const Zsaga__LogRange *range)
{
    if (!range_is_valid(range)) {
        consumer_malformed(node, stream, "a range has no proper numbers");
        return;
    }
    stream_tell_range(stream, range->tail, range->head);
    /* A late one, most likely; the answer to a fetch tells. */
    if (range->head < stream->cursor.seq && node->now_ms >= stream->hold_until_ms)
        stream->doubted = true;
}

static void receive_publication(struct consumer_node *node, struct stream *stream,
                                ProtobufCBinaryData entry)
{
    const Zsaga__Publication *publication =
        zsaga__publication__unpack(&node->arena.allocator, entry.len, entry.data);
    if (publication != NULL && publication->kind_case == ZSAGA__PUBLICATION__KIND_ROW)
        receive_row(node, stream, publication->row);
    else if (publication != NULL && publication->kind_case == ZSAGA__PUBLICATION__KIND_RANGE)
        receive_range(node, stream, publication->range);
    else
        consumer_malformed(node, stream, "an entry is no publication");
}

/* Words for what is wrong with an answer's rows, or NULL. */
static const char *fetched_fault(struct consumer_node *node, const struct stream *stream,
                                 const Zsaga__Fetched *fetched, struct id *ret_last)
{
    if (!range_is_valid(fetched->range))
        return "the answer to a fetch has no proper range";
    uint64_t next = stream->fetch.after + 1;
    for (size_t i = 0; i < fetched->n_rows; i++) {
        const Zsaga__LogRow *row = fetched->rows[i];
        if (!row_is_valid(row))
            return "a fetched row has no proper numbers";
        if (i == 0 ? row->first > next || last_of(row) < next : row->first != next)
            return "fetched rows do not follow each other";
        const Zsaga__EventBatch *batch =
            consumer_decode(node, row->count, packed_view(row->events));
        if (batch == NULL)
            return "a fetched row does not decode";
        (void)id_from_bytes(packed_view(batch->events[row->count - 1]->id), ret_last);
        next = last_of(row) + 1;
    }
    if (fetched->n_rows == 0 && fetched->range->head > stream->fetch.after)
        return "a fetch was answered without the rows that there are";
    return NULL;
}

/* An answer that cannot be read: asked again in time, and told in the health until one can. */
static void pass_answer_by(struct consumer_node *node, struct stream *stream, const char *words)
{
    consumer_malformed(node, stream, words);
    (void)snprintf(stream->unread, sizeof stream->unread, "behind event %" PRIu64 ": %.120s",
                   stream->fetch.after, words);
}

static void take_fetched(struct consumer_node *node, struct stream *stream,
                         const Zsaga__Fetched *fetched)
{
    struct id last = {{0}};
    const char *fault = fetched_fault(node, stream, fetched, &last);
    if (fault != NULL) {
        pass_answer_by(node, stream, fault);
        return;
    }
    const bool synced = stream->syncing;
    stream->fetch.out = false;
    stream->syncing = false;
    stream->answered = true;
    stream->unread[0] = '\0';
    stream_tell_range(stream, fetched->range->tail, fetched->range->head);
    for (size_t i = 0; i < fetched->n_rows; i++)
        (void)consumer_rows_add(&stream->fetched, fetched->rows[i]->first, fetched->rows[i]->count,
                                packed_view(fetched->rows[i]->events));
    if (fetched->n_rows == 0) {
        /* Asked because something seemed to be missing: not at once again. */
        if (!synced)
            stream_hold(stream, node->now_ms);
        return;
    }
    stream->fetched_id = last;
    stream->hold_ms = CONSUMER_FETCH_FIRST_MS;
    note_queued(node);
}

static void take_truncated(struct consumer_node *node, struct stream *stream,
                           const Zsaga__Truncated *truncated)
{
    const Zsaga__LogRange *range = truncated->range;
    if (!range_is_valid(range) || range->tail <= stream->fetch.after + 1) {
        pass_answer_by(node, stream, "a fetch was answered with an improper truncation");
        return;
    }
    stream->answered = true;
    stream_tell_range(stream, range->tail, range->head);
    stream_break(stream, CURSOR_TRUNCATED, range->tail,
                 "events %" PRIu64 " to %" PRIu64 " are gone from its log", stream->cursor.seq + 1,
                 range->tail - 1);
}

static void take_diverged(struct consumer_node *node, struct stream *stream,
                          const Zsaga__Diverged *diverged)
{
    char code[32];
    char message[100];
    if (stream->fetch.after == 0 && id_is_zero(&stream->cursor.store)) {
        pass_answer_by(node, stream, "a log cannot differ from one that was never read");
        return;
    }
    text_to_utf8(packed_view(diverged->code), code, sizeof code);
    text_to_utf8(packed_view(diverged->message), message, sizeof message);
    stream->answered = true;
    if (range_is_valid(diverged->range))
        stream_tell_range(stream, diverged->range->tail, diverged->range->head);
    stream_break(stream, CURSOR_DIVERGED, 0, "%s at %" PRIu64 ": %s", code, stream->cursor.seq,
                 message);
}

/* It says no: asked again in time. */
static void take_refusal(struct consumer_node *node, struct stream *stream,
                         const Zsaga__ReplayRefusal *refusal)
{
    char message[160];
    if (bytes_equal(packed_view(refusal->code), bytes_text("busy")))
        return;
    text_to_utf8(packed_view(refusal->message), message, sizeof message);
    pass_answer_by(node, stream, message);
}

/* The answer comes from whoever lives now. False: what it continues is not there any more. */
static bool believe(struct stream *stream, const struct frame_header *header, struct node_time now)
{
    struct consumer_fetch fetch = stream->fetch;
    stream_hear(stream, header, now);
    if (stream->fetch.out)
        return true;
    if (fetch.after != stream->cursor.seq)
        return false;
    stream->fetch = fetch; /* From the cursor: good for this incarnation too. */
    return true;
}

static void take_answer(struct consumer_node *node, struct stream *stream,
                        const struct frame_header *header, const Zsaga__ReplayAnswer *answer)
{
    struct node_time now = {.mono_ms = node->now_ms};
    if (!stream->fetch.out || answer->id != stream->fetch.id || !believe(stream, header, now))
        return;
    bool fetched = answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_FETCHED;
    bool refused = answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_REFUSAL;
    bool diverged = answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_DIVERGED;
    const struct id *known = &stream->cursor.store;
    if (!refused && !diverged && !id_is_zero(known) && id_compare(known, &header->store) != 0) {
        stream_break(stream, CURSOR_DIVERGED, 0, "other_store at %" PRIu64, stream->cursor.seq);
        return;
    }
    if (!fetched && !refused && stream->fetch.after != stream->cursor.seq) {
        /* First what waits is applied; then the question is asked from the cursor. */
        stream->fetch.out = false;
        stream_hold(stream, node->now_ms);
        return;
    }
    if (fetched)
        take_fetched(node, stream, answer->fetched);
    else if (answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED)
        take_truncated(node, stream, answer->truncated);
    else if (diverged)
        take_diverged(node, stream, answer->diverged);
    else if (refused)
        take_refusal(node, stream, answer->refusal);
    else
        pass_answer_by(node, stream, "the answer to a fetch has no known kind");
}

static void receive_answer(struct consumer_node *node, struct stream *stream,
                           const struct frame_header *header, ProtobufCBinaryData entry)
{
    const Zsaga__ReplayAnswer *answer =
        zsaga__replay_answer__unpack(&node->arena.allocator, entry.len, entry.data);
    if (answer == NULL)
        consumer_malformed(node, stream, "an answer does not decode"); /* Nobody knows to what. */
    else
        take_answer(node, stream, header, answer);
}

static void receive_published(struct consumer_node *node, const struct peer *from,
                              struct bytes bytes, struct node_time now)
{
    size_t index = (size_t)(from->port - 1) / 2;
    if (from->port == CONSUMER_PORT_OWNER || index >= node->stream_count)
        return;
    struct stream *stream = &node->streams[index];
    bool live = from->port == CONSUMER_PORT_EVENTS(index);
    struct frame frame;
    struct err err = {0};
    arena_reset(&node->arena);
    node->arena.budget = DECODE_BUDGET;
    int rc = frame_read(bytes, &node->arena, &frame, &err);
    if (rc == 0 && strcmp(frame.header.name, stream->shown->publisher) != 0)
        rc = err_set(&err, ERR_INVALID, "a frame is from %s", frame.header.name);
    if (rc == 0 && id_is_zero(&frame.header.store))
        rc = err_set(&err, ERR_INVALID, "a publisher has no store");
    if (rc < 0) {
        consumer_malformed(node, stream, err.text);
        return;
    }
    if (live)
        stream_hear(stream, &frame.header, now);
    for (size_t i = 0; i < frame.entry_count; i++) {
        node->arena.budget = node->arena.used + DECODE_BUDGET;
        if (live)
            receive_publication(node, stream, frame.entries[i]);
        else
            receive_answer(node, stream, &frame.header, frame.entries[i]);
    }
}

static void receive_owner(struct consumer_node *node, const struct peer *from, struct bytes bytes)
{
    struct frame frame;
    struct err err = {0};
    node->batch.budget = node->batch.used + CONSUMER_OWNER_BYTES;
    if (frame_read(bytes, &node->batch, &frame, &err) < 0) {
        node->counters.malformed++;
        return;
    }
    for (size_t i = 0; i < frame.entry_count; i++) {
        node->works =
            xgrow(node->works, &node->work_capacity, node->work_count + 1, sizeof *node->works);
        struct consumer_owner_work *work = &node->works[node->work_count++];
        memset(work, 0, sizeof *work);
        work->from.port = from->port;
        work->from.id_len = from->id_len;
        memcpy(work->from.id, from->id, from->id_len);
        work->request = packed_view(frame.entries[i]); /* In the batch's arena. */
    }
}

void consumer_receive(struct consumer_node *node, const struct peer *from, struct bytes bytes,
                      struct node_time now)
{
    node->now_ms = now.mono_ms;
    node->received += bytes.len;
    if (from->port == CONSUMER_PORT_OWNER)
        receive_owner(node, from, bytes);
    else
        receive_published(node, from, bytes, now);
}
