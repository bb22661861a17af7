/* Bad peers in a test: whoever they speak to, what they say is nothing an honest peer would.
 *
 * Every socket of a running suite is found from its suite file, so that a new one is attacked as
 * soon as it exists. */
#ifndef ZSAGA_GARBAGE_H
#define ZSAGA_GARBAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "suite_process.h"

#define GARBAGE_TARGETS_MAX 64
#define GARBAGE_SOCKETS_MAX 512

struct garbage_target {
    const char *process;
    const char *socket; /* "command", "client", "owner", "events", "replay", "view" */
    const char *endpoint;
    bool publishes; /* A PUB; all others are ROUTERs. */
};

struct garbage {
    struct suite_process *suite;
    struct garbage_target targets[GARBAGE_TARGETS_MAX];
    size_t target_count;
    void *context;
    void *sockets[GARBAGE_SOCKETS_MAX];
    size_t socket_count;
    int fds[GARBAGE_SOCKETS_MAX];
    size_t fd_count;
};

/* Owned by the suite, which must be running. */
struct garbage *garbage_new(struct suite_process *suite);
const struct garbage_target *garbage_target(const struct garbage *garbage, const char *process,
                                            const char *socket);

/* A socket of this ZMQ_ type, connected, with no limits of its own. `hwm` of its queues; 0: none.
 */
void *garbage_connect(struct garbage *garbage, const struct garbage_target *target, int type,
                      int hwm);
/* Waits until the bytes are taken; false: nobody takes them for 5 s. */
bool garbage_send(void *socket, struct bytes bytes, int flags);
/* One answer within so many milliseconds, which is thrown away. */
bool garbage_hear(void *socket, int at_most_ms);

/* A connection without ZeroMQ: its bytes are ours. Closed with the others. */
int garbage_raw(struct garbage *garbage, const struct garbage_target *target);
void garbage_raw_send(int fd, struct bytes bytes); /* Whatever becomes of it. */

/* Closes all sockets and connections. */
void garbage_hang_up(struct garbage *garbage);

#endif
