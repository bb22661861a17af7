/* Checks of crashes: what was told before kill -9 is what is told after it. */
#include <inttypes.h>
#include <poll.h>

#include "base/packed.h"
#include "conformance_ask.h"
#include "conformance_case.h"
#include "conformance_fetch.h"

/* Milliseconds between the command and the kill. */
static const int moments_ms[] = {0, 1, 3, 10};
#define SOME 3
#define MOMENT_COUNT (sizeof moments_ms / sizeof moments_ms[0])

/* What was told is on record, so another input changes nothing any more; what was not on record
 * would be judged anew. */
static struct bytes other_input(struct talk *talk, Zsaga__Outcome told)
{
    return told == ZSAGA__OUTCOME__REJECTED ? talk_good(talk).input : bytes_text("another input");
}

/* Sends the command and kills the participant a moment later, with whatever it has answered; asks
 * again, and the answers must agree. */
static void survive(struct talk *talk, struct talk_command command, int moment_ms,
                    Zsaga__Outcome outcome)
{
    talk_add(talk, &command);
    talk_send(talk);
    (void)poll(NULL, 0, moment_ms);
    talk_listen(talk, 0);
    const Zsaga__Answer *told = talk_answer(talk, 0);
    bool answered = told != NULL && told->kind_case == ZSAGA__ANSWER__KIND_REPLY &&
                    told->reply->outcome == outcome;
    ask_restart(talk);
    command.attempt = 2;
    if (answered)
        command.input = other_input(talk, outcome);
    const Zsaga__Reply *again = ask_expect(talk, &command, outcome, NULL);
    if (answered)
        ask_same(talk, told->reply, again);
}

/* The events of each command stand in the log once, however often it came. */
static void count_events(struct talk *talk, uint64_t before, const struct id *saga, bool undo,
                         size_t wanted)
{
    if (!talk->line->has[LINE_REPLAY] || talk->failed)
        return;
    size_t count = fetch_count(talk, before, saga, undo);
    if (!talk->failed && count != wanted)
        talk_fail(talk, "%s that was killed tells %zu events instead of %zu",
                  undo ? "a compensation" : "an action", count, wanted);
}

/* How many events an action and its compensation tell that nothing disturbs. */
static void count_undisturbed(struct talk *talk, size_t counts[2])
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    uint64_t before = ask_head(talk);
    counts[0] = counts[1] = 0;
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    if (talk->options.compensation != NULL)
        (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
    if (!talk->line->has[LINE_REPLAY] || talk->failed)
        return;
    counts[0] = fetch_count(talk, before, &command.saga, false);
    counts[1] = fetch_count(talk, before, &command.saga, true);
}

static void action(struct talk *talk)
{
    size_t counts[2];
    count_undisturbed(talk, counts);
    for (size_t i = 0; i < MOMENT_COUNT && !talk->failed; i++) {
        struct talk_command command = talk_good(talk);
        uint64_t before = ask_head(talk);
        survive(talk, command, moments_ms[i], ZSAGA__OUTCOME__DONE);
        count_events(talk, before, &command.saga, false, counts[0]);
    }
}

