/* A client's link to one process of the suite: requests out, answers in.
 *
 * One DEALER, raw frames, requests matched by id; a peer that does not answer is asked again over a
 * fresh connection, so a restart in between is not noticed. Single-threaded, blocking with
 * deadlines in monotonic milliseconds. Internal: programs use client.h. */
#ifndef ZSAGA_CLIENT_LINK_H
#define ZSAGA_CLIENT_LINK_H

#include <stdint.h>

#include "base/err.h"
#include "client.pb-c.h"
#include "owner.pb-c.h"

struct client_link;

/* Connects lazily: the peer need not be there yet. `endpoint` as from suite_endpoint(). */
int client_link_new(const char *endpoint, struct client_link **ret, struct err *err);
void client_link_free(struct client_link *link);
void client_link_freep(struct client_link **link_p);

/* Asks and waits for the answer, asking again each second (the request must be harmless to repeat;
 * all of ours are) and over a new connection after three of silence. Sets request->id, from 2^63
 * on. Other answers that come meanwhile are dropped. *ret is valid until the next call. ERR_TIMEOUT
 * after `timeout_ms`. */
int client_link_ask(struct client_link *link, Zsaga__ClientRequest *request, int64_t timeout_ms,
                    const Zsaga__ClientAnswer **ret, struct err *err);
int client_link_ask_owner(struct client_link *link, Zsaga__OwnerRequest *request,
                          int64_t timeout_ms, const Zsaga__OwnerAnswer **ret, struct err *err);
/* How often the last question was sent: more than once, and an earlier one may have been heard. */
unsigned client_link_asked(const struct client_link *link);

/* For many at once: queue requests (ids below 2^63 chosen by the caller; each is packed at once,
 * into at most FRAME_ENTRY_MAX bytes), send what is queued, then take answers as they come. Sending
 * never waits: what cannot be sent yet goes when client_link_take() finds a connection, and is
 * dropped after a second. Ask again what stays unanswered. */
void client_link_queue(struct client_link *link, const Zsaga__ClientRequest *request);
int client_link_flush(struct client_link *link, struct err *err);
/* Next answer, waiting at most `wait_ms`; NULL when none came. Valid until the next call. */
int client_link_take(struct client_link *link, int64_t wait_ms, const Zsaga__ClientAnswer **ret,
                     struct err *err);
/* Drops the connection, with what is not sent yet, and makes a new one: for a peer that went
 * silent. */
int client_link_reconnect(struct client_link *link, struct err *err);

/* Frames and entries that were no answers of this protocol: counted and passed by; and why the last
 * of them was ("" for none). */
uint64_t client_link_ignored(const struct client_link *link);
const char *client_link_why_ignored(const struct client_link *link);

#endif
