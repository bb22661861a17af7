/* Scenarios: one saga, and faults only where the test puts them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "sim_parts.h"

#define TAIL_MS 200

static struct sim *new_plain(const char *definition, struct sim_scope *scope, bool watched,
                             struct sim_counts *counts)
{
    const struct sim_options options = {.seed = 1, .trace = scope == NULL};
    struct sim *sim = sim_new(&options, counts);
    sim->plain = true;
    sim->scope = scope;
    sim->profile.real_disks = scope == NULL;
    sim->profile.keep_bytes = UINT64_MAX;
    sim->told_state = -1;
    sim->next_fault_ms = SIM_NEVER;
    sim->mischief.next_ms = SIM_NEVER;
    sim->limits = (struct suite_limits){.active_sagas_max = 10,
                                        .active_bytes_max = 1 << 20,
                                        .window_max = 16,
                                        .window_bytes_max = 1 << 20};
    sim_shape_add(sim, definition);
    size_t toys = 0;
    for (size_t i = 0; i < sim->shapes[0].step_count; i++) {
        const char *name = sim->shapes[0].definition->steps[i].participant;
        size_t number = (size_t)strtoul(name + 1, NULL, 10) + 1;
        toys = number > toys ? number : toys;
    }
    sim_open_hosts(sim, toys, watched, watched);
    sim->saga_count = 1;
    (void)snprintf(sim->sagas[0].key, sizeof sim->sagas[0].key, "key");
    sim->sagas[0].input = xstrdup("0:order");
    return sim;
}

struct sim *sim_new_plain(const char *definition, struct sim_scope *scope,
                          struct sim_counts *counts)
{
    return new_plain(definition, scope, false, counts);
}

struct sim *sim_new_watched(const char *definition, struct sim_counts *counts)
{
    return new_plain(definition, NULL, true, counts);
}

struct toy_script *sim_script(struct sim *sim)
{
    return &sim->scripts[0];
}

void sim_run_plain(struct sim *sim)
{
    sim_run_to_rest(sim, TAIL_MS);
    if (sim->scope != NULL && sim->late_until_ms > sim->now_ms) /* What is late arrives. */
        sim_run_on(sim, sim->late_until_ms - sim->now_ms + TAIL_MS);
    sim_check_all(sim);
}