static void compensation(struct talk *talk)
{
    size_t counts[2];
    count_undisturbed(talk, counts);
    for (size_t i = 0; i < MOMENT_COUNT && !talk->failed; i++) {
        struct talk_command command = talk_good(talk);
        uint64_t before = ask_head(talk);
        (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
        survive(talk, talk_undo(command), moments_ms[i], ZSAGA__OUTCOME__DONE);
        count_events(talk, before, &command.saga, true, counts[1]);
        (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    }
}

static void told(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    size_t counts[2];
    count_undisturbed(talk, counts);
    uint64_t before = ask_head(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    ask_restart(talk); /* With nothing between, which would bring about another commit. */
    command.input = other_input(talk, ZSAGA__OUTCOME__DONE);
    ask_same(talk, first, ask(talk, &command));
    count_events(talk, before, &command.saga, false, counts[0]);
}

static void refusal(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__REJECTED, NULL);
    ask_restart(talk);
    command.input = other_input(talk, ZSAGA__OUTCOME__REJECTED);
    ask_same(talk, first, ask(talk, &command));
    survive(talk, talk_refused(talk), 1, ZSAGA__OUTCOME__REJECTED);
}

static void tombstone(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    const Zsaga__Reply *first = ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, "nothing_to_undo");
    ask_restart(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    ask_same(talk, first, ask(talk, &undo));
}

static void fence(struct talk *talk)
{
    (void)talk_new_saga(talk);
    struct frame_driver held = talk->own;
    (void)ask_hello(talk, NULL);
    ask_restart(talk);
    talk->sender.driver.epoch--;
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    ask_stale(talk, &held, false);
    talk->sender.driver = held;
    talk->sender.driver.nonce++;
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    ask_stale(talk, &held, false);
}

static void floor_held(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct id id = talk_new_saga(talk);
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    talk->own.epoch++;
    talk->sender.driver = talk->own;
    floor.version = 1;
    floor.id = packed_borrow(id_view(&id));
    (void)ask_hello(talk, &floor);
    ask_restart(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
}

/* Several sagas in one frame, so that their events may share a row. */
static void do_some(struct talk *talk)
{
    struct talk_command commands[SOME];
    for (size_t i = 0; i < SOME; i++) {
        commands[i] = talk_good(talk);
        talk_add(talk, &commands[i]);
    }
    talk_exchange(talk);
    for (size_t i = 0; i < SOME; i++)
        (void)ask_expect(talk, &commands[i], ZSAGA__OUTCOME__DONE, NULL);
}

static void log_stays(struct talk *talk)
{
    const struct fetch_event *events;
    uint64_t before = ask_head(talk);
    do_some(talk);
    uint64_t head = ask_head(talk);
    if (head == before || talk->failed)
        return;
    const Zsaga__LogRow *first = fetch_row(talk, head);
    ask_restart(talk);
    if (!talk->failed && ask_head(talk) != head)
        talk_fail(talk, "the head was %" PRIu64 " before the restart", head);
    const Zsaga__LogRow *again = fetch_row(talk, head);
    if (first != NULL && again != NULL &&
        !bytes_equal(packed_view(first->events), packed_view(again->events)))
        talk_fail(talk, "event %" PRIu64 " has other bytes after a restart", head);
    do_some(talk);
    uint64_t after = ask_head(talk);
    size_t count = fetch_log(talk, before, &events);
    if (!talk->failed && count != after - before)
        talk_fail(talk, "%zu events can be fetched behind %" PRIu64 ", and the head is %" PRIu64,
                  count, before, after);
}

#define AGREES                                                                                     \
    "Frames: nothing is answered before it is durable. The barrier: all recorded answers to one "  \
    "command agree in outcome, code, message and output, whoever asks and whenever"

const struct conformance_case case_crash[] = {
    {"crash/after an answer", CASE_GOOD | CASE_RESTART, AGREES, told},
    {"crash/during an action", CASE_GOOD | CASE_RESTART, AGREES, action},
    {"crash/during a compensation", CASE_GOOD | CASE_UNDO | CASE_RESTART, AGREES, compensation},
    {"crash/a refusal", CASE_GOOD | CASE_REFUSED | CASE_RESTART, AGREES, refusal},
    {"crash/a tombstone", CASE_UNDO | CASE_RESTART, AGREES, tombstone},
    {"crash/the fence", CASE_RESTART,
     "How a participant judges: what is stored is stored in the transaction of the batch, before "
     "anything of it is answered: the pair too",
     fence},
    {"crash/the floor", CASE_RESTART,
     "How a participant judges: what is stored is stored before anything is answered: the floor "
     "too",
     floor_held},
    {"crash/the log", CASE_GOOD | CASE_REPLAY | CASE_RESTART,
     "Events: the numbers go on across restarts; under one store, the same number is the same "
     "bytes",
     log_stays},
    {0},
};
