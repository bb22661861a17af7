/* The orchestrator's node: takes frames and time, runs a batch in one transaction, sends. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mutant.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"

/* Of answers and decoded requests in one batch; beyond it requests are refused. */
#define BATCH_BYTES_MAX ((size_t)64 << 20)

static struct orchestrator *self_of(struct node *node)
{
    return (struct orchestrator *)(void *)node;
}

void *orchestrator_keep(struct orchestrator *self, const void *data, size_t size)
{
    self->arena.budget = SIZE_MAX; /* Our own needs are not a peer's doing. */
    void *copy = arena_alloc(&self->arena, size == 0 ? 1 : size);
    assert(copy != NULL);
    if (size != 0 && data != NULL)
        memcpy(copy, data, size);
    else if (size != 0)
        memset(copy, 0, size);
    return copy;
}

ProtobufCBinaryData orchestrator_keep_bytes(struct orchestrator *self, struct bytes bytes)
{
    if (bytes.len == 0)
        return (ProtobufCBinaryData){0};
    return (ProtobufCBinaryData){.len = bytes.len,
                                 .data = orchestrator_keep(self, bytes.data, bytes.len)};
}

static void node_receive(struct node *node, const struct peer *from, struct bytes bytes,
                         struct node_time now)
{
    struct orchestrator *self = self_of(node);
    (void)now;
    if (from->port == ORCHESTRATOR_PORT_REPLAY)
        publisher_receive(self->publisher, from, bytes);
    else
        receive_frame(self, from, bytes);
}

static void node_tick(struct node *node, struct node_time now)
{
    struct orchestrator *self = self_of(node);
    /* The turn may be wanted by the log alone. */
    self->ticked = self->clock.planned_ms <= now.mono_ms;
}

static int do_client(struct orchestrator *self, struct work *work, struct err *err)
{
    if (work->reply != NULL)
        return 0; /* Refused where it was read. */
    if (self->arena.used > BATCH_BYTES_MAX)
        return client_refuse(self, work, "busy", "too much was asked at once: ask again");
    switch (work->request->kind_case) {
    case ZSAGA__CLIENT_REQUEST__KIND_SUBMIT:
        return intake_submit(self, work, err);
    case ZSAGA__CLIENT_REQUEST__KIND_FIND:
        return queries_find(self, work, err);
    case ZSAGA__CLIENT_REQUEST__KIND_LIST:
        return queries_list(self, work, err);
    case ZSAGA__CLIENT_REQUEST__KIND_SHOW:
        return queries_show(self, work, err);
    case ZSAGA__CLIENT_REQUEST__KIND_RESUME:
        return operate_resume(self, work, err);
    case ZSAGA__CLIENT_REQUEST__KIND_STATUS:
        return queries_status(self, work, err);
    case ZSAGA__CLIENT_REQUEST__KIND_TRUST:
        return operate_trust(self, work, err);
    default:
        return client_refuse(self, work, "malformed", "the request has no known kind");
    }
}

static int do_owner(struct orchestrator *self, struct work *work, struct err *err)
{
    const Zsaga__OwnerAnswer *answer = NULL;
    self->arena.budget = SIZE_MAX;
    int rc = owner_answer(self->owner, work->owner_request, &self->arena, &answer, err);
    work->reply = answer == NULL ? NULL : &answer->base;
    return rc;
}

static int do_work(struct orchestrator *self, struct work *work, struct err *err)
{
    const struct work_frame *frame = &self->frames[work->frame];
    switch (work->kind) {
    case WORK_FRAME:
        return answers_frame(self, frame, err);
    case WORK_ANSWER:
        return answers_entry(self, frame, work->answer, err);
    case WORK_CLIENT:
        return do_client(self, work, err);
    case WORK_OWNER:
        return do_owner(self, work, err);
    }
    assert(0);
    return 0;
}

