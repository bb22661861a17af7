/* zsaga-observer: follows all logs of a suite, keeps the read model, answers `zsaga top`. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "observer_node.h"
#include "owner.h"
#include "service_program.h"

#define EVERYTHING "all"

static int open_node(struct service_program *program, const struct suite_consumer *place,
                     const char *const *publishers, size_t count, struct err *err)
{
    struct consumer_options node = {
        .db_path = program->db_path,
        .publishers = publishers,
        .publisher_count = count,
        .settings = place->settings,
    };
    randombytes_buf(&node.random, sizeof node.random);
    const struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    return observer_node_new(&node, now, &program->node, err);
}

/* One table, or all of them, each behind a line with its name. */
static int export_tables(const struct service_program *program, const char *table, struct err *err)
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

static int run(void *self, struct service_program *program, struct err *err)
{
    (void)self;
    const char *publishers[SUITE_PARTICIPANTS_MAX + 1];
    const struct suite_consumer *place = suite_find_consumer(program->suite, SUITE_OBSERVER);
    if (place == NULL)
        return err_set(err, ERR_INVALID, "%s: the observer is switched off (run = no)",
                       config_file(program->suite->config));
    size_t count = suite_publishers(program->suite, place, publishers);
    int rc = open_node(program, place, publishers, count, err);
    if (rc == 0 && program->options->export_table != NULL)
        return export_tables(program, program->options->export_table, err);
    if (rc == 0)
        rc = service_program_add(program, SHELL_ROUTER, SUITE_OBSERVER, "owner", err);
    if (rc == 0)
        rc = service_program_follow(program, publishers, count, err);
    if (rc == 0)
        rc = service_program_add(program, SHELL_ROUTER, SUITE_OBSERVER, "view", err);
    return rc < 0 ? rc : service_program_serve(program, true, err);
}

int main(int argc, char **argv)
{
    return service_program_main(SUITE_OBSERVER, observer_service.about, SERVICE_OPTIONS_EXPORT,
                                argc, argv, run, NULL);
}
