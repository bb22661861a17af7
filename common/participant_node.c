/* A participant as a node: takes frames, works them off in one transaction, answers. */
#include "participant_node.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "participant_internal.h"

static struct participant_node *self_of(struct node *node)
{
    return (struct participant_node *)(void *)node;
}

static void node_receive(struct node *node, const struct peer *from, struct bytes bytes,
                         struct node_time now)
{
    struct participant_node *self = self_of(node);
    (void)now;
    if (from->port == PARTICIPANT_PORT_REPLAY)
        publisher_receive(self->publisher, from, bytes);
    else
        participant_receive(self, from, bytes);
}

static void node_tick(struct node *node, struct node_time now)
{
    (void)node;
    (void)now;
}

static int64_t node_next_deadline(struct node *node)
{
    return publisher_deadline(self_of(node)->publisher);
}

static bool node_ready(struct node *node)
{
    (void)node;
    return true;
}

static void forget_batch(struct participant_node *self)
{
    self->frame_count = 0;
    self->work_count = 0;
    arena_reset(&self->arena);
}

static void judge(struct participant_node *self, struct work_frame *frame)
{
    if (frame->judged)
        return;
    struct fence_claim claim = {
        .id = bytes_text(frame->driver.id),
        .epoch = frame->driver.epoch,
        .nonce = frame->driver.nonce,
        .last_saga = frame->driver.last_saga,
    };
    frame->verdict = fence_judge(self->fence, &claim, &frame->held);
    frame->judged = true;
}

static Zsaga__Answer *new_answer(struct participant_node *self)
{
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    struct bytes kept = participant_keep(self, bytes_of(&answer, sizeof answer));
    return (Zsaga__Answer *)(uintptr_t)kept.data;
}

static void *keep_copy(struct participant_node *self, const void *message, size_t size)
{
    return (void *)(uintptr_t)participant_keep(self, bytes_of(message, size)).data;
}

/* Said once a frame, in place of the answer to its first entry. */
static void answer_stale(struct participant_node *self, struct work *work,
                         const struct work_frame *frame)
{
    Zsaga__StaleEpoch stale = ZSAGA__STALE_EPOCH__INIT;
    stale.refused_epoch = frame->driver.epoch;
    stale.refused_nonce = frame->driver.nonce;
    stale.held_epoch = frame->held->epoch;
    stale.held_nonce = frame->held->nonce;
    stale.held_last_saga = packed_borrow(participant_keep(self, id_view(&frame->held->last_saga)));
    stale.for_saga_id = frame->verdict == FENCE_OLD_COPY;
    Zsaga__Answer *answer = new_answer(self);
    answer->kind_case = ZSAGA__ANSWER__KIND_STALE_EPOCH;
    answer->stale_epoch = keep_copy(self, &stale, sizeof stale);
    work->answer = &answer->base;
    self->counters.stale++;
    self->counters.stale_nonce += stale.refused_epoch == stale.held_epoch;
    self->counters.stale_copy += stale.for_saga_id != 0;
}

static const char *floor_fault(const Zsaga__Floor *floor)
{
    if (floor->id.len != ID_SIZE)
        return "floor.id must be 16 bytes";
    if (floor->open.len % ID_SIZE != 0 || floor->open.len / ID_SIZE > FENCE_OPEN_MAX)
        return "floor.open must be at most 2,000 ids of 16 bytes";
    if (floor->version == 0 || floor->version > INT64_MAX)
        return "floor.version must be 1 to 2^63 - 1";
    for (size_t i = ID_SIZE; i < floor->open.len; i += ID_SIZE)
        if (memcmp(floor->open.data + i - ID_SIZE, floor->open.data + i, ID_SIZE) >= 0)
            return "floor.open must ascend";
    return NULL;
}

