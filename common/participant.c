/* A participant's program: arguments, suite file, database, sockets. */
#include "participant.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "owner.h"
#include "participant_internal.h"
#include "participant_node.h"
#include "service_exit.h"
#include "service_options.h"
#include "suite.h"
#include "wire/shell.h"

/* Its place in the suite and its node, opened and closed together. */
struct program {
    const struct participant_service *service;
    struct suite *suite;
    const struct suite_participant *place;
    char *db_path;
    struct node *node;
};

static void close_program(struct program *program)
{
    if (program->node != NULL)
        program->node->ops->free(program->node);
    free(program->db_path);
    suite_free(program->suite);
}

static int open_program(struct program *program, const struct service_options *options,
                        struct err *err)
{
    const char *name = program->service->name;
    char *dir = suite_dir(options->data);
    int rc = suite_load(dir, &program->suite, err);
    free(dir);
    if (rc < 0)
        return rc;
    program->place = suite_find(program->suite, name);
    if (program->place == NULL)
        return err_set(err, ERR_INVALID, "%s: there is no participant \"%s\": add it, or stop it",
                       config_file(program->suite->config), name);
    program->db_path = suite_db_path(program->suite, name);
    struct participant_options node = {
        .db_path = program->db_path,
        .settings = program->place->settings,
        .keep = publisher_keep_of(&program->suite->keep),
    };
    randombytes_buf(&node.random, sizeof node.random);
    return participant_node_new(program->service, &node, &program->node, err);
}

static int serve(struct program *program, const struct service_options *options, struct err *err)
{
    const char *name = program->service->name;
    AUTO(freep) char *command = NULL;
    AUTO(freep) char *owner = NULL;
    AUTO(freep) char *events = NULL;
    AUTO(freep) char *replay = NULL;
    int rc = suite_endpoint(program->suite, name, "command", &command, err);
    if (rc == 0)
        rc = suite_endpoint(program->suite, name, "owner", &owner, err);
    if (rc == 0)
        rc = suite_endpoint(program->suite, name, "events", &events, err);
    if (rc == 0)
        rc = suite_endpoint(program->suite, name, "replay", &replay, err);
    if (rc < 0)
        return rc;
    const struct shell_port ports[PARTICIPANT_PORT_COUNT] = {
        [PARTICIPANT_PORT_COMMAND] = {SHELL_ROUTER, command, "command"},
        [PARTICIPANT_PORT_OWNER] = {SHELL_ROUTER, owner, "owner"},
        [PARTICIPANT_PORT_EVENTS] = {SHELL_PUB, events, "events"},
        [PARTICIPANT_PORT_REPLAY] = {SHELL_REPLAY, replay, "replay"},
    };
    const struct shell_options shell = {
        .name = name, .lifeline_fd = options->lifeline_fd, .ready_fd = options->ready_fd};
    return shell_run(program->node, ports, PARTICIPANT_PORT_COUNT, &shell, err);
}

static int run(struct program *program, const struct service_options *options, struct err *err)
{
    int rc = open_program(program, options, err);
    if (rc < 0)
        return rc;
    struct owner *owner = ((struct participant_node *)(void *)program->node)->owner;
    if (options->export_table != NULL)
        return owner_export_csv(owner, options->export_table, STDOUT_FILENO, err);
    if (options->import_table != NULL)
        return owner_import_csv(owner, options->import_table, STDIN_FILENO, err);
    return serve(program, options, err);
}

int participant_main(const struct participant_service *service, int argc, char **argv)
{
    struct service_options options;
    int rc = service_options_read(argc, argv, service->about, SERVICE_OPTIONS_TABLES, &options);
    if (rc >= 0)
        return rc;
    log_open(service->name, LOG_LEVEL_INFO);
    if (sodium_init() < 0)
        return SERVICE_FAILED;
    struct program program = {.service = service};
    struct err err = {0};
    rc = run(&program, &options, &err);
    close_program(&program);
    if (rc < 0)
        service_failed(&options, &err);
    return service_exit_code(rc);
}
