#include "sim_reader.h"

#include <stdio.h>
#include <string.h>

#include "base/packed.h"
#include "consumer_node.h"
#include "event.pb-c.h"
#include "observer_node.h"
#include "replay.pb-c.h"
#include "sim_parts.h"
#include "sim_rows.h"

enum { SQL_SEEN, SQL_CLEAR, SQL_POISON, SQL_LATE_POISON, SQL_COUNT };

struct reader {
    struct db *db;
    sqlite3_stmt *statements[SQL_COUNT];
};

static const char *const schema[] = {
    "CREATE TABLE seen(number INTEGER PRIMARY KEY, publisher TEXT NOT NULL, seq INTEGER NOT NULL,"
    " id BLOB NOT NULL, digest INTEGER NOT NULL) STRICT;"
    "CREATE TABLE poison(number INTEGER PRIMARY KEY) STRICT; INSERT INTO poison VALUES (1);"
    "CREATE TABLE child(parent INTEGER NOT NULL REFERENCES poison"
    " DEFERRABLE INITIALLY DEFERRED) STRICT;",
};

static const char *const sql[SQL_COUNT] = {
    [SQL_SEEN] = "INSERT INTO seen VALUES (NULL, ?1, ?2, ?3, ?4)",
    [SQL_CLEAR] = "DELETE FROM seen WHERE publisher = ?1",
    [SQL_POISON] = "INSERT OR ROLLBACK INTO poison VALUES (1)",
    [SQL_LATE_POISON] = "INSERT INTO child VALUES (2)",
};

/* A service is told nothing of the world it lives in. */
static struct sim *world;

void sim_reader_begin(struct sim *sim)
{
    world = sim;
}

static int reader_open(void *self, struct db *db, struct config_node *settings, struct err *err)
{
    struct reader *reader = self;
    int rc = 0;
    (void)settings;
    reader->db = db;
    for (size_t i = 0; rc == 0 && i < SQL_COUNT; i++)
        rc = db_prepare(db, sql[i], &reader->statements[i], err);
    return rc;
}

static void reader_close(void *self)
{
    struct reader *reader = self;
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(reader->statements[i]);
}

static uint64_t add_bytes(uint64_t hash, struct bytes bytes)
{
    hash = (hash ^ bytes.len) * 0x100000001b3U;
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.data[i]) * 0x100000001b3U;
    return hash;
}

static int64_t digest_of(struct bytes saga, struct bytes type, int64_t wall_ms,
                         struct bytes causation, struct bytes payload)
{
    uint64_t hash = add_bytes(add_bytes(0xcbf29ce484222325U, saga), type);
    hash = add_bytes(hash, bytes_of(&wall_ms, sizeof wall_ms));
    return (int64_t)add_bytes(add_bytes(hash, causation), payload);
}

/* After its write, so that there is something to take back. */
static int be_troubled(struct reader *reader, struct err *err)
{
    struct sim_choice_stream *choice = world->hosts[world->reader].choice;
    if (world->healed || !sim_choice_rarely(choice, world->profile.reader_fails, 1000))
        return 0;
    switch (sim_choice_below(choice, 3)) {
    case 0:
        return db_run(reader->db, reader->statements[SQL_POISON], err);
    case 1:
        return db_run(reader->db, reader->statements[SQL_LATE_POISON], err);
    default:
        return err_set(err, ERR_SYSTEM, "the reader is tired");
    }
}

static int reader_event(void *self, const struct consumer_event *event, struct err *err)
{
    struct reader *reader = self;
    sqlite3_stmt *seen = reader->statements[SQL_SEEN];
    db_bind_text(seen, 1, bytes_text(event->publisher));
    db_bind_int(seen, 2, (int64_t)event->seq);
    db_bind_bytes(seen, 3, id_view(&event->id));
    db_bind_int(
        seen, 4,
        digest_of(event->saga, event->type, event->wall_ms, event->causation, event->payload));
    int rc = db_run(reader->db, seen, err);
    return rc < 0 ? rc : be_troubled(reader, err);
}

static int reader_reset(void *self, const char *publisher, struct err *err)
{
    struct reader *reader = self;
    db_bind_text(reader->statements[SQL_CLEAR], 1, bytes_text(publisher));
    return db_run(reader->db, reader->statements[SQL_CLEAR], err);
}

#define READER                                                                                     \
    .name = "reader", .about = "Reads.", .schema = schema, .schema_count = 1,                      \
    .self_size = sizeof(struct reader), .open = reader_open, .close = reader_close,                \
    .event = reader_event, .reset = reader_reset
