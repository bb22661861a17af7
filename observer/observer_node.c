#include "observer_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "report.h"
#include "suite.h"
#include "wire/frame.h"

#define ARENA_BUDGET ((size_t)8 << 20) /* Of one question, or one answer. */

const struct consumer_service observer_service = {
    .name = SUITE_OBSERVER,
    .about = "Shows what the suite does, and touches nothing.",
    .schema = model_schema,
    .schema_count = MODEL_SCHEMA_COUNT,
    .self_size = sizeof(struct model),
    .open = model_open,
    .close = model_close,
    .event = model_apply,
    .flush = model_flush,
    .forget = model_forget,
    .on_break = CONSUMER_REBUILDS,
    .reset = model_reset,
    .pace_ms = OBSERVER_PACE_MS,
    .tables = model_tables,
    .table_count = MODEL_TABLE_COUNT,
};

/* A question that waits for the end of the turn. */
struct ask {
    struct peer from;
    uint64_t id;
    uint32_t rows;
};

struct observer_node {
    struct node node;
    struct node_ops ops; /* Without what the consumer has not. */
    struct node *consumer;
    uint8_t view_port;
    struct frame_header sender;
    struct arena arena;
    struct ask asks[OBSERVER_ASKS_MAX];
    size_t ask_count;
    struct report_stream streams[CONSUMER_PUBLISHERS_MAX];
    size_t stream_count;
    int64_t since_mono_ms;
};

static struct observer_node *self_of(struct node *node)
{
    return (struct observer_node *)(void *)node;
}

struct model *observer_node_model(struct node *node)
{
    return consumer_node_self(self_of(node)->consumer);
}

const struct node *observer_node_consumer(const struct node *node)
{
    return ((const struct observer_node *)(const void *)node)->consumer;
}

static void take_ask(struct observer_node *self, const struct peer *from,
                     const ProtobufCBinaryData *entry)
{
    const Zsaga__ViewRequest *request =
        zsaga__view_request__unpack(&self->arena.allocator, entry->len, entry->data);
    if (request == NULL || request->id == 0 || self->ask_count == OBSERVER_ASKS_MAX)
        return;
    self->asks[self->ask_count++] = (struct ask){*from, request->id, request->rows};
}

static void node_receive(struct node *node, const struct peer *from, struct bytes bytes,
                         struct node_time now)
{
    struct observer_node *self = self_of(node);
    struct frame frame;
    struct err why;
    if (from->port != self->view_port) {
        self->consumer->ops->receive(self->consumer, from, bytes, now);
        return;
    }
    arena_reset(&self->arena);
    if (frame_read(bytes, &self->arena, &frame, &why) < 0) {
        consumer_node_count_malformed(self->consumer);
        return;
    }
    for (size_t i = 0; i < frame.entry_count; i++)
        take_ask(self, from, &frame.entries[i]);
}

static void note_streams(struct observer_node *self, struct node_time now)
{
    const struct consumer_stream *streams;
    self->stream_count = consumer_node_streams(self->consumer, &streams);
    for (size_t i = 0; i < self->stream_count; i++) {
        self->streams[i].stream = &streams[i];
        if (report_is_current(&streams[i]))
            self->streams[i].current_wall_ms = now.wall_ms;
    }
}

static void send_report(struct observer_node *self, const struct ask *ask,
                        Zsaga__ViewReport *report, struct outbound *out)
{
    if (report == NULL)
        return;
    report->id = ask->id;
    struct frame_writer writer = {.to = ask->from, .sender = &self->sender, .out = out};
    frame_writer_add(&writer, &report->base, NULL);
    frame_writer_flush(&writer);
}

static void answer(struct observer_node *self, const struct ask *ask, struct node_time now,
                   struct outbound *out)
{
    const struct report_source source = {
        .model = consumer_node_self(self->consumer),
        .streams = self->streams,
        .stream_count = self->stream_count,
        .since_mono_ms = self->since_mono_ms,
        .now = now,
    };
    arena_reset(&self->arena);
    send_report(self, ask, report_make(&source, ask->rows, &self->arena), out);
}

