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
#define STEPS_MAX 3000000                      /* Of a run's loop: more is a hot loop. */
#define REST_MS (2 * 60 * INT64_C(1000))       /* After healing, all must rest within this: */
#define REST_LONG_MS (20 * 60 * INT64_C(1000)) /* where waits have grown long, within this. */
#define BROKEN_MS (20 * INT64_C(1000))         /* Until what was broken for ever is mended; */
#define OUTLASTS_MS (10 * 60 * INT64_C(1000))  /* now and then, much later. */
#define TOYS_MAX 3 /* Unless it is crowded: to open a database is a good part of a run. */
#define READER_LOOK_MS 50
#define READER_MS 40000 /* Then until the reader has caught up: it tries again each 30 s. */
#define ARENA_BYTES ((size_t)64 << 20)

static struct sim_finding *told_to;

enum sim_exit sim_exit_of(const char *what)
{
    static const char *const endless[] = {"L1", "L2", "stall", "hang", "hot loop"};
    if (strcmp(what, "crash") == 0)
        return SIM_EXIT_CRASH;
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++)
        if (strcmp(what, endless[i]) == 0)
            return SIM_EXIT_LIVENESS;
    return SIM_EXIT_INVARIANT;
}

void sim_tell_findings(struct sim_finding *to)
{
    told_to = to;
}

static void print_trace(const struct sim *sim)
{
    if (!sim->plain)
        sim_profile_print(sim);
    (void)fprintf(stderr, "%.*s", (int)sim->trace.len, (const char *)sim->trace.data);
}

static void tell_finding(const struct sim *sim, const char *what, const char *words)
{
    if (told_to == NULL)
        return;
    (void)snprintf(told_to->what, sizeof told_to->what, "%s", what);
    (void)snprintf(told_to->words, sizeof told_to->words, "%s", words);
    told_to->at_ms = sim->now_ms;
    told_to->step = sim->steps;
}

void sim_fail(struct sim *sim, const char *what, const char *format, ...)
{
    va_list args;
    char words[400];
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    (void)fflush(stdout);
    (void)fprintf(stderr, "\nFAIL %s seed=%llu profile=%s t=%lld ms step=%llu: %s\n", what,
                  (unsigned long long)sim->seed, sim_profile_name(sim->only),
                  (long long)sim->now_ms, (unsigned long long)sim->steps, words);
    tell_finding(sim, what, words);
    if (sim->scope != NULL)
        (void)fprintf(stderr, "replay: ./run sim --schedule %s\n",
                      sim_scope_describe(sim->scope, words, sizeof words));
    print_trace(sim);
    exit((int)sim_exit_of(what));
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
    return (struct node_time){.mono_ms = host->mono_ms + sim->now_ms,
                              .wall_ms = WALL_MS + sim->now_ms + host->wall_jump_ms};
}

uint64_t sim_random(const struct sim *sim, const struct sim_host *host)
{
    struct rng rng;
    rng_seed(&rng, sim->seed ^ (uint64_t)host->place << 56 ^ host->starts << 32);
    return rng_next(&rng);
}

bool sim_is_reader(const struct sim *sim, uint8_t place)
{
    return place >= sim->readers && place < sim->host_count &&
           (sim->ghost == 0 || place != sim->ghost);
}

bool sim_is_orchestrator(const struct sim *sim, uint8_t place)
{
    return place == SIM_ORCHESTRATOR || (sim->ghost != 0 && place == sim->ghost);
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
    at = earlier(at, sim->mischief.next_ms);
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
    else if (sim->mischief.next_ms == at)
        sim_mischief_go_on(sim);
    else
        sim_fault_strike(sim);
}

