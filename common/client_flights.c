#include "client_flights.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "client_internal.h"

#define BUSY_MS_MIN 10
#define BUSY_MS_MAX 5000
#define LAST_ASK_MS 500     /* Time an answer must have. */
#define BUSY_REFUSED_MS 100 /* After a refusal, which says no time. */
#define FIND_KEYS_MAX 500
#define NONE UINT32_MAX
#define SLOT_BITS 16
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)
#define FIND_ID (UINT64_C(1) << 62) /* Ids of Find; those of Submit are below. */

enum slot_state { SLOT_FREE, SLOT_ASKED, SLOT_BUSY, SLOT_WATCHED, SLOT_LANDED };

struct slot {
    struct heap_entry timer; /* First, so that a timer is its slot. */
    enum slot_state state;
    uint64_t id; /* Of its Submit. */
    uint64_t tag;
    char key[TEXT_NAME_MAX + 1];
    char definition[TEXT_NAME_MAX + 1];
    uint8_t nonce[CLIENT_NONCE_MAX];
    size_t nonce_len;
    uint8_t *input; /* While it may have to be sent again. */
    size_t input_len;
    int64_t started_us;
    int64_t give_up_ms;
    uint64_t found_from; /* Of followed ones: id of the Find whose answer is the first to count. */
    bool told;           /* The outcome's state was told since it is watched. */
    bool strange;        /* It was answered, but not with anything understood. */
    enum client_flights_end end;
    struct client_outcome outcome;
    int refusal_code;
    char *refusal;
    int64_t took_us;
    uint32_t next; /* In the chain of its key's bucket, of landed or of free slots. */
};

struct client_flights {
    struct client_flights_options options;
    struct client_flights_port port;
    struct slot *slots;
    uint32_t first_free;
    uint32_t first_landed;
    uint32_t last_landed;
    uint32_t *buckets; /* Slots by key. */
    size_t bucket_mask;
    size_t count;
    uint64_t *serial;
    struct heap timers;
    int64_t unanswered_since_ms; /* The oldest request since the last answer; -1: none. */
    char outage[sizeof((struct err *)NULL)->text];
};

static void init_slots(struct client_flights *self)
{
    self->slots = xcalloc(self->options.count, sizeof *self->slots);
    self->first_free = self->first_landed = self->last_landed = NONE;
    for (size_t i = self->options.count; i-- > 0;) {
        self->slots[i].timer.place = HEAP_NOWHERE;
        self->slots[i].next = self->first_free;
        self->first_free = (uint32_t)i;
    }
}

struct client_flights *client_flights_new(const struct client_flights_options *options,
                                          const struct client_flights_port *port, uint64_t *serial)
{
    assert(options->count >= 1);
    assert(options->count <= CLIENT_BATCH_MAX);
    struct client_flights *self = xcalloc(1, sizeof *self);
    self->options = *options;
    self->port = *port;
    self->serial = serial;
    self->unanswered_since_ms = -1;
    init_slots(self);
    size_t buckets = 2;
    while (buckets < 2 * options->count)
        buckets *= 2;
    self->bucket_mask = buckets - 1;
    self->buckets = xmalloc(buckets * sizeof *self->buckets);
    memset(self->buckets, 0xff, buckets * sizeof *self->buckets);
    return self;
}

void client_flights_free(struct client_flights *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->options.count; i++) {
        free(self->slots[i].input);
        free(self->slots[i].refusal);
    }
    heap_release(&self->timers);
    free(self->slots);
    free(self->buckets);
    free(self);
}

void client_flights_freep(struct client_flights **flights_p)
{
    client_flights_free(*flights_p);
    *flights_p = NULL;
}

bool client_flights_has_room(const struct client_flights *self)
{
    return self->first_free != NONE;
}

size_t client_flights_count(const struct client_flights *self)
{
    return self->count;
}

/* Slots by key: FNV-1a over chains. */

static uint32_t *bucket_of(struct client_flights *self, struct bytes key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ key.data[i]) * UINT64_C(0x100000001b3);
    return &self->buckets[(hash ^ hash >> 32) & self->bucket_mask];
}

static void chain(struct client_flights *self, struct slot *slot)
{
    uint32_t *bucket = bucket_of(self, bytes_text(slot->key));
    slot->next = *bucket;
    *bucket = (uint32_t)(slot - self->slots);
}

