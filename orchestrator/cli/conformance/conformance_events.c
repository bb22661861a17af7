/* Checks of the event and replay planes: what was told is there, once, and stays as it was. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/packed.h"
#include "conformance_ask.h"
#include "conformance_case.h"
#include "conformance_fetch.h"
#include "conformance_words.h"

#define RANGE_MS 3000 /* A publisher says something twice a second. */
#define EFFECTS 5

/* A good command and its repetitions, whose events are in the log once. */
static void once(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    uint64_t before = ask_head(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    uint64_t after = ask_head(talk);
    size_t told = fetch_count(talk, before, &command.saga, false);
    if (!talk->failed && told != after - before)
        talk_fail(talk,
                  "the head grew by %" PRIu64
                  ", but %zu events name the command as their causation",
                  after - before, told);
    command.attempt = 4;
    (void)ask(talk, &command);
    if (!talk->failed && fetch_count(talk, before, &command.saga, false) != told)
        talk_fail(talk, "a repeated command has told its events again");
}

/* Both copies are judged in one transaction. */
static void once_in_a_frame(struct talk *talk)
{
    struct talk_command alone = talk_good(talk);
    struct talk_command twice = talk_good(talk);
    uint64_t before = ask_head(talk);
    (void)ask_expect(talk, &alone, ZSAGA__OUTCOME__DONE, NULL);
    size_t told = fetch_count(talk, before, &alone.saga, false);
    talk_add(talk, &twice);
    talk_add(talk, &twice);
    talk_exchange(talk);
    (void)ask_expect(talk, &twice, ZSAGA__OUTCOME__DONE, NULL);
    size_t again = fetch_count(talk, before, &twice.saga, false);
    if (!talk->failed && again != told)
        talk_fail(talk, "an action alone tells %zu events, one that came twice in a frame %zu",
                  told, again);
}

static void compensation_once(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    uint64_t before = ask_head(talk);
    (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
    size_t told = fetch_count(talk, before, &command.saga, true);
    (void)ask(talk, &undo);
    (void)ask(talk, &command);
    if (!talk->failed && ask_head(talk) != before + told)
        talk_fail(talk, "what comes after a compensation tells events");
}

/* All that was told from the run's first head on, or as much as is kept. */
static void whole_log(struct talk *talk)
{
    const struct fetch_event *events;
    uint64_t before = ask_head(talk);
    for (int i = 0; i < EFFECTS; i++) {
        struct talk_command command = talk_good(talk);
        (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    }
    uint64_t head = ask_head(talk);
    size_t count = fetch_log(talk, before, &events);
    if (!talk->failed && count != head - before)
        talk_fail(talk, "%zu events can be fetched behind %" PRIu64 ", and the head is %" PRIu64,
                  count, before, head);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (bytes_equal(packed_view(events[i].event->id), packed_view(events[j].event->id)))
                talk_fail(talk, "events %" PRIu64 " and %" PRIu64 " have the same id",
                          events[j].number, events[i].number);
}

static void same_bytes(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    uint64_t head = ask_head(talk);
    if (talk->failed || head == 0)
        return;
    const Zsaga__LogRow *first = fetch_row(talk, head);
    const Zsaga__LogRow *again = fetch_row(talk, head);
    if (first != NULL && again != NULL &&
        (first->first != again->first ||
         !bytes_equal(packed_view(first->events), packed_view(again->events))))
        talk_fail(talk, "the row of event %" PRIu64 " is not the same when it is read again", head);
}

static void expect_diverged(struct talk *talk, Zsaga__Fetch *fetch, const char *code)
{
    const Zsaga__ReplayAnswer *answer = fetch_ask(talk, fetch);
    if (answer == NULL)
        return;
    if (answer->kind_case != ZSAGA__REPLAY_ANSWER__KIND_DIVERGED)
        talk_fail(talk, "it is not answered diverged");
    else if (!bytes_equal(packed_view(answer->diverged->code), bytes_text(code)))
        talk_fail(talk, "the code should be \"%s\"", code);
}

static void other_store(struct talk *talk)
{
    struct id other = talk->seen.store;
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    other.bytes[0] ^= 0xff;
    fetch.store = packed_borrow(id_view(&other));
    expect_diverged(talk, &fetch, "other_store");
}

static void behind(struct talk *talk)
{
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    fetch.store = packed_borrow(id_view(&talk->seen.store));
    fetch.after = ask_head(talk) + 1;
    expect_diverged(talk, &fetch, "behind");
}

static void other_event(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    struct id other = talk_new_saga(talk);
    fetch.store = packed_borrow(id_view(&talk->seen.store));
    fetch.after = ask_head(talk);
    fetch.after_id = packed_borrow(id_view(&other));
    if (fetch.after != 0)
        expect_diverged(talk, &fetch, "other_event");
}

static void expect_malformed(struct talk *talk, const Zsaga__ReplayAnswer *answer)
{
    if (answer == NULL)
        return;
    if (answer->kind_case != ZSAGA__REPLAY_ANSWER__KIND_REFUSAL)
        talk_fail(talk, "it is not answered by a refusal");
    else if (!bytes_equal(packed_view(answer->refusal->code), bytes_text("malformed")))
        talk_fail(talk, "the code should be \"malformed\"");
}

static void malformed(struct talk *talk)
{
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    expect_malformed(talk, fetch_ask_bytes(talk, bytes_text("\x12\xff")));
    fetch.after = 5; /* Without a store. */
    expect_malformed(talk, fetch_ask(talk, &fetch));
}

/* The next publication of a kind, in the arena; NULL: none came. */
static const Zsaga__Publication *take_told(struct talk *talk, int64_t until_ms)
{
    struct buffer message = {0};
    struct frame frame;
    struct err err = {0};
    const Zsaga__Publication *told = NULL;
    int64_t left_ms = until_ms - clock_mono_ms();
    if (talk->line->ops->take(talk->line, LINE_EVENTS, left_ms > 0 ? (int)left_ms : 0, &message)) {
        struct bytes copy = bytes_of(arena_alloc(&talk->arena, message.len + 1), message.len);
        memcpy((uint8_t *)(uintptr_t)copy.data, message.data, message.len);
        if (frame_read(copy, &talk->arena, &frame, &err) < 0)
            talk_fail(talk, "what was published is no frame: %s", err.text);
        else if (frame.entry_count > 0)
            told = zsaga__publication__unpack(&talk->arena.allocator, frame.entries[0].len,
                                              frame.entries[0].data);
    }
    buffer_release(&message);
    return told;
}

static const Zsaga__Publication *await_told(struct talk *talk, Zsaga__Publication__KindCase kind,
                                            uint64_t at_least)
{
    int64_t until_ms = clock_mono_ms() + RANGE_MS;
    while (!talk->failed && clock_mono_ms() < until_ms) {
        const Zsaga__Publication *told = take_told(talk, until_ms);
        if (told == NULL || told->kind_case != kind)
            continue;
        if (kind == ZSAGA__PUBLICATION__KIND_RANGE && told->range->head >= at_least)
            return told;
        if (kind == ZSAGA__PUBLICATION__KIND_ROW && told->row->first + told->row->count > at_least)
            return told;
    }
    return NULL;
}

static void range(struct talk *talk)
{
    uint64_t head = ask_head(talk);
    if (!talk->failed && await_told(talk, ZSAGA__PUBLICATION__KIND_RANGE, head) == NULL)
        talk_fail(talk, "no range up to the head was told within 3 s");
    if (!talk->failed && await_told(talk, ZSAGA__PUBLICATION__KIND_RANGE, head) == NULL)
        talk_fail(talk, "no second range was told within 3 s");
}

static void live(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    uint64_t before = ask_head(talk);
    (void)await_told(talk, ZSAGA__PUBLICATION__KIND_RANGE, before);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    uint64_t after = ask_head(talk);
    if (talk->failed || after == before)
        return;
    const Zsaga__Publication *told = await_told(talk, ZSAGA__PUBLICATION__KIND_ROW, before + 1);
    if (told == NULL) {
        talk_fail(talk, "event %" PRIu64 " was not told live within 3 s", before + 1);
        return;
    }
    const Zsaga__LogRow *fetched =
        talk->line->has[LINE_REPLAY] ? fetch_row(talk, told->row->first) : NULL;
    if (fetch_unpack(talk, told->row) != NULL && fetched != NULL &&
        (fetched->first != told->row->first ||
         !bytes_equal(packed_view(fetched->events), packed_view(told->row->events))))
        talk_fail(talk, "the row of event %" PRIu64 " was told live with other bytes than fetched",
                  told->row->first);
}

#define FETCH "Fetch, how a publisher judges it: "
#define ONCE "Events: an event is written in the transaction of what it tells of, and told once"

const struct conformance_case case_events[] = {
    {"events/once", CASE_GOOD | CASE_REPLAY, ONCE, once},
    {"events/once in one frame", CASE_GOOD | CASE_REPLAY, ONCE, once_in_a_frame},
    {"events/compensation", CASE_GOOD | CASE_UNDO | CASE_REPLAY, ONCE, compensation_once},
    {"events/no gaps", CASE_GOOD | CASE_REPLAY,
     "Events: numbered 1, 2, 3 … without gaps; an event's id is unique", whole_log},
    {"events/same bytes", CASE_GOOD | CASE_REPLAY,
     "Events: under one store, the same number is the same bytes", same_bytes},
    {"replay/other store", CASE_REPLAY,
     FETCH "store is not empty, and not this store: diverged, code other_store", other_store},
    {"replay/behind", CASE_REPLAY, FETCH "after is above the head: diverged, code behind", behind},
    {"replay/other event", CASE_GOOD | CASE_REPLAY,
     FETCH "the event at after has another id: diverged, code other_event", other_event},
    {"replay/malformed", CASE_REPLAY,
     FETCH "it does not decode, has id 0, or breaks a limit: refusal, code malformed", malformed},
    {"live/range", CASE_EVENTS, "Publication: range: twice a second, also when nothing happens",
     range},
    {"live/row", CASE_GOOD | CASE_EVENTS,
     "Publication: row: right after its commit, with the bytes that are fetched", live},
    {0},
};
