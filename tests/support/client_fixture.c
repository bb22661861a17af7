#include "client_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_server.h"

struct client_fixture fixture;

int client_fixture_set_up(void **state)
{
    struct err err = {0};
    (void)state;
    fake_server_forget();
    fixture = (struct client_fixture){.world = {.rest = ZSAGA__SAGA_STATE__COMPLETED}};
    (void)snprintf(fixture.dir, sizeof fixture.dir, "/tmp/zsaga-client-XXXXXX");
    if (mkdtemp(fixture.dir) == NULL)
        return -1;
    (void)snprintf(fixture.endpoint, sizeof fixture.endpoint, "ipc://%s/s.sock", fixture.dir);
    return client_open_endpoint(fixture.endpoint, &fixture.client, &err);
}

int client_fixture_tear_down(void **state)
{
    (void)state;
    client_freep(&fixture.client);
    fake_server_stop();
    (void)unlink(fixture.endpoint + strlen("ipc://"));
    return rmdir(fixture.dir);
}

void client_fixture_serve(void)
{
    fake_server_start_scripted(fixture.endpoint, fake_orchestrator_answer, &fixture.world);
}
