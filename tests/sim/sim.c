#include "sim.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_reader.h"

#define WALL_MS 1700000000000
#define STEPS_MAX 3000000                   /* Of a run's loop: more is a hot loop. */
#define REST_MS (4 * 3600 * INT64_C(1000))  /* After healing, all must rest within this. */
#define BROKEN_MS (20 * 60 * INT64_C(1000)) /* Until what was broken for ever is mended. */
#define TAIL_MS 8000                        /* Run on when all rests: late messages, floors. */
#define PLAIN_TAIL_MS 200
#define READER_MS 40000 /* Then until the reader has caught up: it tries again each 30 s. */
#define ARENA_BYTES ((size_t)64 << 20)

static void print_trace(const struct sim *sim)
{
    if (!sim->plain)
        sim_fault_print(sim);
    (void)fprintf(stderr, "%.*s", (int)sim->trace.len, (const char *)sim->trace.data);
}

void sim_fail(struct sim *sim, const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fflush(stdout);
    (void)fprintf(stderr, "\nFAIL %s seed=%llu t=%lld ms: ", what, (unsigned long long)sim->seed,
                  (long long)sim->now_ms);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\n");
    print_trace(sim);
    if (!sim->plain)
        (void)fprintf(stderr, "replay: ./run sim --seed %llu --trace\n",
                      (unsigned long long)sim->seed);
    sim_disk_end(sim->dir);
    exit(what[0] == 'L' ? SIM_EXIT_LIVENESS : SIM_EXIT_INVARIANT);
}

