/* A link: one port of the node with its socket; takes and sends whole messages. */
#ifndef ZSAGA_SHELL_LINK_H
#define ZSAGA_SHELL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include "base/err.h"
#include "node.h"
#include "wire/shell.h"
#include "wire/shell_kept.h"

/* A DEALER that hears nothing for so long, although it was given messages, is made anew; a SUB that
 * hears nothing, since a publisher says something twice a second. */
#define SHELL_LINK_DEAF_FIRST_MS 10000
#define SHELL_LINK_DEAF_MAX_MS 30000

struct shell_link {
    const struct shell_port *port;
    void *socket;
    int guard_fd;             /* -1: none. */
    int64_t unheard_since_ms; /* Asked first for deafness since it last heard; -1: not yet. */
    int64_t deaf_after_ms;
};

/* shell_link_close() is right after a failure too. */
int shell_link_open(struct shell_link *link, void *context, const struct shell_port *port,
                    struct err *err);
/* Closes the socket. The guard stays: ZeroMQ listens until its context has ended. */
void shell_link_close(struct shell_link *link, int linger_ms);
void shell_link_unguard(struct shell_link *link);

enum shell_taken {
    SHELL_TAKEN,
    SHELL_EMPTY,     /* Nothing has arrived. */
    SHELL_MALFORMED, /* Parts beyond the one a message has: the whole of it is dropped. */
};

/* Takes one message into `*body` (initialised; what it held is released). `from->port` is the
 * caller's to set. */
int shell_link_take(struct shell_link *link, struct peer *from, zmq_msg_t *body, struct err *err);

/* Gives a message to the socket, no SUB, without waiting; an outcome of enum shell_sent. *data_p is
 * NULL afterwards if it was taken, which only a ROUTER's SHELL_FULL and SHELL_GONE never do. A
 * ROUTER is one of either kind. */
int shell_link_send(struct shell_link *link, const struct peer *to, uint8_t **data_p, size_t len,
                    struct err *err);

/* To be asked before each message to a DEALER, and of a SUB whenever nothing more has arrived:
 * notes it, and tells whether the link is deaf. (ZeroMQ never connects again after a protocol
 * error, for one.) */
bool shell_link_is_deaf(struct shell_link *link, int64_t mono_ms);
/* When a SUB will be deaf; INT64_MAX for other sockets and before it was asked. */
int64_t shell_link_deaf_at(const struct shell_link *link);
/* Makes the socket anew; the next time takes longer. */
int shell_link_renew(struct shell_link *link, void *context, struct err *err);

#endif
