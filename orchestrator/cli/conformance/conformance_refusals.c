/* Checks of refusals: a "no" is as durable as a success. */
#include "conformance_ask.h"
#include "conformance_case.h"

#define ATTEMPTS 3

static void repeated(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__REJECTED, NULL);
    ask_mark(talk);
    command.attempt = 5;
    ask_same(talk, first, ask(talk, &command));
    ask_unmoved(talk);
}

/* Its cause may have gone meanwhile: that changes nothing any more. */
static void repeated_otherwise(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    struct talk_command good = talk_good(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__REJECTED, NULL);
    ask_mark(talk);
    good.saga = command.saga;
    good.attempt = 2;
    ask_same(talk, first, ask(talk, &good));
    ask_unmoved(talk);
}

static void in_words(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    const Zsaga__Reply *reply = ask_expect(talk, &command, ZSAGA__OUTCOME__REJECTED, NULL);
    if (reply->code.len == 0)
        talk_fail(talk, "a refusal needs a code: it is the saga's reason");
    if (reply->output.len != 0)
        talk_fail(talk, "only an action that is done has an output");
}

static void beside_good_ones(struct talk *talk)
{
    struct talk_command good = talk_good(talk);
    struct talk_command refused = talk_refused(talk);
    struct talk_command other = talk_good(talk);
    talk_add(talk, &good);
    talk_add(talk, &refused);
    talk_add(talk, &other);
    talk_exchange(talk);
    (void)ask_expect(talk, &good, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &refused, ZSAGA__OUTCOME__REJECTED, NULL);
    (void)ask_expect(talk, &other, ZSAGA__OUTCOME__DONE, NULL);
}

static void taken_back(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    struct talk_command undo = talk_undo(command);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__REJECTED, NULL);
    ask_mark(talk);
    const Zsaga__Reply *first = ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, "nothing_to_undo");
    ask_same(talk, first, ask(talk, &undo));
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    ask_unmoved(talk);
}

static void retriable(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    command.retriable = command.once = true;
    ask_mark(talk);
    for (uint32_t i = 0; i < ATTEMPTS; i++, command.attempt++)
        ask_outcome(talk, ask(talk, &command), ZSAGA__OUTCOME__RETRY, NULL);
    ask_unmoved(talk);
}

static void retriable_then_good(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    struct talk_command good = talk_good(talk);
    command.retriable = command.once = true;
    ask_outcome(talk, ask(talk, &command), ZSAGA__OUTCOME__RETRY, NULL);
    good.saga = command.saga;
    good.attempt = 2;
    good.retriable = true;
    (void)ask_expect(talk, &good, ZSAGA__OUTCOME__DONE, NULL);
}

#define RETRIABLE                                                                                  \
    "outcomes: an action with retriable set cannot refuse: what would be a refusal is answered "   \
    "RETRY and recorded nowhere, so that it comes about once its cause is mended"

const struct conformance_case case_refusals[] = {
    {"refusal/repeated", CASE_REFUSED,
     "The barrier, recorded rejected: an action is answered again: REJECTED with the same code "
     "and message",
     repeated},
    {"refusal/when its cause is gone", CASE_GOOD | CASE_REFUSED,
     "The barrier, recorded rejected: an action is answered again: REJECTED with the same code "
     "and message. Command: it is identified by (saga, step, direction)",
     repeated_otherwise},
    {"refusal/its code", CASE_REFUSED, "Reply: code: short and stable, for programs", in_words},
    {"refusal/beside good ones", CASE_GOOD | CASE_REFUSED,
     "A participant of your own: a refusal takes back what the action wrote, and then records "
     "itself; the other entries go on",
     beside_good_ones},
    {"refusal/its compensation", CASE_REFUSED | CASE_UNDO,
     "The barrier, recorded rejected: a compensation is a tombstone: changes nothing, DONE, code "
     "nothing_to_undo; an action is BLOCKED from then on",
     taken_back},
    {"retriable/not refused", CASE_REFUSED, RETRIABLE, retriable},
    {"retriable/done once it can be", CASE_GOOD | CASE_REFUSED, RETRIABLE, retriable_then_good},
    {0},
};
