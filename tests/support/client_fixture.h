/* A client on a socket of its own, and the orchestrator to play at its other end. */
#ifndef ZSAGA_TEST_CLIENT_FIXTURE_H
#define ZSAGA_TEST_CLIENT_FIXTURE_H

#include "client.h"
#include "fake_orchestrator.h"

struct client_fixture {
    char dir[64];
    char endpoint[128];
    struct fake_orchestrator world; /* Sagas come to rest in `completed`. */
    struct client *client;
};

extern struct client_fixture fixture; /* One at a time, as there is one fake server. */

/* cmocka's set-up and tear-down. Nobody serves yet. */
int client_fixture_set_up(void **state);
int client_fixture_tear_down(void **state);

/* From now on the world answers, until fake_server_stop(). */
void client_fixture_serve(void);

#endif
