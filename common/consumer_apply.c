/* A stream's part of the open transaction: rows become calls of the service. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "consumer_internal.h"

#define WORDS_MIN 50 /* Of why it stops; bytes. */

/* CONSUMER_GUILTY, or what the database has failed with. */
static int blame(struct consumer_node *node, struct stream *stream, uint64_t seq,
                 const struct err *failure, struct err *err)
{
    struct consumer_culprit *culprit = &node->culprit;
    bool alive = db_in_transaction(node->db);
    const char *words = failure->text[0] != '\0' ? failure->text : "it failed without words";
    if (db_storage_failure(node->db) != 0)
        return err_set(err, db_storage_failure(node->db), "%s", words);
    *culprit = (struct consumer_culprit){.stream = stream, .seq = seq};
    text_to_utf8(bytes_text(failure->code == 0 && !alive ? "it ended the transaction" : words),
                 culprit->words, sizeof culprit->words);
    return CONSUMER_GUILTY;
}

/* The service's functions run guarded. */
static int reset_service(struct consumer_node *node, struct stream *stream, struct err *err)
{
    struct err failure = {0};
    node->dirty = true;
    (void)db_guard(node->db, true);
    int rc = node->service->reset(node->self, stream->shown->publisher, &failure);
    (void)db_guard(node->db, false);
    if (rc < 0 || db_storage_failure(node->db) != 0 || !db_in_transaction(node->db))
        return blame(node, stream, 0, &failure, err);
    return 0;
}

/* What to do next is there whole, or not at all: a command cut short would mislead. */
static char *way_out(const struct consumer_node *node, const struct stream *stream)
{
    char *words = xprintf("; compare, then: zsaga resync %s %s --from tail --reason TEXT",
                          node->service->name, stream->shown->publisher);
    if (strlen(words) + WORDS_MIN <= CURSOR_DETAIL_MAX)
        return words;
    free(words);
    return xstrdup("; compare, then: see zsaga resync --help");
}

static void stop_at_breach(const struct consumer_node *node, struct stream *stream)
{
    const struct consumer_breach *breach = &stream->breach;
    AUTO(freep) char *next = way_out(node, stream);
    stream->next.state = breach->kind;
    (void)snprintf(stream->next.detail, sizeof stream->next.detail, "%.*s%s",
                   (int)(CURSOR_DETAIL_MAX - strlen(next)), breach->words, next);
    stream->turn = CONSUMER_STOPPED;
}

static int apply_breach(struct consumer_node *node, struct stream *stream, struct err *err)
{
    const struct consumer_breach *breach = &stream->breach;
    stream->moved = true;
    if (node->service->on_break == CONSUMER_STOPS) {
        stop_at_breach(node, stream);
        return 0;
    }
    if (breach->kind == CURSOR_TRUNCATED) {
        stream->next.store = breach->store;
        stream->next.seq = breach->tail - 1;
        stream->next.id = (struct id){{0}};
        stream->turn = CONSUMER_SKIPPED;
        return 0;
    }
    stream->next = (struct cursor){.store = breach->store};
    stream->turn = CONSUMER_REBUILT;
    return reset_service(node, stream, err);
}

static int call_service(struct consumer_node *node, const struct stream *stream, uint64_t seq,
                        const Zsaga__Event *from, struct err *failure)
{
    struct consumer_event event = {
        .publisher = stream->shown->publisher,
        .seq = seq,
        .saga = packed_view(from->saga),
        .type = packed_view(from->type),
        .wall_ms = (int64_t)from->time_ms,
        .causation = packed_view(from->causation),
        .traceparent = packed_view(from->traceparent),
        .payload = packed_view(from->payload),
    };
    (void)id_from_bytes(packed_view(from->id), &event.id);
    return node->service->event(node->self, &event, failure);
}

