/* Questions of the conformance checks, and what must be answered. */
#ifndef ZSAGA_CLI_CONFORMANCE_ASK_H
#define ZSAGA_CLI_CONFORMANCE_ASK_H

#include "conformance_talk.h"

#define ASK_WHOLE SIZE_MAX /* Instead of an entry: the frame. */

/* Asks until it is settled, however often it is answered RETRY or PENDING. */
const Zsaga__Reply *ask(struct talk *talk, const struct talk_command *command);
/* ... which must have that outcome, and that code (NULL: any). */
const Zsaga__Reply *ask_expect(struct talk *talk, const struct talk_command *command,
                               Zsaga__Outcome outcome, const char *code);
void ask_outcome(struct talk *talk, const Zsaga__Reply *reply, Zsaga__Outcome outcome,
                 const char *code);

/* Fails unless both agree in outcome, code, message and output. */
void ask_same(struct talk *talk, const Zsaga__Reply *first, const Zsaga__Reply *again);

/* The entry, or the whole frame, must have been rejected. */
void ask_rejected(struct talk *talk, size_t entry);

/* The last frame must have been answered by one StaleEpoch in favour of `held`. */
void ask_stale(struct talk *talk, const struct frame_driver *held, bool for_saga_id);

const Zsaga__Welcome *ask_hello(struct talk *talk, Zsaga__Floor *floor);
uint64_t ask_head(struct talk *talk);

/* Remembers the log's head, and the rows where they can be seen; then fails unless nothing has
 * changed since. */
void ask_mark(struct talk *talk);
void ask_unmoved(struct talk *talk);

/* Ends the participant as kill -9 does and starts it anew; fails unless it answers again, with the
 * same database and a new incarnation. */
void ask_restart(struct talk *talk);

#endif