static void unchain(struct client_flights *self, struct slot *slot)
{
    uint32_t *link = bucket_of(self, bytes_text(slot->key));
    while (&self->slots[*link] != slot)
        link = &self->slots[*link].next;
    *link = slot->next;
}

/* Timers and requests. */

static void set_timer(struct client_flights *self, struct slot *slot, int64_t at_ms)
{
    heap_set(&self->timers, &slot->timer, at_ms < slot->give_up_ms ? at_ms : slot->give_up_ms);
}

static void send(struct client_flights *self, const Zsaga__ClientRequest *request, int64_t now_ms)
{
    if (self->unanswered_since_ms < 0)
        self->unanswered_since_ms = now_ms;
    self->port.send(self->port.self, request);
}

static void ask(struct client_flights *self, struct slot *slot, int64_t now_ms)
{
    Zsaga__Submit submit = ZSAGA__SUBMIT__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    submit.definition = packed_borrow_text(slot->definition);
    submit.key = packed_borrow_text(slot->key);
    submit.nonce = packed_borrow(bytes_of(slot->nonce, slot->nonce_len));
    submit.input = packed_borrow(bytes_of(slot->input, slot->input_len));
    submit.watch = self->options.to_end;
    request.id = slot->id;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &submit;
    send(self, &request, now_ms);
    slot->state = SLOT_ASKED;
    set_timer(self, slot, now_ms + CLIENT_FLIGHTS_ASK_MS);
}

static struct slot *take_slot(struct client_flights *self, const char *key, uint64_t tag,
                              int64_t now_us)
{
    assert(client_flights_has_room(self));
    struct slot *slot = &self->slots[self->first_free];
    self->first_free = slot->next;
    self->count++;
    free(slot->refusal);
    *slot = (struct slot){
        .timer = {.place = HEAP_NOWHERE},
        .tag = tag,
        .started_us = now_us,
        .give_up_ms = now_us / 1000 + self->options.timeout_ms,
    };
    bytes_copy_text(bytes_text(key), slot->key, sizeof slot->key);
    chain(self, slot);
    return slot;
}

void client_flights_start(struct client_flights *self, const struct client_saga *saga, uint64_t tag,
                          int64_t now_us)
{
    struct slot *slot = take_slot(self, saga->key, tag, now_us);
    slot->id = ++*self->serial << SLOT_BITS | (uint64_t)(slot - self->slots);
    bytes_copy_text(bytes_text(saga->definition), slot->definition, sizeof slot->definition);
    slot->nonce_len = saga->nonce.len;
    if (saga->nonce.len != 0)
        memcpy(slot->nonce, saga->nonce.data, saga->nonce.len);
    slot->input_len = saga->input.len;
    slot->input = saga->input.len == 0 ? NULL : xmemdup(saga->input.data, saga->input.len);
    ask(self, slot, now_us / 1000);
}

/* The Find goes out with the next tick, which asks for many at once. */
void client_flights_follow(struct client_flights *self, const char *key, uint64_t tag,
                           int64_t now_us)
{
    struct slot *slot = take_slot(self, key, tag, now_us);
    slot->state = SLOT_WATCHED;
    slot->found_from = FIND_ID | (*self->serial + 1);
    heap_set(&self->timers, &slot->timer, now_us / 1000);
}

static void land(struct client_flights *self, struct slot *slot, enum client_flights_end end,
                 int64_t now_us)
{
    heap_remove(&self->timers, &slot->timer);
    unchain(self, slot);
    free(slot->input);
    slot->input = NULL;
    slot->state = SLOT_LANDED;
    slot->end = end;
    slot->took_us = now_us - slot->started_us;
    slot->next = NONE;
    uint32_t place = (uint32_t)(slot - self->slots);
    if (self->first_landed == NONE)
        self->first_landed = place;
    else
        self->slots[self->last_landed].next = place;
    self->last_landed = place;
}

bool client_flights_next(struct client_flights *self, struct client_landing *ret)
{
    uint32_t place = self->first_landed;
    if (place == NONE)
        return false;
    struct slot *slot = &self->slots[place];
    self->first_landed = slot->next;
    *ret = (struct client_landing){
        .tag = slot->tag,
        .key = slot->key,
        .definition = slot->definition,
        .end = slot->end,
        .outcome = slot->outcome,
        .refusal_code = slot->refusal_code,
        .refusal = slot->refusal,
        .took_us = slot->took_us,
    };
    slot->state = SLOT_FREE;
    slot->next = self->first_free;
    self->first_free = place;
    self->count--;
    return true;
}

