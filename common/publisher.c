#include "publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"
#include "replay.pb-c.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define TRIM_EVERY_MS 1000
#define TRIM_AGAIN_MS 50 /* While there is more to remove than a piece. */
#define REFUSALS_MAX 64  /* Told in one turn; a peer that sends more nonsense is not answered. */
#define WORDS_MAX 160
#define ROWS_MAX 1024 /* In one answer: each costs a few dozen bytes beside its events. */
/* What decoding one frame of fetches may take. */
#define DECODE_BUDGET ((size_t)512 << 10)

/* A fetch that waits for its turn. */
struct fetch {
    struct peer from;
    uint64_t id;
    bool has_store;
    struct id store;
    uint64_t after;
    struct id after_id; /* Zero: not known, or `after` is 0. */
};

struct refusal {
    struct peer from;
    uint64_t id;
    const char *code;
    char words[WORDS_MAX];
};

struct publisher {
    struct outbox *outbox;
    struct frame_header *sender;
    uint8_t events_port;
    uint8_t replay_port;
    struct publisher_keep keep;
    struct arena arena;
    struct fetch *fetches; /* In the order in which they are answered. */
    size_t fetch_count;
    struct refusal *refusals;
    size_t refusal_count;
    bool log_runs;        /* Its clock has been started, */
    int64_t log_ahead_ms; /* which is so far ahead of the monotonic one. */
    int64_t turned_at_ms; /* Monotonic: of the last turn. */
    int64_t next_range_ms;
    int64_t next_trim_ms;
    struct buffer copied; /* Events of the answer in the making. */
};

struct publisher_keep publisher_keep_of(const struct suite_keep *keep)
{
    return (struct publisher_keep){.bytes = (uint64_t)keep->bytes, .age_ms = keep->days * DAY_MS};
}

struct publisher *publisher_new(struct outbox *outbox, struct frame_header *sender,
                                uint8_t events_port, uint8_t replay_port,
                                const struct publisher_keep *keep)
{
    struct publisher *publisher = xcalloc(1, sizeof *publisher);
    publisher->outbox = outbox;
    publisher->sender = sender;
    publisher->events_port = events_port;
    publisher->replay_port = replay_port;
    publisher->keep = *keep;
    publisher->fetches = xcalloc(PUBLISHER_FETCHES_MAX, sizeof *publisher->fetches);
    publisher->refusals = xcalloc(REFUSALS_MAX, sizeof *publisher->refusals);
    arena_init(&publisher->arena, DECODE_BUDGET);
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    if (publisher == NULL)
        return;
    arena_release(&publisher->arena);
    buffer_release(&publisher->copied);
    free(publisher->fetches);
    free(publisher->refusals);
    free(publisher);
}

static struct peer copy_peer(const struct peer *from)
{
    struct peer peer = {.port = from->port, .id_len = from->id_len};
    memcpy(peer.id, from->id, from->id_len);
    return peer;
}

static void refuse(struct publisher *publisher, const struct peer *from, uint64_t id,
                   const char *code, const char *words)
{
    if (publisher->refusal_count == REFUSALS_MAX)
        return;
    struct refusal *refusal = &publisher->refusals[publisher->refusal_count++];
    *refusal = (struct refusal){.from = copy_peer(from), .id = id, .code = code};
    (void)snprintf(refusal->words, sizeof refusal->words, "%s", words);
}

/* Words for what is wrong with a request, or NULL. */
static const char *fault_of(const Zsaga__ReplayRequest *request)
{
    const Zsaga__Fetch *fetch = request->fetch;
    if (request->id == 0)
        return "request.id must not be 0";
    if (request->kind_case != ZSAGA__REPLAY_REQUEST__KIND_FETCH)
        return "the request has no known kind";
    if (fetch->store.len != 0 && fetch->store.len != ID_SIZE)
        return "fetch.store must be empty or 16 bytes";
    if (fetch->after > INT64_MAX)
        return "fetch.after is too large";
    if (fetch->after_id.len != 0 && (fetch->after_id.len != ID_SIZE || fetch->after == 0))
        return "fetch.after_id must be empty or 16 bytes, and empty when fetch.after is 0";
    if (fetch->after != 0 && fetch->store.len == 0)
        return "fetch.store must say whose log was read up to fetch.after";
    return NULL;
}

/* Where a peer's fetch waits, or a new place at the end; NULL: there is none left. */
static struct fetch *place_for(struct publisher *publisher, const struct peer *from)
{
    for (size_t i = 0; i < publisher->fetch_count; i++)
        if (peer_equal(&publisher->fetches[i].from, from))
            return &publisher->fetches[i];
    if (publisher->fetch_count == PUBLISHER_FETCHES_MAX)
        return NULL;
    return &publisher->fetches[publisher->fetch_count++];
}

