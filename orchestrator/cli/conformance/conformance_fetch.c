#include "conformance_fetch.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/packed.h"
#include "base/text.h"
#include "conformance_words.h"
#include "frame.pb-c.h"

#define TAKE_MS 50
#define AGAIN_MS 1000
#define EVENTS_MAX ((size_t)100000)

/* The replay plane knows no orchestrators. */
static void send_fetch(struct talk *talk, struct bytes entry)
{
    struct buffer packed = {0};
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    ProtobufCBinaryData borrowed = packed_borrow(entry);
    header.version = FRAME_VERSION;
    header.number = ++talk->sender.number;
    header.name = packed_borrow_text(TALK_DRIVER);
    header.incarnation = talk->sender.incarnation;
    frame.header = &header;
    frame.n_entries = 1;
    frame.entries = &borrowed;
    packed_append(&packed, &frame.base);
    (void)talk->line->ops->send(talk->line, LINE_REPLAY, buffer_bytes(&packed));
    buffer_release(&packed);
}

static const Zsaga__ReplayAnswer *read_answer(struct talk *talk, const struct buffer *message,
                                              uint64_t id)
{
    struct frame frame;
    struct err err = {0};
    void *copy = arena_alloc(&talk->arena, message->len + 1);
    assert(copy != NULL);
    memcpy(copy, message->data, message->len);
    if (frame_read(bytes_of(copy, message->len), &talk->arena, &frame, &err) < 0)
        talk_fail(talk, "what came from the replay socket is no frame: %s", err.text);
    for (size_t i = 0; i < frame.entry_count; i++) {
        const Zsaga__ReplayAnswer *answer = zsaga__replay_answer__unpack(
            &talk->arena.allocator, frame.entries[i].len, frame.entries[i].data);
        if (answer == NULL)
            talk_fail(talk, "an entry came from the replay socket that is no ReplayAnswer");
        else if (answer->id == id)
            return answer;
    }
    return NULL;
}

static const Zsaga__ReplayAnswer *converse(struct talk *talk, struct bytes entry, uint64_t id)
{
    struct buffer message = {0};
    const Zsaga__ReplayAnswer *answer = NULL;
    int64_t now_ms = clock_mono_ms();
    int64_t until_ms = now_ms + talk->options.timeout_ms;
    int64_t again_ms = now_ms;
    while (answer == NULL && !talk->failed) {
        if (now_ms >= again_ms) {
            send_fetch(talk, entry);
            again_ms = now_ms + AGAIN_MS;
        }
        if (talk->line->ops->take(talk->line, LINE_REPLAY, TAKE_MS, &message))
            answer = read_answer(talk, &message, id);
        now_ms = clock_mono_ms();
        if (answer == NULL && now_ms >= until_ms)
            talk_fail(talk, "no answer from the replay socket within %.1f s",
                      (double)talk->options.timeout_ms / 1000);
    }
    buffer_release(&message);
    return answer;
}

static const char *kind_name(const Zsaga__ReplayAnswer *answer)
{
    static const char *const names[] = {
        [ZSAGA__REPLAY_ANSWER__KIND_FETCHED] = "fetched",
        [ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED] = "truncated",
        [ZSAGA__REPLAY_ANSWER__KIND_DIVERGED] = "diverged",
        [ZSAGA__REPLAY_ANSWER__KIND_REFUSAL] = "refusal",
    };
    size_t kind = (size_t)answer->kind_case;
    return kind < sizeof names / sizeof names[0] && names[kind] != NULL ? names[kind]
                                                                        : "of no kind";
}

static void tell_answer(struct talk *talk, const Zsaga__ReplayAnswer *answer)
{
    buffer_clear(&talk->came);
    words_add(&talk->came, "%s", kind_name(answer));
    if (answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_FETCHED) {
        words_add(&talk->came, ", %zu rows", answer->fetched->n_rows);
    } else if (answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_DIVERGED) {
        words_add(&talk->came, ", code ");
        words_bytes(&talk->came, answer->diverged->code);
    } else if (answer->kind_case == ZSAGA__REPLAY_ANSWER__KIND_REFUSAL) {
        words_add(&talk->came, ", code ");
        words_bytes(&talk->came, answer->refusal->code);
    }
}

const Zsaga__ReplayAnswer *fetch_ask(struct talk *talk, Zsaga__Fetch *fetch)
{
    if (talk->failed)
        return NULL;
    struct buffer packed = {0};
    Zsaga__ReplayRequest request = ZSAGA__REPLAY_REQUEST__INIT;
    request.id = ++talk->fetches;
    request.kind_case = ZSAGA__REPLAY_REQUEST__KIND_FETCH;
    request.fetch = fetch;
    packed_append(&packed, &request.base);
    buffer_clear(&talk->sent);
    words_add(&talk->sent, "fetch %" PRIu64 ": after %" PRIu64 ", store of %zu bytes%s", request.id,
              fetch->after, fetch->store.len, fetch->after_id.len == 0 ? "" : ", with after_id");
    const Zsaga__ReplayAnswer *answer = converse(talk, buffer_bytes(&packed), request.id);
    buffer_release(&packed);
    if (answer != NULL)
        tell_answer(talk, answer);
    return answer;
}

