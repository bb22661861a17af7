/* A second orchestrator on a copy of the database: a participant obeys one of them (I20), and does
 * nothing twice for both. */
#include "base/packed.h"
#include "command.pb-c.h"
#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_rows.h"

void sim_ghost_start(struct sim *sim)
{
    struct sim_host *ghost = &sim->hosts[sim->ghost];
    sim_disk_remove(ghost->path);
    (void)sim_disk_copy(SIM_MISCHIEF_COPY, ghost->path);
    sim_trace(sim, "%-12s a copy of it starts", "orchestrator");
    ghost->down_until_ms = sim->now_ms;
}

/* I20: whom this participant held when the turn began. */
void sim_ghost_begin_turn(struct sim *sim, const struct sim_host *host)
{
    struct sim_held *held = &sim->mischief.held[host->place];
    struct sim_rows rows =
        sim_rows(sim, host->place, "SELECT epoch, nonce, last_saga FROM zsaga_driver");
    *held = (struct sim_held){0};
    if (sim_rows_next(&rows)) {
        held->epoch = (uint64_t)sim_rows_int(&rows, 0);
        held->nonce = (uint64_t)sim_rows_int(&rows, 1);
        (void)id_from_bytes(sim_rows_bytes(&rows, 2), &held->last_saga);
    }
    sim_rows_end(&rows);
}

void sim_ghost_check_reply(struct sim *sim, const struct sim_host *host, uint8_t to,
                           const Zsaga__Reply *reply)
{
    const struct sim_held *held = &sim->mischief.held[host->place];
    const struct sim_held *said = &sim->mischief.said[to == sim->ghost];
    if (reply->epoch < held->epoch)
        sim_fail(sim, "I20", "%s held epoch %llu and obeys %llu", host->name,
                 (unsigned long long)held->epoch, (unsigned long long)reply->epoch);
    if (reply->epoch != said->epoch)
        return; /* To a start that is gone. */
    bool same = said->epoch == held->epoch && said->nonce == held->nonce;
    if (!same && said->epoch == held->epoch)
        sim_fail(sim, "I20", "%s obeys two starts of epoch %llu", host->name,
                 (unsigned long long)held->epoch);
    if (id_compare(&said->last_saga, &held->last_saga) < 0)
        sim_fail(sim, "I20", "%s obeys an orchestrator that has forgotten sagas", host->name);
}

void sim_ghost_note_driver(struct sim *sim, uint8_t from, const struct frame_driver *driver)
{
    struct sim_held *said = &sim->mischief.said[from == sim->ghost];
    said->epoch = driver->epoch;
    said->nonce = driver->nonce;
    said->last_saga = driver->last_saga;
}

/* Whatever two orchestrators have asked for: each effect once, and no more undone than done. */
void sim_ghost_check(struct sim *sim)
{
    static const char twice[] = "SELECT count(*) FROM (SELECT 1 FROM toy_log"
                                " GROUP BY saga, step, undo HAVING count(*) > 1)";
    static const char undone[] = "SELECT count(*) FROM toy_log u WHERE undo = 1 AND NOT EXISTS"
                                 " (SELECT 1 FROM toy_log d WHERE d.saga = u.saga"
                                 "  AND d.step = u.step AND d.undo = 0)";
    for (uint8_t place = SIM_FIRST_TOY; place < sim->readers; place++)
        if (sim_rows_one(sim, place, twice) != 0 || sim_rows_one(sim, place, undone) != 0)
            sim_fail(sim, "I6", "%s did something twice for two orchestrators",
                     sim->hosts[place].name);
}
