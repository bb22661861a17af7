/* A client of the suite: asks the orchestrator and the owners over their sockets.
 *
 * One DEALER per peer, raw frames, requests matched by id; a peer that does not answer is asked
 * again over a fresh connection, so a restart in between is not noticed. Single-threaded, blocking
 * with deadlines in monotonic milliseconds. */
#ifndef ZSAGA_CLIENT_H
#define ZSAGA_CLIENT_H

#include <stdint.h>

#include "base/err.h"
#include "client.pb-c.h"
#include "owner.pb-c.h"

struct client;

/* Connects lazily: the peer need not be there yet. `endpoint` as from suite_endpoint(). */
int client_new(const char *endpoint, struct client **ret, struct err *err);
void client_free(struct client *client);
void client_freep(struct client **client_p);

/* Asks and waits for the answer, asking again each second (the request must be harmless to repeat;
 * all of ours are) and over a new connection after three of silence. Sets request->id, from 2^63
 * on. Other answers that come meanwhile are dropped. *ret is valid until the next call. ERR_TIMEOUT
 * after `timeout_ms`. */
int client_ask(struct client *client, Zsaga__ClientRequest *request, int64_t timeout_ms,
               const Zsaga__ClientAnswer **ret, struct err *err);
int client_ask_owner(struct client *client, Zsaga__OwnerRequest *request, int64_t timeout_ms,
                     const Zsaga__OwnerAnswer **ret, struct err *err);

/* For many at once: queue requests (ids below 2^63 chosen by the caller; each is packed at once,
 * into at most FRAME_ENTRY_MAX bytes), send what is queued, then take answers as they come. Sending
 * never waits: what cannot be sent yet goes when client_take() finds a connection, and is dropped
 * after a second. Ask again what stays unanswered. */
void client_queue(struct client *client, const Zsaga__ClientRequest *request);
int client_flush(struct client *client, struct err *err);
/* Next answer, waiting at most `wait_ms`; NULL when none came. Valid until the next call. */
int client_take(struct client *client, int64_t wait_ms, const Zsaga__ClientAnswer **ret,
                struct err *err);
/* Drops the connection, with what is not sent yet, and makes a new one: for a peer that went
 * silent. */
int client_reconnect(struct client *client, struct err *err);

/* Frames and entries that were no answers of this protocol: counted and passed by. */
uint64_t client_ignored(const struct client *client);

int64_t client_now_ms(void); /* Monotonic. */

#endif
