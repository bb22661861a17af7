#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check_base.h"
#include "check_log.h"
#include "event.pb-c.h"
#include "saga.pb-c.h"

const char *const world_names[WORLD_COUNT] = {"orchestrator", "p0", "p1", "reader"};

const char world_definition[] = "saga\n"
                                "    name = pair\n"
                                "    step\n"
                                "        name = a\n"
                                "        participant = p0\n"
                                "        action = do0\n"
                                "        compensation = undo0\n"
                                "    step\n"
                                "        name = b\n"
                                "        participant = p1\n"
                                "        action = do1\n"
                                "        compensation = undo1\n"
                                "        timeout = 1s\n"
                                "        retry\n"
                                "            first = 200ms\n";

static const char store_schema[] =
    "CREATE TABLE zsaga_store(uuid BLOB); INSERT INTO zsaga_store VALUES (zeroblob(16));"
    "CREATE TABLE zsaga_counter(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;";

static const char log_schema[] =
    "CREATE TABLE zsaga_outbox(first_seq INTEGER PRIMARY KEY, count INTEGER, events BLOB);"
    "CREATE TABLE zsaga_outbox_tail(tail INTEGER, below BLOB);"
    "INSERT INTO zsaga_outbox_tail VALUES (1, zeroblob(16));"
    "INSERT INTO zsaga_counter VALUES ('outbox_head', 0);";

static const char journal_schema[] =
    "CREATE TABLE zsaga_self(epoch INTEGER, last_saga BLOB);"
    "INSERT INTO zsaga_self VALUES (1, zeroblob(16));"
    "CREATE TABLE zsaga_definition(number INTEGER PRIMARY KEY, name BLOB, text TEXT);"
    "CREATE TABLE zsaga_saga(id BLOB PRIMARY KEY, key BLOB, definition INTEGER, state INTEGER,"
    " reason BLOB) WITHOUT ROWID;"
    "CREATE TABLE zsaga_input(saga BLOB PRIMARY KEY, input BLOB) WITHOUT ROWID;"
    "CREATE TABLE zsaga_history(saga BLOB, number INTEGER, what INTEGER, step INTEGER,"
    " flags INTEGER DEFAULT 0, attempt INTEGER, code BLOB, PRIMARY KEY (saga, number))"
    " WITHOUT ROWID;"
    "INSERT INTO zsaga_counter VALUES ('saga_completed', 0), ('saga_compensated', 0);";

static const char inbox_schema[] =
    "CREATE TABLE zsaga_driver(number INTEGER PRIMARY KEY, epoch INTEGER, nonce INTEGER);"
    "INSERT INTO zsaga_driver VALUES (1, 1, 1);"
    "CREATE TABLE zsaga_floor(driver INTEGER PRIMARY KEY, epoch INTEGER, version INTEGER);"
    "CREATE TABLE zsaga_inbox(saga BLOB, step INTEGER, forward INTEGER, backward INTEGER,"
    " code BLOB, message BLOB, output BLOB, PRIMARY KEY (saga, step)) WITHOUT ROWID;"
    "INSERT INTO zsaga_counter VALUES ('inbox_records', 0);";

static const char toy_schema[] =
    "CREATE TABLE toy_log(seq INTEGER PRIMARY KEY AUTOINCREMENT, saga BLOB, step INTEGER,"
    " undo INTEGER);"
    "CREATE TABLE toy_stock(free INTEGER, taken INTEGER); INSERT INTO toy_stock VALUES (1000000, "
    "0);"
    "CREATE VIEW toy_told AS SELECT first_seq, count, events FROM zsaga_outbox;";

static const char reader_schema[] =
    "CREATE TABLE zsaga_cursor(publisher TEXT PRIMARY KEY, store BLOB, seq INTEGER, event_id BLOB,"
    " state INTEGER) WITHOUT ROWID;"
    "CREATE TABLE zsaga_resync(number INTEGER PRIMARY KEY, publisher TEXT);"
    "CREATE TABLE seen(number INTEGER PRIMARY KEY, publisher TEXT, seq INTEGER, id BLOB,"
    " digest INTEGER);";

