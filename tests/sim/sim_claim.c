/* What a process claims of itself, against what it has committed. */
#include <string.h>

#include "base/packed.h"
#include "sim_parts.h"
#include "sim_rows.h"

/* I20: each start has a higher epoch, and claims no saga that is not stored. */
static void check_driver(struct sim *sim, struct sim_host *host, const struct frame_driver *driver)
{
    if (driver->epoch < host->epoch)
        sim_fail(sim, "I20", "the epoch went back from %llu to %llu",
                 (unsigned long long)host->epoch, (unsigned long long)driver->epoch);
    host->epoch = driver->epoch;
    if (id_is_zero(&driver->last_saga))
        return;
    struct sim_rows rows = sim_rows(
        sim, host->place,
        "SELECT 1 FROM zsaga_saga WHERE id = ?1 AND id = (SELECT max(id) FROM zsaga_saga)");
    sim_rows_bind(&rows, 1, id_view(&driver->last_saga));
    if (!sim_rows_next(&rows))
        sim_fail(sim, "I20", "the last saga told is not the last one stored");
    sim_rows_end(&rows);
}

void sim_claim_header(struct sim *sim, uint8_t from, const struct frame_header *header)
{
    struct sim_host *host = &sim->hosts[from];
    if (strcmp(header->name, host->name) != 0)
        sim_fail(sim, "protocol", "%s calls itself %s", host->name, header->name);
    if (header->has_driver)
        check_driver(sim, host, &header->driver);
}

/* I20: whom a participant answers, it has stored. */
void sim_claim_pair(struct sim *sim, const struct sim_host *host, uint64_t epoch)
{
    int64_t stored = sim_rows_one(sim, host->place, "SELECT max(epoch) FROM zsaga_driver");
    if (stored < (int64_t)epoch)
        sim_fail(sim, "I20", "%s answers epoch %llu, and holds %lld", host->name,
                 (unsigned long long)epoch, (long long)stored);
}

/* Forgetting never re-opens a door: below the floor all is final but what is listed. */
void sim_claim_floor(struct sim *sim, const Zsaga__Floor *floor)
{
    struct sim_rows rows =
        sim_rows(sim, SIM_ORCHESTRATOR, "SELECT id FROM zsaga_saga WHERE state = 0 AND id < ?1");
    sim_rows_bind(&rows, 1, packed_view(floor->id));
    while (sim_rows_next(&rows)) {
        bool listed = false;
        for (size_t i = 0; i < floor->open.len; i += ID_SIZE)
            listed = listed ||
                     bytes_equal(bytes_of(floor->open.data + i, ID_SIZE), sim_rows_bytes(&rows, 0));
        if (!listed)
            sim_fail(sim, "floor", "an open saga is told as final");
    }
    sim_rows_end(&rows);
}

/* I16: the head told is the end of the log as committed. */
void sim_claim_welcome(struct sim *sim, uint8_t from, const Zsaga__Welcome *welcome)
{
    int64_t head =
        sim_rows_one(sim, from, "SELECT value FROM zsaga_counter WHERE name = 'outbox_head'");
    if ((int64_t)welcome->head != head)
        sim_fail(sim, "I16", "%s tells a head of %llu, and has committed %lld",
                 sim->hosts[from].name, (unsigned long long)welcome->head, (long long)head);
}
