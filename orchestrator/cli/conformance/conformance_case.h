/* The conformance checks: each a rule of docs/protocol.md and a talk that shows whether it holds.
 */
#ifndef ZSAGA_CLI_CONFORMANCE_CASE_H
#define ZSAGA_CLI_CONFORMANCE_CASE_H

#include <stddef.h>

#include "conformance_talk.h"

/* What a check cannot do without. */
enum {
    CASE_GOOD = 1,     /* An input that is done. */
    CASE_UNDO = 2,     /* A compensation. */
    CASE_REFUSED = 4,  /* An input that is refused. */
    CASE_REPLAY = 8,   /* The replay endpoint. */
    CASE_EVENTS = 16,  /* The events endpoint. */
    CASE_RESTART = 32, /* A command that starts it. */
    CASE_APART = 64,   /* A transport with connections. */
};

struct conformance_case {
    const char *name;
    unsigned int needs;
    const char *page; /* Section of docs/protocol.md, and what it says. */
    void (*run)(struct talk *talk);
};

/* The group that must come first, then all others. Each ends with an empty row. */
extern const struct conformance_case case_first[];
extern const struct conformance_case case_frames[];
extern const struct conformance_case case_entries[];
extern const struct conformance_case case_barrier[];
extern const struct conformance_case case_refusals[];
extern const struct conformance_case case_fence[];
extern const struct conformance_case case_floor[];
extern const struct conformance_case case_events[];
extern const struct conformance_case case_crash[];
extern const struct conformance_case case_last[]; /* What was watched all the time. */

extern const struct conformance_case *const case_groups[];
extern const size_t case_group_count;

#endif
