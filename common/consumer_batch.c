/* The batch: all that waits in one transaction; and what happens when something in it fails.
 *
 * There is no savepoint around an event. A batch that fails is rolled back and run again without
 * what made it fail, where that is known; else its streams are run each for itself, in ever smaller
 * transactions, until it is. The event that fails is tried again by itself, later and later. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mutant.h"
#include "base/text.h"
#include "consumer_internal.h"

#define SINGLY_FIRST 256 /* Events of a transaction, after one that failed for unknown reasons. */
#define SINGLY_MAX 64    /* Of these transactions of one stream, in a turn. */

/* What a transaction is about. */
struct part {
    bool all;                         /* The owner's work, and all streams. */
    struct consumer_owner_work *work; /* Or this one. */
    struct stream *stream;            /* Or this one. */
    uint64_t events_max;              /* Of each stream. */
    bool probing;
};

int consumer_failed(int rc)
{
    bool ends = rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_FULL;
    return rc >= 0 || ends ? rc : ERR_ABORTED;
}

static int do_work(struct consumer_node *node, struct consumer_owner_work *work, struct err *err)
{
    if (work->refused)
        return 0;
    node->batch.budget = SIZE_MAX;
    int rc = owner_answer(node->owner, work->request, &node->batch, &work->answer, err);
    bool ends = rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_FULL;
    if (ends || db_in_transaction(node->db))
        return consumer_failed(rc);
    node->culprit = (struct consumer_culprit){.owner = work};
    return CONSUMER_GUILTY;
}

static int do_part(struct consumer_node *node, const struct part *part, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < node->work_count; i++)
        if (part->all || part->work == &node->works[i])
            rc = do_work(node, &node->works[i], err);
    for (size_t i = 0; rc == 0 && i < node->stream_count; i++) {
        struct stream *stream = &node->streams[(node->first_stream + i) % node->stream_count];
        if (part->all || part->stream == stream)
            rc = consumer_apply(node, stream, part->events_max, err);
    }
    return rc;
}

/* Nobody knows whose fault it is. */
static int blame_nobody(struct consumer_node *node, const struct err *failure)
{
    node->culprit = (struct consumer_culprit){0};
    text_to_utf8(bytes_text(failure->text), node->culprit.words, sizeof node->culprit.words);
    return CONSUMER_GUILTY;
}

static int flush(struct consumer_node *node, struct err *err)
{
    struct err failure = {0};
    if (!node->dirty || node->service->flush == NULL)
        return 0;
    (void)db_guard(node->db, true);
    int rc = node->service->flush(node->self, &failure);
    (void)db_guard(node->db, false);
    if (db_storage_failure(node->db) != 0)
        return err_set(err, db_storage_failure(node->db), "%s", failure.text);
    return rc < 0 || !db_in_transaction(node->db) ? blame_nobody(node, &failure) : 0;
}

static int save_cursors(struct consumer_node *node, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < node->stream_count; i++) {
        struct stream *stream = &node->streams[i];
        if (stream->moved)
            rc = consumer_failed(
                cursor_save(node->cursors, stream->shown->publisher, &stream->next, err));
    }
    return rc;
}

/* What the service has written may break a constraint that is checked at the commit. */
static int finish(struct consumer_node *node, struct err *err)
{
    int rc = flush(node, err);
    if (rc == 0 && !MUTANT(CURSOR_OUTSIDE))
        rc = save_cursors(node, err);
    if (rc != 0)
        return rc;
    struct err failure = {0};
    rc = db_commit(node->db, &failure);
    if (rc == ERR_INVALID)
        return blame_nobody(node, &failure);
    if (rc < 0)
        *err = failure;
    if (rc == 0 && MUTANT(CURSOR_OUTSIDE))
        rc = save_cursors(node, err);
    return consumer_failed(rc);
}

/* Tells of what was decided, and reads on from there. */
static void settle_turn(struct consumer_node *node, struct stream *stream)
{
    static const char *const events[] = {
        [CONSUMER_STOPPED] = "stream_stopped",
        [CONSUMER_SKIPPED] = "stream_truncated",
        [CONSUMER_REBUILT] = "stream_rebuilt",
        [CONSUMER_RESYNCED] = "stream_resynced",
    };
    enum consumer_turn turn = stream->turn;
    if (turn == CONSUMER_GOES_ON)
        return;
    const char *words = turn == CONSUMER_STOPPED ? stream->cursor.detail : stream->breach.words;
    consumer_say(node, turn != CONSUMER_RESYNCED, events[turn],
                 "publisher=%s applied=%" PRIu64 " words=%s", stream->shown->publisher,
                 stream->cursor.seq, log_quote(words));
    if (turn == CONSUMER_REBUILT || turn == CONSUMER_RESYNCED)
        stream->shown->resyncs++;
    if (turn == CONSUMER_SKIPPED)
        stream->shown->gaps++;
    stream->turn = CONSUMER_GOES_ON;
    stream->breach.kind = CURSOR_FOLLOWS;
    stream->failing_at = 0; /* If it failed, that is behind. */
    stream_sync(stream);
}

