/* Many at once: flights over the client's link, and the clock. Submit and wait are a batch of one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "client_flights.h"
#include "client_internal.h"

#define ANSWERS_MAX 256 /* Taken before results are given out. */

struct client_batch {
    struct client *client;
    struct client_flights *flights;
    int64_t timeout_ms;
};

static void send_request(void *self, const Zsaga__ClientRequest *request)
{
    struct client *client = self;
    client_link_queue(client->link, request);
}

/* Room for the timeout in milliseconds of a clock in microseconds. */
static int64_t flight_timeout(int64_t timeout_ms)
{
    return client_timeout(timeout_ms) < 1 ? 1 : client_timeout(timeout_ms);
}

int client_batch_new(struct client *client, const struct client_batch_options *options,
                     struct client_batch **ret, struct err *err)
{
    if (options->in_flight < 1 || options->in_flight > CLIENT_BATCH_MAX)
        return err_set(err, ERR_INVALID, "a batch of %zu in flight: 1 to %d can be",
                       options->in_flight, CLIENT_BATCH_MAX);
    const struct client_flights_port port = {send_request, client};
    const struct client_flights_options flights = {
        .count = options->in_flight,
        .timeout_ms = flight_timeout(options->timeout_ms),
        .to_end = options->to_end,
    };
    struct client_batch *batch = xcalloc(1, sizeof *batch);
    batch->client = client;
    batch->flights = client_flights_new(&flights, &port, &client->serial);
    batch->timeout_ms = flights.timeout_ms;
    *ret = batch;
    return 0;
}

void client_batch_free(struct client_batch *batch)
{
    if (batch == NULL)
        return;
    client_flights_free(batch->flights);
    free(batch);
}

void client_batch_freep(struct client_batch **batch_p)
{
    client_batch_free(*batch_p);
    *batch_p = NULL;
}

bool client_batch_has_room(const struct client_batch *batch)
{
    return client_flights_has_room(batch->flights);
}

const char *client_batch_trouble(const struct client_batch *batch)
{
    return client_flights_outage(batch->flights);
}

size_t client_batch_in_flight(const struct client_batch *batch)
{
    return client_flights_count(batch->flights);
}

int client_batch_start(struct client_batch *batch, const struct client_saga *saga, uint64_t tag,
                       struct err *err)
{
    int rc = client_check_saga(saga, err);
    if (rc < 0)
        return rc;
    struct client_saga named = *saga;
    uint8_t nonce[16];
    if (named.nonce.len == 0) {
        if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
            return err_set(err, ERR_SYSTEM, "no random numbers from the system");
        named.nonce = bytes_of(nonce, sizeof nonce);
    }
    client_flights_start(batch->flights, &named, tag, clock_mono_us());
    return 0;
}

int client_batch_follow(struct client_batch *batch, const char *key, uint64_t tag, struct err *err)
{
    int rc = client_check_key(key, err);
    if (rc == 0)
        client_flights_follow(batch->flights, key, tag, clock_mono_us());
    return rc;
}

/* Results. */

static int unfinished(const struct client_landing *landing, int64_t timeout_ms, struct err *err)
{
    return err_set(err, ERR_TIMEOUT, "%s%s after %" PRId64 " ms; it goes on by itself",
                   landing->outcome.verdict == CLIENT_UNDECIDED ? "still " : "accepted and still ",
                   client_state_name(landing->outcome.state), timeout_ms);
}

static int unanswered(const struct client_batch *batch, const struct client_landing *landing,
                      struct err *err)
{
    int rc = client_unanswered(batch->client, batch->timeout_ms, err);
    if (landing->definition[0] == '\0')
        return rc;
    return err_wrap(err, rc, "it may have been accepted, submitting it again is safe");
}

static int busy(const struct client_landing *landing, int64_t timeout_ms, struct err *err)
{
    bool told = landing->refusal[0] != '\0';
    return err_set(err, ERR_TIMEOUT, "nothing was stored within %" PRId64 " ms: %s", timeout_ms,
                   told ? landing->refusal
                        : "the suite has as many unfinished sagas as it may; submit it again "
                          "later");
}

static int judge(const struct client_batch *batch, const struct client_landing *landing,
                 struct err *err)
{
    switch (landing->end) {
    case FLIGHT_KNOWN:
        return 0;
    case FLIGHT_REFUSED:
        if (landing->refusal_code == ERR_NOT_FOUND)
            return err_set(
                err, ERR_NOT_FOUND,
                "the suite has no saga definition \"%s\": it reads DIR/definitions when it "
                "starts",
                landing->definition);
        return err_set(err, landing->refusal_code < 0 ? landing->refusal_code : ERR_SYSTEM, "%s",
                       landing->refusal);
    case FLIGHT_MISSING:
        return client_missing(landing->key, err);
    case FLIGHT_STRANGE:
        return client_strange(err);
    case FLIGHT_BUSY:
        return busy(landing, batch->timeout_ms, err);
    case FLIGHT_UNFINISHED:
        return unfinished(landing, batch->timeout_ms, err);
    case FLIGHT_UNANSWERED:
    default:
        return unanswered(batch, landing, err);
    }
}

