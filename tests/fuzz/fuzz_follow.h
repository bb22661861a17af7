/* A consumer's story, for consumers of any kind: publishers with logs of made up events, and lies.
 *
 *   0 1 2 3  a message on the SUB or the replay socket of publisher op >> 4, the owner or view port
 *   4 5 6 7  an entry there, in a good frame; an answer to a fetch gets the number of that fetch
 *   8        a batch of events that the publisher commits and tells: what is no event is mended
 *   9        the same, as it is, told as a row of the publisher's log
 *   10       an event with this payload: its type is chosen by the first byte
 *   11       time passes
 *   12       the consumer dies and starts again
 *   13       the publisher does; with 0x40 as an older copy of its database
 *   14       fetches are answered as is right, from now on; or no more
 *
 * With 0x80 the turn goes on: the next step is of the same batch. */
#ifndef ZSAGA_FUZZ_FOLLOW_H
#define ZSAGA_FUZZ_FOLLOW_H

#include "consumer_node.h"
#include "fuzz_node.h"

#define FOLLOW_PUBLISHERS 3 /* "orchestrator", "order", "payment". */

struct follow_subject {
    const char *name;
    int (*open)(const struct consumer_options *options, struct node_time now, struct node **ret,
                struct err *err);
    struct db *(*db)(struct node *node);
    const struct node *(*consumer)(const struct node *node); /* Where its counters are. */
    const char *const *types;                                /* Of events; NULL at the end. */
    bool has_view;
    /* At the end, and after a restart: what the tables say must be the same. NULL: not compared. */
    uint64_t (*digest)(struct node *node);
};

void follow_run(const struct follow_subject *subject, struct fuzz_input *input);

#endif
