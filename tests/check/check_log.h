/* What rows and events of a log are compared by. */
#ifndef ZSAGA_CHECK_LOG_H
#define ZSAGA_CHECK_LOG_H

#include "check_base.h"
#include "event.pb-c.h"

uint64_t check_row_digest(struct check_bytes events);
/* Of the saga, type, time, causation and payload, each by check_hash_field(): what the consumers of
 * tests write down as `digest`. */
uint64_t check_event_says(const Zsaga__Event *event);
/* Of the orchestrator's events: which end it tells (enum check_state); 0: none. */
int check_end_of(struct check_bytes type);

#endif