static bool next_result(struct client_batch *batch, struct client_result *ret)
{
    struct client_landing landing;
    if (!client_flights_next(batch->flights, &landing))
        return false;
    ret->tag = landing.tag;
    ret->key = landing.key;
    ret->err.code = 0;
    ret->err.text[0] = '\0';
    ret->outcome = landing.outcome;
    ret->took_us = landing.took_us;
    ret->code = judge(batch, &landing, &ret->err);
    return true;
}

/* The loop. */

/* How long nothing but an answer can change anything. */
static int64_t wait_ms(const struct client_batch *batch, int64_t until_us)
{
    int64_t at_us = clock_mono_us();
    int64_t wait = (until_us - at_us + 999) / 1000;
    int64_t due = client_flights_deadline_ms(batch->flights);
    if (due != INT64_MAX && due - at_us / 1000 < wait)
        wait = due - at_us / 1000;
    return wait < 0 ? 0 : wait;
}

/* *ret_all: nothing more has arrived. */
static int take_answers(struct client_batch *batch, int64_t until_us, bool *ret_all,
                        struct err *err)
{
    const Zsaga__ClientAnswer *answer;
    int rc = client_link_take(batch->client->link, wait_ms(batch, until_us), &answer, err);
    for (int i = 0; rc == 0 && answer != NULL && i < ANSWERS_MAX; i++) {
        client_flights_take(batch->flights, answer, clock_mono_us());
        rc = client_link_take(batch->client->link, 0, &answer, err);
    }
    *ret_all = answer == NULL;
    if (rc == 0 && answer != NULL)
        client_flights_take(batch->flights, answer, clock_mono_us());
    return rc;
}

/* Nothing is given up, nor the connection, while answers lie there to be taken: a program that was
 * stopped for a while finds them first. */
static int turn(struct client_batch *batch, int64_t until_us, struct err *err)
{
    bool all = false;
    int rc = client_link_flush(batch->client->link, err);
    if (rc == 0)
        rc = take_answers(batch, until_us, &all, err);
    if (rc < 0 || !all)
        return rc;
    int64_t at_us = clock_mono_us();
    if (client_flights_is_silent(batch->flights, at_us))
        rc = client_link_reconnect(batch->client->link, err);
    client_flights_tick(batch->flights, at_us);
    return rc < 0 ? rc : client_link_flush(batch->client->link, err);
}

int client_batch_take(struct client_batch *batch, int64_t wait, struct client_result *ret,
                      struct err *err)
{
    int64_t until_us = clock_mono_us() + 1000 * client_timeout(wait);
    int rc = 0;
    for (bool again = true; rc == 0 && again;) {
        if (next_result(batch, ret))
            return CLIENT_BATCH_RESULT;
        if (client_flights_count(batch->flights) == 0)
            return CLIENT_BATCH_NONE;
        again = clock_mono_us() < until_us;
        rc = turn(batch, until_us, err);
    }
    if (rc == 0 && next_result(batch, ret))
        return CLIENT_BATCH_RESULT;
    return rc < 0 ? rc : CLIENT_BATCH_NONE;
}

/* One. */

static int take_one(struct client_batch *batch, const char *key, struct client_outcome *ret,
                    struct err *err)
{
    struct client_result result;
    int rc;
    do
        rc = client_batch_take(batch, INT64_MAX, &result, err);
    while (rc == CLIENT_BATCH_NONE);
    if (rc < 0)
        return rc;
    if (result.code == 0 || result.code == ERR_TIMEOUT)
        *ret = result.outcome;
    if (result.code == 0)
        return 0;
    *err = result.err;
    return result.code == ERR_NOT_FOUND ? result.code
                                        : err_wrap(err, result.code, "saga \"%s\"", key);
}

int client_submit(struct client *client, const struct client_saga *saga, int64_t timeout_ms,
                  struct client_outcome *ret, struct err *err)
{
    const struct client_batch_options options = {.in_flight = 1, .timeout_ms = timeout_ms};
    AUTO(client_batch_freep) struct client_batch *batch = NULL;
    int rc = client_batch_new(client, &options, &batch, err);
    if (rc == 0)
        rc = client_batch_start(batch, saga, 0, err);
    return rc < 0 ? rc : take_one(batch, saga->key, ret, err);
}

int client_wait(struct client *client, const char *key, int64_t timeout_ms,
                struct client_outcome *ret, struct err *err)
{
    const struct client_batch_options options = {
        .in_flight = 1, .timeout_ms = timeout_ms, .to_end = true};
    AUTO(client_batch_freep) struct client_batch *batch = NULL;
    int rc = client_batch_new(client, &options, &batch, err);
    if (rc == 0)
        rc = client_batch_follow(batch, key, 0, err);
    return rc < 0 ? rc : take_one(batch, key, ret, err);
}
