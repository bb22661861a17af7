/* An orchestrator of paper behind the fake server: keys, verdicts, states; no step is ever taken.
 */
#ifndef ZSAGA_TEST_FAKE_ORCHESTRATOR_H
#define ZSAGA_TEST_FAKE_ORCHESTRATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "client.pb-c.h"
#include "wire/frame.h"

#define FAKE_SAGAS_MAX 4000

struct fake_saga {
    char key[65];
    char input[16];
    char nonce[33];
    size_t nonce_len;
    Zsaga__SagaState state;
    int finds; /* It was asked for. */
};

/* How it behaves, set before the server starts, and what it holds, read when that has stopped. */
struct fake_orchestrator {
    int lose;           /* So many requests are carried out, and get no answer. */
    int deaf;           /* So many are not even heard. */
    int busy;           /* So many submits are put off. */
    const char *outage; /* ... with these words. */
    int rest_after;     /* A saga rests once it was asked for so often; 0: never. */
    Zsaga__SagaState rest;
    bool push;              /* The end is pushed to who watches, at once. */
    bool other_verdict;     /* Verdicts that no client knows. */
    bool other_kind;        /* Everything is answered with Done. */
    const char *refusal;    /* A code: everything is refused with it. */
    const char *resumed_by; /* What the history says of the last resume. */
    struct fake_saga sagas[FAKE_SAGAS_MAX];
    size_t saga_count;
    size_t lists;
};

/* The script for fake_server_start_scripted(). */
void fake_orchestrator_answer(void *self, const Zsaga__ClientRequest *request,
                              struct frame_writer *writer);

/* Adds a saga that is there. */
struct fake_saga *fake_orchestrator_add(struct fake_orchestrator *self, const char *key,
                                        Zsaga__SagaState state);

#endif
