/* A consumer as a node: takes frames, applies rows in one transaction a batch, asks for more. */
#include "consumer_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "consumer_internal.h"

static struct consumer_node *self_of(struct node *node)
{
    return (struct consumer_node *)(void *)node;
}

static const struct consumer_node *const_self_of(const struct node *node)
{
    return (const struct consumer_node *)(const void *)node;
}

const char *consumer_stream_state_name(enum consumer_stream_state state)
{
    static const char *const names[] = {
        [CONSUMER_STREAM_SYNCING] = "syncing",   [CONSUMER_STREAM_FOLLOWING] = "following",
        [CONSUMER_STREAM_FAILING] = "failing",   [CONSUMER_STREAM_TRUNCATED] = "truncated",
        [CONSUMER_STREAM_DIVERGED] = "diverged",
    };
    return names[state];
}

size_t consumer_node_streams(const struct node *node, const struct consumer_stream **ret)
{
    *ret = const_self_of(node)->shown;
    return const_self_of(node)->stream_count;
}

void *consumer_node_self(const struct node *node)
{
    return const_self_of(node)->self;
}

void consumer_node_count_malformed(struct node *node)
{
    self_of(node)->counters.malformed++;
}

const struct consumer_counters *consumer_node_counters(const struct node *node)
{
    return &const_self_of(node)->counters;
}

static void node_receive(struct node *node, const struct peer *from, struct bytes bytes,
                         struct node_time now)
{
    consumer_receive(self_of(node), from, bytes, now);
}

/* All that had arrived was given: what was not heard by now is missing. */
static void node_tick(struct node *node, struct node_time now)
{
    self_of(node)->ticked_ms = now.mono_ms;
}

static void forget_works(struct consumer_node *self)
{
    self->work_count = 0;
    arena_reset(&self->batch);
}

static void answer_owner(struct consumer_node *self, struct outbound *out)
{
    for (size_t i = 0; i < self->work_count; i++) {
        if (self->works[i].answer == NULL)
            continue;
        struct frame_writer writer = {
            .to = self->works[i].from, .sender = &self->sender, .out = out};
        frame_writer_add(&writer, &self->works[i].answer->base, NULL);
        frame_writer_flush(&writer);
    }
    forget_works(self);
}

static int node_commit(struct node *node, struct node_time now, struct outbound *out,
                       struct err *err)
{
    struct consumer_node *self = self_of(node);
    self->now_ms = now.mono_ms;
    self->wall_ms = now.wall_ms;
    self->received = 0;
    if (consumer_batch_due(self, now.mono_ms)) {
        int rc = consumer_batch(self, now, err);
        if (rc < 0) {
            consumer_take_back(self); /* What comes before the reload is put into the queues. */
            return consumer_failed(rc);
        }
        answer_owner(self, out);
    }
    for (size_t i = 0; i < self->stream_count; i++) {
        stream_ask(self, &self->streams[i], out);
        stream_show(&self->streams[i]);
    }
    return db_checkpoint_if_large(self->db, err);
}

/* What is told live meanwhile stays in the streams' queues, bounded, until the reload drops it. */
static void node_refuse(struct node *node, struct node_time now, const struct node_outage *why,
                        struct outbound *out)
{
    struct consumer_node *self = self_of(node);
    self->now_ms = now.mono_ms;
    self->received = 0;
    consumer_refuse(self, why);
    answer_owner(self, out);
}

static bool node_sated(const struct node *node)
{
    return const_self_of(node)->received >= CONSUMER_QUEUE_BYTES;
}

static int load_cursors(struct consumer_node *self, struct err *err)
{
    for (size_t i = 0; i < self->stream_count; i++) {
        struct stream *stream = &self->streams[i];
        int rc = cursor_load(self->cursors, stream->shown->publisher, &stream->cursor, err);
        if (rc < 0)
            return rc;
        stream->next = stream->cursor;
        stream->breach.kind = CURSOR_FOLLOWS;
        stream->failing = stream->failing && stream->failing_at > 0;
        stream_sync(stream);
        stream_show(stream);
    }
    return 0;
}

static int node_reload(struct node *node, struct node_time now, struct err *err)
{
    struct consumer_node *self = self_of(node);
    self->now_ms = now.mono_ms;
    self->dirty = true; /* Whatever it remembers. */
    consumer_take_back(self);
    forget_works(self);
    self->queued_ms = -1;
    int rc = load_cursors(self, err);
    /* A full disk shows only in a write: find out before work is taken again. */
    if (rc == 0)
        rc = db_probe(self->db, err);
    return consumer_failed(rc);
}

static int64_t node_next_deadline(struct node *node)
{
    struct consumer_node *self = self_of(node);
    int64_t deadline = INT64_MAX;
    if (consumer_batch_due(self, self->now_ms))
        return self->now_ms;
    for (size_t i = 0; i < self->stream_count; i++) {
        int64_t wanted = stream_deadline(&self->streams[i], self->now_ms);
        deadline = wanted < deadline ? wanted : deadline;
    }
    if (self->queued_ms >= 0 && self->queued_ms + self->service->pace_ms > self->now_ms &&
        self->queued_ms + self->service->pace_ms < deadline)
        deadline = self->queued_ms + self->service->pace_ms;
    if (self->started_ms + CONSUMER_READY_MS > self->now_ms &&
        self->started_ms + CONSUMER_READY_MS < deadline)
        deadline = self->started_ms + CONSUMER_READY_MS;
    return deadline;
}

