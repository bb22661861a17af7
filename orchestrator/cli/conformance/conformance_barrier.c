/* Checks of the barrier: each (saga, step, direction) takes effect at most once, in any order. */
#include "conformance_ask.h"
#include "conformance_case.h"

static void repeated(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    ask_mark(talk);
    command.attempt = 7;
    command.traceparent = bytes_text("00-0198c5a30000000000010a0b0c0d0e0f-a300000000000105-01");
    ask_same(talk, first, ask(talk, &command));
    ask_unmoved(talk);
}

static void repeated_otherwise(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    const Zsaga__Reply *first = ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    ask_mark(talk);
    command.input = bytes_text("another input");
    ask_same(talk, first, ask(talk, &command));
    ask_unmoved(talk);
}

/* Settles what may be pending after both copies were sent. */
static void settle_both(struct talk *talk, struct talk_command command)
{
    const Zsaga__Reply *first = talk_reply(talk, 0);
    const Zsaga__Reply *second = talk_reply(talk, 1);
    ask_same(talk, first, second);
    uint64_t head = ask_head(talk);
    command.attempt = 9;
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    if (first->outcome != ZSAGA__OUTCOME__DONE || talk->failed)
        return;
    if (ask_head(talk) != head && !talk->failed)
        talk_fail(talk, "a third copy told an event");
}

static void twice_in_a_frame(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    talk_add(talk, &command);
    talk_add(talk, &command);
    talk_exchange(talk);
    settle_both(talk, command);
}

static void attempts_in_a_frame(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    talk_add(talk, &command);
    command.attempt = 2;
    talk_add(talk, &command);
    talk_exchange(talk);
    settle_both(talk, command);
}

static void taken_back(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
}

static void taken_back_twice(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    const Zsaga__Reply *first = ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
    ask_mark(talk);
    undo.attempt = 3;
    ask_same(talk, first, ask(talk, &undo));
    ask_unmoved(talk);
}

static void late_action(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
    ask_mark(talk);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    ask_unmoved(talk);
    (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
}

static void tombstone(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    ask_mark(talk);
    const Zsaga__Reply *first = ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, "nothing_to_undo");
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    ask_same(talk, first, ask(talk, &undo));
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
    ask_unmoved(talk);
}

static void both_in_a_frame(struct talk *talk)
{
    struct talk_command late = talk_good(talk);
    struct talk_command early = talk_undo(late);
    ask_mark(talk);
    talk_add(talk, &early);
    talk_add(talk, &late);
    talk_exchange(talk);
    ask_outcome(talk, talk_reply(talk, 0), ZSAGA__OUTCOME__DONE, "nothing_to_undo");
    ask_outcome(talk, talk_reply(talk, 1), ZSAGA__OUTCOME__BLOCKED, NULL);
    ask_unmoved(talk);
}

static void done_and_taken_back_in_a_frame(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command undo = talk_undo(command);
    talk_add(talk, &command);
    talk_add(talk, &undo);
    talk_exchange(talk);
    (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
}

static void steps_apart(struct talk *talk)
{
    struct talk_command command = talk_good(talk);
    struct talk_command other = talk_undo(command);
    other.step = 2;
    (void)ask_expect(talk, &other, ZSAGA__OUTCOME__DONE, "nothing_to_undo");
    (void)ask_expect(talk, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void sagas_apart(struct talk *talk)
{
    struct talk_command first = talk_good(talk);
    struct talk_command second = talk_good(talk);
    struct talk_command undo = talk_undo(first);
    (void)ask_expect(talk, &first, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &undo, ZSAGA__OUTCOME__DONE, NULL);
    (void)ask_expect(talk, &second, ZSAGA__OUTCOME__DONE, NULL);
}

#define NOTHING_ACTION "The barrier, nothing recorded: an action runs; its outcome is recorded"
#define DONE_ACTION                                                                                \
    "The barrier, recorded done: an action is answered again: DONE with the same output"
#define DONE_UNDO                                                                                  \
    "The barrier, recorded done: a compensation runs; recorded when done, answered DONE"
#define UNDONE_ACTION                                                                              \
    "The barrier, recorded compensated, or a tombstone: an action is BLOCKED; nothing changes"
#define UNDONE_UNDO "The barrier, recorded compensated: a compensation is answered again: DONE"
#define NOTHING_UNDO                                                                               \
    "The barrier, nothing recorded: a compensation changes nothing, is recorded (a tombstone) "    \
    "and answered DONE, code nothing_to_undo; an action is BLOCKED from then on"

const struct conformance_case case_barrier[] = {
    {"duplicate/later attempt", CASE_GOOD, DONE_ACTION, repeated},
    {"duplicate/other input", CASE_GOOD,
     "Command: a command is identified by (saga, step, direction). " DONE_ACTION,
     repeated_otherwise},
    {"duplicate/in one frame", CASE_GOOD, DONE_ACTION, twice_in_a_frame},
    {"duplicate/attempts in one frame", CASE_GOOD, DONE_ACTION, attempts_in_a_frame},
    {"compensation/done", CASE_GOOD | CASE_UNDO, DONE_UNDO, taken_back},
    {"compensation/twice", CASE_GOOD | CASE_UNDO, UNDONE_UNDO, taken_back_twice},
    {"compensation/then the action", CASE_GOOD | CASE_UNDO, UNDONE_ACTION, late_action},
    {"compensation/before its action", CASE_UNDO, NOTHING_UNDO, tombstone},
    {"compensation/before, in one frame", CASE_UNDO, NOTHING_UNDO, both_in_a_frame},
    {"compensation/after, in one frame", CASE_GOOD | CASE_UNDO, UNDONE_ACTION,
     done_and_taken_back_in_a_frame},
    {"barrier/steps apart", CASE_GOOD | CASE_UNDO,
     "The barrier: one row per (saga, step). " NOTHING_ACTION, steps_apart},
    {"barrier/sagas apart", CASE_GOOD | CASE_UNDO, NOTHING_ACTION, sagas_apart},
    {0},
};
