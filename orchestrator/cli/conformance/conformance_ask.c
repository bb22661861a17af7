#include "conformance_ask.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "conformance_words.h"

#define RETRY_FIRST_MS 50
#define KNOCK_MS 100     /* Between two hellos to one that is starting. */
#define RESTART_MS 20000 /* Until a participant that was started anew must answer. */

static const Zsaga__Reply nothing = ZSAGA__REPLY__INIT;

static bool is_settled(const Zsaga__Reply *reply)
{
    return reply->outcome != ZSAGA__OUTCOME__RETRY && reply->outcome != ZSAGA__OUTCOME__PENDING;
}

static void wait_for_retry(const Zsaga__Reply *reply, int64_t *wait_ms)
{
    int64_t wanted_ms = reply->retry_after_ms > 0 && reply->retry_after_ms < RESTART_MS
                            ? (int64_t)reply->retry_after_ms
                            : *wait_ms;
    (void)poll(NULL, 0, (int)wanted_ms);
    *wait_ms *= 2;
}

const Zsaga__Reply *ask(struct talk *talk, const struct talk_command *command)
{
    struct talk_command again = *command;
    int64_t until_ms = clock_mono_ms() + talk->options.timeout_ms;
    int64_t wait_ms = RETRY_FIRST_MS;
    for (;; again.attempt++) {
        talk_add(talk, &again);
        talk_exchange(talk);
        if (talk->failed)
            return &nothing;
        const Zsaga__Reply *reply = talk_reply(talk, 0);
        if (talk->failed || is_settled(reply) || command->once)
            return reply;
        if (clock_mono_ms() + wait_ms >= until_ms) {
            talk_fail(talk, "still %s after %u attempts", words_outcome(reply->outcome),
                      again.attempt);
            return &nothing;
        }
        wait_for_retry(reply, &wait_ms);
    }
}

void ask_outcome(struct talk *talk, const Zsaga__Reply *reply, Zsaga__Outcome outcome,
                 const char *code)
{
    if (reply->outcome != outcome)
        talk_fail(talk, "answered %s instead of %s", words_outcome(reply->outcome),
                  words_outcome(outcome));
    if (code != NULL && !bytes_equal(packed_view(reply->code), bytes_text(code)))
        talk_fail(talk, "the code should be \"%s\"", code);
}

const Zsaga__Reply *ask_expect(struct talk *talk, const struct talk_command *command,
                               Zsaga__Outcome outcome, const char *code)
{
    const Zsaga__Reply *reply = ask(talk, command);
    ask_outcome(talk, reply, outcome, code);
    return reply;
}

static void tell_difference(struct talk *talk, const char *what, ProtobufCBinaryData first)
{
    struct buffer words = {0};
    words_bytes(&words, first);
    talk_fail(talk, "the %s was %s when it was answered first", what, words_text(&words));
    buffer_release(&words);
}

void ask_same(struct talk *talk, const Zsaga__Reply *first, const Zsaga__Reply *again)
{
    const struct part {
        const char *what;
        ProtobufCBinaryData first;
        ProtobufCBinaryData again;
    } parts[] = {
        {"code", first->code, again->code},
        {"message", first->message, again->message},
        {"output", first->output, again->output},
    };
    if (first->outcome != again->outcome)
        talk_fail(talk, "answered %s, but %s when it was answered first",
                  words_outcome(again->outcome), words_outcome(first->outcome));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!bytes_equal(packed_view(parts[i].first), packed_view(parts[i].again)))
            tell_difference(talk, parts[i].what, parts[i].first);
}

void ask_rejected(struct talk *talk, size_t entry)
{
    const Zsaga__Answer *answer =
        entry == ASK_WHOLE ? talk->frame_answer : talk_answer(talk, entry);
    if (answer == NULL || answer->kind_case != ZSAGA__ANSWER__KIND_REJECT) {
        talk_fail(talk, entry == ASK_WHOLE ? "the frame is not rejected as a whole"
                                           : "the entry is not rejected");
        return;
    }
    const Zsaga__Reject *reject = answer->reject;
    if (!bytes_equal(packed_view(reject->code), bytes_text("malformed")))
        talk_fail(talk, "the code of a reject is \"malformed\"");
    if (reject->message.len == 0)
        talk_fail(talk, "a reject says in its message what is wrong");
}

