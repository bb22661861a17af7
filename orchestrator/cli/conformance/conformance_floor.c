/* Checks of the floor: what is final is not begun again. */
#include <inttypes.h>

#include "base/packed.h"
#include "conformance_ask.h"
#include "conformance_case.h"

/* Every saga of ours below `id` is final, but `open` (NULL: none). */
static void raise_floor(struct talk *talk, uint64_t version, const struct id *id,
                        const struct id *open)
{
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    floor.version = version;
    floor.id = packed_borrow(id_view(id));
    if (open != NULL)
        floor.open = packed_borrow(id_view(open));
    const Zsaga__Welcome *welcome = ask_hello(talk, &floor);
    if (welcome->floor_version != version || welcome->floor_epoch != talk->sender.driver.epoch)
        talk_fail(talk, "the welcome does not tell the floor just sent");
}

/* Versions grow within an epoch; each check takes an epoch of its own. */
static void begin_epoch(struct talk *talk)
{
    talk->own.epoch++;
    talk->sender.driver = talk->own;
}

static void told(struct talk *talk)
{
    begin_epoch(talk);
    struct id low = talk_new_saga(talk);
    struct id high = talk_new_saga(talk);
    raise_floor(talk, 2, &low, NULL);
    raise_floor(talk, 5, &high, NULL);
    const Zsaga__Welcome *welcome = ask_hello(talk, NULL);
    if (!talk->failed && welcome->floor_version != 5)
        talk_fail(talk, "the floor held is of version 5, the welcome tells %" PRIu64,
                  welcome->floor_version);
}

static void older(struct talk *talk)
{
    begin_epoch(talk);
    struct talk_command below = talk_good(talk);
    struct id id = talk_new_saga(talk);
    raise_floor(talk, 5, &id, NULL);
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    floor.version = 4;
    floor.id = packed_borrow(id_view(&below.saga));
    const Zsaga__Welcome *welcome = ask_hello(talk, &floor);
    if (!talk->failed && welcome->floor_version != 5)
        talk_fail(talk, "an older floor was taken over");
    (void)ask_expect(talk, &below, ZSAGA__OUTCOME__EXPIRED, NULL);
}

static void below(struct talk *talk)
{
    begin_epoch(talk);
    struct talk_command command = talk_good(talk);
    struct id id = talk_new_saga(talk);
    raise_floor(talk, 1, &id, NULL);
    ask_mark(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
    if (talk->options.compensation != NULL) {
        struct talk_command undo = talk_undo(command);
        (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__EXPIRED, NULL);
    }
    ask_unmoved(talk);
}

static void open_below(struct talk *talk)
{
    begin_epoch(talk);
    struct talk_command command = talk_good(talk);
    struct id id = talk_new_saga(talk);
    raise_floor(talk, 1, &id, &command.saga);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void at(struct talk *talk)
{
    begin_epoch(talk);
    struct talk_command command = talk_good(talk);
    raise_floor(talk, 1, &command.saga, NULL);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void known(struct talk *talk)
{
    begin_epoch(talk);
    struct talk_command command = talk_good(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    struct id id = talk_new_saga(talk);
    raise_floor(talk, 1, &id, NULL);
    ask_mark(talk);
    const Zsaga__Reply *again = ask(talk, &command);
    if (again->outcome != ZSAGA__OUTCOME__EXPIRED)
        ask_same(talk, first, again);
    ask_unmoved(talk);
}

#define EXPIRES                                                                                    \
    "The floor: a command for a saga that is below it, not open, and without a row is EXPIRED"

const struct conformance_case case_floor[] = {
    {"floor/told", 0, "Welcome: floor_epoch, floor_version: the floor that it holds", told},
    {"floor/older one", 0,
     "The floor: a participant keeps the newest, by (epoch of the frame, version), and ignores an "
     "older one",
     older},
    {"floor/below it", 0, EXPIRES "; nothing changes", below},
    {"floor/below it but open", CASE_GOOD, EXPIRES, open_below},
    {"floor/at it", CASE_GOOD, "Floor: every saga whose id is below id and not in open is final",
     at},
    {"floor/known below it", CASE_GOOD,
     "The floor: below it the participant may forget its rows: recorded answer, or EXPIRED", known},
    {0},
};