static const char *name_of(const struct sim *sim, size_t place)
{
    if (sim_is_orchestrator(sim, (uint8_t)place))
        return SUITE_ORCHESTRATOR;
    if (!sim_is_reader(sim, (uint8_t)place))
        return sim_toys[place - SIM_FIRST_TOY].name;
    return place == sim->reader ? "reader" : SUITE_OBSERVER;
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

/* The same in each run, with uuids of their own. */
static void lay_template(const struct sim *sim, const struct sim_host *host)
{
    struct rng run = uuids;
    uint64_t name;
    memcpy(&name, host->name, sizeof name);
    rng_seed(&uuids, name);
    sim_template_lay(sim, host);
    uuids = run;
}

void sim_open_hosts(struct sim *sim, size_t toys, bool with_reader, bool with_observer)
{
    uint8_t next = (uint8_t)(SIM_FIRST_TOY + toys);
    sim->toy_count = toys;
    sim->readers = next;
    sim->reader = with_reader ? next++ : 0;
    sim->observer = with_observer ? next++ : 0;
    sim->ghost = sim->profile.mischief == SIM_MISCHIEF_GHOST ? next++ : 0;
    sim->host_count = next;
    sim_reader_begin(sim);
    for (uint8_t i = 0; i < sim->host_count; i++) {
        struct sim_host host = {.place = i, .choice = sim_choice_host(&sim->choice, i)};
        (void)snprintf(host.name, sizeof host.name, "%s", name_of(sim, i));
        (void)snprintf(host.path, sizeof host.path, "%s/%s.db", sim->dir, host.name);
        sim_disk_remove(host.path);
        sim_host_boot(sim, &host);
        sim->hosts[i] = host;
        if (i == sim->ghost && i != 0) {
            (void)snprintf(sim->hosts[i].path, sizeof host.path, "%s/ghost.db", sim->dir);
            sim->hosts[i].down_until_ms = SIM_NEVER;
        } else if (!sim->profile.real_disks)
            lay_template(sim, &sim->hosts[i]);
    }
}

struct sim *sim_new(const struct sim_options *options, struct sim_counts *counts)
{
    struct sim *sim = xcalloc(1, sizeof *sim);
    seed_uuids(options->seed);
    sim->seed = options->seed;
    sim->only = options->profile;
    sim->traced = options->trace;
    sim->counts = counts;
    sim->hash = 0xcbf29ce484222325U;
    sim_choice_open(&sim->choice, sim->seed, options->given, options->made);
    sim->faults = &sim->choice.streams[SIM_CHOICE_FAULTS];
    sim->workload = &sim->choice.streams[SIM_CHOICE_CLIENT];
    sim->world = (struct toy_world){.scripts = sim->scripts, .count = SIM_SAGAS_MAX};
    sim_toy_set_world(&sim->world);
    arena_init(&sim->arena, ARENA_BYTES);
    sim_disk_begin(sim->dir, sizeof sim->dir);
    sim->broken_felt = sim_disk_errors();
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
    sim_check_close(sim);
    for (size_t i = 0; i < sim->shape_count; i++)
        definition_free(sim->shapes[i].definition);
    for (int i = 0; i < TOY_TROUBLE_COUNT; i++)
        sim->counts->troubled[i] += sim->world.troubled[i];
    for (size_t i = 0; i < sim->saga_count; i++)
        free(sim->sagas[i].input);
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

void sim_run_on(struct sim *sim, int64_t ms)
{
    int64_t end = sim->now_ms + ms;
    while (sim->now_ms < end)
        step(sim, end);
}

static bool all_are_well(const struct sim *sim)
{
    for (uint8_t i = 0; i < sim->host_count; i++)
        if ((sim->ghost == 0 || i != sim->ghost) &&
            (sim->hosts[i].node == NULL || sim->hosts[i].turn.broken))
            return false;
    return true;
}

/* They may be waiting for their next try. */
static void run_until_read(struct sim *sim)
{
    int64_t end = sim->now_ms + READER_MS;
    while (sim->now_ms < end && (!all_are_well(sim) || sim_reader_hindrance(sim) != NULL))
        sim_run_on(sim, READER_LOOK_MS);
    if (sim_reader_hindrance(sim) != NULL)
        sim_fail(sim, "L2", "%d ms after all rests a reader has not caught up: %s", READER_MS,
                 sim_reader_hindrance(sim));
}

/* Until the client knows that all rests, and a little longer. */
void sim_run_to_rest(struct sim *sim, int64_t tail_ms)
{
    int64_t rest_ms = sim->plain || sim->profile.outlasts ? REST_LONG_MS : REST_MS;
    run_until_rest(sim, sim->now_ms + rest_ms);
    if (!sim_client_is_done(sim))
        sim_fail(sim, "L1", "not all sagas rest %lld ms after healing", (long long)rest_ms);
    if (sim->scope != NULL)
        sim_scope_close(sim->scope);
    sim_net_echo(sim, tail_ms);
    sim_run_on(sim, tail_ms);
    run_until_read(sim);
}

/* I18: the observer, wiped, is the one that it was. */
static void rebuild(struct sim *sim)
{
    struct sim_host *host = &sim->hosts[sim->observer];
    /* What was cut off cannot be read again. */
    bool cuts = sim->profile.rebuilds && sim->profile.keep_bytes != UINT64_MAX;
    if (sim->observer == 0 || cuts)
        return;
    uint64_t lived = sim_reader_digest(sim, sim->observer, false);
    sim_host_close(sim, host);
    sim_disk_remove(host->path);
    sim_host_start(sim, host);
    run_until_read(sim);
    if (sim_reader_digest(sim, sim->observer, false) != lived)
        sim_fail(sim, "I18", "the observer, built anew, is not the one that lived through it all");
    sim->counts->rebuilt++;
}

static void play(struct sim *sim)
{
    struct sim_choice_stream *shapes = &sim->choice.streams[SIM_CHOICE_SHAPES];
    sim_profile_draw(sim);
    sim_open_hosts(
        sim, 1 + (size_t)sim_choice_below(shapes, sim->profile.crowded ? SIM_TOYS_MAX : TOYS_MAX),
        true, sim->profile.observed);
    sim_shape_draw(sim);
    sim_mischief_plan(sim);
    run_until(sim, sim->profile.heal_at_ms);
    if (!sim->healed)
        sim_fault_heal(sim);
    if (sim->mischief.done) {
        sim_mischief_check(sim);
        return;
    }
    sim->mischief.next_ms = SIM_NEVER;
    run_until_rest(sim, sim->now_ms + (sim->profile.outlasts ? OUTLASTS_MS : BROKEN_MS));
    mend_all(sim);
    sim_run_to_rest(sim, sim->profile.tail_ms);
    sim_check_all(sim);
    rebuild(sim);
}

uint64_t sim_run(const struct sim_options *options, struct sim_counts *counts)
{
    struct sim *sim = sim_new(options, counts);
    uint64_t broken = sim_disk_felt(SIM_DISK_BROKEN);
    uint64_t full = sim_disk_felt(SIM_DISK_FULL);
    play(sim);
    counts->runs++;
    counts->sagas += sim->saga_count;
    counts->simulated_ms += (uint64_t)sim->now_ms;
    counts->disk_broken += sim_disk_felt(SIM_DISK_BROKEN) - broken;
    counts->disk_full += sim_disk_felt(SIM_DISK_FULL) - full;
    uint64_t hash = sim->hash;
    if (options->trace)
        print_trace(sim);
    sim_free(sim);
    return hash;
}