static const struct consumer_service stopping = {READER, .on_break = CONSUMER_STOPS};
static const struct consumer_service rebuilding = {READER, .on_break = CONSUMER_REBUILDS,
                                                   .pace_ms = 50};

int sim_reader_open(struct sim *sim, struct sim_host *host, struct err *err)
{
    static const char *names[SIM_HOSTS_MAX]; /* Borrowed for the node's life. */
    struct consumer_options options = {.db_path = host->path, .publishers = names};
    for (uint8_t place = 0; place < sim->reader; place++)
        names[options.publisher_count++] = sim->hosts[place].name;
    options.random = sim_random(sim, host);
    if (host->place == sim->observer)
        return observer_node_new(&options, sim_time(sim, host), &host->node, err);
    return consumer_node_new(sim->profile.rebuilds ? &rebuilding : &stopping, &options,
                             sim_time(sim, host), &host->node, err);
}

void sim_reader_count(struct sim *sim, const struct sim_host *host)
{
    const struct node *node = host->node;
    if (host->place == sim->observer)
        node = observer_node_consumer(node);
    const struct consumer_counters *counters = consumer_node_counters(node);
    const struct consumer_stream *streams;
    size_t count = consumer_node_streams(node, &streams);
    sim->counts->garbage_dropped += counters->malformed;
    sim->counts->read += counters->applied;
    sim->counts->read_failed += counters->failures;
    sim->counts->read_singly += counters->singly;
    sim->counts->read_dropped += counters->dropped;
    for (size_t i = 0; i < count; i++) {
        sim->counts->read_twice += streams[i].duplicates;
        sim->counts->gaps += streams[i].gaps;
        if (sim->mischief.done)
            continue;
        if (streams[i].resyncs != 0 || streams[i].state >= CONSUMER_STREAM_TRUNCATED)
            sim_fail(sim, "I16", "the log of %s is another one than before: %s",
                     streams[i].publisher, streams[i].detail);
    }
    if (counters->malformed != 0 && sim->profile.garbage == 0)
        sim_fail(sim, "protocol", "the reader could not read %llu entries",
                 (unsigned long long)counters->malformed);
}

static int64_t head_of(struct sim *sim, uint8_t place)
{
    return sim_rows_one(sim, place, "SELECT value FROM zsaga_counter WHERE name = 'outbox_head'");
}

/* What hinders a reader; NULL when it has read all there is. */
static const char *hindrance(struct sim *sim, const struct sim_host *host)
{
    static char words[300];
    const struct node *node = host->node;
    const struct consumer_stream *streams;
    if (node == NULL || host->turn.broken)
        return node == NULL ? "it is down" : host->turn.trouble;
    if (host->place == sim->observer)
        node = observer_node_consumer(node);
    size_t count = consumer_node_streams(node, &streams);
    for (size_t i = 0; i < count; i++) {
        int64_t head = sim->hosts[i].node == NULL ? -1 : head_of(sim, (uint8_t)i);
        if ((int64_t)streams[i].applied == head)
            continue;
        (void)snprintf(words, sizeof words, "%s: %s, %llu applied of %lld%s%s",
                       streams[i].publisher, consumer_stream_state_name(streams[i].state),
                       (unsigned long long)streams[i].applied, (long long)head,
                       streams[i].detail[0] == '\0' ? "" : ": ", streams[i].detail);
        return words;
    }
    return NULL;
}

const char *sim_reader_hindrance(struct sim *sim)
{
    const char *words = NULL;
    for (uint8_t i = sim->readers; words == NULL && sim_is_reader(sim, i); i++)
        words = hindrance(sim, &sim->hosts[i]);
    return words;
}

static uint64_t add_row(uint64_t hash, const struct sim_rows *row)
{
    int columns = sqlite3_column_count(row->stmt);
    for (int i = 0; i < columns; i++)
        hash = add_bytes(hash, sim_rows_bytes(row, i));
    return hash;
}

uint64_t sim_reader_digest(struct sim *sim, uint8_t place, bool engine)
{
    uint64_t hash = 0xcbf29ce484222325U;
    struct sim_rows tables = sim_rows(sim, place,
                                      "SELECT 'SELECT * FROM ' || name FROM sqlite_schema"
                                      " WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                                      " AND (?1 OR name NOT LIKE 'zsaga_%') ORDER BY name");
    sim_rows_bind_int(&tables, 1, engine);
    while (sim_rows_next(&tables)) {
        char select[100];
        bytes_copy_text(sim_rows_bytes(&tables, 0), select, sizeof select);
        struct sim_rows rows = sim_rows(sim, place, select);
        while (sim_rows_next(&rows))
            hash = add_row(hash, &rows);
        sim_rows_end(&rows);
    }
    sim_rows_end(&tables);
    return hash;
}
