/* A shell in the test's own process: ZeroMQ's calls and the clock are scripted, the node counts. */
#ifndef ZSAGA_TEST_SCRIPTED_SHELL_H
#define ZSAGA_TEST_SCRIPTED_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "wire/shell.h"

#define SCRIPT_PORTS 3
#define SCRIPT_ENDLESS INT64_MAX

/* What the sockets do, and what was done with them. A socket's port is known by the order of
 * opening; one that is opened again must be that of port 0. */
struct script {
    void *sockets[SCRIPT_PORTS];
    int opened;
    int64_t arrived[SCRIPT_PORTS]; /* Messages at a DEALER that are still to be taken. */
    size_t arrived_size;
    int interrupted;              /* zmq_msg_recv() calls that fail with EINTR first. */
    int asked;                    /* zmq_msg_recv() calls. */
    int polled;                   /* Items in the last zmq_poll(). */
    bool polls_in_no_time;        /* zmq_poll() puts the clock forward instead of waiting. */
    int lingers_ms[SCRIPT_PORTS]; /* As set last. */
    int full[128]; /* Sends to the ROUTER's peer of that name that are refused first. */
    bool gone[128];
    int dealer_full;                 /* Sends by a DEALER that are refused first. */
    uint8_t to;                      /* Peer named by the id part sent last. */
    char sent[200];                  /* Messages sent, as texts with a space behind each. */
    _Atomic int64_t clock_offset_ms; /* ZeroMQ's threads read it too. */
};
extern struct script script;

/* A node that counts, and whose ticks and commits do what the test says. */
struct toy {
    struct node node;
    int64_t deadline;
    int64_t received[SCRIPT_PORTS];
    int64_t all_received;
    int64_t batch[SCRIPT_PORTS]; /* Received since the last commit. */
    int64_t largest_batch[SCRIPT_PORTS];
    uint8_t first_port; /* Of the batch. */
    int commits;
    int reloads;
    int64_t refused;    /* Received in batches that were not stored. */
    int64_t sated_with; /* Messages in a batch after which no more may be given; 0: none. */
    void (*on_tick)(struct toy *toy, struct node_time now);
    int (*on_commit)(struct toy *toy, struct outbound *out, struct err *err);
};

struct toy toy_new(void); /* Clears the script too. */

/* Runs the shell; its result. */
int toy_run_shell(struct toy *toy, enum shell_socket type, size_t port_count, struct err *err);

/* Runs it until a commit says toy_end_run(). */
void toy_run(struct toy *toy, enum shell_socket type, size_t port_count);
int toy_end_run(struct err *err);

/* Leaves a text to send; `peer` is the name of a ROUTER's peer. */
void toy_say(struct outbound *out, char peer, const char *text);

#endif