void sim_trace(struct sim *sim, const char *format, ...)
{
    if (!sim->traced)
        return;
    char line[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    char *whole = xprintf("[%5lld] %s\n", (long long)sim->now_ms, line);
    buffer_append_text(&sim->trace, whole);
    free(whole);
}

struct node_time sim_time(const struct sim *sim, const struct sim_host *host)
{
    return (struct node_time){.mono_ms = SIM_MONO_MS + sim->now_ms,
                              .wall_ms = WALL_MS + sim->now_ms + host->wall_jump_ms};
}

bool sim_is_lucky(struct rng *rng, unsigned per_thousand)
{
    return per_thousand > 0 && rng_below(rng, 1000) < per_thousand;
}

struct sim_saga *sim_find_saga(struct sim *sim, const struct id *id)
{
    for (size_t i = 0; i < sim->saga_count; i++)
        if (id_compare(&sim->sagas[i].id, id) == 0)
            return &sim->sagas[i];
    return NULL;
}

static void run_packet(struct sim *sim)
{
    struct sim_packet *packet = sim_net_take(sim);
    if (packet->to == SIM_CLIENT) {
        sim_client_arrive(sim, packet);
        sim_packet_free(packet);
    } else {
        sim_host_arrive(sim, &sim->hosts[packet->to], packet);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The next thing that happens. Of things at the same time: messages, processes in their order, the
 * client, faults. */
static void step(struct sim *sim, int64_t heal_at_ms)
{
    int64_t packet = sim_net_next(sim);
    int64_t client = sim_client_next(sim);
    int64_t at = earlier(earlier(packet, client), earlier(sim->next_fault_ms, heal_at_ms));
    struct sim_host *host = NULL;
    for (size_t i = 0; i < sim->host_count; i++) {
        int64_t next = sim_host_next(sim, &sim->hosts[i]);
        if (next < at || (next == at && host == NULL)) {
            at = next;
            host = &sim->hosts[i];
        }
    }
    if (++sim->steps > STEPS_MAX)
        sim_fail(sim, "hot loop", "%d steps", STEPS_MAX);
    sim->now_ms = at < sim->now_ms ? sim->now_ms : at;
    if (packet == at)
        run_packet(sim);
    else if (host != NULL)
        sim_host_run(sim, host);
    else if (client == at)
        sim_client_run(sim);
    else if (heal_at_ms == at)
        sim_fault_heal(sim);
    else
        sim_fault_strike(sim);
}

static const char *name_of(const struct sim *sim, size_t place)
{
    if (place == SIM_ORCHESTRATOR)
        return SUITE_ORCHESTRATOR;
    return place == sim->reader ? "reader" : sim_toys[place - SIM_FIRST_TOY].name;
}

static void open_hosts(struct sim *sim, size_t toys, bool with_reader)
{
    struct rng root;
    rng_seed(&root, sim->seed ^ 0x686f7374);
    sim->toy_count = toys;
    sim->reader = with_reader ? (uint8_t)(SIM_FIRST_TOY + toys) : 0;
    sim->host_count = SIM_FIRST_TOY + toys + with_reader;
    sim_reader_begin(sim);
    for (size_t i = 0; i < sim->host_count; i++) {
        struct sim_host *host = &sim->hosts[i];
        *host = (struct sim_host){.place = (uint8_t)i};
        (void)snprintf(host->name, sizeof host->name, "%s", name_of(sim, i));
        (void)snprintf(host->path, sizeof host->path, "%s/%s.db", sim->dir, host->name);
        rng_seed(&host->rng, rng_next(&root));
        sim_disk_remove(host->path);
    }
}

/* Uuids of stores, from the seed as all else. */
static struct rng uuids;

static const char *uuid_name(void)
{
    return "sim";
}

static uint32_t uuid_word(void)
{
    return (uint32_t)rng_next(&uuids);
}

static void uuid_bytes(void *to, size_t size)
{
    uint8_t *bytes = to;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rng_next(&uuids);
}

static void seed_uuids(uint64_t seed)
{
    static struct randombytes_implementation drawn = {
        .implementation_name = uuid_name, .random = uuid_word, .buf = uuid_bytes};
    static bool set;
    /* The first use of the library draws for itself. */
    if (!set && (randombytes_set_implementation(&drawn) != 0 || sodium_init() < 0))
        abort();
    set = true;
    rng_seed(&uuids, seed);
}

static struct sim *new_sim(uint64_t seed, struct sim_counts *counts)
{
    struct sim *sim = xcalloc(1, sizeof *sim);
    seed_uuids(seed);
    sim->seed = seed;
    sim->counts = counts;
    sim->hash = 0xcbf29ce484222325U;
    sim->world = (struct toy_world){.scripts = sim->scripts, .count = SIM_SAGAS_MAX};
    sim_toy_set_world(&sim->world);
    arena_init(&sim->arena, ARENA_BYTES);
    sim_disk_begin(sim->dir, sizeof sim->dir);
    sim->broken_felt = sim_disk_felt(SIM_DISK_BROKEN);
    sim_net_open(sim);
    sim_client_open(sim);
    return sim;
}

void sim_free(struct sim *sim)
{
    sim_net_close(sim);
    for (size_t i = 0; i < sim->host_count; i++) {
        sim_host_close(sim, &sim->hosts[i]);
        free(sim->hosts[i].arrived);
    }
    for (size_t i = 0; i < sim->shape_count; i++)
        definition_free(sim->shapes[i].definition);
    for (int i = 0; i < TOY_TROUBLE_COUNT; i++)
        sim->counts->troubled[i] += sim->world.troubled[i];
    sim_toy_set_world(NULL);
    arena_release(&sim->arena);
    buffer_release(&sim->trace);
    sim_disk_end(sim->dir);
    free(sim);
}

static void run_until(struct sim *sim, int64_t until_ms)
{
    while (sim->now_ms < until_ms)
        step(sim, until_ms);
}

static void run_until_rest(struct sim *sim, int64_t limit_ms)
{
    while (!sim_client_is_done(sim) && sim->now_ms < limit_ms)
        step(sim, limit_ms);
}

/* A toy that is broken for ever outlasts some patience, but not a day of it. */
static void mend_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->saga_count; i++)
        sim_script_mend(sim, i);
}

/* Until the client knows that all rests, and a little longer. */
static void run_to_rest(struct sim *sim, int64_t limit_ms, int64_t tail_ms)
{
    run_until_rest(sim, sim->now_ms + limit_ms);
    if (!sim_client_is_done(sim))
        sim_fail(sim, "L1", "not all sagas rest %lld ms after healing", (long long)limit_ms);
    int64_t end = sim->now_ms + tail_ms;
    while (sim->now_ms < end)
        step(sim, end);
    /* It may be waiting for its next try. */
    end = sim->now_ms + READER_MS;
    while (sim->now_ms < end && !sim_reader_has_caught_up(sim))
        step(sim, end);
    if (!sim_reader_has_caught_up(sim))
        sim_fail(sim, "L2", "the reader has not caught up %d ms after all rests", READER_MS);
}

uint64_t sim_run(uint64_t seed, bool trace, struct sim_counts *counts)
{
    struct sim *sim = new_sim(seed, counts);
    sim->traced = trace;
    uint64_t broken = sim_disk_felt(SIM_DISK_BROKEN);
    uint64_t full = sim_disk_felt(SIM_DISK_FULL);
    rng_seed(&sim->faults, seed ^ 0x6661756c74);
    rng_seed(&sim->workload, seed ^ 0x776f726b);
    sim_fault_draw(sim);
    open_hosts(sim, 1 + (size_t)rng_below(&sim->workload, SIM_TOYS_MAX), true);
    sim_shape_draw(sim);
    run_until(sim, sim->profile.heal_at_ms);
    if (!sim->healed)
        sim_fault_heal(sim);
    run_until_rest(sim, sim->now_ms + BROKEN_MS);
    mend_all(sim);
    run_to_rest(sim, REST_MS, TAIL_MS);
    sim_check_all(sim);
    counts->sagas += sim->saga_count;
    counts->disk_broken += sim_disk_felt(SIM_DISK_BROKEN) - broken;
    counts->disk_full += sim_disk_felt(SIM_DISK_FULL) - full;
    uint64_t hash = sim->hash;
    if (trace)
        print_trace(sim);
    sim_free(sim);
    return hash;
}

struct sim *sim_new_plain(const char *definition, struct sim_counts *counts)
{
    struct sim *sim = new_sim(1, counts);
    sim->plain = true;
    sim->told_state = -1;
    sim->traced = true;
    sim->next_fault_ms = SIM_NEVER;
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
    open_hosts(sim, toys, false);
    sim->saga_count = 1;
    (void)snprintf(sim->sagas[0].key, sizeof sim->sagas[0].key, "key");
    (void)snprintf(sim->sagas[0].input, sizeof sim->sagas[0].input, "0:order");
    return sim;
}

struct toy_script *sim_script(struct sim *sim)
{
    return &sim->scripts[0];
}

void sim_run_plain(struct sim *sim)
{
    run_to_rest(sim, REST_MS, PLAIN_TAIL_MS);
    sim_check_all(sim);
}
