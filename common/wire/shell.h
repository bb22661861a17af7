/* The shell: drives one node with ZeroMQ.
 *
 * A turn: drain what has arrived, up to a quota per socket, rotating; commit once; send. Batches
 * grow by themselves under load, and a lone message is never delayed. Timers wait until all that
 * has arrived was given to the node.
 *
 * A message that a ROUTER's full pipe refuses is kept, bounded, and sent later in order; one that a
 * DEALER cannot send is dropped, for the node sends it again by timer; what a PUB's reader is too
 * slow for is dropped by ZeroMQ, for it can be fetched, and what a replay ROUTER's is too slow for
 * is dropped here, for it asks again. A message of more parts than one is dropped whole, a larger
 * one than a frame may be cuts its connection.
 *
 * Crash points, in builds with ZSAGA_CRASHPOINTS: ZSAGA_CRASHPOINT="NAME:POINT:N[,...]" makes the
 * process NAME kill itself with SIGKILL when it passes POINT for the N-th time in this start:
 *   before_commit  messages have been given to the node, nothing is committed
 *   after_commit   committed, and nothing of what there is to send has been sent
 *   after_send     all of it was given to ZeroMQ
 * Turns without messages do not pass the first, turns with nothing to send not the others. */
#ifndef ZSAGA_SHELL_H
#define ZSAGA_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "node.h"

enum shell_socket {
    SHELL_ROUTER, /* Binds. */
    SHELL_DEALER, /* Connects; the node's messages to it are requests. */
    SHELL_PUB,    /* Binds; the node only sends, to nobody in particular (peer.id_len 0). */
    SHELL_SUB,    /* Connects, subscribed to all; the node only receives. */
    SHELL_REPLAY, /* A ROUTER of large answers: only a few may wait for a peer. */
};

/* A node's port is its index in the array given to shell_run(). */
struct shell_port {
    enum shell_socket socket;
    const char *endpoint; /* Borrowed. */
    const char *what;     /* For messages: "command", "owner", "client", a participant. */
};

struct shell_options {
    const char *name; /* Of the process, for the log and crash points. */
    int lifeline_fd;  /* The process ends when this reads end-of-file; -1: none. */
    int ready_fd;     /* "ready\n" is written here once the node is ready; -1: none. */
    bool yields;      /* Others go first: a low priority, and each turn ends by giving way. */
};

/* Runs until SIGTERM or SIGINT (returns 0, after what was committed has been sent), or the
 * lifeline ends (returns 0 too), or an error. Blocks signals; call it before other threads exist.
 * An ipc endpoint is guarded by a lock beside its path: ERR_HELD when another process has it. */
int shell_run(struct node *node, const struct shell_port *ports, size_t port_count,
              const struct shell_options *options, struct err *err);

#endif