static void receive_entry(struct publisher *publisher, const struct peer *from,
                          ProtobufCBinaryData entry)
{
    const Zsaga__ReplayRequest *request =
        zsaga__replay_request__unpack(&publisher->arena.allocator, entry.len, entry.data);
    if (request == NULL) {
        refuse(publisher, from, 0, "malformed", "the entry does not decode");
        return;
    }
    const char *fault = fault_of(request);
    if (fault != NULL) {
        refuse(publisher, from, request->id, "malformed", fault);
        return;
    }
    struct fetch *fetch = place_for(publisher, from);
    if (fetch == NULL) {
        refuse(publisher, from, request->id, "busy", "too many fetches wait: ask again");
        return;
    }
    *fetch =
        (struct fetch){.from = copy_peer(from), .id = request->id, .after = request->fetch->after};
    fetch->has_store = id_from_bytes(packed_view(request->fetch->store), &fetch->store);
    (void)id_from_bytes(packed_view(request->fetch->after_id), &fetch->after_id);
}

void publisher_receive(struct publisher *publisher, const struct peer *from, struct bytes bytes)
{
    if (from->port != publisher->replay_port)
        return; /* On the PUB port nothing arrives. */
    struct frame frame;
    struct err err = {0};
    arena_reset(&publisher->arena);
    if (frame_read(bytes, &publisher->arena, &frame, &err) < 0) {
        refuse(publisher, from, 0, "malformed", err.text);
        return;
    }
    for (size_t i = 0; i < frame.entry_count; i++)
        receive_entry(publisher, from, frame.entries[i]);
}

int64_t publisher_log_ms(struct publisher *publisher, struct node_time now)
{
    if (!publisher->log_runs) {
        int64_t newest_ms = outbox_last_at_ms(publisher->outbox);
        publisher->log_runs = true;
        publisher->log_ahead_ms = (newest_ms == 0 ? now.wall_ms : newest_ms) - now.mono_ms;
    }
    return now.mono_ms + publisher->log_ahead_ms;
}

static int64_t keep_from(struct publisher *publisher, struct node_time now)
{
    return publisher_log_ms(publisher, now) - publisher->keep.age_ms;
}

bool publisher_wants_trim(struct publisher *publisher, struct node_time now)
{
    if (now.mono_ms < publisher->next_trim_ms)
        return false;
    publisher->next_trim_ms = now.mono_ms + TRIM_EVERY_MS;
    return outbox_wants_trim(publisher->outbox, publisher->keep.bytes, keep_from(publisher, now));
}

int publisher_trim(struct publisher *publisher, struct node_time now, struct err *err)
{
    publisher->next_trim_ms = now.mono_ms + TRIM_AGAIN_MS;
    return outbox_trim(publisher->outbox, publisher->keep.bytes, keep_from(publisher, now), err);
}

/* What an answer is made of. */
struct reply {
    const struct fetch *fetch;
    struct frame_writer *writer;
    Zsaga__LogRange range;
};

static Zsaga__LogRange range_of(const struct publisher *publisher)
{
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    range.tail = outbox_tail(publisher->outbox);
    range.head = outbox_head(publisher->outbox);
    return range;
}

static void answer_diverged(struct reply *reply, const char *code, const char *words)
{
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Diverged diverged = ZSAGA__DIVERGED__INIT;
    diverged.code = packed_borrow_text(code);
    diverged.message = packed_borrow_text(words);
    diverged.range = &reply->range;
    answer.id = reply->fetch->id;
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_DIVERGED;
    answer.diverged = &diverged;
    frame_writer_add(reply->writer, &answer.base, NULL);
}

static void answer_truncated(struct reply *reply)
{
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Truncated truncated = ZSAGA__TRUNCATED__INIT;
    truncated.range = &reply->range;
    answer.id = reply->fetch->id;
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED;
    answer.truncated = &truncated;
    frame_writer_add(reply->writer, &answer.base, NULL);
}

/* The rows behind `after` are read one after the other, so their bytes are copied until the answer
 * is packed. Returns how many, or negative. */
static int collect_rows(struct publisher *publisher, uint64_t after, Zsaga__LogRow *rows,
                        struct err *err)
{
    struct outbox_row row;
    int count = 0;
    buffer_clear(&publisher->copied);
    int rc = outbox_find(publisher->outbox, after + 1, &row, err);
    while (rc == OUTBOX_FOUND && count < ROWS_MAX &&
           (count == 0 || publisher->copied.len + row.events.len <= PUBLISHER_FETCH_BYTES)) {
        buffer_append(&publisher->copied, row.events.data, row.events.len);
        zsaga__log_row__init(&rows[count]);
        rows[count].first = row.first;
        rows[count].count = row.count;
        rows[count++].events.len = row.events.len;
        rc = outbox_next(publisher->outbox, &row, err);
    }
    outbox_rest(publisher->outbox);
    uint8_t *at = publisher->copied.data;
    for (int i = 0; i < count; i++) {
        rows[i].events.data = at;
        at += rows[i].events.len;
    }
    return rc < 0 ? rc : count;
}

