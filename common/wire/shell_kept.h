/* Kept messages: what a full socket refused, bounded, sent later in the order of each peer. */
#ifndef ZSAGA_SHELL_KEPT_H
#define ZSAGA_SHELL_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "node.h"

#define SHELL_KEPT_COUNT_MAX 8192
#define SHELL_KEPT_BYTES_MAX ((size_t)64 << 20)

enum shell_sent {
    SHELL_SENT, /* The socket has taken it. */
    SHELL_FULL, /* Not now: the peer reads too slowly. */
    SHELL_GONE, /* Never: there is no such peer any more. */
};

/* Tries to send; takes *data_p (setting it to NULL) when the outcome is SHELL_SENT. Negative: the
 * socket is unusable. */
typedef int (*shell_send)(void *context, const struct peer *to, uint8_t **data_p, size_t len,
                          struct err *err);

struct kept_message;
struct kept_peer;

/* Initialise with zeros. */
struct shell_kept {
    struct kept_peer *peers;
    struct kept_message *oldest; /* Of all peers. */
    struct kept_message *newest;
    size_t count;
    size_t bytes;
};

/* Whether something is kept for this peer, so that the next message to it must wait behind. */
bool shell_kept_has(const struct shell_kept *kept, const struct peer *to);

/* Takes *data_p. Returns how many of the oldest had to be dropped to make room. */
size_t shell_kept_add(struct shell_kept *kept, const struct peer *to, uint8_t **data_p, size_t len);

/* Sends what can be sent now. *ret_gone: how many were dropped because their peer is gone. */
int shell_kept_send(struct shell_kept *kept, shell_send send, void *context, size_t *ret_gone,
                    struct err *err);

void shell_kept_release(struct shell_kept *kept);

#endif
