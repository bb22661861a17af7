/* A participant for tests: its input is a script of what its handlers shall do, also what no good
 * handler would.
 *
 * Words before a "/" are the action's, those behind it the compensation's. "write" adds to the
 * saga's row, "event" to the log; "large-event" and "nameless-event" are events that no log takes.
 * "output" and "too-much" hand something to later steps. "done", "refuse", "retry", "fail" and
 * "pending" end the handler with that outcome; asked again, a pending action goes on behind that
 * word. "break" ends the whole transaction, as some SQL can. A script without an end is malformed;
 * a compensation's, and a word unknown to it, count as "done". */
#ifndef ZSAGA_SCRIBBLER_H
#define ZSAGA_SCRIBBLER_H

#include "participant.h"

extern const struct participant_service scribbler_service;

#endif
