/* Checks of the fence: an orchestrator that was overtaken is not heard. */
#include <stdio.h>

#include "conformance_ask.h"
#include "conformance_case.h"

#define LISTENS 20 /* The reject may travel in a frame of its own. */
#define LISTEN_MS 100

/* Sends as `pair` two good commands and a hello, which must be refused in favour of what is held.
 */
static void refused(struct talk *talk, const struct frame_driver *pair, bool for_saga_id)
{
    struct talk_command command = talk_good(talk);
    struct frame_driver held = talk->own;
    struct id last_saga = pair->last_saga;
    talk->sender.driver = held;
    (void)ask_hello(talk, NULL); /* It holds the newest saga id. */
    talk_add(talk, &command);
    (void)talk_add_hello(talk, NULL);
    talk->sender.driver = *pair;
    talk->sender.driver.last_saga = last_saga;
    talk_exchange(talk);
    ask_stale(talk, &held, for_saga_id);
    talk->sender.driver = held;
}

static struct frame_driver held_pair(struct talk *talk)
{
    (void)talk_new_saga(talk);
    return talk->own;
}

static void lower_epoch(struct talk *talk)
{
    struct frame_driver pair = held_pair(talk);
    ask_mark(talk);
    pair.epoch--;
    refused(talk, &pair, false);
    refused(talk, &pair, false);
    ask_unmoved(talk);
}

static void other_nonce(struct talk *talk)
{
    struct frame_driver pair = held_pair(talk);
    ask_mark(talk);
    pair.nonce++;
    refused(talk, &pair, false);
    pair.nonce -= 2;
    refused(talk, &pair, false);
    ask_unmoved(talk);
}

static void old_copy(struct talk *talk)
{
    struct frame_driver pair = held_pair(talk);
    ask_mark(talk);
    pair.epoch++;
    refused(talk, &pair, true);
    (void)ask_hello(talk, NULL); /* The pair refused was not taken over. */
    ask_unmoved(talk);
}

static void malformed_too(struct talk *talk)
{
    struct frame_driver held = held_pair(talk);
    (void)ask_hello(talk, NULL);
    talk->sender.driver.epoch--;
    (void)talk_add_hello(talk, NULL);
    talk_add_bytes(talk, bytes_text("\x0a\xff"), "an entry that does not decode");
    talk_exchange(talk);
    for (int i = 0; i < LISTENS && talk_answer(talk, 1) == NULL && !talk->failed; i++)
        talk_listen(talk, LISTEN_MS);
    ask_stale(talk, &held, false);
    ask_rejected(talk, 1);
}

static void next_start(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    struct frame_driver before = talk->own;
    if (talk->failed)
        return;
    talk->own.epoch += 3;
    talk->own.nonce ^= 0x5a;
    talk->sender.driver = talk->own;
    ask_mark(talk);
    ask_same(talk, first, ask(talk, &command));
    ask_unmoved(talk);
    refused(talk, &before, false);
}

static void another_orchestrator(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command second = talk_good(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    struct frame_driver own = talk->sender.driver;
    (void)snprintf(talk->sender.driver.id, sizeof talk->sender.driver.id, "%s", TALK_OTHER_DRIVER);
    (void)ask_hello(talk, NULL);
    talk->sender.driver = own;
    (void)ask_expect(talk, &second, ZSAGA__OUTCOME__DONE, NULL);
}

#define FENCE "The fence: it refuses "

const struct conformance_case case_fence[] = {
    {"fence/lower epoch", 0, FENCE "a lower epoch: stale_epoch, once for the frame", lower_epoch},
    {"fence/other nonce", 0, FENCE "the same epoch with another nonce: stale_epoch", other_nonce},
    {"fence/old copy", 0,
     FENCE "a higher epoch whose last_saga is below the one held: stale_epoch, for_saga_id",
     old_copy},
    {"fence/malformed entries", 0,
     "How a participant judges, 4: each entry decodes and is a command or a hello (also in a "
     "fenced frame), else reject of the entry",
     malformed_too},
    {"fence/next start", CASE_GOOD,
     "The fence: otherwise it takes the pair over. The barrier: recorded answers agree, whoever "
     "asks and whenever",
     next_start},
    {"fence/another orchestrator", CASE_GOOD,
     "The fence: per driver.id. A participant may serve up to 64 orchestrators, told apart by it",
     another_orchestrator},
    {0},
};
