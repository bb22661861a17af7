#include "submission.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/id.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "latency.h"
#include "printable.h"
#include "saga_set.h"
#include "states.h"

#define BUSY_MS_MIN 10
#define BUSY_MS_MAX 5000
#define FIND_KEYS_MAX 500
#define NONE UINT32_MAX
#define SLOT_BITS 16
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)
#define FIND_ID (UINT64_C(1) << 62) /* Ids of Find; those of Submit are below. */

enum slot_state { SLOT_FREE, SLOT_ASKED, SLOT_BUSY, SLOT_WATCHED };

struct slot {
    struct heap_entry timer; /* First, so that a timer is its slot. */
    enum slot_state state;
    uint64_t id; /* Of its Submit. */
    struct order order;
    int64_t started_us;
    int64_t give_up_ms;
    Zsaga__Verdict verdict; /* When watched. */
    struct id saga;
    uint32_t next; /* In the chain of its key's bucket, or of free slots. */
};

struct submission {
    struct submission_options options;
    struct submission_port port;
    struct slot *slots;
    uint32_t first_free;
    uint32_t *buckets; /* Slots by key. */
    size_t bucket_mask;
    size_t under_way;
    uint64_t serial;
    uint64_t finds;
    struct heap timers;
    int64_t unanswered_since_ms; /* The oldest request since the last answer; -1: none. */
    struct saga_set counted;
    struct submission_counts counts;
    struct latency latency;
    int64_t first_us;
    int64_t last_us;
};

struct submission *submission_new(const struct submission_options *options,
                                  const struct submission_port *port)
{
    assert(options->concurrency >= 1);
    assert(options->concurrency <= SUBMISSION_CONCURRENCY_MAX);
    struct submission *self = xcalloc(1, sizeof *self);
    self->options = *options;
    self->port = *port;
    self->unanswered_since_ms = -1;
    self->first_us = -1;
    self->slots = xcalloc(options->concurrency, sizeof *self->slots);
    self->first_free = NONE;
    for (size_t i = options->concurrency; i-- > 0;) {
        self->slots[i].timer.place = HEAP_NOWHERE;
        self->slots[i].next = self->first_free;
        self->first_free = (uint32_t)i;
    }
    size_t buckets = 16;
    while (buckets < 2 * options->concurrency)
        buckets *= 2;
    self->bucket_mask = buckets - 1;
    self->buckets = xcalloc(buckets, sizeof *self->buckets);
    memset(self->buckets, 0xff, buckets * sizeof *self->buckets);
    return self;
}

void submission_free(struct submission *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->options.concurrency; i++)
        order_release(&self->slots[i].order);
    heap_release(&self->timers);
    saga_set_release(&self->counted);
    free(self->slots);
    free(self->buckets);
    free(self);
}

void submission_freep(struct submission **submission_p)
{
    submission_free(*submission_p);
}

bool submission_has_room(const struct submission *self)
{
    return self->first_free != NONE;
}

size_t submission_under_way(const struct submission *self)
{
    return self->under_way;
}

const struct submission_counts *submission_counts(const struct submission *self)
{
    return &self->counts;
}

int64_t submission_percentile_us(const struct submission *self, unsigned percent)
{
    return latency_percentile(&self->latency, percent);
}

int64_t submission_elapsed_us(const struct submission *self)
{
    return self->first_us < 0 ? 0 : self->last_us - self->first_us;
}

/* Slots by key: FNV-1a over chains. */

static uint32_t *bucket_of(struct submission *self, struct bytes key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ key.data[i]) * UINT64_C(0x100000001b3);
    return &self->buckets[(hash ^ hash >> 32) & self->bucket_mask];
}

static void chain(struct submission *self, struct slot *slot)
{
    uint32_t *bucket = bucket_of(self, bytes_text(slot->order.key));
    slot->next = *bucket;
    *bucket = (uint32_t)(slot - self->slots);
}

static void unchain(struct submission *self, struct slot *slot)
{
    uint32_t *link = bucket_of(self, bytes_text(slot->order.key));
    while (&self->slots[*link] != slot)
        link = &self->slots[*link].next;
    *link = slot->next;
}

/* Timers and requests. */

static void set_timer(struct submission *self, struct slot *slot, int64_t at_ms)
{
    heap_set(&self->timers, &slot->timer, at_ms < slot->give_up_ms ? at_ms : slot->give_up_ms);
}

static void send(struct submission *self, const Zsaga__ClientRequest *request, int64_t now_ms)
{
    if (self->unanswered_since_ms < 0)
        self->unanswered_since_ms = now_ms;
    self->port.send(self->port.self, request);
}

