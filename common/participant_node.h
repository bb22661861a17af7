/* A participant as a node: what participant_main() runs, and what the simulator runs. */
#ifndef ZSAGA_PARTICIPANT_NODE_H
#define ZSAGA_PARTICIPANT_NODE_H

#include "node.h"
#include "participant.h"
#include "publisher.h"

enum {
    PARTICIPANT_PORT_COMMAND,
    PARTICIPANT_PORT_OWNER,
    PARTICIPANT_PORT_EVENTS,
    PARTICIPANT_PORT_REPLAY,
    PARTICIPANT_PORT_COUNT,
};

struct participant_options {
    const char *db_path;
    struct config_node *settings; /* Borrowed for the call; NULL: none. */
    uint64_t random;              /* This start's: incarnation, event ids. */
    struct publisher_keep keep;
};

/* Opens the database and makes the node; free it with node->ops->free(). */
int participant_node_new(const struct participant_service *service,
                         const struct participant_options *options, struct node **ret,
                         struct err *err);

/* Counters since the start, for tests and the log. */
struct participant_counters {
    uint64_t commits;
    uint64_t entries;
    uint64_t applied;  /* Handlers that ran and whose outcome was recorded. */
    uint64_t repeated; /* Answered from the inbox. */
    uint64_t blocked;
    uint64_t tombstones; /* Compensations of what never took effect, */
    uint64_t unheard;    /* of which nothing had been heard at all. */
    uint64_t asked_undo; /* Compensations of a pending action. */
    uint64_t expired;
    uint64_t stale;       /* Frames of a fenced orchestrator: all of them, */
    uint64_t stale_nonce; /* those of another start of the epoch held, */
    uint64_t stale_copy;  /* and those of one that has forgotten sagas. */
    uint64_t floors;      /* Told by a hello, */
    uint64_t floors_open; /* those with exceptions. */
    uint64_t guilty;      /* Entries that ended the transaction. */
    uint64_t refused;     /* Batches that could not be stored. */
    uint64_t rejected;    /* Malformed entries and frames. */
    uint64_t retried;
    uint64_t singly; /* Entries run one a transaction, after a batch died through one. */
};
const struct participant_counters *participant_node_counters(const struct node *node);

#endif
