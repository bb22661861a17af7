/* Frames as they are sent: what the files that check them share. */
#ifndef ZSAGA_CHECK_WIRE_H
#define ZSAGA_CHECK_WIRE_H

#include "check_internal.h"
#include "client.pb-c.h"
#include "command.pb-c.h"
#include "event.pb-c.h"
#include "frame.pb-c.h"
#include "replay.pb-c.h"

struct heard {
    const struct check_frame *frame;
    const Zsaga__Header *header;
    size_t from; /* Processes. */
    size_t to;
    size_t log; /* Of the store that it names; NOBODY. */
    bool fresh; /* Nothing newer of its sender came before it: it may be compared in time. */
};

void check_heard_request(struct checker *checker, const struct heard *heard,
                         const Zsaga__Request *request); /* check_command.c */
void check_heard_answer(struct checker *checker, const struct heard *heard,
                        const Zsaga__Answer *answer); /* check_reply.c */
void check_heard_client(struct checker *checker, const struct heard *heard,
                        const Zsaga__ClientAnswer *answer); /* check_speech.c, these three */
void check_heard_event(struct checker *checker, const struct heard *heard,
                       const Zsaga__Publication *publication);
void check_heard_replay(struct checker *checker, const struct heard *heard,
                        const Zsaga__ReplayAnswer *answer);

/* check_command.c: a saga is spoken of. Looks it up where that is possible. */
void check_identify(struct checker *checker, size_t orchestrator, size_t saga);

#endif
