/* Sagas in flight: each is submitted, asked for again when an answer is lost, and followed to where
 * it rests. No socket, no clock: requests leave through a port, answers and time come in.
 *
 *           Submit              accepted, duplicate
 *   start ─────────→ asked ───────────────────────────→ watched ──→ landed ──→ taken
 *                     │ ↑ └─ conflict, refusal ─→ landed  ↑  └ Found says where it rests
 *                busy │ │ retry_after                     │
 *                     ↓ │                       follow ───┘
 *                     busy        any of them, for longer than the timeout: landed
 *
 * Started ones are watched only when ends are waited for. Asking again is harmless: the nonce tells
 * the orchestrator that it is the same submit. Internal: programs use client_batch. */
#ifndef ZSAGA_CLIENT_FLIGHTS_H
#define ZSAGA_CLIENT_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "client.pb-c.h"

#define CLIENT_FLIGHTS_ASK_MS 1000 /* After so much silence about a saga it is asked for again. */
#define CLIENT_FLIGHTS_SILENT_MS 1500 /* No answer to anything for so long: a dead connection. */

struct client_flights_options {
    size_t count;       /* Places. */
    int64_t timeout_ms; /* For each. */
    bool to_end;        /* Land where the saga rests; else with the verdict. */
};

struct client_flights_port {
    void (*send)(void *self, const Zsaga__ClientRequest *request);
    void *self;
};

/* How a flight ended. */
enum client_flights_end {
    FLIGHT_KNOWN,      /* What was waited for is in the outcome. */
    FLIGHT_REFUSED,    /* With the class and words of `refusal`. */
    FLIGHT_MISSING,    /* There is no such saga. */
    FLIGHT_UNANSWERED, /* In time. */
    FLIGHT_STRANGE,    /* ... by anything understood. */
    FLIGHT_BUSY,       /* For all its time: `refusal` says with what; "": too many sagas. */
    FLIGHT_UNFINISHED, /* It does not rest yet; the outcome is the last that was told. */
};

struct client_landing {
    uint64_t tag;
    const char *key; /* With `definition` valid until the next start. */
    const char *definition;
    enum client_flights_end end;
    struct client_outcome outcome;
    int refusal_code;
    const char *refusal; /* Valid as the key is. */
    int64_t took_us;
};

struct client_flights;

/* `serial` is borrowed: requests are numbered from it, so that ids of batches on one link differ.
 */
struct client_flights *client_flights_new(const struct client_flights_options *options,
                                          const struct client_flights_port *port, uint64_t *serial);
void client_flights_free(struct client_flights *flights);
void client_flights_freep(struct client_flights **flights_p);

bool client_flights_has_room(const struct client_flights *flights);
size_t client_flights_count(const struct client_flights *flights); /* Landed ones included. */

/* There must be room, and what is given keeps the rules. Times are monotonic microseconds. */
void client_flights_start(struct client_flights *flights, const struct client_saga *saga,
                          uint64_t tag, int64_t now_us);
void client_flights_follow(struct client_flights *flights, const char *key, uint64_t tag,
                           int64_t now_us);

void client_flights_take(struct client_flights *flights, const Zsaga__ClientAnswer *answer,
                         int64_t now_us);
/* Asks, asks again, gives up: whatever is due. */
void client_flights_tick(struct client_flights *flights, int64_t now_us);
/* When to tick next, in milliseconds; INT64_MAX: nothing is due. */
int64_t client_flights_deadline_ms(const struct client_flights *flights);

/* The next that has landed, which frees its place. False: none has. */
bool client_flights_next(struct client_flights *flights, struct client_landing *ret);

/* What keeps the orchestrator from its work, in its own words; "": nothing that it told. */
const char *client_flights_outage(const struct client_flights *flights);

/* True when the connection should be made anew; what is unanswered is then asked for again. */
bool client_flights_is_silent(struct client_flights *flights, int64_t now_us);

#endif
