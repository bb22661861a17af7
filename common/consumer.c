/* A consumer's program: arguments, suite file, database, sockets. */
#include "consumer.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "consumer_internal.h"
#include "consumer_node.h"
#include "owner.h"
#include "service_exit.h"
#include "service_options.h"
#include "suite.h"
#include "wire/shell.h"

#define PORTS_MAX (1 + 2 * CONSUMER_PUBLISHERS_MAX)

/* Its place in the suite and its node, opened and closed together. */
struct program {
    const struct consumer_service *service;
    struct suite *suite;
    const struct suite_consumer *place;
    const char *publishers[SUITE_PARTICIPANTS_MAX + 1];
    size_t publisher_count;
    char *db_path;
    struct node *node;
    char *endpoints[PORTS_MAX];
};

static void close_program(struct program *program)
{
    if (program->node != NULL)
        program->node->ops->free(program->node);
    for (size_t i = 0; i < PORTS_MAX; i++)
        free(program->endpoints[i]);
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
    program->place = suite_find_consumer(program->suite, name);
    if (program->place == NULL)
        return err_set(err, ERR_INVALID, "%s: there is no consumer \"%s\": add it, or stop it",
                       config_file(program->suite->config), name);
    program->publisher_count =
        suite_publishers(program->suite, program->place, program->publishers);
    program->db_path = suite_db_path(program->suite, name);
    struct consumer_options node = {
        .db_path = program->db_path,
        .publishers = program->publishers,
        .publisher_count = program->publisher_count,
        .settings = program->place->settings,
    };
    randombytes_buf(&node.random, sizeof node.random);
    const struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    return consumer_node_new(program->service, &node, now, &program->node, err);
}

static int add_port(struct program *program, struct shell_port *port, size_t index,
                    enum shell_socket socket, const char *name, const char *what, struct err *err)
{
    int rc = suite_endpoint(program->suite, name, what, &program->endpoints[index], err);
    *port = (struct shell_port){socket, program->endpoints[index], what};
    return rc;
}

static int serve(struct program *program, const struct service_options *options, struct err *err)
{
    struct shell_port ports[PORTS_MAX];
    const char *name = program->service->name;
    int rc = add_port(program, &ports[CONSUMER_PORT_OWNER], CONSUMER_PORT_OWNER, SHELL_ROUTER, name,
                      "owner", err);
    for (size_t i = 0; rc == 0 && i < program->publisher_count; i++) {
        uint8_t events = CONSUMER_PORT_EVENTS(i);
        uint8_t replay = CONSUMER_PORT_REPLAY(i);
        rc = add_port(program, &ports[events], events, SHELL_SUB, program->publishers[i], "events",
                      err);
        if (rc == 0)
            rc = add_port(program, &ports[replay], replay, SHELL_DEALER, program->publishers[i],
                          "replay", err);
    }
    if (rc < 0)
        return rc;
    const struct shell_options shell = {
        .name = name, .lifeline_fd = options->lifeline_fd, .ready_fd = options->ready_fd};
    return shell_run(program->node, ports, 1 + 2 * program->publisher_count, &shell, err);
}

static int run(struct program *program, const struct service_options *options, struct err *err)
{
    int rc = open_program(program, options, err);
    if (rc < 0)
        return rc;
    struct owner *owner = ((struct consumer_node *)(void *)program->node)->owner;
    if (options->export_table != NULL)
        return owner_export_csv(owner, options->export_table, STDOUT_FILENO, err);
    if (options->import_table != NULL)
        return owner_import_csv(owner, options->import_table, STDIN_FILENO, err);
    return serve(program, options, err);
}

int consumer_main(const struct consumer_service *service, int argc, char **argv)
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
