/* zsaga-orchestrator: drives the sagas of one suite. */
#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "catalogue.h"
#include "orchestrator.h"
#include "service_exit.h"
#include "service_options.h"
#include "wire/shell.h"

struct program {
    struct suite *suite;
    struct catalogue catalogue;
    char *db_path;
    struct node *node;
    char *endpoints[ORCHESTRATOR_PORT_FIRST_PARTICIPANT + ORCHESTRATOR_PARTICIPANTS_MAX];
    struct shell_port ports[ORCHESTRATOR_PORT_FIRST_PARTICIPANT + ORCHESTRATOR_PARTICIPANTS_MAX];
    size_t port_count;
};

static void close_program(struct program *program)
{
    if (program->node != NULL)
        program->node->ops->free(program->node);
    for (size_t i = 0; i < program->port_count; i++)
        free(program->endpoints[i]);
    free(program->db_path);
    catalogue_release(&program->catalogue);
    suite_free(program->suite);
}

static int add_port(struct program *program, enum shell_socket socket, const char *name,
                    const char *which, struct err *err)
{
    char **endpoint = &program->endpoints[program->port_count];
    int rc = suite_endpoint(program->suite, name, which, endpoint, err);
    if (rc == 0)
        program->ports[program->port_count++] = (struct shell_port){
            .socket = socket,
            .endpoint = *endpoint,
            .what = socket == SHELL_DEALER ? name : which,
        };
    return rc;
}

static int add_ports(struct program *program, struct err *err)
{
    const struct suite *suite = program->suite;
    int rc = add_port(program, SHELL_ROUTER, SUITE_ORCHESTRATOR, "client", err);
    if (rc == 0)
        rc = add_port(program, SHELL_ROUTER, SUITE_ORCHESTRATOR, "owner", err);
    if (rc == 0)
        rc = add_port(program, SHELL_PUB, SUITE_ORCHESTRATOR, "events", err);
    if (rc == 0)
        rc = add_port(program, SHELL_REPLAY, SUITE_ORCHESTRATOR, "replay", err);
    for (size_t i = 0; rc == 0 && i < suite->participant_count; i++)
        rc = add_port(program, SHELL_DEALER, suite->participants[i].name, "command", err);
    return rc;
}

static int open_node(struct program *program, const struct service_options *options,
                     struct err *err)
{
    const struct suite *suite = program->suite;
    const char *names[ORCHESTRATOR_PARTICIPANTS_MAX];
    for (size_t i = 0; i < suite->participant_count; i++)
        names[i] = suite->participants[i].name;
    struct orchestrator_options node = {
        .db_path = program->db_path,
        .id = suite->id,
        .participants = names,
        .participant_count = suite->participant_count,
        .definitions = (const struct definition *const *)program->catalogue.definitions,
        .definition_count = program->catalogue.count,
        .limits = suite->limits,
        .keep = publisher_keep_of(&suite->keep),
        .adopt = options->adopt,
    };
    randombytes_buf(&node.random, sizeof node.random);
    const struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    return orchestrator_new(&node, now, &program->node, err);
}

static int open_program(struct program *program, const struct service_options *options,
                        struct err *err)
{
    AUTO(freep) char *dir = suite_dir(options->data);
    int rc = suite_load(dir, &program->suite, err);
    if (rc < 0)
        return rc;
    if (program->suite->participant_count > ORCHESTRATOR_PARTICIPANTS_MAX)
        return err_set(err, ERR_INVALID, "%s: at most %d participants",
                       config_file(program->suite->config), ORCHESTRATOR_PARTICIPANTS_MAX);
    program->db_path = suite_db_path(program->suite, SUITE_ORCHESTRATOR);
    rc = catalogue_load(program->suite, &program->catalogue, err);
    if (rc == 0)
        rc = add_ports(program, err);
    return rc < 0 ? rc : open_node(program, options, err);
}

int main(int argc, char **argv)
{
    struct service_options options;
    int rc = service_options_read(argc, argv, "Drives the sagas of one suite to their end.",
                                  SERVICE_OPTIONS_ADOPT, &options);
    if (rc >= 0)
        return rc;
    log_open(SUITE_ORCHESTRATOR, LOG_LEVEL_INFO);
    if (sodium_init() < 0)
        return SERVICE_FAILED;
    struct program program = {0};
    struct err err = {0};
    rc = open_program(&program, &options, &err);
    const struct shell_options shell = {.name = SUITE_ORCHESTRATOR,
                                        .lifeline_fd = options.lifeline_fd,
                                        .ready_fd = options.ready_fd};
    if (rc == 0)
        rc = shell_run(program.node, program.ports, program.port_count, &shell, &err);
    close_program(&program);
    if (rc < 0)
        service_failed(&options, &err);
    return service_exit_code(rc);
}