static void tick_channel(struct orchestrator *self, struct channel *channel)
{
    if (channel->state == CHANNEL_UP && self->now_ms - channel->welcome_at_ms >= CHANNEL_DOWN_MS) {
        channel->state = CHANNEL_DOWN;
        self->counters.downs++;
        (void)snprintf(channel->detail, sizeof channel->detail, "does not answer");
        news_add(&self->news, true, "participant_down", "participant=%s", channel->name);
        drive_touch_channel(self, channel);
    }
    if (self->now_ms < channel_hello_at(channel))
        return;
    channel_hello(channel, self->now_ms);
}

static int do_timers(struct orchestrator *self, struct err *err)
{
    for (size_t i = 0; i < self->channel_count; i++)
        tick_channel(self, &self->channels[i]);
    struct heap_entry *first;
    int rc = 0;
    while (rc == 0 && (first = heap_first(&self->timers)) != NULL && first->at_ms <= self->now_ms) {
        struct active *active =
            (struct active *)(void *)((char *)first - offsetof(struct active, timer));
        heap_remove(&self->timers, first);
        rc = drive_timer(self, active, err);
    }
    return rc;
}

static int save_known(struct orchestrator *self, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < self->channel_count; i++) {
        struct channel *channel = &self->channels[i];
        if (!channel->known_changed)
            continue;
        channel->known_changed = false;
        rc = journal_save_participant(self->journal, channel->name, &channel->known, err);
    }
    return rc;
}

static int run_batch(struct orchestrator *self, struct node_time now, struct err *err)
{
    int rc = db_begin(self->db, err);
    if (rc == 0 && self->trims)
        rc = publisher_trim(self->publisher, now, err);
    for (size_t i = 0; rc == 0 && i < self->work_count; i++)
        rc = do_work(self, &self->works[i], err);
    if (rc == 0 && self->ticked)
        rc = do_timers(self, err);
    if (rc == 0)
        rc = save_known(self, err);
    if (rc == 0 && self->fenced.is)
        rc = fenced_save(self, err);
    journal_rest(self->journal);
    if (rc == 0)
        rc = outbox_write(self->outbox, publisher_log_ms(self->publisher, now), err);
    if (rc == 0)
        rc = db_commit(self->db, err);
    if (rc == 0)
        outbox_committed(self->outbox);
    return rc;
}

static void free_finished(struct orchestrator *self)
{
    for (size_t i = 0; i < self->finished_count; i++) {
        active_map_remove(&self->active, self->finished[i]);
        active_free(self->finished[i]);
    }
    self->finished_count = 0;
}

static void forget_batch(struct orchestrator *self)
{
    self->frame_count = 0;
    self->work_count = 0;
    self->ticked = false;
    arena_reset(&self->arena);
}

static void send_all(struct orchestrator *self, struct outbound *out)
{
    self->sender.driver.last_saga = self->last_saga;
    send_replies(self, out);
    send_commands(self, out);
    send_pushes(self, out);
    free_finished(self);
    forget_batch(self);
}

static int passing(int rc)
{
    bool ends = rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_FULL;
    return rc >= 0 || ends ? rc : ERR_ABORTED;
}

static void plan(struct orchestrator *self);

static int node_commit(struct node *node, struct node_time now, struct outbound *out,
                       struct err *err)
{
    struct orchestrator *self = self_of(node);
    self->now_ms = run_clock_turn(&self->clock, now.mono_ms);
    self->wall_ms = now.wall_ms;
    int rc = 0;
    self->trims = publisher_wants_trim(self->publisher, now);
    if (self->work_count != 0 || self->ticked || self->trims) {
        rc = run_batch(self, now, err);
        if (rc < 0)
            return passing(rc);
        self->counters.commits++;
        if (self->fenced.is)
            return fenced_error(self, err);
        send_all(self, out);
    } else {
        forget_batch(self); /* Frames that made no work. */
    }
    rc = publisher_turn(self->publisher, now, out, err);
    if (rc < 0)
        return passing(rc);
    plan(self);
    return db_checkpoint_if_large(self->db, err);
}

static void node_refuse(struct node *node, struct node_time now, const struct node_outage *why,
                        struct outbound *out)
{
    struct orchestrator *self = self_of(node);
    (void)now;
    refuse_batch(self, why);
    send_replies(self, out);
    if (MUTANT(COMMANDS_BEFORE_COMMIT))
        send_commands(self, out);
    forget_batch(self);
}