static int node_commit(struct node *node, struct node_time now, struct outbound *out,
                       struct err *err)
{
    struct observer_node *self = self_of(node);
    int rc = self->consumer->ops->commit(self->consumer, now, out, err);
    if (rc < 0)
        return rc;
    note_streams(self, now);
    if (self->ask_count != 0)
        rc = model_load(consumer_node_self(self->consumer), err);
    for (size_t i = 0; rc == 0 && i < self->ask_count; i++)
        answer(self, &self->asks[i], now, out);
    self->ask_count = 0;
    return rc;
}

static void node_tick(struct node *node, struct node_time now)
{
    struct node *consumer = self_of(node)->consumer;
    consumer->ops->tick(consumer, now);
}

/* The model is gone with its batch: who asks is told why, and has what it was told before. */
static void node_refuse(struct node *node, struct node_time now, const struct node_outage *why,
                        struct outbound *out)
{
    struct observer_node *self = self_of(node);
    for (size_t i = 0; i < self->ask_count; i++) {
        arena_reset(&self->arena);
        send_report(self, &self->asks[i], report_make_trouble(why->words, now, &self->arena), out);
    }
    self->ask_count = 0;
    self->consumer->ops->refuse(self->consumer, now, why, out);
}

static bool node_sated(const struct node *node)
{
    const struct node *consumer = ((const struct observer_node *)(const void *)node)->consumer;
    return consumer->ops->sated(consumer);
}

static int node_reload(struct node *node, struct node_time now, struct err *err)
{
    struct node *consumer = self_of(node)->consumer;
    return consumer->ops->reload(consumer, now, err);
}

static int64_t node_next_deadline(struct node *node)
{
    struct node *consumer = self_of(node)->consumer;
    return consumer->ops->next_deadline(consumer);
}

static bool node_ready(struct node *node)
{
    struct node *consumer = self_of(node)->consumer;
    return consumer->ops->ready(consumer);
}

static const struct node_news *node_news(struct node *node)
{
    struct node *consumer = self_of(node)->consumer;
    return consumer->ops->news(consumer);
}

static void node_free(struct node *node)
{
    struct observer_node *self = self_of(node);
    self->consumer->ops->free(self->consumer);
    arena_release(&self->arena);
    free(self);
}

static const struct node_ops ops = {
    .receive = node_receive,
    .tick = node_tick,
    .commit = node_commit,
    .refuse = node_refuse,
    .sated = node_sated,
    .reload = node_reload,
    .next_deadline = node_next_deadline,
    .ready = node_ready,
    .news = node_news,
    .free = node_free,
};

int observer_node_new(const struct consumer_options *options, struct node_time now,
                      struct node **ret, struct err *err)
{
    struct node *consumer;
    int rc = consumer_node_new(&observer_service, options, now, &consumer, err);
    if (rc < 0)
        return rc;
    struct observer_node *self = xcalloc(1, sizeof *self);
    self->consumer = consumer;
    self->ops = ops;
    self->ops.refuse = consumer->ops->refuse == NULL ? NULL : node_refuse;
    self->ops.sated = consumer->ops->sated == NULL ? NULL : node_sated;
    self->ops.news = consumer->ops->news == NULL ? NULL : node_news;
    self->node.ops = &self->ops;
    self->view_port = OBSERVER_PORT_VIEW(options->publisher_count);
    (void)snprintf(self->sender.name, sizeof self->sender.name, "%s", SUITE_OBSERVER);
    self->sender.incarnation = options->random;
    arena_init(&self->arena, ARENA_BUDGET);
    self->since_mono_ms = now.mono_ms;
    note_streams(self, now);
    *ret = &self->node;
    return 0;
}