const uint8_t *world_id(unsigned saga)
{
    static uint8_t ids[256][CHECK_ID_SIZE];
    memset(ids[saga], (int)saga, CHECK_ID_SIZE);
    return ids[saga];
}

static void run(struct world *world, int place, const char *sql)
{
    char *words = NULL;
    if (sqlite3_exec(world->db[place], sql, NULL, NULL, &words) != SQLITE_OK)
        fail_msg("%s: %s: %s", world_names[place], sql, words);
}

void world_sql(struct world *world, int place, const char *format, ...)
{
    char sql[1000];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    run(world, place, sql);
}

struct world *world_new_empty(void)
{
    struct world *world = calloc(1, sizeof *world);
    for (int i = 0; i < WORLD_COUNT; i++) {
        assert_int_equal(sqlite3_open(":memory:", &world->db[i]), SQLITE_OK);
        run(world, i, store_schema);
        world_sql(world, i, "UPDATE zsaga_store SET uuid = x'%032x'", 0x50 + i);
        if (i != WORLD_READER)
            run(world, i, log_schema);
        if (i == WORLD_P0 || i == WORLD_P1) {
            run(world, i, inbox_schema);
            run(world, i, toy_schema);
        }
    }
    run(world, WORLD_ORCHESTRATOR, journal_schema);
    world_sql(world, WORLD_ORCHESTRATOR, "INSERT INTO zsaga_definition VALUES (1, 'pair', '%s')",
              world_definition);
    run(world, WORLD_READER, reader_schema);
    return world;
}

void world_free(struct world *world)
{
    checker_free(world->checker);
    for (int i = 0; i < WORLD_COUNT; i++)
        (void)sqlite3_close(world->db[i]);
    free(world);
}

static ProtobufCBinaryData bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static ProtobufCBinaryData text(const char *from)
{
    return bytes(from, strlen(from));
}

static size_t pack_saga(const struct world_event *from, uint8_t to[256])
{
    Zsaga__SagaEvent event = ZSAGA__SAGA_EVENT__INIT;
    event.key = text(from->saga == 1 ? "one" : from->saga == 2 ? "two" : "three");
    event.number = from->number;
    event.state = from->state;
    event.undo = from->undo;
    if (from->step >= 0) {
        event.step = text(from->step == 0 ? "a" : "b");
        event.participant = text(from->step == 0 ? "p0" : "p1");
    }
    return zsaga__saga_event__pack(&event, to);
}

/* The reader applies it at once. */
static void apply(struct world *world, int place, uint64_t seq, const Zsaga__Event *event)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(world->db[WORLD_READER],
                                        "INSERT INTO seen VALUES (NULL, ?1, ?2, ?3, ?4)", -1, &stmt,
                                        NULL),
                     SQLITE_OK);
    (void)sqlite3_bind_text(stmt, 1, world_names[place], -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    (void)sqlite3_bind_blob(stmt, 3, event->id.data, (int)event->id.len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 4, (int64_t)check_event_says(event));
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    (void)sqlite3_finalize(stmt);
    world_sql(world, WORLD_READER,
              "INSERT OR REPLACE INTO zsaga_cursor SELECT publisher, x'%032x', seq, id, 0 FROM seen"
              " ORDER BY number DESC LIMIT 1",
              0x50 + place);
}

