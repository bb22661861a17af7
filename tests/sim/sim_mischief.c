/* Operators who do what nobody should: a second orchestrator on a copy of the database, an old
 * backup put back. Nothing promises that all then ends well; it is promised that it is seen.
 *
 * Such a run is checked as any other up to then, and by itself from then on: sim_ghost.c and
 * sim_backup.c. */
#include "base/packed.h"
#include "command.pb-c.h"
#include "sim_check.h"
#include "sim_disk.h"
#include "sim_parts.h"

#define SEEN_MS 40000 /* Within this it must have been seen, once all is well; */
#define GHOST_MS 8000 /* or one of two must have ended. */
#define LOOK_MS 500

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return sim_choice_below(sim->faults, bound);
}

void sim_mischief_plan(struct sim *sim)
{
    struct sim_mischief *mischief = &sim->mischief;
    *mischief = (struct sim_mischief){.next_ms = SIM_NEVER, .effects = -1};
    if (sim->profile.mischief == SIM_MISCHIEF_NONE)
        return;
    /* Early enough that something is forgotten, and that it is done before all is healed. */
    mischief->next_ms = (int64_t)below(sim, (uint64_t)sim->profile.heal_at_ms / 3);
    if (sim->profile.mischief == SIM_MISCHIEF_BACKUP)
        mischief->place = (uint8_t)(SIM_FIRST_TOY + below(sim, sim->toy_count));
}

void sim_mischief_take_down(struct sim *sim, struct sim_host *host)
{
    if (host->node != NULL)
        sim_host_die(sim, host, &sim->counts->crash_between);
}

void sim_mischief_go_on(struct sim *sim)
{
    struct sim_mischief *mischief = &sim->mischief;
    struct sim_host *host = &sim->hosts[mischief->place];
    if (mischief->done) { /* An operator looks, and may say that it is meant. */
        mischief->next_ms = sim->now_ms + LOOK_MS;
        sim_client_ask_status(sim);
        if (mischief->trusted)
            sim_client_trust(sim, host->name);
        return;
    }
    if (!mischief->copied) {
        mischief->head = sim_backup_head(sim);
        sim_mischief_take_down(sim, host);
        sim_disk_keep(host->path, SIM_MISCHIEF_COPY);
        mischief->copied = true;
        mischief->next_ms =
            sim->now_ms + 1 + (int64_t)below(sim, (uint64_t)sim->profile.heal_at_ms / 2);
        return;
    }
    bool waits = sim->profile.mischief == SIM_MISCHIEF_BACKUP && !sim_backup_is_old(sim);
    if (waits && sim->now_ms + LOOK_MS < sim->profile.heal_at_ms) {
        mischief->next_ms = sim->now_ms + LOOK_MS;
        return;
    }
    mischief->done = true;
    mischief->next_ms = SIM_NEVER;
    sim->counts->mischief++;
    if (sim->profile.mischief == SIM_MISCHIEF_GHOST) {
        sim_ghost_start(sim);
        return;
    }
    sim_backup_put_back(sim);
    mischief->next_ms = sim->now_ms + LOOK_MS;
}

void sim_mischief_begin_turn(struct sim *sim, const struct sim_host *host)
{
    bool participant = host->place != SIM_ORCHESTRATOR && host->place < sim->readers;
    if (!sim->mischief.done || !participant)
        return;
    if (sim->ghost != 0)
        sim_ghost_begin_turn(sim, host);
    else
        sim_backup_begin_turn(sim, host);
}

static void check_command(struct sim *sim, uint8_t to)
{
    const struct sim_mischief *mischief = &sim->mischief;
    if (sim->ghost == 0 && mischief->suspended && !mischief->trusted && to == mischief->place)
        sim_fail(sim, "P3", "%s has forgotten, is known to have, and is sent a command",
                 sim->hosts[to].name);
}

void sim_mischief_note(struct sim *sim, uint8_t from, uint8_t to, struct bytes message)
{
    struct frame frame;
    struct err err = {0};
    bool orchestrates = from == SIM_ORCHESTRATOR || (sim->ghost != 0 && from == sim->ghost);
    if (!sim->mischief.done || to == SIM_CLIENT || sim_is_reader(sim, from) ||
        sim_is_reader(sim, to))
        return;
    arena_reset(&sim->arena);
    if (frame_read(message, &sim->arena, &frame, &err) < 0)
        sim_fail(sim, "protocol", "%s", err.text);
    if (frame.header.has_driver)
        sim_ghost_note_driver(sim, from, &frame.header.driver);
    for (size_t i = 0; i < frame.entry_count; i++) {
        ProtobufCAllocator *allocator = &sim->arena.allocator;
        const ProtobufCBinaryData *entry = &frame.entries[i];
        if (orchestrates) {
            const Zsaga__Request *request =
                zsaga__request__unpack(allocator, entry->len, entry->data);
            if (request->kind_case == ZSAGA__REQUEST__KIND_COMMAND)
                check_command(sim, to);
        } else if (sim->ghost != 0) {
            const Zsaga__Answer *answer = zsaga__answer__unpack(allocator, entry->len, entry->data);
            if (answer->kind_case == ZSAGA__ANSWER__KIND_REPLY)
                sim_ghost_check_reply(sim, &sim->hosts[from], to, answer->reply);
        }
    }
}

static const struct sim_host *who_is_down(const struct sim *sim)
{
    for (size_t i = sim->ghost == 0 ? SIM_ORCHESTRATOR : SIM_FIRST_TOY; i < sim->readers; i++)
        if (sim->hosts[i].node == NULL || sim->hosts[i].turn.broken)
            return &sim->hosts[i];
    return NULL;
}

void sim_mischief_check(struct sim *sim)
{
    int64_t end = sim->now_ms + (sim->ghost == 0 ? SEEN_MS : GHOST_MS);
    while (sim->now_ms < end) {
        sim_client_ask_status(sim);
        sim_run_on(sim, 1000);
    }
    /* Of two orchestrators one may be down for good; a participant may die of a command just now.
     */
    end = sim->now_ms + SEEN_MS;
    const struct sim_host *down;
    while ((down = who_is_down(sim)) != NULL && sim->now_ms < end)
        sim_run_on(sim, LOOK_MS);
    if (down != NULL)
        sim_fail(sim, "L1", "%s did not come back", down->name);
    if (sim->ghost != 0)
        sim_ghost_check(sim);
    else
        sim_backup_check(sim);
    sim_check_toys(sim);
}

void sim_mischief_told(struct sim *sim, size_t participant)
{
    if (!sim->mischief.done || participant + SIM_FIRST_TOY != sim->mischief.place)
        sim_fail(sim, "channel", "participant %zu is suspended, and no backup was restored",
                 participant);
    if (!sim->mischief.suspended && !sim->healed && below(sim, 2) != 0)
        sim->mischief.trusted = true;
    sim->mischief.suspended = true;
}