static void settle_stream(struct consumer_node *node, struct stream *stream)
{
    if (stream->spoiled) {
        consumer_rows_clear(&stream->live);
        consumer_rows_clear(&stream->fetched);
        stream->spoiled = false;
        stream->doubted = true;
        stream_hold(stream, node->now_ms);
    }
    consumer_rows_settle(&stream->fetched);
    consumer_rows_settle(&stream->live);
    if (!stream->moved)
        return;
    stream->unread[0] = '\0';
    if (stream->turn == CONSUMER_GOES_ON) {
        node->counters.applied += stream->next.seq - stream->cursor.seq;
        stream->hold_until_ms = 0;
        stream->hold_ms = CONSUMER_FETCH_FIRST_MS;
    }
    stream->cursor = stream->next;
    stream->moved = false;
    settle_turn(node, stream);
    if (!stream->failing || stream->cursor.seq < stream->failing_at)
        return;
    stream->failing = false;
    stream->retry_wait_ms = 0;
    if (stream_stopped(stream))
        return; /* At a breach: that is told, and is no recovery. */
    consumer_say(node, false, "stream_recovered", "publisher=%s applied=%" PRIu64,
                 stream->shown->publisher, stream->cursor.seq);
}

void consumer_take_back(struct consumer_node *node)
{
    db_rollback(node->db);
    if (node->dirty && node->service->forget != NULL)
        node->service->forget(node->self);
    node->dirty = false;
    for (size_t i = 0; i < node->stream_count; i++) {
        struct stream *stream = &node->streams[i];
        if (!MUTANT(POSITION_KEPT))
            stream->next = stream->cursor;
        stream->moved = false;
        stream->turn = CONSUMER_GOES_ON;
        stream->spoiled = false;
        consumer_rows_take_back(&stream->fetched);
        consumer_rows_take_back(&stream->live);
    }
}

/* One transaction: 0, CONSUMER_GUILTY when it was taken back through node->culprit, or negative. */
static int run(struct consumer_node *node, const struct part *part, struct err *err)
{
    node->rows_left = CONSUMER_BATCH_ROWS;
    node->bytes_left = CONSUMER_BATCH_BYTES;
    node->dirty = false;
    node->probing = part->probing;
    int rc = consumer_failed(db_begin(node->db, err));
    if (rc == 0)
        rc = do_part(node, part, err);
    if (rc == 0)
        rc = finish(node, err);
    if (rc == CONSUMER_GUILTY)
        consumer_take_back(node);
    if (rc != 0)
        return rc;
    node->dirty = false;
    node->counters.commits++;
    for (size_t i = 0; i < node->stream_count; i++)
        settle_stream(node, &node->streams[i]);
    return 0;
}

/* Its publisher waits, longer with each failure at the same event. */
static void note_failure(struct consumer_node *node, struct stream *stream, uint64_t seq)
{
    bool again = stream->failing && stream->failing_at == seq;
    node->counters.failures++;
    stream->failing = true;
    stream->failing_at = seq;
    (void)snprintf(stream->failure, sizeof stream->failure, "event %" PRIu64 ": %.130s", seq,
                   node->culprit.words);
    if (seq == 0)
        (void)snprintf(stream->failure, sizeof stream->failure, "to forget it: %.130s",
                       node->culprit.words);
    if (!again) {
        stream->retry_wait_ms = CONSUMER_RETRY_FIRST_MS;
        consumer_say(node, true, "stream_failing", "publisher=%s words=%s",
                     stream->shown->publisher, log_quote(stream->failure));
    }
    stream->retry_at_ms = node->now_ms + stream->retry_wait_ms;
    stream->retry_wait_ms *= 2;
    if (stream->retry_wait_ms > CONSUMER_RETRY_MAX_MS)
        stream->retry_wait_ms = CONSUMER_RETRY_MAX_MS;
}

