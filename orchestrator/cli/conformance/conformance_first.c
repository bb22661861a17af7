/* What all other checks build on: it answers, and an action is done; and what was watched. */
#include <inttypes.h>

#include "conformance_ask.h"
#include "conformance_case.h"
#include "conformance_words.h"

static void answers(struct talk *talk)
{
    (void)ask_hello(talk, NULL);
}

static void answers_each(struct talk *talk)
{
    (void)talk_add_hello(talk, NULL);
    (void)talk_add_hello(talk, NULL);
    talk_exchange(talk);
    if (!talk->failed && !talk->in_order)
        talk_fail(talk, "the answers do not come in the order of the entries");
}

static void is_done(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    const Zsaga__Reply *reply = ask(talk, &command);
    if (reply->outcome == ZSAGA__OUTCOME__REJECTED)
        talk_fail(talk, "the input is refused: give one that is done (--input)");
    ask_outcome(talk, reply, ZSAGA__OUTCOME__DONE, NULL);
}

static void is_refused(struct talk *talk)
{
    struct talk_command command = talk_refused(talk);
    const Zsaga__Reply *reply = ask(talk, &command);
    if (reply->outcome == ZSAGA__OUTCOME__DONE)
        talk_fail(talk, "the input is done: give one that is refused (--refused-input)");
    ask_outcome(talk, reply, ZSAGA__OUTCOME__REJECTED, NULL);
}

const struct conformance_case case_first[] = {
    {"hello/answered", 0, "Welcome: number: of the hello answered", answers},
    {"hello/each", 0, "Answer: they come in the order of the entries they answer", answers_each},
    {"action/done", 0, "outcomes: DONE: the effect is committed", is_done},
    {"action/refused", CASE_REFUSED,
     "outcomes: REJECTED: a business \"no\"; nothing changed. To an action only", is_refused},
    {0},
};

static void tell_watched(struct talk *talk, enum talk_watch what)
{
    if (talk->watched[what].len != 0)
        talk_fail(talk, "%s", words_text(&talk->watched[what]));
}

static void headers(struct talk *talk)
{
    tell_watched(talk, TALK_WATCH_HEADER);
}

static void replies(struct talk *talk)
{
    tell_watched(talk, TALK_WATCH_REPLY);
}

static void head(struct talk *talk)
{
    tell_watched(talk, TALK_WATCH_HEAD);
}

const struct conformance_case case_last[] = {
    {"all/headers", 0,
     "Header: number: of this frame: 1, 2, 3 … per start; name: the sender's name in the suite; "
     "store: 16 bytes, the uuid of its database; driver: from an orchestrator, and nowhere else",
     headers},
    {"all/replies", 0,
     "Reply: epoch of the frame answered; code empty, or 1 to 64 of a-z A-Z 0-9 _ - .; message cut "
     "after 256 bytes; output at most 16 KiB; a compensation cannot refuse",
     replies},
    {"all/head", 0, "Welcome: head never goes back for the same header.store; nor do records",
     head},
    {0},
};
