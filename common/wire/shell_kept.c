#include "wire/shell_kept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* A message stands in two queues, that of its peer and that of all by age. Both are first in, first
 * out, so the oldest of all is also the first of its peer. */
struct kept_message {
    struct kept_message *next_of_peer;
    struct kept_message *older;
    struct kept_message *newer;
    struct kept_peer *peer;
    uint8_t *data;
    size_t len;
};

struct kept_peer {
    struct kept_peer *next;
    struct kept_peer *before;
    struct peer to;
    struct kept_message *first;
    struct kept_message *last;
};

static struct kept_peer *find_peer(const struct shell_kept *kept, const struct peer *to)
{
    for (struct kept_peer *peer = kept->peers; peer != NULL; peer = peer->next)
        if (peer->to.port == to->port && peer->to.id_len == to->id_len &&
            memcmp(peer->to.id, to->id, to->id_len) == 0)
            return peer;
    return NULL;
}

static struct kept_peer *add_peer(struct shell_kept *kept, const struct peer *to)
{
    struct kept_peer *peer = xcalloc(1, sizeof *peer);
    peer->to.port = to->port;
    peer->to.id_len = to->id_len;
    memcpy(peer->to.id, to->id, to->id_len);
    peer->next = kept->peers;
    if (peer->next != NULL)
        peer->next->before = peer;
    kept->peers = peer;
    return peer;
}

static void remove_peer(struct shell_kept *kept, struct kept_peer *peer)
{
    if (peer->before != NULL)
        peer->before->next = peer->next;
    else
        kept->peers = peer->next;
    if (peer->next != NULL)
        peer->next->before = peer->before;
    free(peer);
}

/* Frees the peer too when that was its last message; tells whether it was. */
static bool remove_first(struct shell_kept *kept, struct kept_peer *peer)
{
    struct kept_message *message = peer->first;
    if (message->older != NULL)
        message->older->newer = message->newer;
    else
        kept->oldest = message->newer;
    if (message->newer != NULL)
        message->newer->older = message->older;
    else
        kept->newest = message->older;
    kept->count--;
    kept->bytes -= message->len;
    peer->first = message->next_of_peer;
    free(message->data);
    free(message);
    if (peer->first != NULL)
        return false;
    remove_peer(kept, peer);
    return true;
}

static void append(struct shell_kept *kept, struct kept_peer *peer, struct kept_message *message)
{
    if (peer->first == NULL)
        peer->first = message;
    else
        peer->last->next_of_peer = message;
    peer->last = message;
    message->older = kept->newest;
    if (kept->newest == NULL)
        kept->oldest = message;
    else
        kept->newest->newer = message;
    kept->newest = message;
    kept->count++;
    kept->bytes += message->len;
}

bool shell_kept_has(const struct shell_kept *kept, const struct peer *to)
{
    return find_peer(kept, to) != NULL;
}

size_t shell_kept_add(struct shell_kept *kept, const struct peer *to, uint8_t **data_p, size_t len)
{
    assert(len <= SHELL_KEPT_BYTES_MAX);
    size_t dropped = 0;
    while (kept->count == SHELL_KEPT_COUNT_MAX || kept->bytes > SHELL_KEPT_BYTES_MAX - len) {
        (void)remove_first(kept, kept->oldest->peer);
        dropped++;
    }
    struct kept_peer *peer = find_peer(kept, to);
    if (peer == NULL)
        peer = add_peer(kept, to);
    struct kept_message *message = xcalloc(1, sizeof *message);
    message->peer = peer;
    message->data = *data_p;
    message->len = len;
    *data_p = NULL;
    append(kept, peer, message);
    return dropped;
}

/* Sends a peer's messages until one is refused, and forgets them all when it is gone. */
static int send_to_peer(struct shell_kept *kept, struct kept_peer *peer, shell_send send,
                        void *context, size_t *gone, struct err *err)
{
    bool was_last = false;
    while (!was_last) {
        struct kept_message *message = peer->first;
        int rc = send(context, &peer->to, &message->data, message->len, err);
        if (rc < 0 || rc == SHELL_FULL)
            return rc < 0 ? rc : 0;
        if (rc == SHELL_GONE)
            ++*gone;
        was_last = remove_first(kept, peer);
    }
    return 0;
}

int shell_kept_send(struct shell_kept *kept, shell_send send, void *context, size_t *ret_gone,
                    struct err *err)
{
    *ret_gone = 0;
    for (struct kept_peer *peer = kept->peers, *next; peer != NULL; peer = next) {
        next = peer->next;
        int rc = send_to_peer(kept, peer, send, context, ret_gone, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void shell_kept_release(struct shell_kept *kept)
{
    while (kept->oldest != NULL)
        (void)remove_first(kept, kept->oldest->peer);
}
