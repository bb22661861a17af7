/* zsaga-observer: follows all logs of a suite, keeps the read model, answers `zsaga top`. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "observer_node.h"
#include "owner.h"
#include "service_exit.h"
#include "service_options.h"
#include "suite.h"
#include "wire/shell.h"

#define EVERYTHING "all"
#define PORTS_MAX (2 + 2 * CONSUMER_PUBLISHERS_MAX)

struct program {
    struct suite *suite;
    const struct suite_consumer *place;
    const char *publishers[SUITE_PARTICIPANTS_MAX + 1];
    size_t publisher_count;
    char *db_path;
    struct node *node;
    char *endpoints[PORTS_MAX];
    struct shell_port ports[PORTS_MAX];
    size_t port_count;
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

static int find_place(struct program *program, const struct service_options *options,
                      struct err *err)
{
    AUTO(freep) char *dir = suite_dir(options->data);
    int rc = suite_load(dir, &program->suite, err);
    if (rc < 0)
        return rc;
    program->place = suite_find_consumer(program->suite, SUITE_OBSERVER);
    if (program->place == NULL)
        return err_set(err, ERR_INVALID, "%s: the observer is switched off (run = no)",
                       config_file(program->suite->config));
    program->publisher_count =
        suite_publishers(program->suite, program->place, program->publishers);
    program->db_path = suite_db_path(program->suite, SUITE_OBSERVER);
    return 0;
}

static int open_node(struct program *program, struct err *err)
{
    struct consumer_options node = {
        .db_path = program->db_path,
        .publishers = program->publishers,
        .publisher_count = program->publisher_count,
        .settings = program->place->settings,
    };
    randombytes_buf(&node.random, sizeof node.random);
    const struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    return observer_node_new(&node, now, &program->node, err);
}

/* Ports are numbered in the order in which they are added. */
static int add_port(struct program *program, enum shell_socket socket, const char *name,
                    const char *what, struct err *err)
{
    char **endpoint = &program->endpoints[program->port_count];
    int rc = suite_endpoint(program->suite, name, what, endpoint, err);
    if (rc == 0)
        program->ports[program->port_count++] = (struct shell_port){socket, *endpoint, what};
    return rc;
}

static int serve(struct program *program, const struct service_options *options, struct err *err)
{
    int rc = add_port(program, SHELL_ROUTER, SUITE_OBSERVER, "owner", err);
    for (size_t i = 0; rc == 0 && i < program->publisher_count; i++) {
        rc = add_port(program, SHELL_SUB, program->publishers[i], "events", err);
        if (rc == 0)
            rc = add_port(program, SHELL_DEALER, program->publishers[i], "replay", err);
    }
    if (rc == 0)
        rc = add_port(program, SHELL_ROUTER, SUITE_OBSERVER, "view", err);
    if (rc < 0)
        return rc;
    const struct shell_options shell = {
        .name = SUITE_OBSERVER,
        .lifeline_fd = options->lifeline_fd,
        .ready_fd = options->ready_fd,
        .yields = true,
    };
    return shell_run(program->node, program->ports, program->port_count, &shell, err);
}

/* One table, or all of them, each behind a line with its name. */
static int export_tables(struct program *program, const char *table, struct err *err)
{
    struct model *model = observer_node_model(program->node);
    const struct owner_host host = {
        .name = SUITE_OBSERVER,
        .db = model->db,
        .self = model,
        .tables = model_tables,
        .table_count = MODEL_TABLE_COUNT,
    };
    struct owner *owner = owner_new(&host);
    int rc = 0;
    if (strcmp(table, EVERYTHING) != 0)
        rc = owner_export_csv(owner, table, STDOUT_FILENO, err);
    for (size_t i = 0; rc == 0 && strcmp(table, EVERYTHING) == 0 && i < MODEL_TABLE_COUNT; i++) {
        (void)dprintf(STDOUT_FILENO, "%s%s:\n", i == 0 ? "" : "\n", model_tables[i].name);
        rc = owner_export_csv(owner, model_tables[i].name, STDOUT_FILENO, err);
    }
    owner_free(owner);
    return rc;
}

static int run(struct program *program, const struct service_options *options, struct err *err)
{
    int rc = find_place(program, options, err);
    if (rc == 0)
        rc = open_node(program, err);
    if (rc < 0)
        return rc;
    return options->export_table != NULL ? export_tables(program, options->export_table, err)
                                         : serve(program, options, err);
}

int main(int argc, char **argv)
{
    struct service_options options;
    int rc =
        service_options_read(argc, argv, observer_service.about, SERVICE_OPTIONS_EXPORT, &options);
    if (rc >= 0)
        return rc;
    log_open(SUITE_OBSERVER, LOG_LEVEL_INFO);
    if (sodium_init() < 0)
        return SERVICE_FAILED;
    struct program program = {0};
    struct err err = {0};
    rc = run(&program, &options, &err);
    close_program(&program);
    if (rc < 0)
        service_failed(&options, &err);
    return service_exit_code(rc);
}