static bool node_sated(const struct node *node)
{
    return ((const struct orchestrator *)(const void *)node)->arena.used >=
           ORCHESTRATOR_BATCH_MEMORY;
}

static int64_t next_running_deadline(const struct orchestrator *self)
{
    int64_t at = INT64_MAX;
    const struct heap_entry *first = heap_first(&self->timers);
    if (first != NULL)
        at = first->at_ms;
    for (size_t i = 0; i < self->channel_count; i++) {
        const struct channel *channel = &self->channels[i];
        if (channel_hello_at(channel) < at)
            at = channel_hello_at(channel);
        if (channel->state == CHANNEL_UP && channel->welcome_at_ms + CHANNEL_DOWN_MS < at)
            at = channel->welcome_at_ms + CHANNEL_DOWN_MS;
    }
    return at;
}

static void plan(struct orchestrator *self)
{
    (void)run_clock_plan(&self->clock, next_running_deadline(self));
}

static int64_t node_next_deadline(struct node *node)
{
    const struct orchestrator *self = self_of(node);
    int64_t publisher = publisher_deadline(self->publisher);
    return self->clock.planned_ms < publisher ? self->clock.planned_ms : publisher;
}

static int node_reload(struct node *node, struct node_time now, struct err *err)
{
    struct orchestrator *self = self_of(node);
    self->now_ms = run_clock_turn(&self->clock, now.mono_ms);
    self->wall_ms = now.wall_ms;
    forget_batch(self);
    news_forget(&self->news);
    db_rollback(self->db);
    outbox_forget(self->outbox);
    int rc = db_probe(self->db, err);
    if (rc == 0 && !MUTANT(RELOAD_KEEPS_MEMORY))
        rc = load_all(self, err);
    if (rc == 0)
        plan(self);
    return passing(rc);
}

static bool node_ready(struct node *node)
{
    struct orchestrator *self = self_of(node);
    for (size_t i = 0; !self->was_ready && i < self->channel_count; i++)
        if (!self->channels[i].absent && self->channels[i].state != CHANNEL_UP)
            return false;
    self->was_ready = true;
    return true;
}

static const struct node_news *node_news(struct node *node)
{
    return news_take(&self_of(node)->news);
}

