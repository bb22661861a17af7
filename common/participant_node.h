/* A participant as a node: what participant_main() runs, and what the simulator runs. */
#ifndef ZSAGA_PARTICIPANT_NODE_H
#define ZSAGA_PARTICIPANT_NODE_H

#include "node.h"
#include "participant.h"

enum { PARTICIPANT_PORT_COMMAND, PARTICIPANT_PORT_OWNER, PARTICIPANT_PORT_COUNT };

/* Opens the database at `db_path` and makes the node; free it with node->ops->free(). `random` is
 * this start's randomness: incarnation, event ids. `settings` is borrowed for the call. */
int participant_node_new(const struct participant_service *service, const char *db_path,
                         struct config_node *settings, uint64_t random, struct node **ret,
                         struct err *err);

/* Counters since the start, for tests and the log. */
struct participant_counters {
    uint64_t commits;
    uint64_t entries;
    uint64_t applied;  /* Handlers that ran and whose outcome was recorded. */
    uint64_t repeated; /* Answered from the inbox. */
    uint64_t blocked;
    uint64_t tombstones; /* Compensations of what never happened. */
    uint64_t expired;
    uint64_t stale;    /* Frames of a fenced orchestrator. */
    uint64_t rejected; /* Malformed entries and frames. */
    uint64_t retried;
    uint64_t singly; /* Entries run one a transaction, after a batch died through one. */
};
const struct participant_counters *participant_node_counters(const struct node *node);

#endif
