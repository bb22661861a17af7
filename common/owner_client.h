/* A client of a process's owner plane: its health, tables and books, for the tool. */
#ifndef ZSAGA_OWNER_CLIENT_H
#define ZSAGA_OWNER_CLIENT_H

#include <stdint.h>

#include "base/err.h"
#include "owner.pb-c.h"

struct owner_client;

/* Connects lazily: the owner need not be there yet. `endpoint` as from suite_endpoint(). */
int owner_client_new(const char *endpoint, struct owner_client **ret, struct err *err);
void owner_client_free(struct owner_client *client);
void owner_client_freep(struct owner_client **client_p);

/* Asks and waits, asking again each second, over a new connection when it is silent. Sets
 * request->id. *ret is valid until the next call. ERR_TIMEOUT after `timeout_ms`. */
int owner_client_ask(struct owner_client *client, Zsaga__OwnerRequest *request, int64_t timeout_ms,
                     const Zsaga__OwnerAnswer **ret, struct err *err);
/* Why what it said was not understood; "" while all was. */
const char *owner_client_why_ignored(const struct owner_client *client);

#endif
