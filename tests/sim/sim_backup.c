/* An old backup of a participant's database, put back: whoever knew more than it knows must notice,
 * and send nothing more, or read nothing more, until somebody has said that this is meant. */
#include <string.h>

#include "base/packed.h"
#include "consumer_node.h"
#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_rows.h"

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

int64_t sim_backup_head(struct sim *sim)
{
    return ask(sim, sim->mischief.place, "SELECT value FROM zsaga_counter WHERE name = ?1",
               "outbox_head");
}

static int64_t known_head(struct sim *sim)
{
    return ask(sim, SIM_ORCHESTRATOR,
               "SELECT head FROM zsaga_participant WHERE name = CAST(?1 AS BLOB)",
               sim->hosts[sim->mischief.place].name);
}

bool sim_backup_is_old(struct sim *sim)
{
    return sim->mischief.head >= 0 && known_head(sim) > sim->mischief.head;
}

/* What others know of the one whose backup it is. */
void sim_backup_put_back(struct sim *sim)
{
    struct sim_mischief *mischief = &sim->mischief;
    struct sim_host *host = &sim->hosts[mischief->place];
    sim_mischief_take_down(sim, host);
    sim_disk_remove(host->path);
    if (sim_choice_below(sim->faults, 4) == 3)
        mischief->head = 0; /* Not even a backup: it starts from nothing. */
    else
        (void)sim_disk_copy(SIM_MISCHIEF_COPY, host->path);
    sim_trace(sim, "%-12s an old backup of it is put back", host->name);
    mischief->known_head = known_head(sim);
    /* The reader comes when the log may have grown again. */
    sim_net_cut(sim, mischief->place, sim->reader, sim->now_ms, sim->profile.heal_at_ms);
    sim_net_cut(sim, sim->reader, mischief->place, sim->now_ms, sim->profile.heal_at_ms);
    mischief->read_head =
        ask(sim, sim->reader, "SELECT seq FROM zsaga_cursor WHERE publisher = ?1", host->name);
}

/* I9: an action of a saga below the floor that this participant held when its turn began. */
static void check_new_effects(struct sim *sim, uint8_t place)
{
    static const char below[] = "SELECT count(*) FROM toy_log WHERE seq > ?1 AND undo = 0"
                                " AND saga < ?2 AND instr(?3, saga) = 0";
    const struct sim_mischief *mischief = &sim->mischief;
    if (mischief->effects < 0)
        return;
    struct sim_rows rows = sim_rows(sim, place, below);
    sim_rows_bind_int(&rows, 1, mischief->effects);
    sim_rows_bind(&rows, 2, id_view(&mischief->floor));
    sim_rows_bind(&rows, 3, bytes_of(mischief->open, mischief->open_len));
    if (sim_rows_next(&rows) && sim_rows_int(&rows, 0) != 0)
        sim_fail(sim, "I9", "%s does an action of a saga that has ended for good",
                 sim->hosts[place].name);
    sim_rows_end(&rows);
}

/* None: the lowest. */
static void note_floor(struct sim *sim, uint8_t place)
{
    struct sim_mischief *mischief = &sim->mischief;
    mischief->floor = (struct id){{0}};
    mischief->open_len = 0;
    struct sim_rows rows = sim_rows(sim, place, "SELECT id, open FROM zsaga_floor");
    if (sim_rows_next(&rows)) {
        struct bytes open = sim_rows_bytes(&rows, 1);
        if (!id_from_bytes(sim_rows_bytes(&rows, 0), &mischief->floor) ||
            open.len > sizeof mischief->open)
            sim_fail(sim, "I9", "%s holds no such floor", sim->hosts[place].name);
        if (open.len > 0)
            memcpy(mischief->open, open.data, open.len);
        mischief->open_len = open.len;
    }
    sim_rows_end(&rows);
}

void sim_backup_begin_turn(struct sim *sim, const struct sim_host *host)
{
    struct sim_mischief *mischief = &sim->mischief;
    if (host->place != mischief->place)
        return;
    check_new_effects(sim, host->place);
    mischief->effects = sim_rows_one(sim, host->place, "SELECT coalesce(max(seq), 0) FROM toy_log");
    note_floor(sim, host->place);
}

/* What others knew of it, the backup does not know. */
void sim_backup_check(struct sim *sim)
{
    const struct sim_mischief *mischief = &sim->mischief;
    const char *name = sim->hosts[mischief->place].name;
    const struct consumer_stream *streams;
    if (mischief->head < 0)
        return;
    /* Unless late commands brought it as far again before anybody asked: nobody can tell then. */
    if (mischief->known_head > mischief->head && !mischief->suspended &&
        mischief->known_head > sim_backup_head(sim))
        sim_fail(sim, "P3", "%s has forgotten %lld of %lld events, and nobody minds", name,
                 (long long)(mischief->known_head - mischief->head),
                 (long long)mischief->known_head);
    sim->counts->backups_seen += mischief->suspended;
    if (mischief->read_head <= mischief->head || sim->hosts[sim->reader].node == NULL)
        return;
    (void)consumer_node_streams(sim->hosts[sim->reader].node, &streams);
    /* One that can be built anew has read what there is now, from its start. */
    bool begins_anew =
        sim->profile.rebuilds && (int64_t)streams[mischief->place].applied <= sim_backup_head(sim);
    sim->counts->logs_seen++;
    if (streams[mischief->place].state != CONSUMER_STREAM_DIVERGED && !begins_anew)
        sim_fail(sim, "I16", "the reader had %lld events of %s, whose log went back to %lld",
                 (long long)mischief->read_head, name, (long long)mischief->head);
}