static void give_up(struct client_flights *self, struct slot *slot, int64_t now_us)
{
    bool accepted = slot->outcome.verdict != CLIENT_UNDECIDED;
    enum client_flights_end end = FLIGHT_UNANSWERED;
    if (slot->state == SLOT_BUSY) {
        end = FLIGHT_BUSY;
        if (slot->refusal == NULL)
            slot->refusal = xstrdup(self->outage);
    } else if (slot->strange)
        end = FLIGHT_STRANGE;
    else if (slot->state == SLOT_WATCHED && (slot->told || accepted))
        end = FLIGHT_UNFINISHED;
    land(self, slot, end, now_us);
}

const char *client_flights_outage(const struct client_flights *self)
{
    return self->outage;
}

static void note_outage(struct client_flights *self, ProtobufCBinaryData message)
{
    client_text(message, self->outage, sizeof self->outage);
}

static void take_state(struct slot *slot, Zsaga__SagaState state, ProtobufCBinaryData reason)
{
    slot->told = true;
    slot->outcome.state = client_state_of(state);
    client_text(reason, slot->outcome.reason, sizeof slot->outcome.reason);
}

static void take_verdict(struct client_flights *self, struct slot *slot,
                         enum client_verdict verdict, const Zsaga__Submitted *submitted,
                         int64_t now_us)
{
    self->outage[0] = '\0';
    slot->outcome.verdict = verdict;
    (void)id_from_bytes(packed_view(submitted->saga), &slot->outcome.saga);
    take_state(slot, submitted->state, submitted->reason);
    bool watch = self->options.to_end && verdict != CLIENT_CONFLICT;
    if (!watch || client_state_rests(slot->outcome.state)) {
        land(self, slot, FLIGHT_KNOWN, now_us);
        return;
    }
    free(slot->input);
    slot->input = NULL;
    slot->state = SLOT_WATCHED;
    set_timer(self, slot, now_us / 1000 + CLIENT_FLIGHTS_ASK_MS);
}

static void take_busy(struct client_flights *self, struct slot *slot, uint64_t retry_after_ms,
                      int64_t now_us)
{
    int64_t wait_ms = retry_after_ms < BUSY_MS_MAX ? (int64_t)retry_after_ms : BUSY_MS_MAX;
    int64_t at_ms = now_us / 1000 + (wait_ms < BUSY_MS_MIN ? BUSY_MS_MIN : wait_ms);
    /* So late a question might end unanswered; as it is, nothing was stored. */
    bool late = at_ms > slot->give_up_ms - LAST_ASK_MS;
    slot->state = SLOT_BUSY;
    set_timer(self, slot, late ? slot->give_up_ms : at_ms);
}

static void take_submitted(struct client_flights *self, struct slot *slot,
                           const Zsaga__Submitted *submitted, int64_t now_us)
{
    if (slot->state == SLOT_WATCHED)
        return; /* The answer to one that was asked again. */
    slot->strange = false;
    switch (submitted->verdict) {
    case ZSAGA__VERDICT__ACCEPTED:
        take_verdict(self, slot, CLIENT_ACCEPTED, submitted, now_us);
        break;
    case ZSAGA__VERDICT__DUPLICATE:
        take_verdict(self, slot, CLIENT_DUPLICATE, submitted, now_us);
        break;
    case ZSAGA__VERDICT__CONFLICT:
        take_verdict(self, slot, CLIENT_CONFLICT, submitted, now_us);
        break;
    case ZSAGA__VERDICT__BUSY:
        if (submitted->code.len != 0)
            note_outage(self, submitted->message);
        free(slot->refusal);
        slot->refusal = NULL;
        take_busy(self, slot, submitted->retry_after_ms, now_us);
        break;
    default:
        slot->strange = true; /* Of a newer version, perhaps: it stays unanswered. */
        break;
    }
}

static void take_refusal(struct client_flights *self, struct slot *slot,
                         const Zsaga__Refusal *refusal, int64_t now_us)
{
    if (slot->state == SLOT_WATCHED)
        return;
    struct err err = {0};
    slot->refusal_code = client_refused(refusal, &err);
    free(slot->refusal);
    slot->refusal = xstrdup(err.text);
    if (slot->refusal_code == ERR_FULL)
        note_outage(self, refusal->message);
    if (slot->refusal_code == ERR_FULL || slot->refusal_code == ERR_TIMEOUT)
        take_busy(self, slot, BUSY_REFUSED_MS, now_us);
    else
        land(self, slot, FLIGHT_REFUSED, now_us);
}

