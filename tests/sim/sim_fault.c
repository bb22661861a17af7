/* The larger things that go wrong in a simulated run, one after the other. */
#include "sim_disk.h"
#include "sim_parts.h"

#define PAUSE_MS_MAX 20000
#define CUT_MS_MAX 20000
#define WALL_JUMP_MS_MAX (3600 * INT64_C(1000) * 24 * 365)
#define DISK_CALLS_MAX 40
#define DISK_CALLS_FEW 8 /* A commit or two. */
#define RESTARTS_MS_MAX 5000

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return sim_choice_below(sim->faults, bound);
}

static int64_t later(struct sim *sim, uint64_t most_ms)
{
    return sim->now_ms + 1 + (int64_t)below(sim, most_ms);
}

static void cut(struct sim *sim, bool one_way)
{
    uint8_t one = (uint8_t)(SIM_FIRST_TOY + below(sim, sim->host_count - 1));
    uint8_t other = one >= sim->readers ? (uint8_t)below(sim, sim->readers) : SIM_ORCHESTRATOR;
    int64_t until = later(sim, CUT_MS_MAX);
    bool there = !one_way || below(sim, 2) == 0;
    if (there)
        sim_net_cut(sim, other, one, sim->now_ms, until);
    if (!one_way || !there)
        sim_net_cut(sim, one, other, sim->now_ms, until);
    sim->counts->cuts++;
}

/* Some processes lose all their links, one after the other, and find them again in another order.
 * Source: "swizzle-clogging", FoundationDB. */
static void swizzle(struct sim *sim)
{
    for (uint8_t place = 0; place < sim->host_count; place++) {
        if (below(sim, 2) == 0)
            continue;
        int64_t from = later(sim, CUT_MS_MAX / 2);
        int64_t until = from + 1 + (int64_t)below(sim, CUT_MS_MAX);
        for (uint8_t other = 0; other < SIM_PLACES; other++) {
            sim_net_cut(sim, place, other, from, until);
            sim_net_cut(sim, other, place, from, until);
        }
    }
    sim->counts->swizzles++;
}

static void crash(struct sim *sim, struct sim_host *host)
{
    if (host->node == NULL)
        return;
    sim_trace(sim, "%-12s dies: between turns", host->name);
    sim_host_die(sim, host, &sim->counts->crash_between);
}

static void checkpoint(struct sim *sim, struct sim_host *host)
{
    if (host->node == NULL)
        return;
    int rc = sqlite3_wal_checkpoint_v2(sim_disk_handle(host->path), NULL, SQLITE_CHECKPOINT_PASSIVE,
                                       NULL, NULL);
    sim->counts->checkpoints += rc == SQLITE_OK;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY &&
        rc != SQLITE_FULL) /* Its own would have ended it. */
        crash(sim, host);
}

static void pause(struct sim *sim, struct sim_host *host)
{
    host->paused_until_ms = later(sim, PAUSE_MS_MAX);
    sim->counts->pauses++;
}

static void jump(struct sim *sim, struct sim_host *host)
{
    host->wall_jump_ms = (int64_t)below(sim, 2 * WALL_JUMP_MS_MAX) - WALL_JUMP_MS_MAX;
    sim->counts->wall_jumps++;
}

static void break_disk(struct sim *sim, struct sim_host *host, enum sim_disk_fault fault)
{
    uint64_t most = below(sim, 2) == 0 ? DISK_CALLS_FEW : DISK_CALLS_MAX;
    sim_disk_fail(host->path, fault, 1 + (int64_t)below(sim, most));
}

/* Whatever it does, for a while it does not live long. */
static void restart_again_and_again(struct sim *sim, struct sim_host *host)
{
    host->stormy_until_ms = later(sim, RESTARTS_MS_MAX);
    sim->counts->restart_storms++;
}

/* What a reader has done is in its own database: from an older copy of it, it reads on. */
static void restore_reader(struct sim *sim)
{
    struct sim_host *reader = &sim->hosts[sim->reader];
    /* What was cut off since is gone; and of two backups each would hide the other. */
    if (sim->profile.keep_bytes != UINT64_MAX || sim->profile.mischief != SIM_MISCHIEF_NONE)
        return;
    crash(sim, reader);
    if (!sim->reader_copied) {
        sim_disk_keep(reader->path, "a reader's");
        sim->reader_copied = true;
        return;
    }
    sim_disk_remove(reader->path);
    (void)sim_disk_copy("a reader's", reader->path);
    sim_trace(sim, "%-12s an older copy of it is put back", reader->name);
    sim->counts->readers_restored++;
}

static void strike(struct sim *sim, enum sim_fault fault, struct sim_host *host)
{
    switch (fault) {
    case SIM_FAULT_CRASH:
        crash(sim, host);
        return;
    case SIM_FAULT_RESTARTS:
        restart_again_and_again(sim, host);
        return;
    case SIM_FAULT_PAUSE:
        pause(sim, host);
        return;
    case SIM_FAULT_CUT:
    case SIM_FAULT_ONE_WAY:
        cut(sim, fault == SIM_FAULT_ONE_WAY);
        return;
    case SIM_FAULT_SWIZZLE:
        swizzle(sim);
        return;
    case SIM_FAULT_WALL:
        jump(sim, host);
        return;
    case SIM_FAULT_DISK_FULL:
        break_disk(sim, host, SIM_DISK_FULL);
        return;
    case SIM_FAULT_DISK_WELL:
        sim_disk_fail(host->path, SIM_DISK_WELL, 1);
        return;
    case SIM_FAULT_DISK_BROKEN:
        break_disk(sim, host, SIM_DISK_BROKEN);
        return;
    case SIM_FAULT_UNREADABLE:
        break_disk(sim, host, SIM_DISK_UNREADABLE);
        return;
    case SIM_FAULT_UNOPENABLE:
        break_disk(sim, host, SIM_DISK_UNOPENABLE);
        return;
    case SIM_FAULT_CHECKPOINT:
        checkpoint(sim, host);
        return;
    case SIM_FAULT_NOSY:
        sim_client_be_nosy(sim, below(sim, sim->saga_count));
        return;
    case SIM_FAULT_READER:
        restore_reader(sim);
        return;
    case SIM_FAULT_NOTHING:
    case SIM_FAULT_COUNT:
        return;
    }
}

void sim_fault_strike(struct sim *sim)
{
    const struct sim_profile *profile = &sim->profile;
    sim->next_fault_ms = later(sim, 2 * (uint64_t)profile->fault_ms);
    enum sim_fault fault = (enum sim_fault)below(sim, SIM_FAULT_COUNT);
    struct sim_host *host = &sim->hosts[below(sim, sim->host_count)];
    if ((profile->fault_kinds & 1U << fault) != 0)
        strike(sim, fault, host);
}

void sim_fault_heal(struct sim *sim)
{
    bool before = sim->healed;
    sim->healed = true;
    sim->next_fault_ms = SIM_NEVER;
    if (!before && sim->profile.reconfigures) /* The last start has all definitions. */
        crash(sim, &sim->hosts[SIM_ORCHESTRATOR]);
    for (size_t i = 0; i < sim->host_count; i++) {
        struct sim_host *host = &sim->hosts[i];
        sim_disk_fail(host->path, SIM_DISK_WELL, 1);
        host->stormy_until_ms = 0;
        if (host->paused_until_ms > sim->now_ms)
            host->paused_until_ms = sim->now_ms;
        if (host->node == NULL && host->down_until_ms != SIM_NEVER)
            host->down_until_ms = sim->now_ms;
    }
}
