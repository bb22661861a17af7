/* A consumer as a node: what consumer_main() runs, and what the simulator runs.
 *
 * Port 0 is the owner's ROUTER; publisher i has a SUB at port 1 + 2i and a DEALER for its replay
 * ROUTER at port 2 + 2i. Ports behind those are the service's own (the observer's view). */
#ifndef ZSAGA_CONSUMER_NODE_H
#define ZSAGA_CONSUMER_NODE_H

#include "consumer.h"
#include "node.h"

#define CONSUMER_PUBLISHERS_MAX 65

enum { CONSUMER_PORT_OWNER = 0 };
#define CONSUMER_PORT_EVENTS(i) ((uint8_t)(1 + 2 * (i)))
#define CONSUMER_PORT_REPLAY(i) ((uint8_t)(2 + 2 * (i)))

struct consumer_options {
    const char *db_path;
    const char *const *publishers; /* Names, borrowed for the node's life. */
    size_t publisher_count;
    struct config_node *settings; /* Borrowed for the call; NULL: none. */
    uint64_t random;              /* This start's: incarnation. */
};

/* Opens the database and makes the node; free it with node->ops->free(). */
int consumer_node_new(const struct consumer_service *service,
                      const struct consumer_options *options, struct node_time now,
                      struct node **ret, struct err *err);

enum consumer_stream_state {
    CONSUMER_STREAM_SYNCING,   /* Asking from the cursor on; nothing live is applied yet. */
    CONSUMER_STREAM_FOLLOWING, /* All that is known of is applied, or being fetched. */
    CONSUMER_STREAM_FAILING,   /* The handler returns an error for the next event, or what is behind
                                * the cursor cannot be read. */
    CONSUMER_STREAM_TRUNCATED, /* Stopped: events behind the cursor are gone. */
    CONSUMER_STREAM_DIVERGED,  /* Stopped: it is another log. */
};
const char *consumer_stream_state_name(enum consumer_stream_state state);

/* How far a publisher's log was read: as of the last commit. */
struct consumer_stream {
    const char *publisher;
    enum consumer_stream_state state;
    struct id store; /* Zero: none seen yet. */
    uint64_t tail;   /* As last told; 0: never heard. */
    uint64_t head;
    uint64_t applied;
    int64_t applied_wall_ms; /* Publisher's stamp of the last event applied; 0: none. */
    int64_t heard_mono_ms;   /* When it last said anything; -1: never since this start. */
    uint64_t gaps, duplicates, fetches, resyncs; /* Since this start. */
    char detail[160];                            /* What is wrong, in words. */
};
size_t consumer_node_streams(const struct node *node, const struct consumer_stream **ret);

void *consumer_node_self(const struct node *node); /* The service's memory. */

/* Counters since the start, for tests and the log. */
struct consumer_counters {
    uint64_t commits;   /* Transactions of batches. */
    uint64_t applied;   /* Events, committed. */
    uint64_t malformed; /* Frames, entries, answers and rows that were dropped. */
    uint64_t dropped;   /* Live rows that came while the queue was full, or before their turn. */
    uint64_t singly;    /* Transactions for a part of a batch that had failed as a whole. */
    uint64_t failures;  /* Errors of the handler. */
};
const struct consumer_counters *consumer_node_counters(const struct node *node);
void consumer_node_count_malformed(struct node *node); /* A frame on a port of the service's own. */

#endif
