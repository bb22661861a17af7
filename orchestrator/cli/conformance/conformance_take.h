/* Answers of the participant: decoded, watched, and matched to the entries that they answer. */
#ifndef ZSAGA_CLI_CONFORMANCE_TAKE_H
#define ZSAGA_CLI_CONFORMANCE_TAKE_H

#include "conformance_talk.h"

struct talk_entry {
    enum { TALK_ENTRY_OTHER, TALK_ENTRY_COMMAND, TALK_ENTRY_HELLO } kind;
    bool closed; /* Of the frame that was sent last. */
    struct buffer packed;
    struct buffer words;
    struct talk_command command;
    uint64_t hello;
    const Zsaga__Answer *answer; /* In the arena. */
};

/* Waits for a frame and takes its answers. One that answers nothing of the last exchange fails the
 * check, unless something was repeated. */
void take_answers(struct talk *talk, int wait_ms);

#endif