/* Each publisher has answered, or has had its time. */
static bool node_ready(struct node *node)
{
    struct consumer_node *self = self_of(node);
    if (self->now_ms >= self->started_ms + CONSUMER_READY_MS)
        return true;
    for (size_t i = 0; i < self->stream_count; i++)
        if (!self->streams[i].answered && !stream_stopped(&self->streams[i]))
            return false;
    return true;
}

static const struct node_news *node_news(struct node *node)
{
    struct consumer_node *self = self_of(node);
    if (self->news_told < self->news_count)
        return &self->news[self->news_told++];
    self->news_told = self->news_count = 0;
    return NULL;
}

static void node_free(struct node *node)
{
    struct consumer_node *self = self_of(node);
    if (self->service->close != NULL && self->self != NULL)
        self->service->close(self->self);
    for (size_t i = 0; i < self->stream_count; i++) {
        consumer_rows_release(&self->streams[i].live);
        consumer_rows_release(&self->streams[i].fetched);
    }
    owner_free(self->owner);
    cursor_close(self->cursors);
    db_close(self->db);
    arena_release(&self->arena);
    arena_release(&self->batch);
    free(self->self);
    free(self->streams);
    free(self->shown);
    free(self->works);
    free(self);
}

static const struct node_ops ops = {
    .receive = node_receive,
    .tick = node_tick,
    .commit = node_commit,
    .refuse = node_refuse,
    .reload = node_reload,
    .sated = node_sated,
    .next_deadline = node_next_deadline,
    .ready = node_ready,
    .news = node_news,
    .free = node_free,
};

static int check_service(const struct consumer_service *service,
                         const struct consumer_options *options, struct err *err)
{
    if (service->event == NULL)
        return err_set(err, ERR_INVALID, "service %s has no event()", service->name);
    if (service->on_break == CONSUMER_REBUILDS && service->reset == NULL)
        return err_set(err, ERR_INVALID, "service %s rebuilds, so it needs a reset()",
                       service->name);
    if (options->publisher_count == 0 || options->publisher_count > CONSUMER_PUBLISHERS_MAX)
        return err_set(err, ERR_INVALID, "service %s must follow 1 to %d publishers, not %zu",
                       service->name, CONSUMER_PUBLISHERS_MAX, options->publisher_count);
    return 0;
}

static int open_service(struct consumer_node *self, struct config_node *settings, struct err *err)
{
    const struct consumer_service *service = self->service;
    AUTO(freep) char *part = xprintf("service:%s", service->name);
    int rc = db_migrate(self->db, part, service->schema, service->schema_count, err);
    if (rc < 0)
        return rc;
    self->self = xcalloc(1, service->self_size);
    if (service->open != NULL)
        rc = service->open(self->self, self->db, settings, err);
    return rc == 0 && settings != NULL ? config_check_used(settings, err) : rc;
}

static int open_stores(struct consumer_node *self, const char *db_path, struct err *err)
{
    AUTO(freep) char *part = xprintf("service:%s", self->service->name);
    const struct db_part parts[] = {cursor_part, {part, self->service->schema_count}};
    int rc = db_open_parts(db_path, parts, sizeof parts / sizeof parts[0], &self->db, err);
    if (rc == 0 && self->service->on_break == CONSUMER_REBUILDS)
        rc = db_relax(self->db, err);
    if (rc == 0)
        rc = db_store_uuid(self->db, &self->sender.store, err);
    if (rc == 0)
        rc = cursor_open(self->db, &self->cursors, err);
    return rc == 0 ? load_cursors(self, err) : rc;
}

static void make_streams(struct consumer_node *self, const struct consumer_options *options)
{
    size_t count = options->publisher_count;
    self->streams = xcalloc(count, sizeof *self->streams);
    self->shown = xcalloc(count, sizeof *self->shown);
    self->stream_count = count;
    for (size_t i = 0; i < count; i++) {
        self->streams[i].index = (uint8_t)i;
        self->streams[i].shown = &self->shown[i];
        self->shown[i].publisher = options->publishers[i];
        self->shown[i].heard_mono_ms = -1;
    }
}

int consumer_node_new(const struct consumer_service *service,
                      const struct consumer_options *options, struct node_time now,
                      struct node **ret, struct err *err)
{
    int rc = check_service(service, options, err);
    if (rc < 0)
        return rc;
    struct consumer_node *self = xcalloc(1, sizeof *self);
    self->node.ops = &ops;
    self->service = service;
    self->sender.incarnation = options->random;
    (void)snprintf(self->sender.name, sizeof self->sender.name, "%s", service->name);
    arena_init(&self->arena, 0);
    arena_init(&self->batch, 0);
    self->started_ms = self->now_ms = self->ticked_ms = now.mono_ms;
    self->wall_ms = now.wall_ms;
    self->queued_ms = -1;
    self->told_malformed_ms = -1;
    self->last_fetch = options->random >> 1; /* Answers to an earlier start match none. */
    make_streams(self, options);
    rc = open_stores(self, options->db_path, err);
    if (rc == 0)
        rc = open_service(self, options->settings, err);
    if (rc < 0) {
        node_free(&self->node);
        return rc;
    }
    self->owner = owner_new(&(struct owner_host){
        .name = service->name,
        .db = self->db,
        .self = self->self,
        .tables = service->tables,
        .table_count = service->table_count,
        .audit = service->audit,
        .health = consumer_health,
        .stream_count = consumer_stream_count,
        .stream = consumer_stream_health,
        .resync = consumer_resync,
        .context = self,
    });
    *ret = &self->node;
    return 0;
}
