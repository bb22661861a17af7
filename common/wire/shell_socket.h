/* Sockets: opened with each option whose default would lose, leak or hang.
 *
 * What the defaults do, and why each value: docs/protocol.md, "Transport". */
#ifndef ZSAGA_SHELL_SOCKET_H
#define ZSAGA_SHELL_SOCKET_H

#include <stdbool.h>

#include "base/err.h"
#include "wire/shell.h"

/* Messages in each pipe, both ways: above every window of commands in flight. */
#define SHELL_SOCKET_HWM 4000

/* The same between a PUB and a SUB. It bounds memory, for a frame has up to 64 KiB and there is a
 * pipe for each reader: 16 MiB at either end. What does not fit is dropped, and fetched. */
#define SHELL_SOCKET_EVENTS_HWM 256

/* Of a replay ROUTER: a reader asks one question at a time, and an answer has 256 KiB. */
#define SHELL_SOCKET_REPLAY_HWM 8

/* Whether others connect to it. */
bool shell_socket_binds(enum shell_socket type);
/* Whether its messages come from, and go to, one of many peers. */
bool shell_socket_routes(enum shell_socket type);

/* Opens and binds, or connects; who is connected to need not be there yet. A SUB is subscribed to
 * all. ERR_INVALID: no such kind of endpoint; ERR_HELD: another process has it. */
int shell_socket_open(void *context, enum shell_socket type, const char *endpoint, void **ret,
                      struct err *err);

/* `linger_ms`: how long the context's end waits for what is not yet sent. NULL is harmless. */
void shell_socket_close(void *socket, int linger_ms);

/* Takes the lock beside an ipc endpoint's path, since a second bind steals the first one's clients
 * without a word; *ret_fd keeps it, -1 where there is no path. ERR_HELD: another process has it. */
int shell_socket_guard(const char *endpoint, int *ret_fd, struct err *err);

/* Fills *err with ERR_SYSTEM, `what`, and ZeroMQ's words for its last error. */
int shell_socket_error(struct err *err, const char *what);

#endif
