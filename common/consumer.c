/* A consumer's program: its place in the suite, and its node. */
#include "consumer.h"

#include <sodium.h>

#include "base/clock.h"
#include "consumer_internal.h"
#include "consumer_node.h"
#include "service_program.h"

static int open_node(const struct consumer_service *service, struct service_program *program,
                     const struct suite_consumer *place, const char *const *publishers,
                     size_t count, struct err *err)
{
    struct consumer_options node = {
        .db_path = program->db_path,
        .publishers = publishers,
        .publisher_count = count,
        .settings = place->settings,
    };
    randombytes_buf(&node.random, sizeof node.random);
    const struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    return consumer_node_new(service, &node, now, &program->node, err);
}

static int run(void *self, struct service_program *program, struct err *err)
{
    const struct consumer_service *service = self;
    const char *publishers[SUITE_PARTICIPANTS_MAX + 1];
    const struct suite_consumer *place = suite_find_consumer(program->suite, program->name);
    if (place == NULL)
        return err_set(err, ERR_INVALID, "%s: there is no consumer \"%s\": add it, or stop it",
                       config_file(program->suite->config), program->name);
    size_t count = suite_publishers(program->suite, place, publishers);
    int rc = open_node(service, program, place, publishers, count, err);
    if (rc < 0)
        return rc;
    struct owner *owner = ((struct consumer_node *)(void *)program->node)->owner;
    if (service_program_table(program, owner, &rc, err))
        return rc;
    rc = service_program_add(program, SHELL_ROUTER, program->name, "owner", err);
    if (rc == 0)
        rc = service_program_follow(program, publishers, count, err);
    return rc < 0 ? rc : service_program_serve(program, false, err);
}

int consumer_main(const struct consumer_service *service, int argc, char **argv)
{
    return service_program_main(service->name, service->about, SERVICE_OPTIONS_TABLES, argc, argv,
                                run, (void *)(uintptr_t)service);
}
