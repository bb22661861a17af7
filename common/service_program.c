#include "service_program.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "service_exit.h"

static int open_suite(struct service_program *program, struct err *err)
{
    AUTO(freep) char *dir = suite_dir(program->options->data);
    int rc = suite_load(dir, &program->suite, err);
    if (rc == 0)
        program->db_path = suite_db_path(program->suite, program->name);
    return rc;
}

static void close_program(struct service_program *program)
{
    if (program->node != NULL)
        program->node->ops->free(program->node);
    for (size_t i = 0; i < program->port_count; i++)
        free((char *)(uintptr_t)program->ports[i].endpoint);
    free(program->ports);
    free(program->db_path);
    suite_free(program->suite);
}

int service_program_main(const char *name, const char *about, enum service_options_kind kind,
                         int argc, char **argv, service_program_run run, void *self)
{
    struct service_options options;
    int rc = service_options_read(argc, argv, about, kind, &options);
    if (rc >= 0)
        return rc;
    log_open(name, LOG_LEVEL_INFO);
    if (sodium_init() < 0)
        return SERVICE_FAILED;
    struct service_program program = {.name = name, .options = &options};
    struct err err = {0};
    rc = open_suite(&program, &err);
    if (rc == 0)
        rc = run(self, &program, &err);
    close_program(&program);
    if (rc < 0)
        service_failed(&options, &err);
    return service_exit_code(rc);
}

int service_program_add(struct service_program *program, enum shell_socket socket, const char *name,
                        const char *which, struct err *err)
{
    char *endpoint = NULL;
    int rc = suite_endpoint(program->suite, name, which, &endpoint, err);
    if (rc < 0)
        return rc;
    program->ports = xgrow(program->ports, &program->port_capacity, program->port_count + 1,
                           sizeof *program->ports);
    /* Of several of a kind the messages name the process at the other end. */
    bool others = socket == SHELL_DEALER || socket == SHELL_SUB;
    program->ports[program->port_count++] =
        (struct shell_port){socket, endpoint, others ? name : which};
    return 0;
}

int service_program_follow(struct service_program *program, const char *const *publishers,
                           size_t count, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = service_program_add(program, SHELL_SUB, publishers[i], "events", err);
        if (rc == 0)
            rc = service_program_add(program, SHELL_DEALER, publishers[i], "replay", err);
    }
    return rc;
}

int service_program_serve(struct service_program *program, bool yields, struct err *err)
{
    const struct shell_options shell = {
        .name = program->name,
        .lifeline_fd = program->options->lifeline_fd,
        .ready_fd = program->options->ready_fd,
        .yields = yields,
    };
    return shell_run(program->node, program->ports, program->port_count, &shell, err);
}

bool service_program_table(const struct service_program *program, struct owner *owner, int *ret_rc,
                           struct err *err)
{
    const struct service_options *options = program->options;
    if (options->export_table != NULL)
        *ret_rc = owner_export_csv(owner, options->export_table, STDOUT_FILENO, err);
    else if (options->import_table != NULL)
        *ret_rc = owner_import_csv(owner, options->import_table, STDIN_FILENO, err);
    else
        return false;
    return true;
}
