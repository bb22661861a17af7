/* Flights of sagas against an orchestrator of paper: requests are written down, answers made up. */
#ifndef ZSAGA_TEST_FLIGHTS_WORLD_H
#define ZSAGA_TEST_FLIGHTS_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "client_flights.h"

#define MS INT64_C(1000)
#define S (1000 * MS)
#define TIMEOUT_MS 60000

#define ACCEPTED ZSAGA__VERDICT__ACCEPTED
#define DUPLICATE ZSAGA__VERDICT__DUPLICATE
#define CONFLICT ZSAGA__VERDICT__CONFLICT
#define BUSY ZSAGA__VERDICT__BUSY
#define NO_VERDICT ZSAGA__VERDICT__VERDICT_UNKNOWN
#define NONE ZSAGA__SAGA_STATE__STATE_UNKNOWN
#define RUNNING ZSAGA__SAGA_STATE__RUNNING
#define COMPENSATING ZSAGA__SAGA_STATE__COMPENSATING
#define COMPLETED ZSAGA__SAGA_STATE__COMPLETED
#define COMPENSATED ZSAGA__SAGA_STATE__COMPENSATED
#define ATTENTION ZSAGA__SAGA_STATE__ATTENTION

struct flights_world {
    struct client_flights *flights;
    uint64_t serial;
    struct buffer sent; /* "submit KEY", "find KEY KEY", one a line. */
    uint64_t last_id;   /* Of the last request. */
    uint8_t last_nonce[CLIENT_NONCE_MAX];
    size_t last_nonce_len;
};

void flights_world_init(struct flights_world *world, size_t count, bool to_end);
void flights_world_release(struct flights_world *world);

/* Starts a saga of the input "body", whose nonce is its tag; returns the id of its request. */
uint64_t flights_world_start(struct flights_world *world, const char *key, uint64_t tag,
                             int64_t now_us);
/* Follows one and sends the question; returns its id. */
uint64_t flights_world_follow(struct flights_world *world, const char *key, uint64_t tag,
                              int64_t now_us);

/* That was sent since the last look. */
void flights_world_expect_sent(struct flights_world *world, const char *expected);

/* Answers of the orchestrator; busy ones say 250 ms, those of an outage 100. */
void flights_world_answer(struct flights_world *world, uint64_t id, Zsaga__Verdict verdict,
                          Zsaga__SagaState saga_state, const char *reason, int64_t now_us);
void flights_world_answer_outage(struct flights_world *world, uint64_t id, const char *words);
void flights_world_refuse(struct flights_world *world, uint64_t id, const char *code,
                          const char *words);
void flights_world_found(struct flights_world *world, uint64_t id, const char *key,
                         Zsaga__SagaState saga_state, int64_t now_us);

/* The next that landed is this one, and ended so. */
struct client_landing flights_world_expect_landed(struct flights_world *world, uint64_t tag,
                                                  enum client_flights_end end);
void flights_world_expect_outcome(struct flights_world *world, uint64_t tag,
                                  enum client_verdict verdict, enum client_state saga_state);
void flights_world_expect_none_landed(struct flights_world *world);

#endif