static void node_free(struct node *node)
{
    struct orchestrator *self = self_of(node);
    load_forget(self);
    for (size_t i = 0; i < self->definition_count; i++) {
        definition_free(self->definitions[i].definition);
        free(self->definitions[i].channels);
    }
    free(self->definitions);
    owner_free(self->owner);
    publisher_free(self->publisher);
    outbox_close(self->outbox);
    journal_close(self->journal);
    db_close(self->db);
    arena_release(&self->arena);
    buffer_release(&self->floor_open);
    buffer_release(&self->told);
    free(self->frames);
    free(self->works);
    free(self->pushes);
    free(self->finished);
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

static void init_channels(struct orchestrator *self, const struct orchestrator_options *options)
{
    assert(options->participant_count <= ORCHESTRATOR_PARTICIPANTS_MAX);
    for (size_t i = 0; i < options->participant_count; i++) {
        struct channel *channel = &self->channels[i];
        channel_init(
            channel, options->participants[i], (uint8_t)(ORCHESTRATOR_PORT_FIRST_PARTICIPANT + i),
            (uint32_t)options->limits.window_max, (size_t)options->limits.window_bytes_max);
        channel->next_hello_ms = self->now_ms;
        /* Late answers to an earlier start must not pass for answers to this one. */
        channel->hello_number = options->random;
    }
    self->channel_count = options->participant_count;
}

/* A higher epoch, committed before anything is said. */
static int start_epoch(struct orchestrator *self, struct err *err)
{
    int rc = journal_load_self(self->journal, &self->self, err);
    if (rc < 0)
        return rc;
    const char *id = self->sender.driver.id;
    if (self->self.id[0] != '\0' && strcmp(self->self.id, id) != 0)
        return err_set(err, ERR_INVALID,
                       "the suite's id is %s, this database was made with %s: put that back into"
                       " suite.zpl, or participants would take its sagas for another's",
                       id, self->self.id);
    memcpy(self->self.id, id, sizeof self->self.id);
    if (self->self.old_copy && !self->adopt)
        return err_set(err, ERR_FENCED,
                       "this database is an older copy: participants have seen sagas that it does"
                       " not know. If it is the one to go on with, start `zsaga up --adopt`");
    self->self.old_copy = false;
    if (!MUTANT(EPOCH_NOT_RAISED) || self->self.epoch == 0)
        self->self.epoch++;
    rc = db_begin(self->db, err);
    if (rc == 0)
        rc = journal_save_self(self->journal, &self->self, err);
    if (rc == 0)
        rc = db_commit(self->db, err);
    self->sender.driver.epoch = self->self.epoch;
    self->sender.driver.last_saga = self->self.last_saga;
    return rc;
}

static int open_all(struct orchestrator *self, const struct orchestrator_options *options,
                    struct err *err)
{
    const struct db_part parts[] = {journal_part, outbox_part};
    int rc = db_open_parts(options->db_path, parts, 2, &self->db, err);
    if (rc == 0)
        rc = db_store_uuid(self->db, &self->sender.store, err);
    if (rc == 0)
        rc = journal_open(self->db, &self->journal, err);
    if (rc == 0)
        rc = outbox_open(self->db, &self->outbox, err);
    if (rc == 0)
        rc = start_epoch(self, err);
    if (rc == 0)
        rc = load_definitions(self, options, err);
    return rc < 0 ? rc : load_all(self, err);
}

static uint64_t owner_head(void *context)
{
    return outbox_head(((struct orchestrator *)context)->outbox);
}

int orchestrator_new(const struct orchestrator_options *options, struct node_time now,
                     struct node **ret, struct err *err)
{
    struct orchestrator *self = xcalloc(1, sizeof *self);
    self->node.ops = &ops;
    self->limits = options->limits;
    self->adopt = options->adopt;
    self->sender = (struct frame_header){.name = SUITE_ORCHESTRATOR, .has_driver = true};
    self->sender.incarnation = options->random;
    self->sender.driver.nonce = options->random ^ 0x5851f42d4c957f2dU;
    (void)snprintf(self->sender.driver.id, sizeof self->sender.driver.id, "%s", options->id);
    arena_init(&self->arena, ORCHESTRATOR_DECODE_BUDGET);
    id_source_init(&self->ids, options->random);
    run_clock_init(&self->clock);
    self->now_ms = run_clock_turn(&self->clock, now.mono_ms);
    self->wall_ms = now.wall_ms;
    init_channels(self, options);
    int rc = open_all(self, options, err);
    if (rc < 0) {
        node_free(&self->node);
        return rc;
    }
    plan(self);
    self->publisher = publisher_new(self->outbox, &self->sender, ORCHESTRATOR_PORT_EVENTS,
                                    ORCHESTRATOR_PORT_REPLAY, &options->keep);
    self->owner = owner_new(&(struct owner_host){.name = SUITE_ORCHESTRATOR,
                                                 .db = self->db,
                                                 .self = self,
                                                 .head = owner_head,
                                                 .context = self});
    *ret = &self->node;
    return 0;
}

const struct orchestrator_counters *orchestrator_counters(const struct node *node)
{
    return &((const struct orchestrator *)(const void *)node)->counters;
}

uint32_t orchestrator_stalled(const struct node *node)
{
    const struct orchestrator *self = (const struct orchestrator *)(const void *)node;
    uint32_t stalled = 0;
    for (size_t i = 0; i < self->active.slot_count; i++)
        for (const struct active *active = self->active.slots[i]; active != NULL;
             active = active->chain) {
            bool rests = active->finished || active->saga.state == SAGA_ATTENTION;
            bool waits = active->place != PLACE_NOWHERE || active->timer.place != HEAP_NOWHERE;
            if (!rests && !waits)
                stalled++;
        }
    return stalled;
}