const Zsaga__ReplayAnswer *fetch_ask_bytes(struct talk *talk, struct bytes entry)
{
    if (talk->failed)
        return NULL;
    buffer_clear(&talk->sent);
    words_add(&talk->sent, "an entry of %zu bytes that is no ReplayRequest", entry.len);
    const Zsaga__ReplayAnswer *answer = converse(talk, entry, 0);
    if (answer != NULL)
        tell_answer(talk, answer);
    return answer;
}

/* An answer that tells of the log; NULL, and the check fails, when it is another one. */
static const Zsaga__Fetched *fetch_behind(struct talk *talk, uint64_t after)
{
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    if (after > 0)
        fetch.store = packed_borrow(id_view(&talk->seen.store));
    fetch.after = after;
    const Zsaga__ReplayAnswer *answer = fetch_ask(talk, &fetch);
    if (answer == NULL)
        return NULL;
    if (answer->kind_case != ZSAGA__REPLAY_ANSWER__KIND_FETCHED) {
        talk_fail(talk, "answered %s instead of fetched", kind_name(answer));
        return NULL;
    }
    if (answer->fetched->range == NULL) {
        talk_fail(talk, "fetched has no range");
        return NULL;
    }
    return answer->fetched;
}

static void check_event(struct talk *talk, const Zsaga__Event *event, uint64_t number)
{
    if (event->id.len != ID_SIZE)
        talk_fail(talk, "event %" PRIu64 " has an id of %zu bytes", number, event->id.len);
    if (!text_is_name(packed_view(event->type)))
        talk_fail(talk, "event %" PRIu64 " has no type", number);
    if (event->saga.len != 0 && event->saga.len != ID_SIZE)
        talk_fail(talk, "event %" PRIu64 " has a saga of %zu bytes", number, event->saga.len);
    if (event->causation.len != 0 && event->causation.len != ID_SIZE + 2)
        talk_fail(talk, "event %" PRIu64 " has a causation of %zu bytes", number,
                  event->causation.len);
}

const Zsaga__EventBatch *fetch_unpack(struct talk *talk, const Zsaga__LogRow *row)
{
    const Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(&talk->arena.allocator, row->events.len, row->events.data);
    if (batch == NULL || batch->n_events != row->count || row->count == 0) {
        talk_fail(talk, "the row that begins with event %" PRIu64 " does not hold %u events",
                  row->first, row->count);
        return NULL;
    }
    for (size_t i = 0; i < batch->n_events; i++)
        check_event(talk, batch->events[i], row->first + i);
    return talk->failed ? NULL : batch;
}

struct reading {
    uint64_t next; /* Number of the event that must follow. */
    struct fetch_event *events;
    size_t count;
};

static void take_row(struct talk *talk, const Zsaga__LogRow *row, struct reading *reading)
{
    bool first = reading->count == 0 && row->first <= reading->next;
    if (row->first != reading->next && !first) {
        talk_fail(talk, "a gap: event %" PRIu64 " should follow, and the row begins with %" PRIu64,
                  reading->next, row->first);
        return;
    }
    const Zsaga__EventBatch *batch = fetch_unpack(talk, row);
    for (size_t i = 0; batch != NULL && i < batch->n_events; i++) {
        if (row->first + i < reading->next || reading->count == EVENTS_MAX)
            continue;
        reading->events[reading->count++] = (struct fetch_event){row->first + i, batch->events[i]};
        reading->next++;
    }
}

size_t fetch_log(struct talk *talk, uint64_t after, const struct fetch_event **ret)
{
    struct reading reading = {.next = after + 1};
    reading.events = arena_alloc(&talk->arena, EVENTS_MAX * sizeof *reading.events);
    *ret = reading.events;
    assert(reading.events != NULL);
    for (;;) {
        const Zsaga__Fetched *fetched = fetch_behind(talk, reading.next - 1);
        if (fetched == NULL)
            return 0;
        for (size_t i = 0; i < fetched->n_rows && !talk->failed; i++)
            take_row(talk, fetched->rows[i], &reading);
        if (fetched->n_rows == 0 || reading.next > fetched->range->head)
            return reading.count;
    }
}

size_t fetch_count(struct talk *talk, uint64_t after, const struct id *saga, bool undo)
{
    const struct fetch_event *events;
    uint8_t causation[ID_SIZE + 2];
    size_t found = 0;
    memcpy(causation, saga->bytes, ID_SIZE);
    causation[ID_SIZE] = 1;
    causation[ID_SIZE + 1] = undo;
    size_t count = fetch_log(talk, after, &events);
    for (size_t i = 0; i < count; i++)
        found += bytes_equal(packed_view(events[i].event->causation),
                             bytes_of(causation, sizeof causation));
    return found;
}

const Zsaga__LogRow *fetch_row(struct talk *talk, uint64_t number)
{
    const Zsaga__Fetched *fetched = fetch_behind(talk, number - 1);
    for (size_t i = 0; fetched != NULL && i < fetched->n_rows; i++)
        if (fetched->rows[i]->first <= number &&
            number < fetched->rows[i]->first + fetched->rows[i]->count)
            return fetched->rows[i];
    talk_fail(talk, "event %" PRIu64 " cannot be fetched", number);
    return NULL;
}