static void do_hello(struct participant_node *self, struct work *work, struct work_frame *frame)
{
    const Zsaga__Hello *hello = work->hello;
    const char *fault = hello->floor == NULL ? NULL : floor_fault(hello->floor);
    if (fault != NULL) {
        work->kind = WORK_REJECT;
        work->words = fault;
        return;
    }
    if (hello->floor != NULL) {
        struct id id;
        memcpy(id.bytes, hello->floor->id.data, ID_SIZE);
        fence_raise_floor(frame->held, frame->driver.epoch, hello->floor->version, &id,
                          packed_view(hello->floor->open));
        self->counters.floors++;
        self->counters.floors_open += hello->floor->open.len != 0;
    }
    Zsaga__Welcome welcome = ZSAGA__WELCOME__INIT;
    welcome.number = hello->number;
    welcome.floor_epoch = frame->held->floor_epoch;
    welcome.floor_version = frame->held->floor_version;
    Zsaga__Answer *answer = new_answer(self);
    answer->kind_case = ZSAGA__ANSWER__KIND_WELCOME;
    answer->welcome = keep_copy(self, &welcome, sizeof welcome);
    work->answer = &answer->base;
}

/* 0, PARTICIPANT_GUILTY, or negative. */
static int do_driven(struct participant_node *self, struct work *work, struct work_frame *frame,
                     struct node_time now, struct err *err)
{
    bool first = !frame->judged;
    judge(self, frame);
    if (frame->verdict == FENCE_TOO_MANY) {
        work->kind = WORK_REJECT;
        work->words = "too many orchestrators: at most 64 can drive one participant";
        return 0;
    }
    if (frame->verdict != FENCE_PASS) {
        if (first)
            answer_stale(self, work, frame);
        return 0;
    }
    if (work->kind == WORK_HELLO) {
        do_hello(self, work, frame);
        return 0;
    }
    self->counters.entries++;
    return participant_command(self, work, frame, now.wall_ms, err);
}

static int do_owner(struct participant_node *self, struct work *work, struct err *err)
{
    const Zsaga__OwnerAnswer *answer = NULL;
    self->arena.budget = SIZE_MAX;
    int rc = owner_answer(self->owner, work->owner_request, &self->arena, &answer, err);
    work->answer = answer == NULL ? NULL : &answer->base;
    bool ends = rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_FULL;
    return !ends && !db_in_transaction(self->db) ? PARTICIPANT_GUILTY : rc;
}

static int do_work(struct participant_node *self, struct work *work, struct node_time now,
                   struct err *err)
{
    work->answer = NULL;
    if (work->kind == WORK_REJECT)
        return 0;
    if (work->kind == WORK_OWNER)
        return do_owner(self, work, err);
    return do_driven(self, work, &self->frames[work->frame], now, err);
}

/* Ends the batch's transaction: fence, log, commit. PARTICIPANT_GUILTY: what an entry wrote breaks
 * a constraint that is checked at the commit. */
static int finish(struct participant_node *self, struct node_time now, struct err *err)
{
    int rc = fence_save(self->fence, err);
    if (rc == 0)
        rc = inbox_save(self->inbox, err);
    if (rc == 0)
        rc = outbox_write(self->outbox, publisher_log_ms(self->publisher, now), err);
    if (rc < 0)
        return rc;
    rc = db_commit(self->db, err);
    if (rc < 0)
        return rc == ERR_INVALID ? PARTICIPANT_GUILTY : rc;
    inbox_committed(self->inbox);
    outbox_committed(self->outbox);
    self->counters.commits++;
    return 0;
}

static int forget_fence(struct participant_node *self, struct err *err)
{
    for (size_t i = 0; i < self->frame_count; i++)
        self->frames[i].judged = false;
    return MUTANT(FENCE_NOT_STORED) ? 0 : fence_forget(self->fence, err);
}

static int take_back(struct participant_node *self, struct err *err)
{
    db_rollback(self->db);
    inbox_forget(self->inbox);
    outbox_forget(self->outbox);
    if (self->service->forget != NULL)
        self->service->forget(self->self);
    return forget_fence(self, err);
}