static void expect_number(struct talk *talk, const char *what, uint64_t wanted, uint64_t got)
{
    if (wanted != got)
        talk_fail(talk, "%s is %" PRIu64 " instead of %" PRIu64, what, got, wanted);
}

void ask_stale(struct talk *talk, const struct frame_driver *held, bool for_saga_id)
{
    const Zsaga__Answer *answer = talk->frame_answer;
    if (answer == NULL || answer->kind_case != ZSAGA__ANSWER__KIND_STALE_EPOCH) {
        talk_fail(talk, "the frame is not answered by stale_epoch");
        return;
    }
    const Zsaga__StaleEpoch *stale = answer->stale_epoch;
    expect_number(talk, "refused_epoch", talk->sender.driver.epoch, stale->refused_epoch);
    expect_number(talk, "refused_nonce", talk->sender.driver.nonce, stale->refused_nonce);
    expect_number(talk, "held_epoch", held->epoch, stale->held_epoch);
    expect_number(talk, "held_nonce", held->nonce, stale->held_nonce);
    expect_number(talk, "for_saga_id", for_saga_id, (uint64_t)stale->for_saga_id);
    if (!bytes_equal(packed_view(stale->held_last_saga), id_view(&held->last_saga)))
        talk_fail(talk, "held_last_saga is not the highest that was sent");
}

const Zsaga__Welcome *ask_hello(struct talk *talk, Zsaga__Floor *floor)
{
    static const Zsaga__Welcome none = ZSAGA__WELCOME__INIT;
    (void)talk_add_hello(talk, floor);
    talk_exchange(talk);
    const Zsaga__Answer *answer = talk_answer(talk, 0);
    if (answer != NULL && answer->kind_case == ZSAGA__ANSWER__KIND_WELCOME)
        return answer->welcome;
    talk_fail(talk, "a hello is not answered by a welcome");
    return &none;
}

uint64_t ask_head(struct talk *talk)
{
    return ask_hello(talk, NULL)->head;
}

static char *read_rows(struct talk *talk)
{
    return talk->line->ops->rows == NULL || talk->failed ? NULL : talk->line->ops->rows(talk->line);
}

void ask_mark(struct talk *talk)
{
    talk->mark_head = ask_head(talk);
    free(talk->mark_rows);
    talk->mark_rows = read_rows(talk);
}

void ask_unmoved(struct talk *talk)
{
    AUTO(freep) char *rows = read_rows(talk);
    if (talk->failed)
        return;
    if (rows != NULL && strcmp(rows, talk->mark_rows) != 0)
        talk_fail(talk, "a row has changed");
    /* A hello would hide what was answered before it. */
    struct buffer kept[] = {talk->sent, talk->came};
    talk->sent = talk->came = (struct buffer){0};
    uint64_t head = ask_head(talk);
    if (!talk->failed && head != talk->mark_head) {
        buffer_release(&talk->sent);
        buffer_release(&talk->came);
        talk->sent = kept[0];
        talk->came = kept[1];
        talk_fail(talk, "events were told of it: the log's head went from %" PRIu64 " to %" PRIu64,
                  talk->mark_head, head);
        return;
    }
    buffer_release(&kept[0]);
    buffer_release(&kept[1]);
}

void ask_restart(struct talk *talk)
{
    struct err err = {0};
    uint64_t incarnation = talk->seen.incarnation;
    int64_t timeout_ms = talk->options.timeout_ms;
    int64_t again_ms = talk->again_ms;
    talk->repeats = true;
    if (talk->failed)
        return;
    int rc = talk->line->ops->kill(talk->line, &err);
    if (rc == 0)
        rc = talk->line->ops->start(talk->line, &err);
    if (rc < 0) {
        talk_fail(talk, "%s", err.text);
        return;
    }
    talk->options.timeout_ms = RESTART_MS > timeout_ms ? RESTART_MS : timeout_ms;
    talk->again_ms = KNOCK_MS;
    struct frame_driver driver = talk->sender.driver;
    /* Nothing of what is asked next may be told to it anew: neither the pair nor the floor. */
    (void)snprintf(talk->sender.driver.id, sizeof driver.id, "%s", TALK_OTHER_DRIVER);
    (void)ask_head(talk);
    talk->sender.driver = driver;
    talk->again_ms = again_ms;
    talk->options.timeout_ms = timeout_ms;
    if (talk->seen.incarnation == incarnation)
        talk_fail(talk,
                  "header.incarnation is that of the start before: it is drawn at each start");
}
