/* Raw commands in a test: speaks to a running participant as an orchestrator of its own would. */
#ifndef ZSAGA_SUITE_WIRE_H
#define ZSAGA_SUITE_WIRE_H

#include "command.pb-c.h"
#include "order_fixture.h"
#include "suite_process.h"
#include "wire/frame.h"

struct suite_wire {
    const char *participant;
    void *context;
    void *socket;
    struct frame_header sender;
    struct arena arena;  /* Of the answer taken last. */
    struct buffer input; /* Of the order, packed. */
    struct id saga;      /* Of the commands. */
    uint32_t attempt;    /* Of the first command sent last, */
    uint32_t copies;     /* which were so many. */
};

/* Connects to the participant's command socket; owned by the suite. */
struct suite_wire *suite_wire_open(struct suite_process *suite, const char *participant);

/* From now on commands are about a saga of their own with this order. */
void suite_wire_begin(struct suite_wire *wire, const struct order_fixture *order);

/* Sends a command of step 0, `copies` times in one frame, and takes as many answers, which must
 * agree; again after a silence. The last one is returned, valid until the next call. */
const Zsaga__Reply *suite_wire_ask(struct suite_wire *wire, const char *action, bool undo,
                                   uint32_t copies);
/* Fails the test unless that is the outcome. */
void suite_wire_expect(struct suite_wire *wire, const char *action, bool undo,
                       Zsaga__Outcome outcome);

#endif