/* The whole batch in one transaction. PARTICIPANT_GUILTY: an entry ended it. */
static int run_together(struct participant_node *self, struct node_time now, struct err *err)
{
    int rc = db_begin(self->db, err);
    if (rc == 0 && self->trims)
        rc = publisher_trim(self->publisher, now, err);
    for (size_t i = 0; rc == 0 && i < self->work_count; i++)
        rc = do_work(self, &self->works[i], now, err);
    return rc != 0 ? rc : finish(self, now, err);
}

/* Takes back what the guilty entry wrote. Its frame's claim is stored all the same, before anything
 * is answered. */
static int answer_guilty(struct participant_node *self, struct work *work, struct node_time now,
                         struct err *err)
{
    struct work_frame *frame = &self->frames[work->frame];
    self->counters.guilty++;
    int rc = take_back(self, err);
    if (rc == 0)
        rc = db_begin(self->db, err);
    if (rc < 0)
        return rc;
    static const char words[] = "what it wrote ended the transaction";
    if (work->kind == WORK_OWNER) {
        work->answer = &owner_refuse(work->owner_request, &self->arena, words)->base;
    } else {
        judge(self, frame);
        participant_answer_retry(self, work, frame, "transaction_ended", words);
    }
    return finish(self, now, err);
}

/* A batch died through one of its entries: each in a transaction of its own, so that only the
 * guilty one is answered `retry`. */
static int run_singly(struct participant_node *self, struct node_time now, struct err *err)
{
    int rc = take_back(self, err);
    for (size_t i = 0; rc == 0 && i < self->work_count; i++) {
        struct work *work = &self->works[i];
        self->counters.singly++;
        rc = db_begin(self->db, err);
        if (rc == 0)
            rc = do_work(self, work, now, err);
        if (rc == 0)
            rc = finish(self, now, err);
        if (rc == PARTICIPANT_GUILTY)
            rc = answer_guilty(self, work, now, err);
        work->stored = rc == 0;
    }
    return rc;
}

static int passing(int rc)
{
    bool ends = rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_FULL;
    return rc >= 0 || ends ? rc : ERR_ABORTED;
}

static int run_batch(struct participant_node *self, struct node_time now, struct outbound *out,
                     struct err *err)
{
    int rc = run_together(self, now, err);
    if (rc == PARTICIPANT_GUILTY)
        rc = run_singly(self, now, err);
    if (rc < 0)
        return rc;
    participant_answer_all(self, out);
    forget_batch(self);
    return 0;
}

static int node_commit(struct node *node, struct node_time now, struct outbound *out,
                       struct err *err)
{
    struct participant_node *self = self_of(node);
    int rc = 0;
    self->trims = publisher_wants_trim(self->publisher, now);
    if (self->work_count != 0 || self->trims)
        rc = run_batch(self, now, out, err);
    if (rc == 0)
        rc = publisher_turn(self->publisher, now, out, err);
    return rc < 0 ? passing(rc) : db_checkpoint_if_large(self->db, err);
}

static void node_refuse(struct node *node, struct node_time now, const struct node_outage *why,
                        struct outbound *out)
{
    struct participant_node *self = self_of(node);
    (void)now;
    self->counters.refused++;
    participant_refuse(self, why);
    participant_answer_all(self, out);
    forget_batch(self);
}

static bool node_sated(const struct node *node)
{
    return ((const struct participant_node *)(const void *)node)->arena.used >=
           PARTICIPANT_BATCH_MEMORY;
}

static int node_reload(struct node *node, struct node_time now, struct err *err)
{
    struct participant_node *self = self_of(node);
    (void)now;
    int rc = take_back(self, err);
    forget_batch(self);
    /* A full disk shows only in a write: find out before work is taken again. */
    if (rc == 0)
        rc = db_probe(self->db, err);
    return passing(rc);
}

