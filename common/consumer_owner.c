/* The owner plane of a consumer: how its streams are, and the operator's word on a stopped one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "consumer_internal.h"

#define REASON_MAX 512 /* Bytes. */

/* The worst comes first; what is stopped needs a person. */
void consumer_health(void *context, const char **ret_state, const char **ret_detail)
{
    struct consumer_node *node = context;
    const struct consumer_stream *worst = NULL;
    size_t others = 0;
    for (size_t i = 0; i < node->stream_count; i++) {
        const struct consumer_stream *shown = &node->shown[i];
        if (shown->state < CONSUMER_STREAM_FAILING)
            continue;
        others += worst != NULL;
        if (worst == NULL || shown->state > worst->state)
            worst = shown;
    }
    if (worst == NULL)
        return;
    int len = snprintf(node->words, sizeof node->words, "%s: %s", worst->publisher, worst->detail);
    if (others > 0 && len > 0 && (size_t)len < sizeof node->words)
        (void)snprintf(node->words + len, sizeof node->words - (size_t)len, " (and %zu more)",
                       others);
    *ret_state = consumer_stream_state_name(worst->state);
    *ret_detail = node->words;
}

size_t consumer_stream_count(void *context)
{
    const struct consumer_node *node = context;
    return node->stream_count;
}

void consumer_stream_health(void *context, size_t i, struct owner_stream *ret)
{
    const struct consumer_node *node = context;
    const struct consumer_stream *shown = &node->shown[i];
    *ret = (struct owner_stream){
        .publisher = shown->publisher,
        .state = consumer_stream_state_name(shown->state),
        .head = shown->head,
        .applied = shown->applied,
        .detail = shown->detail,
    };
}

void consumer_refuse(struct consumer_node *node, const struct node_outage *why)
{
    node->batch.budget = SIZE_MAX;
    for (size_t i = 0; i < node->work_count; i++)
        node->works[i].answer =
            owner_answer_outage(node->owner, node->works[i].request, &node->batch, why);
}

static struct stream *find(struct consumer_node *node, struct bytes publisher)
{
    for (size_t i = 0; i < node->stream_count; i++)
        if (bytes_equal(bytes_text(node->streams[i].shown->publisher), publisher))
            return &node->streams[i];
    return NULL;
}

/* Words for why it is refused, or NULL. */
static const char *fault_of(struct consumer_node *node, const struct stream *stream,
                            const Zsaga__Resync *request)
{
    struct bytes reason = packed_view(request->reason);
    if (stream == NULL)
        return "it does not follow that publisher";
    if (!text_is_name(packed_view(request->who)) || reason.len == 0 || reason.len > REASON_MAX ||
        !text_is_utf8(reason))
        return "who must be 1 to 64, and reason 1 to 512 bytes of UTF-8";
    if (!stream_stopped(stream))
        return "it follows that publisher: only a stream that has stopped can be resynced";
    if (!stream->told) {
        (void)snprintf(node->words, sizeof node->words,
                       "%s has told nothing of its log yet: start it, or ask again in a second",
                       stream->shown->publisher);
        return node->words;
    }
    return NULL;
}

/* The answer got lost, and the operator says it again. */
static int was_done(struct consumer_node *node, const struct stream *stream,
                    const struct cursor_resync *resync, bool *ret, struct err *err)
{
    *ret = false;
    if (stream == NULL || stream_stopped(stream))
        return 0;
    return consumer_failed(
        cursor_was_resynced(node->cursors, stream->shown->publisher, resync, ret, err));
}

int consumer_resync(void *context, const Zsaga__Resync *request, const char **ret_words,
                    struct err *err)
{
    struct consumer_node *node = context;
    struct stream *stream = find(node, packed_view(request->publisher));
    const struct cursor_resync resync = {request->from_tail, packed_view(request->who),
                                         packed_view(request->reason)};
    bool done;
    int rc = was_done(node, stream, &resync, &done, err);
    if (rc < 0)
        return rc;
    if (done) {
        *ret_words = "done before: it follows that publisher again";
        return 0;
    }
    *ret_words = fault_of(node, stream, request);
    if (*ret_words != NULL)
        return OWNER_REFUSED;
    const struct consumer_stream *shown = stream->shown;
    struct cursor *next = &stream->next;
    *next = (struct cursor){.store = stream->store};
    next->seq = request->from_tail ? stream->tail - 1 : stream->head;
    stream->moved = true;
    stream->turn = CONSUMER_RESYNCED;
    /* For the log, once it is committed. */
    (void)snprintf(stream->breach.words, sizeof stream->breach.words, "%.*s: %.*s",
                   (int)resync.who.len, (const char *)resync.who.data, (int)resync.reason.len,
                   (const char *)resync.reason.data);
    (void)snprintf(node->words, sizeof node->words,
                   "follows %s again, behind event %" PRIu64 " (applied before: %" PRIu64 ")",
                   shown->publisher, next->seq, stream->cursor.seq);
    *ret_words = node->words;
    return consumer_failed(cursor_note_resync(node->cursors, shown->publisher, &resync,
                                              &stream->cursor, next, node->wall_ms, err));
}