static void take_submit_answer(struct client_flights *self, const Zsaga__ClientAnswer *answer,
                               int64_t now_us)
{
    size_t place = (size_t)(answer->id & SLOT_MASK);
    if (place >= self->options.count)
        return;
    struct slot *slot = &self->slots[place];
    if (slot->state == SLOT_FREE || slot->state == SLOT_LANDED || slot->id != answer->id)
        return;
    if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED)
        take_submitted(self, slot, answer->submitted, now_us);
    else if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_REFUSAL)
        take_refusal(self, slot, answer->refusal, now_us);
    else
        slot->strange = slot->state != SLOT_WATCHED;
}

/* What was under way before it was followed is not news: a push that waited since a watch before
 * may be of an attention that an operator has ended. */
static bool is_news(const struct slot *slot, uint64_t answer_id)
{
    return slot->told || (answer_id & FIND_ID && answer_id >= slot->found_from);
}

static void take_brief(struct client_flights *self, const Zsaga__Brief *brief, uint64_t answer_id,
                       int64_t now_us)
{
    struct bytes key = packed_view(brief->key);
    uint32_t next = *bucket_of(self, key);
    while (next != NONE) {
        struct slot *slot = &self->slots[next];
        next = slot->next;
        if (slot->state != SLOT_WATCHED || !bytes_equal(bytes_text(slot->key), key) ||
            !is_news(slot, answer_id))
            continue;
        bool followed = slot->outcome.verdict == CLIENT_UNDECIDED;
        if (brief->state != ZSAGA__SAGA_STATE__STATE_UNKNOWN)
            take_state(slot, brief->state, brief->reason);
        if (client_state_rests(slot->outcome.state))
            land(self, slot, FLIGHT_KNOWN, now_us);
        else if (followed && brief->state == ZSAGA__SAGA_STATE__STATE_UNKNOWN)
            land(self, slot, FLIGHT_MISSING, now_us);
    }
}

void client_flights_take(struct client_flights *self, const Zsaga__ClientAnswer *answer,
                         int64_t now_us)
{
    self->unanswered_since_ms = -1;
    if (answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_FOUND)
        for (size_t i = 0; i < answer->found->n_sagas; i++)
            take_brief(self, answer->found->sagas[i], answer->id, now_us);
    else if (answer->id & FIND_ID && answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_REFUSAL)
        note_outage(self, answer->refusal->message);
    else
        take_submit_answer(self, answer, now_us);
}

/* Time. */

struct finding {
    ProtobufCBinaryData keys[FIND_KEYS_MAX];
    size_t count;
};

static void send_find(struct client_flights *self, struct finding *finding, int64_t now_ms)
{
    if (finding->count == 0)
        return;
    Zsaga__Find find = ZSAGA__FIND__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    find.n_keys = finding->count;
    find.keys = finding->keys;
    find.watch = true;
    request.id = FIND_ID | ++*self->serial;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_FIND;
    request.find = &find;
    send(self, &request, now_ms);
    finding->count = 0;
}

static void remind(struct client_flights *self, struct slot *slot, struct finding *finding,
                   int64_t now_ms)
{
    if (slot->state != SLOT_WATCHED) {
        ask(self, slot, now_ms);
        return;
    }
    finding->keys[finding->count++] = packed_borrow_text(slot->key);
    set_timer(self, slot, now_ms + CLIENT_FLIGHTS_ASK_MS);
    if (finding->count == FIND_KEYS_MAX)
        send_find(self, finding, now_ms);
}

void client_flights_tick(struct client_flights *self, int64_t now_us)
{
    int64_t now_ms = now_us / 1000;
    struct finding finding;
    finding.count = 0;
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

int64_t client_flights_deadline_ms(const struct client_flights *self)
{
    const struct heap_entry *first = heap_first(&self->timers);
    return first == NULL ? INT64_MAX : first->at_ms;
}

bool client_flights_is_silent(struct client_flights *self, int64_t now_us)
{
    int64_t now_ms = now_us / 1000;
    bool silent = self->unanswered_since_ms >= 0 &&
                  now_ms - self->unanswered_since_ms >= CLIENT_FLIGHTS_SILENT_MS;
    if (silent)
        self->unanswered_since_ms = -1;
    return silent;
}
