/* Operators who do what nobody should: a second orchestrator on a copy of the database, an old
 * backup put back. Nothing promises that all then ends well; it is promised that it is seen.
 *
 * Such a run is checked by itself, and up to then as any other: of two orchestrators a participant
 * obeys one (I20), and does nothing twice for both; nobody goes on with a participant, or a log,
 * that has forgotten. */
#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "command.pb-c.h"
#include "consumer_node.h"
#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_rows.h"

#define COPY "a copy"
#define SEEN_MS 40000 /* Within this it must have been seen, once all is well. */

static uint64_t below(struct sim *sim, uint64_t bound)
{
    return sim_choice_below(sim->faults, bound);
}

void sim_mischief_plan(struct sim *sim)
{
    struct sim_mischief *mischief = &sim->mischief;
    *mischief = (struct sim_mischief){.next_ms = SIM_NEVER};
    if (sim->profile.mischief == SIM_MISCHIEF_NONE)
        return;
    /* Early enough that something is forgotten, and that it is done before all is healed. */
    mischief->next_ms = (int64_t)below(sim, (uint64_t)sim->profile.heal_at_ms / 3);
    if (sim->profile.mischief == SIM_MISCHIEF_BACKUP)
        mischief->place = (uint8_t)(SIM_FIRST_TOY + below(sim, sim->toy_count));
}

static void take_down(struct sim *sim, struct sim_host *host)
{
    if (host->node != NULL)
        sim_host_die(sim, host, &sim->counts->crash_between);
}

/* A number that a running process has committed about `name`; -1 when there is none. */
static int64_t ask(struct sim *sim, uint8_t place, const char *sql, const char *name)
{
    int64_t value = -1;
    if (sim->hosts[place].node == NULL)
        return -1;
    struct sim_rows rows = sim_rows(sim, place, sql);
    sim_rows_bind_text(&rows, 1, bytes_text(name));
    if (sim_rows_next(&rows))
        value = sim_rows_int(&rows, 0);
    sim_rows_end(&rows);
    return value;
}

static int64_t head_of(struct sim *sim, uint8_t place)
{
    return ask(sim, place, "SELECT value FROM zsaga_counter WHERE name = ?1", "outbox_head");
}

/* What others know of the one whose backup it is. */
static void put_back(struct sim *sim, struct sim_host *host)
{
    struct sim_mischief *mischief = &sim->mischief;
    take_down(sim, host);
    sim_disk_remove(host->path);
    (void)sim_disk_copy(COPY, host->path);
    sim_trace(sim, "%-12s an old backup of it is put back", host->name);
    mischief->known_head =
        ask(sim, SIM_ORCHESTRATOR,
            "SELECT head FROM zsaga_participant WHERE name = CAST(?1 AS BLOB)", host->name);
    mischief->read_head =
        ask(sim, sim->reader, "SELECT seq FROM zsaga_cursor WHERE publisher = ?1", host->name);
}

static void start_ghost(struct sim *sim)
{
    struct sim_host *ghost = &sim->hosts[sim->ghost];
    sim_disk_remove(ghost->path);
    (void)sim_disk_copy(COPY, ghost->path);
    sim_trace(sim, "%-12s a copy of it starts", "orchestrator");
    ghost->down_until_ms = sim->now_ms;
}

void sim_mischief_go_on(struct sim *sim)
{
    struct sim_mischief *mischief = &sim->mischief;
    struct sim_host *host = &sim->hosts[mischief->place];
    if (!mischief->copied) {
        mischief->head = head_of(sim, mischief->place);
        take_down(sim, host);
        sim_disk_keep(host->path, COPY);
        mischief->copied = true;
        mischief->next_ms =
            sim->now_ms + 1 + (int64_t)below(sim, (uint64_t)sim->profile.heal_at_ms / 2);
        return;
    }
    mischief->done = true;
    mischief->next_ms = SIM_NEVER;
    sim->counts->mischief++;
    if (sim->profile.mischief == SIM_MISCHIEF_GHOST)
        start_ghost(sim);
    else
        put_back(sim, host);
}