void world_tell(struct world *world, int place, const struct world_event *from)
{
    Zsaga__Event event = ZSAGA__EVENT__INIT;
    Zsaga__Event *pointer = &event;
    Zsaga__EventBatch batch = ZSAGA__EVENT_BATCH__INIT;
    uint8_t id[CHECK_ID_SIZE] = {0};
    uint8_t causation[CHECK_ID_SIZE + 2];
    uint8_t payload[256];
    uint8_t packed[600];
    sqlite3_stmt *stmt = NULL;
    id[0] = (uint8_t)++world->next_event;
    event.id = bytes(id, sizeof id);
    event.saga = bytes(world_id(from->saga), CHECK_ID_SIZE);
    event.type = text(from->type);
    if (from->step >= 0) {
        memcpy(causation, world_id(from->saga), CHECK_ID_SIZE);
        causation[CHECK_ID_SIZE] = (uint8_t)from->step;
        causation[CHECK_ID_SIZE + 1] = from->undo;
        event.causation = bytes(causation, sizeof causation);
    }
    if (place == WORLD_ORCHESTRATOR)
        event.payload = bytes(payload, pack_saga(from, payload));
    batch.n_events = 1;
    batch.events = &pointer;
    size_t len = zsaga__event_batch__pack(&batch, packed);
    run(world, place, "UPDATE zsaga_counter SET value = value + 1 WHERE name = 'outbox_head'");
    assert_int_equal(
        sqlite3_prepare_v2(world->db[place],
                           "INSERT INTO zsaga_outbox SELECT value, 1, ?1 FROM zsaga_counter"
                           " WHERE name = 'outbox_head' RETURNING first_seq",
                           -1, &stmt, NULL),
        SQLITE_OK);
    (void)sqlite3_bind_blob(stmt, 1, packed, (int)len, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    apply(world, place, (uint64_t)sqlite3_column_int64(stmt, 0), &event);
    (void)sqlite3_finalize(stmt);
}

static void tell_all(struct world *world, int place, const struct world_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        world_tell(world, place, &events[i]);
}
#define TELL(world, place, ...)                                                                    \
    do {                                                                                           \
        const struct world_event all[] = {__VA_ARGS__};                                            \
        tell_all(world, place, all, sizeof all / sizeof all[0]);                                   \
    } while (false)

static const char *hex(unsigned saga)
{
    static char texts[256][2 * CHECK_ID_SIZE + 1];
    return check_hex((struct check_bytes){world_id(saga), CHECK_ID_SIZE}, texts[saga]);
}

static void add_saga(struct world *world, unsigned saga, const char *key, int state,
                     const char *reason)
{
    world_sql(world, WORLD_ORCHESTRATOR,
              "INSERT INTO zsaga_saga VALUES (x'%s', CAST('%s' AS BLOB), 1, %d, %s);"
              "INSERT INTO zsaga_input VALUES (x'%s', CAST('in' AS BLOB));"
              "UPDATE zsaga_self SET last_saga = x'%s'",
              hex(saga), key, state, reason, hex(saga), hex(saga));
}

static void add_record(struct world *world, unsigned saga, int number, int what, int step, int undo)
{
    world_sql(world, WORLD_ORCHESTRATOR,
              "INSERT INTO zsaga_history(saga, number, what, step, flags)"
              " VALUES (x'%s', %d, %d, %d, %d)",
              hex(saga), number, what, step, undo);
}

static void add_row(struct world *world, int place, unsigned saga, int forward, int backward)
{
    int step = place - WORLD_P0;
    world_sql(world, place,
              "INSERT INTO zsaga_inbox VALUES (x'%s', %d, %d, %d, NULL, NULL, NULL);"
              "UPDATE zsaga_counter SET value = value + 1 WHERE name = 'inbox_records'",
              hex(saga), step, forward, backward);
    for (int undo = 0; undo <= (backward == 1); undo++)
        if (forward == 1)
            world_sql(world, place,
                      "INSERT INTO toy_log(saga, step, undo) VALUES (x'%s', %d, %d);"
                      "UPDATE toy_stock SET free = free - %d, taken = taken + %d",
                      hex(saga), step, undo, undo ? -1 : 1, undo ? -1 : 1);
}

struct world *world_new(void)
{
    struct world *world = world_new_empty();
    add_saga(world, 1, "one", CHECK_COMPLETED, "NULL");
    add_record(world, 1, 2, 2, 0, 0);
    add_record(world, 1, 3, 2, 1, 0);
    add_row(world, WORLD_P0, 1, 1, 0);
    add_row(world, WORLD_P1, 1, 1, 0);
    add_saga(world, 2, "two", CHECK_COMPENSATED, "CAST('no' AS BLOB)");
    add_record(world, 2, 2, 2, 0, 0);
    add_record(world, 2, 3, 3, 1, 0);
    add_record(world, 2, 4, 5, 0, 1);
    add_row(world, WORLD_P0, 2, 1, 1);
    add_row(world, WORLD_P1, 2, 2, 0);
    world_sql(world, WORLD_ORCHESTRATOR,
              "UPDATE zsaga_counter SET value = 1 WHERE name LIKE 'saga_%%'");
    TELL(world, WORLD_P0, {1, "did", 0, false, 0, 0}, {2, "did", 0, false, 0, 0},
         {2, "undid", 0, true, 0, 0});
    TELL(world, WORLD_P1, {1, "did", 1, false, 0, 0}, {2, "refused", 1, false, 0, 0});
    TELL(world, WORLD_ORCHESTRATOR, {1, "SagaAccepted", -1, false, 1, CHECK_RUNNING},
         {1, "StepDone", 0, false, 2, CHECK_RUNNING}, {1, "StepDone", 1, false, 3, CHECK_COMPLETED},
         {1, "SagaCompleted", -1, false, 3, CHECK_COMPLETED},
         {2, "SagaAccepted", -1, false, 1, CHECK_RUNNING},
         {2, "StepDone", 0, false, 2, CHECK_RUNNING},
         {2, "StepRejected", 1, false, 3, CHECK_COMPENSATING},
         {2, "StepUndone", 0, true, 4, CHECK_COMPENSATED},
         {2, "SagaCompensated", -1, false, 4, CHECK_COMPENSATED});
    return world;
}

static void on_found(void *context, const struct checker_finding *finding)
{
    struct world *world = context;
    if (world->found_count < WORLD_FOUND_MAX)
        (void)snprintf(world->found[world->found_count++], sizeof world->found[0], "%s %s: %s",
                       finding->invariant, finding->about, finding->words);
}

static sqlite3 *look_into(void *context, const char *process)
{
    const struct world *world = context;
    for (int i = 0; world->peeks && i < WORLD_COUNT; i++)
        if (strcmp(world_names[i], process) == 0)
            return world->db[i];
    return NULL;
}

void world_begin(struct world *world, bool exact, bool peeks)
{
    const struct checker_options options = {
        .context = world, .found = on_found, .peek = look_into, .exact = exact, .faithful = true};
    world->peeks = peeks;
    checker_free(world->checker);
    world->checker = checker_new(&options);
    world->found_count = 0;
}

void world_check(struct world *world, unsigned end)
{
    if (world->checker == NULL)
        world_begin(world, false, false);
    for (int i = 0; i < WORLD_COUNT; i++)
        assert_true(checker_database(world->checker, world_names[i], world->db[i]));
    checker_finish(world->checker, end);
}

bool world_has(const struct world *world, const char *invariant)
{
    size_t len = strlen(invariant);
    for (size_t i = 0; i < world->found_count; i++)
        if (strncmp(world->found[i], invariant, len) == 0 && world->found[i][len] == ' ')
            return true;
    return false;
}

void world_expect(struct world *world, const char *invariant)
{
    bool right = invariant == NULL ? world->found_count == 0 : world_has(world, invariant);
    for (size_t i = 0; !right && i < world->found_count; i++)
        print_error("%s\n", world->found[i]);
    if (!right)
        fail_msg("expected: %s", invariant == NULL ? "nothing" : invariant);
}