static int answer_fetched(struct publisher *publisher, struct reply *reply, struct err *err)
{
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Fetched fetched = ZSAGA__FETCHED__INIT;
    Zsaga__LogRow rows[ROWS_MAX];
    Zsaga__LogRow *pointers[ROWS_MAX];
    int count = collect_rows(publisher, reply->fetch->after, rows, err);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++)
        pointers[i] = &rows[i];
    fetched.n_rows = (size_t)count;
    fetched.rows = pointers;
    fetched.range = &reply->range;
    answer.id = reply->fetch->id;
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_FETCHED;
    answer.fetched = &fetched;
    frame_writer_add(reply->writer, &answer.base, NULL);
    return 0;
}

/* Whether the reader's log and this one agree as far as it has read, and what to say if not. */
static int answer_fetch(struct publisher *publisher, struct reply *reply, struct err *err)
{
    const struct fetch *fetch = reply->fetch;
    if (fetch->has_store && id_compare(&fetch->store, &publisher->sender->store) != 0) {
        answer_diverged(reply, "other_store", "this is another database than the one read before");
        return 0;
    }
    if (fetch->after > reply->range.head) {
        answer_diverged(reply, "behind", "the log ends before what was read: a restored backup?");
        return 0;
    }
    if (fetch->after + 1 < reply->range.tail) {
        answer_truncated(reply);
        return 0;
    }
    /* A reader that began at the tail or the head by decision has no id to compare. */
    struct id id = fetch->after_id;
    int rc = 0;
    if (!id_is_zero(&fetch->after_id))
        rc = outbox_id_at(publisher->outbox, fetch->after, &id, err);
    if (rc < 0)
        return rc;
    if (id_compare(&id, &fetch->after_id) != 0 && !MUTANT(DIVERGENCE_UNNOTICED)) {
        answer_diverged(reply, "other_event",
                        "the log has another event at the number read last: a restored backup?");
        return 0;
    }
    return answer_fetched(publisher, reply, err);
}

/* One a turn: a reader that catches up must not hold up the work. */
static int answer_next(struct publisher *publisher, struct frame_writer *writer, struct err *err)
{
    if (publisher->fetch_count == 0)
        return 0;
    struct reply reply = {
        .fetch = &publisher->fetches[0], .writer = writer, .range = range_of(publisher)};
    writer->to = publisher->fetches[0].from;
    int rc = answer_fetch(publisher, &reply, err);
    frame_writer_flush(writer);
    publisher->fetch_count--;
    memmove(publisher->fetches, publisher->fetches + 1,
            publisher->fetch_count * sizeof *publisher->fetches);
    return rc;
}

static void answer_refusals(struct publisher *publisher, struct frame_writer *writer)
{
    for (size_t i = 0; i < publisher->refusal_count; i++) {
        const struct refusal *refusal = &publisher->refusals[i];
        Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
        Zsaga__ReplayRefusal packed = ZSAGA__REPLAY_REFUSAL__INIT;
        packed.code = packed_borrow_text(refusal->code);
        packed.message = packed_borrow_text(refusal->words);
        answer.id = refusal->id;
        answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_REFUSAL;
        answer.refusal = &packed;
        writer->to = refusal->from;
        frame_writer_add(writer, &answer.base, NULL);
        frame_writer_flush(writer);
    }
    publisher->refusal_count = 0;
}

static void publish(struct publisher *publisher, struct node_time now, struct frame_writer *writer)
{
    const struct outbox_row *fresh = NULL;
    size_t count = outbox_fresh(publisher->outbox, &fresh);
    Zsaga__Publication publication = ZSAGA__PUBLICATION__INIT;
    writer->to = (struct peer){.port = publisher->events_port};
    for (size_t i = 0; i < count; i++) {
        Zsaga__LogRow row = ZSAGA__LOG_ROW__INIT;
        row.first = fresh[i].first;
        row.count = fresh[i].count;
        row.events = packed_borrow(fresh[i].events);
        publication.kind_case = ZSAGA__PUBLICATION__KIND_ROW;
        publication.row = &row;
        frame_writer_add(writer, &publication.base, NULL);
    }
    outbox_published(publisher->outbox);
    if (now.mono_ms >= publisher->next_range_ms) {
        publisher->next_range_ms = now.mono_ms + PUBLISHER_RANGE_MS;
        Zsaga__LogRange range = range_of(publisher);
        publication.kind_case = ZSAGA__PUBLICATION__KIND_RANGE;
        publication.range = &range;
        frame_writer_add(writer, &publication.base, NULL);
    }
    frame_writer_flush(writer);
}

int publisher_turn(struct publisher *publisher, struct node_time now, struct outbound *out,
                   struct err *err)
{
    struct frame_header header = *publisher->sender;
    header.has_driver = false; /* That is told on the command plane only. */
    struct frame_writer writer = {.sender = &header, .out = out};
    publisher->turned_at_ms = now.mono_ms;
    publish(publisher, now, &writer);
    answer_refusals(publisher, &writer);
    int rc = answer_next(publisher, &writer, err);
    publisher->sender->number = header.number;
    return rc;
}

int64_t publisher_deadline(const struct publisher *publisher)
{
    bool waits = publisher->fetch_count > 0 || publisher->refusal_count > 0;
    return waits ? publisher->turned_at_ms : publisher->next_range_ms;
}
