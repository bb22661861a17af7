/* What the client's parts share: the client itself, asking, words for what goes wrong. */
#ifndef ZSAGA_CLIENT_INTERNAL_H
#define ZSAGA_CLIENT_INTERNAL_H

#include "client.h"
#include "client.pb-c.h"
#include "client_link.h"
#include "suite.h"

#define CLIENT_TIMEOUT_MAX_MS (INT64_C(36500) * 86400 * 1000) /* Leaves room to add the clock. */

struct client {
    struct client_link *link;
    char *endpoint;
    struct suite *suite; /* NULL: opened by its endpoint. */
    uint64_t serial;     /* Of requests of all its batches: a late answer must not fit the next. */
};

int64_t client_timeout(int64_t timeout_ms); /* Within 0 to CLIENT_TIMEOUT_MAX_MS. */

/* Asks; the answer is of the kind wanted, else negative or CLIENT_REFUSED. */
int client_ask(struct client *client, Zsaga__ClientRequest *request,
               Zsaga__ClientAnswer__KindCase wanted, int64_t timeout_ms,
               const Zsaga__ClientAnswer **ret, struct err *err);

/* Words for silence: is the suite running, and what to do. Returns ERR_TIMEOUT. */
int client_unanswered(const struct client *client, int64_t timeout_ms, struct err *err);
/* Words for an answer that does not fit. Returns ERR_SYSTEM. */
int client_strange(struct err *err);
/* The refusal's class, and its words. */
int client_refused(const Zsaga__Refusal *refusal, struct err *err);

/* ERR_INVALID with words unless a saga could have that key, or be submitted so. */
int client_check_key(const char *key, struct err *err);
int client_check_saga(const struct client_saga *saga, struct err *err);
int client_missing(const char *key, struct err *err); /* Returns ERR_NOT_FOUND. */

enum client_state client_state_of(Zsaga__SagaState state);
void client_text(ProtobufCBinaryData from, char *to, size_t size); /* UTF-8, cut. */

#endif