static void ask(struct submission *self, struct slot *slot, int64_t now_ms)
{
    uint8_t nonce[sizeof self->options.run + 8];
    memcpy(nonce, self->options.run, sizeof self->options.run);
    for (size_t i = 0; i < 8; i++)
        nonce[sizeof self->options.run + i] = (uint8_t)(slot->order.place >> (56 - 8 * i));
    Zsaga__Submit submit = ZSAGA__SUBMIT__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    submit.definition = packed_borrow_text("order");
    submit.key = packed_borrow_text(slot->order.key);
    submit.nonce = packed_borrow(bytes_of(nonce, sizeof nonce));
    submit.input = packed_borrow(bytes_of(slot->order.input, slot->order.input_len));
    submit.watch = self->options.to_end;
    request.id = slot->id;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &submit;
    send(self, &request, now_ms);
    slot->state = SLOT_ASKED;
    set_timer(self, slot, now_ms + SUBMISSION_ASK_MS);
}

void submission_start(struct submission *self, struct order *order, int64_t now_us)
{
    assert(submission_has_room(self));
    struct slot *slot = &self->slots[self->first_free];
    self->first_free = slot->next;
    self->under_way++;
    slot->id = ++self->serial << SLOT_BITS | (uint64_t)(slot - self->slots);
    slot->order = *order;
    *order = (struct order){0};
    slot->started_us = now_us;
    slot->give_up_ms = now_us / 1000 + self->options.timeout_ms;
    slot->saga = (struct id){0};
    if (self->first_us < 0)
        self->first_us = now_us;
    chain(self, slot);
    ask(self, slot, now_us / 1000);
}

/* Ends. */

void submission_count_invalid(struct submission *self)
{
    self->counts.orders++;
    self->counts.invalid++;
}

static void free_slot(struct submission *self, struct slot *slot, int64_t now_us)
{
    self->counts.orders++;
    self->last_us = now_us;
    heap_remove(&self->timers, &slot->timer);
    unchain(self, slot);
    order_release(&slot->order);
    slot->state = SLOT_FREE;
    slot->next = self->first_free;
    self->first_free = (uint32_t)(slot - self->slots);
    self->under_way--;
}

static void fail(struct submission *self, struct slot *slot, const char *words, int64_t now_us)
{
    self->counts.failed++;
    self->port.tell(self->port.self, &slot->order, words);
    free_slot(self, slot, now_us);
}

static void count_end(struct submission *self, const struct slot *slot, Zsaga__SagaState state)
{
    if (!self->options.count_ends || id_is_zero(&slot->saga) ||
        !saga_set_add(&self->counted, &slot->saga))
        return;
    self->counts.completed += state == ZSAGA__SAGA_STATE__COMPLETED;
    self->counts.compensated += state == ZSAGA__SAGA_STATE__COMPENSATED;
    self->counts.attention += state == ZSAGA__SAGA_STATE__ATTENTION;
}

/* What was waited for is known. */
static void finish(struct submission *self, struct slot *slot, Zsaga__SagaState state,
                   int64_t now_us)
{
    if (slot->verdict == ZSAGA__VERDICT__ACCEPTED) {
        self->counts.accepted++;
        latency_add(&self->latency, now_us - slot->started_us);
    } else {
        self->counts.duplicate++;
    }
    count_end(self, slot, state);
    free_slot(self, slot, now_us);
}

static void give_up(struct submission *self, struct slot *slot, int64_t now_us)
{
    char words[160];
    int64_t s = self->options.timeout_ms / 1000;
    bool known = slot->state == SLOT_WATCHED;
    if (known && !self->options.count_ends) {
        finish(self, slot, ZSAGA__SAGA_STATE__RUNNING, now_us);
        return;
    }
    if (known)
        (void)snprintf(words, sizeof words, "accepted, but not at its end after %" PRId64 " s", s);
    else if (slot->state == SLOT_BUSY)
        (void)snprintf(words, sizeof words, "the orchestrator was busy for %" PRId64 " s", s);
    else
        (void)snprintf(words, sizeof words,
                       "no answer within %" PRId64 " s; submit the file again, what was accepted "
                       "is then a duplicate",
                       s);
    fail(self, slot, words, now_us);
}

/* Answers. */

static void take_verdict(struct submission *self, struct slot *slot,
                         const Zsaga__Submitted *submitted, int64_t now_us)
{
    slot->verdict = submitted->verdict;
    (void)id_from_bytes(packed_view(submitted->saga), &slot->saga);
    if (!self->options.to_end || states_rests(submitted->state)) {
        finish(self, slot, submitted->state, now_us);
        return;
    }
    free(slot->order.input);
    slot->order.input = NULL;
    slot->state = SLOT_WATCHED;
    set_timer(self, slot, now_us / 1000 + SUBMISSION_ASK_MS);
}

