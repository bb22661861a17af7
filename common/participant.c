/* A participant's program: its place in the suite, and its node. */
#include "participant.h"

#include <sodium.h>

#include "participant_internal.h"
#include "participant_node.h"
#include "service_program.h"

static int open_node(const struct participant_service *service, struct service_program *program,
                     struct err *err)
{
    const struct suite_participant *place = suite_find(program->suite, program->name);
    if (place == NULL)
        return err_set(err, ERR_INVALID, "%s: there is no participant \"%s\": add it, or stop it",
                       config_file(program->suite->config), program->name);
    struct participant_options node = {
        .db_path = program->db_path,
        .settings = place->settings,
        .keep = publisher_keep_of(&program->suite->keep),
    };
    randombytes_buf(&node.random, sizeof node.random);
    return participant_node_new(service, &node, &program->node, err);
}

/* In the order of enum participant_port. */
static int add_ports(struct service_program *program, struct err *err)
{
    static const struct {
        enum shell_socket socket;
        const char *which;
    } ports[PARTICIPANT_PORT_COUNT] = {
        [PARTICIPANT_PORT_COMMAND] = {SHELL_ROUTER, "command"},
        [PARTICIPANT_PORT_OWNER] = {SHELL_ROUTER, "owner"},
        [PARTICIPANT_PORT_EVENTS] = {SHELL_PUB, "events"},
        [PARTICIPANT_PORT_REPLAY] = {SHELL_REPLAY, "replay"},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < PARTICIPANT_PORT_COUNT; i++)
        rc = service_program_add(program, ports[i].socket, program->name, ports[i].which, err);
    return rc;
}

static int run(void *self, struct service_program *program, struct err *err)
{
    int rc = open_node(self, program, err);
    if (rc < 0)
        return rc;
    struct owner *owner = ((struct participant_node *)(void *)program->node)->owner;
    if (service_program_table(program, owner, &rc, err))
        return rc;
    rc = add_ports(program, err);
    return rc < 0 ? rc : service_program_serve(program, false, err);
}

int participant_main(const struct participant_service *service, int argc, char **argv)
{
    return service_program_main(service->name, service->about, SERVICE_OPTIONS_TABLES, argc, argv,
                                run, (void *)(uintptr_t)service);
}