/* I20: whom this participant held when the turn began. */
void sim_mischief_begin_turn(struct sim *sim, const struct sim_host *host)
{
    struct sim_held *held = &sim->mischief.held[host->place];
    if (!sim->mischief.done || sim->ghost == 0 || host->place >= sim->readers ||
        host->place == SIM_ORCHESTRATOR)
        return;
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

static void check_obeyed(struct sim *sim, const struct sim_host *host, uint8_t to,
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
    if (!same && id_compare(&said->last_saga, &held->last_saga) < 0)
        sim_fail(sim, "I20", "%s obeys an orchestrator that has forgotten sagas", host->name);
}

static void note_said(struct sim *sim, uint8_t from, const struct frame_driver *driver)
{
    struct sim_held *said = &sim->mischief.said[from == sim->ghost];
    said->epoch = driver->epoch;
    said->nonce = driver->nonce;
    said->last_saga = driver->last_saga;
}

static void check_command(struct sim *sim, uint8_t to)
{
    if (sim->profile.mischief == SIM_MISCHIEF_BACKUP && sim->mischief.suspended &&
        to == sim->mischief.place)
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
        note_said(sim, from, &frame.header.driver);
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
                check_obeyed(sim, &sim->hosts[from], to, answer->reply);
        }
    }
}

/* Whatever two orchestrators have asked for: each effect once, and no more undone than done. */
static void check_effects(struct sim *sim)
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

/* What others knew of it, the backup does not know. */
static void check_backup(struct sim *sim)
{
    const struct sim_mischief *mischief = &sim->mischief;
    const char *name = sim->hosts[mischief->place].name;
    const struct consumer_stream *streams;
    if (mischief->head < 0)
        return;
    /* Unless late commands brought it as far again before anybody asked: nobody can tell then. */
    if (mischief->known_head > mischief->head && !mischief->suspended &&
        mischief->known_head > head_of(sim, mischief->place))
        sim_fail(sim, "P3", "%s has forgotten %lld of %lld events, and nobody minds", name,
                 (long long)(mischief->known_head - mischief->head),
                 (long long)mischief->known_head);
    sim->counts->backups_seen += mischief->suspended;
    if (mischief->read_head <= mischief->head || sim->hosts[sim->reader].node == NULL)
        return;
    (void)consumer_node_streams(sim->hosts[sim->reader].node, &streams);
    /* One that can be built anew has read what there is now, from its start. */
    bool begins_anew = sim->profile.rebuilds &&
                       (int64_t)streams[mischief->place].applied <= head_of(sim, mischief->place);
    sim->counts->logs_seen++;
    if (streams[mischief->place].state != CONSUMER_STREAM_DIVERGED && !begins_anew)
        sim_fail(sim, "I16", "the reader had %lld events of %s, whose log went back to %lld",
                 (long long)mischief->read_head, name, (long long)mischief->head);
}

void sim_mischief_check(struct sim *sim)
{
    int64_t end = sim->now_ms + SEEN_MS;
    while (sim->now_ms < end) {
        sim_client_ask_status(sim);
        sim_run_on(sim, 1000);
    }
    for (size_t i = 0; i < sim->readers; i++)
        if (sim->hosts[i].node == NULL && sim->ghost == 0)
            sim_fail(sim, "L1", "%s did not come back", sim->hosts[i].name);
    if (sim->ghost != 0)
        check_effects(sim);
    else
        check_backup(sim);
}

void sim_mischief_told(struct sim *sim, size_t participant)
{
    if (!sim->mischief.done || participant + SIM_FIRST_TOY != sim->mischief.place)
        sim_fail(sim, "channel", "participant %zu is suspended, and no backup was restored",
                 participant);
    sim->mischief.suspended = true;
}