/* The events of a row behind the cursor, up to `last`. */
static int apply_events(struct consumer_node *node, struct stream *stream, uint64_t first,
                        const Zsaga__EventBatch *batch, uint64_t last, struct err *err)
{
    struct cursor *next = &stream->next;
    struct err failure = {0};
    int rc = 0;
    node->dirty = true;
    next->store = stream->store;
    stream->moved = true;
    (void)db_guard(node->db, true);
    while (rc >= 0 && next->seq < last) {
        const Zsaga__Event *event = batch->events[next->seq + 1 - first];
        rc = call_service(node, stream, next->seq + 1, event, &failure);
        if (rc < 0 || !db_in_transaction(node->db))
            break;
        next->seq++;
        next->wall_ms = (int64_t)event->time_ms;
        (void)id_from_bytes(packed_view(event->id), &next->id);
    }
    (void)db_guard(node->db, false);
    if (next->seq < last || db_storage_failure(node->db) != 0)
        return blame(node, stream, next->seq + 1, &failure, err);
    return 0;
}

/* Whether the event at the cursor, where this row has it, is the one that was applied. */
static bool agrees(const struct stream *stream, const struct consumer_row *row,
                   const Zsaga__EventBatch *batch)
{
    uint64_t seq = stream->next.seq;
    struct id id;
    if (row->first > seq || consumer_row_last(row) < seq)
        return true;
    (void)id_from_bytes(packed_view(batch->events[seq - row->first]->id), &id);
    return stream_matches(stream, &id);
}

/* Sets *ret_rest to false when the row was not applied to its end. */
static int apply_row(struct consumer_node *node, struct stream *stream,
                     const struct consumer_row *row, uint64_t stop, bool *ret_rest, struct err *err)
{
    uint64_t last = consumer_row_last(row);
    if (last < stream->next.seq) {
        stream->shown->duplicates++;
        return 0;
    }
    arena_reset(&node->arena);
    const Zsaga__EventBatch *batch =
        consumer_decode(node, row->count, bytes_of(row->events, row->len));
    *ret_rest = false;
    if (batch == NULL) {
        consumer_malformed(node, stream, "a row does not decode");
        stream->spoiled = true;
        return 0;
    }
    if (!agrees(stream, row, batch)) {
        stream_break(stream, CURSOR_DIVERGED, stream->tail,
                     "event %" PRIu64 " of its log is another one than was applied",
                     stream->next.seq);
        return 0;
    }
    if (MUTANT(GAP_SKIPPED) && row->first > stream->next.seq + 1)
        stream->next.seq = row->first - 1;
    *ret_rest = last < stop;
    if (last == stream->next.seq) {
        stream->shown->duplicates++;
        return 0;
    }
    return apply_events(node, stream, row->first, batch, last < stop ? last : stop - 1, err);
}

/* The first event that is not to be applied now. */
static uint64_t stop_of(const struct consumer_node *node, const struct stream *stream,
                        uint64_t events_max)
{
    uint64_t stop = stream->next.seq + 1 + events_max;
    bool barred = stream->failing && !node->probing && stream->failing_at < stop;
    return barred ? stream->failing_at : stop;
}

int consumer_apply(struct consumer_node *node, struct stream *stream, uint64_t events_max,
                   struct err *err)
{
    if (stream_stopped(stream) || stream->turn != CONSUMER_GOES_ON)
        return 0;
    if (stream->breach.kind != CURSOR_FOLLOWS)
        return stream->failing && !node->probing ? 0 : apply_breach(node, stream, err);
    if (stream->syncing)
        return 0;
    const uint64_t stop = stop_of(node, stream, events_max);
    struct consumer_rows *source;
    bool rest = true;
    while (rest && stream->next.seq + 1 < stop && node->rows_left > 0 && node->bytes_left > 0 &&
           (source = stream_source(stream, stream->next.seq)) != NULL) {
        const struct consumer_row *row = consumer_rows_next(source);
        node->rows_left--;
        node->bytes_left -= row->len < node->bytes_left ? row->len : node->bytes_left;
        int rc = apply_row(node, stream, row, stop, &rest, err);
        if (rc != 0)
            return rc;
        if (rest)
            consumer_rows_take(source);
    }
    return 0;
}
