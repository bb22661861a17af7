/* zsaga-orchestrator: drives the sagas of one suite. */
#include <sodium.h>

#include "base/clock.h"
#include "catalogue.h"
#include "orchestrator.h"
#include "service_program.h"

static int add_ports(struct service_program *program, struct err *err)
{
    const struct suite *suite = program->suite;
    int rc = service_program_add(program, SHELL_ROUTER, SUITE_ORCHESTRATOR, "client", err);
    if (rc == 0)
        rc = service_program_add(program, SHELL_ROUTER, SUITE_ORCHESTRATOR, "owner", err);
    if (rc == 0)
        rc = service_program_add(program, SHELL_PUB, SUITE_ORCHESTRATOR, "events", err);
    if (rc == 0)
        rc = service_program_add(program, SHELL_REPLAY, SUITE_ORCHESTRATOR, "replay", err);
    for (size_t i = 0; rc == 0 && i < suite->participant_count; i++)
        rc =
            service_program_add(program, SHELL_DEALER, suite->participants[i].name, "command", err);
    return rc;
}

static int open_node(struct service_program *program, const struct catalogue *catalogue,
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
        .definitions = (const struct definition *const *)catalogue->definitions,
        .definition_count = catalogue->count,
        .limits = suite->limits,
        .keep = publisher_keep_of(&suite->keep),
        .adopt = program->options->adopt,
    };
    randombytes_buf(&node.random, sizeof node.random);
    const struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    return orchestrator_new(&node, now, &program->node, err);
}

static int run(void *self, struct service_program *program, struct err *err)
{
    struct catalogue *catalogue = self;
    if (program->suite->participant_count > ORCHESTRATOR_PARTICIPANTS_MAX)
        return err_set(err, ERR_INVALID, "%s: at most %d participants",
                       config_file(program->suite->config), ORCHESTRATOR_PARTICIPANTS_MAX);
    int rc = catalogue_load(program->suite, catalogue, err);
    if (rc == 0)
        rc = add_ports(program, err);
    if (rc == 0)
        rc = open_node(program, catalogue, err);
    return rc < 0 ? rc : service_program_serve(program, false, err);
}

int main(int argc, char **argv)
{
    struct catalogue catalogue = {0};
    int rc = service_program_main(SUITE_ORCHESTRATOR, "Drives the sagas of one suite to their end.",
                                  SERVICE_OPTIONS_ADOPT, argc, argv, run, &catalogue);
    catalogue_release(&catalogue);
    return rc;
}