static void refuse_work(struct consumer_node *node, struct consumer_owner_work *work)
{
    work->refused = true;
    work->answer = owner_refuse(work->request, &node->batch, "what it wrote ended the transaction");
}

/* Deals with a culprit that is known; false: nobody knows. */
static bool set_aside(struct consumer_node *node)
{
    struct consumer_culprit *culprit = &node->culprit;
    if (culprit->owner != NULL)
        refuse_work(node, culprit->owner);
    else if (culprit->stream != NULL)
        note_failure(node, culprit->stream, culprit->seq);
    else
        return false;
    return true;
}

/* In ever smaller transactions, until it is known which event makes them fail. */
static int run_stream_singly(struct consumer_node *node, struct stream *stream, struct err *err)
{
    struct part part = {.stream = stream, .events_max = SINGLY_FIRST};
    int rc = 0;
    for (int i = 0; i < SINGLY_MAX && stream_has_work(stream, node->now_ms); i++) {
        if (stream->failing && stream->cursor.seq + 1 >= stream->failing_at)
            break; /* Its turn is by itself. */
        node->counters.singly++;
        rc = run(node, &part, err);
        if (rc < 0)
            return rc;
        if (rc == 0 || set_aside(node))
            continue;
        if (part.events_max == 1 || stream->breach.kind != CURSOR_FOLLOWS)
            note_failure(node, stream,
                         stream->breach.kind != CURSOR_FOLLOWS ? 0 : stream->cursor.seq + 1);
        else
            part.events_max /= 4;
    }
    return 0;
}

static int run_singly(struct consumer_node *node, struct err *err)
{
    for (size_t i = 0; i < node->work_count; i++) {
        struct part part = {.work = &node->works[i]};
        node->counters.singly++;
        int rc = run(node, &part, err);
        if (rc == CONSUMER_GUILTY)
            refuse_work(node, part.work);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < node->stream_count; i++) {
        int rc = run_stream_singly(node, &node->streams[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int run_all(struct consumer_node *node, struct err *err)
{
    const struct part part = {.all = true, .events_max = INT64_MAX / 2};
    int rc;
    do {
        rc = run(node, &part, err);
    } while (rc == CONSUMER_GUILTY && set_aside(node));
    node->first_stream = (node->first_stream + 1) % node->stream_count;
    return rc == CONSUMER_GUILTY ? run_singly(node, err) : rc;
}

static bool retry_is_due(const struct stream *stream, int64_t now_ms)
{
    return stream->failing && now_ms >= stream->retry_at_ms && stream_has_work(stream, now_ms);
}

/* What has failed is tried by itself, so that it takes nobody's work with it. */
static int retry(struct consumer_node *node, struct stream *stream, struct err *err)
{
    struct part part = {.stream = stream, .events_max = 1, .probing = true};
    uint64_t seq = stream->breach.kind != CURSOR_FOLLOWS ? 0 : stream->cursor.seq + 1;
    int rc = run(node, &part, err);
    if (rc == CONSUMER_GUILTY)
        note_failure(node, stream, seq);
    return rc < 0 ? rc : 0;
}

static size_t bytes_queued(const struct consumer_node *node)
{
    size_t bytes = 0;
    for (size_t i = 0; i < node->stream_count; i++)
        bytes += node->streams[i].live.bytes + node->streams[i].fetched.bytes;
    return bytes;
}

static bool any_work(const struct consumer_node *node, int64_t now_ms)
{
    for (size_t i = 0; i < node->stream_count; i++)
        if (stream_has_work(&node->streams[i], now_ms))
            return true;
    return false;
}

bool consumer_batch_due(const struct consumer_node *node, int64_t now_ms)
{
    if (node->work_count > 0)
        return true;
    if (!any_work(node, now_ms))
        return false;
    for (size_t i = 0; i < node->stream_count; i++)
        if (node->streams[i].breach.kind != CURSOR_FOLLOWS ||
            retry_is_due(&node->streams[i], now_ms))
            return true;
    return now_ms >= node->queued_ms + node->service->pace_ms ||
           bytes_queued(node) > CONSUMER_BATCH_BYTES;
}

int consumer_batch(struct consumer_node *node, struct node_time now, struct err *err)
{
    int rc = run_all(node, err);
    for (size_t i = 0; rc == 0 && i < node->stream_count; i++)
        if (retry_is_due(&node->streams[i], now.mono_ms))
            rc = retry(node, &node->streams[i], err);
    node->queued_ms = any_work(node, now.mono_ms) ? 0 : -1;
    return rc;
}
