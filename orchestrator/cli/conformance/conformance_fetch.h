/* Questions to the replay plane, and what the log says. */
#ifndef ZSAGA_CLI_CONFORMANCE_FETCH_H
#define ZSAGA_CLI_CONFORMANCE_FETCH_H

#include "conformance_talk.h"
#include "event.pb-c.h"
#include "replay.pb-c.h"

/* Each NULL when the check has failed. */
const Zsaga__ReplayAnswer *fetch_ask(struct talk *talk, Zsaga__Fetch *fetch);
const Zsaga__ReplayAnswer *fetch_ask_bytes(struct talk *talk, struct bytes entry);

/* One event of the log. */
struct fetch_event {
    uint64_t number;
    const Zsaga__Event *event;
};

/* All events behind `after` to the head, each row checked to be whole and to follow the one before.
 * *ret lies in the check's arena. */
size_t fetch_log(struct talk *talk, uint64_t after, const struct fetch_event **ret);

/* How many of them a command of this saga, of step 1, has brought about. */
size_t fetch_count(struct talk *talk, uint64_t after, const struct id *saga, bool undo);

/* The row that holds this event, or NULL. */
const Zsaga__LogRow *fetch_row(struct talk *talk, uint64_t number);

/* A row's events, in the arena; NULL, and the check fails, when they are not what the row says. */
const Zsaga__EventBatch *fetch_unpack(struct talk *talk, const Zsaga__LogRow *row);

#endif
