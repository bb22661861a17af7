/* A node: the one shape of every process. It takes messages and time, touches only its own
 * database, and leaves messages to send; it never sees a socket, a clock or a thread.
 *
 *   receive  decode, validate, queue the work for this batch
 *   tick     due timers become work
 *   commit   one transaction for the batch; then, and only then, its messages are ready
 *
 * The shell (wire/shell.h) drives a node with ZeroMQ, the simulator (tests/sim) with a virtual
 * network. Both do so through node_turn_*(), which holds what must be the same in both. */
#ifndef ZSAGA_NODE_H
#define ZSAGA_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define PEER_ID_MAX 255 /* ZeroMQ's limit for a routing id. */

struct node_time {
    int64_t mono_ms; /* Never goes back; from an arbitrary start. */
    int64_t wall_ms; /* Since the epoch; may jump. Only for ids, stamps and people. */
};

/* Where a message came from or goes to. */
struct peer {
    uint8_t port;   /* Index of the node's socket. */
    uint8_t id_len; /* 0 on a DEALER. */
    uint8_t id[PEER_ID_MAX];
};

struct message {
    struct peer to;
    uint8_t *data; /* malloc'ed; owned by the message. */
    size_t len;
};

bool peer_equal(const struct peer *a, const struct peer *b);

/* Messages to send, in order. */
struct outbound {
    struct message *messages;
    size_t count;
    size_t capacity;
};

/* Takes `data` (malloc'ed). */
void outbound_add(struct outbound *out, const struct peer *to, uint8_t *data, size_t len);
void outbound_clear(struct outbound *out); /* Frees the messages that still own their data. */
void outbound_release(struct outbound *out);

struct node;

/* Something that a person should know of, committed already. */
struct node_news {
    bool warning;
    char event[32];
    char pairs[640]; /* As log_line() takes them. */
};

/* Why a node can store nothing just now. */
struct node_outage {
    bool disk_full;    /* Else another trouble that passes. */
    const char *words; /* What is wrong and what to do about it. */
    int64_t retry_ms;  /* How long until it is tried again. */
};

struct node_ops {
    /* `bytes` is borrowed for the call. Never fails: what is malformed is answered or counted.
     * Touches no database: it is called during an outage too. */
    void (*receive)(struct node *node, const struct peer *from, struct bytes bytes,
                    struct node_time now);
    void (*tick)(struct node *node, struct node_time now);
    /* ERR_ABORTED and ERR_FULL: nothing happened, call reload. Other errors end the process. On
     * success `out` has what may now be sent. */
    int (*commit)(struct node *node, struct node_time now, struct outbound *out, struct err *err);
    /* The batch cannot be stored: answers what can be answered without the database, leaves the
     * rest without an answer (it will be asked again), and forgets the batch. Called for the batch
     * whose commit failed, and in place of commit() while the outage lasts. NULL: nothing is given
     * to the node meanwhile. */
    void (*refuse)(struct node *node, struct node_time now, const struct node_outage *why,
                   struct outbound *out);
    /* Forgets memory and the batch, loads from the database. Keeps epoch, nonce, incarnation. */
    int (*reload)(struct node *node, struct node_time now, struct err *err);
    /* True: what was received takes so much memory that no more may be given before the commit.
     * NULL: never. */
    bool (*sated)(const struct node *node);
    /* Monotonic time of the next tick wanted; INT64_MAX: none. */
    int64_t (*next_deadline)(struct node *node);
    /* True once the process can do its work: told to the supervisor, never taken back. */
    bool (*ready)(struct node *node);
    /* The next line for the log since the last turn, or NULL; valid until the next call. NULL
     * instead of a function: nothing to tell, ever. */
    const struct node_news *(*news)(struct node *node);
    void (*free)(struct node *node);
};

/* First member of each kind of node. */
struct node {
    const struct node_ops *ops;
};

/* Drives a node through turns. After a failed commit there is an outage until it could be reloaded:
 * what comes is refused, and no timer fires. */
struct node_turn {
    struct node *node;
    bool broken;           /* The last commit failed and no reload succeeded yet. */
    bool disk_full;        /* Then, and as long as `trouble` says so. */
    int64_t retry_at_ms;   /* Monotonic: when to try the reload again. */
    int64_t retry_wait_ms; /* Of the next failure; the first again once the node stayed well. */
    int64_t reloaded_at_ms;
    char trouble[512]; /* What failed last; "" once all has been well for a while. */
};

#define NODE_RETRY_FIRST_MS 100
#define NODE_RETRY_MAX_MS 5000

void node_turn_init(struct node_turn *turn, struct node *node);

/* True: end this turn before more is given. */
bool node_turn_is_sated(const struct node_turn *turn);

void node_turn_receive(struct node_turn *turn, const struct peer *from, struct bytes bytes,
                       struct node_time now);

/* Ends a turn: fires due timers if `drained` (everything that had arrived was given), commits, and
 * leaves what may be sent in `out`. During an outage: refuses what was given, and tries a reload
 * when it is due; the next turn is an ordinary one then. Negative: the process must end, and `out`
 * is empty. */
int node_turn_end(struct node_turn *turn, struct node_time now, bool drained, struct outbound *out,
                  struct err *err);

int64_t node_turn_deadline(const struct node_turn *turn);

#endif
