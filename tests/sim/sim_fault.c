/* What goes wrong in a simulated run: drawn anew for each seed, "nothing" and "only one" included.
 */
#include <stdio.h>
#include <string.h>

#include "sim_disk.h"
#include "sim_parts.h"

#define PAUSE_MS_MAX 20000
#define CUT_MS_MAX 20000
#define WALL_JUMP_MS_MAX (3600 * INT64_C(1000) * 24 * 365)
#define DISK_WRITES_MAX 40

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return rng_below(&sim->faults, bound);
}

static unsigned draw_rate(struct sim *sim, unsigned most)
{
    return below(sim, 2) == 0 ? 0 : (unsigned)below(sim, most) + 1;
}

void sim_fault_draw(struct sim *sim)
{
    struct sim_profile *profile = &sim->profile;
    *profile = (struct sim_profile){
        .drop = draw_rate(sim, 200),
        .twice = draw_rate(sim, 200),
        .slow = draw_rate(sim, 100),
        .replay = draw_rate(sim, 100),
        .delay_ms_max = 1 + (int64_t)below(sim, 20),
        .slow_ms_max = 500 + (int64_t)below(sim, 30000),
        .next_life = below(sim, 2) == 0,
        .crash = draw_rate(sim, 3000),
        .power = draw_rate(sim, 1000),
        .fault_ms = below(sim, 3) == 0 ? 0 : 100 + (int64_t)below(sim, 5000),
        .fault_kinds = (unsigned)below(sim, 1U << SIM_FAULT_COUNT),
        .heal_at_ms = 2000 + (int64_t)below(sim, 40000),
        .busy_ms_max = (int64_t)below(sim, 4),
        .troubled = draw_rate(sim, 300),
        .refused = draw_rate(sim, 700),
        .reader_fails = draw_rate(sim, 100),
    };
    profile->keep_bytes = below(sim, 3) == 0 ? below(sim, 4000) : UINT64_MAX;
    sim->next_fault_ms = profile->fault_ms == 0 ? SIM_NEVER : profile->fault_ms;
}

void sim_fault_print(const struct sim *sim)
{
    const struct sim_profile *profile = &sim->profile;
    (void)fprintf(stderr,
                  "profile: drop=%u twice=%u slow=%u replay=%u delay_ms=%lld slow_ms=%lld"
                  " next_life=%d crash=%u power=%u fault_ms=%lld kinds=0x%x heal_ms=%lld"
                  " busy_ms=%lld troubled=%u refused=%u reader_fails=%u keep_bytes=%llu\n",
                  profile->drop, profile->twice, profile->slow, profile->replay,
                  (long long)profile->delay_ms_max, (long long)profile->slow_ms_max,
                  profile->next_life, profile->crash, profile->power, (long long)profile->fault_ms,
                  profile->fault_kinds, (long long)profile->heal_at_ms,
                  (long long)profile->busy_ms_max, profile->troubled, profile->refused,
                  profile->reader_fails, (unsigned long long)profile->keep_bytes);
}

static struct sim_host *any_host(struct sim *sim)
{
    return &sim->hosts[below(sim, sim->host_count)];
}

static void cut(struct sim *sim, bool one_way)
{
    uint8_t one = (uint8_t)(SIM_FIRST_TOY + below(sim, sim->host_count - 1));
    uint8_t other = one == sim->reader ? (uint8_t)below(sim, sim->reader) : SIM_ORCHESTRATOR;
    int64_t until = sim->now_ms + 1 + (int64_t)below(sim, CUT_MS_MAX);
    bool there = !one_way || below(sim, 2) == 0;
    if (there)
        sim_net_cut(sim, other, one, until);
    if (!one_way || !there)
        sim_net_cut(sim, one, other, until);
    sim->counts->cuts++;
}

static void strike(struct sim *sim, enum sim_fault fault)
{
    struct sim_host *host = any_host(sim);
    switch (fault) {
    case SIM_FAULT_CRASH:
        if (host->node != NULL) {
            sim_trace(sim, "%-12s dies: between turns", host->name);
            sim_host_die(sim, host, &sim->counts->crash_between);
        }
        return;
    case SIM_FAULT_PAUSE:
        host->paused_until_ms = sim->now_ms + 1 + (int64_t)below(sim, PAUSE_MS_MAX);
        sim->counts->pauses++;
        return;
    case SIM_FAULT_CUT:
    case SIM_FAULT_ONE_WAY:
        cut(sim, fault == SIM_FAULT_ONE_WAY);
        return;
    case SIM_FAULT_WALL:
        host->wall_jump_ms = (int64_t)below(sim, 2 * WALL_JUMP_MS_MAX) - (int64_t)WALL_JUMP_MS_MAX;
        sim->counts->wall_jumps++;
        return;
    case SIM_FAULT_DISK_FULL:
    case SIM_FAULT_DISK_BROKEN:
        sim_disk_fail(host->path, fault == SIM_FAULT_DISK_FULL ? SIM_DISK_FULL : SIM_DISK_BROKEN,
                      1 + (int64_t)below(sim, DISK_WRITES_MAX));
        return;
    case SIM_FAULT_CHECKPOINT:
        if (host->node != NULL &&
            sqlite3_wal_checkpoint_v2(sim_disk_handle(host->path), NULL, SQLITE_CHECKPOINT_PASSIVE,
                                      NULL, NULL) == SQLITE_OK)
            sim->counts->checkpoints++;
        return;
    case SIM_FAULT_COUNT:
        return;
    }
}

void sim_fault_strike(struct sim *sim)
{
    const struct sim_profile *profile = &sim->profile;
    sim->next_fault_ms = sim->now_ms + 1 + (int64_t)below(sim, 2 * (uint64_t)profile->fault_ms);
    /* A full disk is made room on at the next strike that hits it. */
    struct sim_host *host = any_host(sim);
    sim_disk_fail(host->path, SIM_DISK_WELL, 0);
    enum sim_fault fault = (enum sim_fault)below(sim, SIM_FAULT_COUNT);
    if ((profile->fault_kinds & 1U << fault) != 0)
        strike(sim, fault);
}

void sim_fault_heal(struct sim *sim)
{
    sim->healed = true;
    sim->next_fault_ms = SIM_NEVER;
    for (size_t i = 0; i < sim->host_count; i++) {
        struct sim_host *host = &sim->hosts[i];
        sim_disk_fail(host->path, SIM_DISK_WELL, 0);
        if (host->paused_until_ms > sim->now_ms)
            host->paused_until_ms = sim->now_ms;
        if (host->node == NULL)
            host->down_until_ms = sim->now_ms;
    }
}