static void take_busy(struct submission *self, struct slot *slot, uint64_t retry_after_ms,
                      int64_t now_us)
{
    int64_t wait_ms = retry_after_ms < BUSY_MS_MAX ? (int64_t)retry_after_ms : BUSY_MS_MAX;
    slot->state = SLOT_BUSY;
    set_timer(self, slot, now_us / 1000 + (wait_ms < BUSY_MS_MIN ? BUSY_MS_MIN : wait_ms));
}

static void take_submitted(struct submission *self, struct slot *slot,
                           const Zsaga__Submitted *submitted, int64_t now_us)
{
    if (slot->state == SLOT_WATCHED) {
        if (states_rests(submitted->state))
            finish(self, slot, submitted->state, now_us);
        return;
    }
    switch (submitted->verdict) {
    case ZSAGA__VERDICT__ACCEPTED:
    case ZSAGA__VERDICT__DUPLICATE:
        take_verdict(self, slot, submitted, now_us);
        break;
    case ZSAGA__VERDICT__CONFLICT:
        self->counts.conflict++;
        self->port.tell(self->port.self, &slot->order,
                        "conflict: this order_id was submitted before, with other contents");
        free_slot(self, slot, now_us);
        break;
    case ZSAGA__VERDICT__BUSY:
        take_busy(self, slot, submitted->retry_after_ms, now_us);
        break;
    default:
        break; /* Of a newer version: it stays unanswered. */
    }
}

static void take_refusal(struct submission *self, struct slot *slot, const Zsaga__Refusal *refusal,
                         int64_t now_us)
{
    AUTO(freep) char *words = printable(packed_view(refusal->message));
    if (slot->state != SLOT_WATCHED)
        fail(self, slot, words, now_us);
}

static void take_brief(struct submission *self, const Zsaga__Brief *brief, int64_t now_us)
{
    if (!states_rests(brief->state))
        return;
    uint32_t next = *bucket_of(self, packed_view(brief->key));
    while (next != NONE) {
        struct slot *slot = &self->slots[next];
        next = slot->next;
        if (slot->state == SLOT_WATCHED &&
            bytes_equal(bytes_text(slot->order.key), packed_view(brief->key)))
            finish(self, slot, brief->state, now_us);
    }
}

void submission_take(struct submission *self, const Zsaga__ClientAnswer *answer, int64_t now_us)
{
    self->unanswered_since_ms = -1;
    if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_FOUND) {
        for (size_t i = 0; i < answer->found->n_sagas; i++)
            take_brief(self, answer->found->sagas[i], now_us);
        return;
    }
    size_t place = (size_t)(answer->id & SLOT_MASK);
    if (place >= self->options.concurrency)
        return;
    struct slot *slot = &self->slots[place];
    if (slot->state == SLOT_FREE || slot->id != answer->id)
        return;
    if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED)
        take_submitted(self, slot, answer->submitted, now_us);
    else if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_REFUSAL)
        take_refusal(self, slot, answer->refusal, now_us);
}

/* Time. */

struct finding {
    ProtobufCBinaryData keys[FIND_KEYS_MAX];
    size_t count;
};

static void send_find(struct submission *self, struct finding *finding, int64_t now_ms)
{
    if (finding->count == 0)
        return;
    Zsaga__Find find = ZSAGA__FIND__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    find.n_keys = finding->count;
    find.keys = finding->keys;
    find.watch = true;
    request.id = FIND_ID | ++self->finds;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_FIND;
    request.find = &find;
    send(self, &request, now_ms);
    finding->count = 0;
}

static void remind(struct submission *self, struct slot *slot, struct finding *finding,
                   int64_t now_ms)
{
    if (slot->state != SLOT_WATCHED) {
        ask(self, slot, now_ms);
        return;
    }
    finding->keys[finding->count++] = packed_borrow_text(slot->order.key);
    set_timer(self, slot, now_ms + SUBMISSION_ASK_MS);
    if (finding->count == FIND_KEYS_MAX)
        send_find(self, finding, now_ms);
}

void submission_tick(struct submission *self, int64_t now_us)
{
    int64_t now_ms = now_us / 1000;
    struct finding finding = {.count = 0};
    struct heap_entry *first;
    while ((first = heap_first(&self->timers)) != NULL && first->at_ms <= now_ms) {
        struct slot *slot = (struct slot *)first;
        if (slot->give_up_ms <= now_ms)
            give_up(self, slot, now_us);
        else
            remind(self, slot, &finding, now_ms);
    }
    send_find(self, &finding, now_ms);
}

int64_t submission_deadline_ms(const struct submission *self)
{
    const struct heap_entry *first = heap_first(&self->timers);
    return first == NULL ? INT64_MAX : first->at_ms;
}

bool submission_is_silent(struct submission *self, int64_t now_us)
{
    int64_t now_ms = now_us / 1000;
    if (self->unanswered_since_ms < 0 || now_ms - self->unanswered_since_ms < SUBMISSION_SILENT_MS)
        return false;
    self->unanswered_since_ms = -1;
    return true;
}