static void node_free(struct node *node)
{
    struct participant_node *self = self_of(node);
    if (self->service->close != NULL && self->self != NULL)
        self->service->close(self->self);
    owner_free(self->owner);
    publisher_free(self->publisher);
    inbox_close(self->inbox);
    outbox_close(self->outbox);
    fence_close(self->fence);
    db_close(self->db);
    arena_release(&self->arena);
    free(self->self);
    free(self->frames);
    free(self->works);
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
    .free = node_free,
};

static uint64_t owner_head(void *context)
{
    return outbox_head(((struct participant_node *)context)->outbox);
}

/* A command names its handler: each name once. */
static int check_actions(const struct participant_service *service, struct err *err)
{
    for (size_t i = 0; i < service->action_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct participant_action *a = &service->actions[i];
            const struct participant_action *b = &service->actions[j];
            bool same_undo = a->compensation != NULL && b->compensation != NULL &&
                             strcmp(a->compensation, b->compensation) == 0;
            if (same_undo || strcmp(a->name, b->name) == 0)
                return err_set(err, ERR_INVALID,
                               "service %s: actions %s and %s share a name: give each its own",
                               service->name, b->name, a->name);
        }
    return 0;
}

static int open_service(struct participant_node *self, struct config_node *settings,
                        struct err *err)
{
    const struct participant_service *service = self->service;
    AUTO(freep) char *part = xprintf("service:%s", service->name);
    int rc = check_actions(service, err);
    if (rc == 0)
        rc = db_migrate(self->db, part, service->schema, service->schema_count, err);
    if (rc < 0)
        return rc;
    self->self = xcalloc(1, service->self_size);
    if (service->open != NULL)
        rc = service->open(self->self, self->db, settings, err);
    return rc == 0 && settings != NULL ? config_check_used(settings, err) : rc;
}

static int open_stores(struct participant_node *self, const char *db_path, struct err *err)
{
    AUTO(freep) char *part = xprintf("service:%s", self->service->name);
    const struct db_part parts[] = {
        inbox_part, outbox_part, fence_part, {part, self->service->schema_count}};
    int rc = db_open_parts(db_path, parts, sizeof parts / sizeof parts[0], &self->db, err);
    if (rc == 0)
        rc = db_store_uuid(self->db, &self->sender.store, err);
    if (rc == 0)
        rc = inbox_open(self->db, &self->inbox, err);
    if (rc == 0)
        rc = outbox_open(self->db, &self->outbox, err);
    if (rc == 0)
        id_source_raise(&self->ids, outbox_last_id(self->outbox));
    if (rc == 0)
        rc = fence_open(self->db, &self->fence, err);
    return rc;
}

int participant_node_new(const struct participant_service *service,
                         const struct participant_options *options, struct node **ret,
                         struct err *err)
{
    struct participant_node *self = xcalloc(1, sizeof *self);
    self->node.ops = &ops;
    self->service = service;
    self->sender.incarnation = options->random;
    (void)snprintf(self->sender.name, sizeof self->sender.name, "%s", service->name);
    arena_init(&self->arena, PARTICIPANT_DECODE_BUDGET);
    id_source_init(&self->ids, options->random);
    int rc = open_stores(self, options->db_path, err);
    if (rc == 0)
        rc = open_service(self, options->settings, err);
    if (rc < 0) {
        node_free(&self->node);
        return rc;
    }
    self->publisher = publisher_new(self->outbox, &self->sender, PARTICIPANT_PORT_EVENTS,
                                    PARTICIPANT_PORT_REPLAY, &options->keep);
    self->owner = owner_new(&(struct owner_host){
        .name = service->name,
        .db = self->db,
        .self = self->self,
        .tables = service->tables,
        .table_count = service->table_count,
        .audit = service->audit,
        .head = owner_head,
        .context = self,
    });
    *ret = &self->node;
    return 0;
}

const struct participant_counters *participant_node_counters(const struct node *node)
{
    return &((const struct participant_node *)(const void *)node)->counters;
}
