#include "sim_toy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_disk.h"

#define LATER_MS 300

enum { SQL_LOG, SQL_STOCK, SQL_POISON, SQL_LATE_POISON, SQL_COUNT };

struct toy {
    sqlite3_stmt *statements[SQL_COUNT];
};

/* Direction of a row in toy_log. */
enum { DID, UNDID };

static const char *const schema[] = {
    "CREATE TABLE toy_log(seq INTEGER PRIMARY KEY AUTOINCREMENT, saga BLOB NOT NULL,"
    " step INTEGER NOT NULL, undo INTEGER NOT NULL) STRICT;"
    "CREATE TABLE toy_stock(free INTEGER NOT NULL, taken INTEGER NOT NULL) STRICT;"
    "INSERT INTO toy_stock VALUES (1000000, 0);"
    "CREATE TABLE toy_poison(one INTEGER PRIMARY KEY) STRICT;"
    "INSERT INTO toy_poison VALUES (1);"
    "CREATE TABLE toy_child(parent INTEGER NOT NULL REFERENCES toy_poison"
    " DEFERRABLE INITIALLY DEFERRED) STRICT;",

    /* A run may cut the log; its checks look at all that was ever in it. */
    "CREATE TABLE toy_cut(first_seq INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " events BLOB NOT NULL) STRICT;"
    "CREATE TRIGGER toy_cuts BEFORE DELETE ON zsaga_outbox BEGIN"
    " INSERT INTO toy_cut VALUES (old.first_seq, old.count, old.events); END;"
    "CREATE VIEW toy_told AS SELECT first_seq, count, events FROM zsaga_outbox"
    " UNION ALL SELECT * FROM toy_cut;",
};

static const char *const sql[SQL_COUNT] = {
    [SQL_LOG] = "INSERT INTO toy_log(saga, step, undo) VALUES (?1, ?2, ?3)",
    [SQL_STOCK] = "UPDATE toy_stock SET free = free - ?1, taken = taken + ?1",
    [SQL_POISON] = "INSERT OR ROLLBACK INTO toy_poison VALUES (1)",
    [SQL_LATE_POISON] = "INSERT INTO toy_child VALUES (2)",
};

/* Handlers are told nothing of the world they live in. */
static struct toy_world *world;

void sim_toy_set_world(struct toy_world *new_world)
{
    world = new_world;
}

uint32_t sim_toy_number(struct bytes input)
{
    char text[16];
    char *end = NULL;
    bytes_copy_text(input, text, sizeof text);
    unsigned long number = strtoul(text, &end, 10);
    return end == text || *end != ':' ? UINT32_MAX : (uint32_t)number;
}

static struct toy_line *line_of(struct call *call, int step, bool undo)
{
    static struct toy_line smooth;
    uint32_t number = sim_toy_number(call_input(call));
    if (world == NULL || number >= world->count) {
        smooth = (struct toy_line){0};
        return &smooth;
    }
    struct toy_script *script = &world->scripts[number];
    return undo ? &script->undo[step] : &script->action[step];
}

static int take_effect(struct call *call, int step, bool undo, struct err *err)
{
    struct toy *toy = call_self(call);
    sqlite3_stmt *log = toy->statements[SQL_LOG];
    db_bind_bytes(log, 1, id_view(call_saga(call)));
    db_bind_int(log, 2, step);
    db_bind_int(log, 3, undo ? UNDID : DID);
    int rc = db_run(call_db(call), log, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *stock = toy->statements[SQL_STOCK];
    db_bind_int(stock, 1, undo ? -1 : 1);
    rc = db_run(call_db(call), stock, err);
    if (rc == 0)
        call_event(call, undo ? "undid" : "did", call_input(call));
    return rc;
}

static int be_too_large(struct call *call)
{
    char *output = calloc(1, PARTICIPANT_OUTPUT_MAX + 1);
    call_output(call, bytes_of(output, PARTICIPANT_OUTPUT_MAX + 1));
    free(output);
    return CALL_DONE;
}

/* After the writes, so that there is something to take back. */
static int be_troubled(struct call *call, enum toy_trouble trouble, struct err *err)
{
    struct toy *toy = call_self(call);
    world->troubled[trouble]++;
    switch (trouble) {
    case TOY_RETRY:
        return call_retry(call, 0, "busy", "not now");
    case TOY_RETRY_LATER:
        return call_retry(call, LATER_MS, "busy", "not now, but then");
    case TOY_ERROR:
        return err_set(err, ERR_SYSTEM, "the toy is broken");
    case TOY_POISON:
        return db_run(call_db(call), toy->statements[SQL_POISON], err);
    case TOY_LATE_POISON:
        return db_run(call_db(call), toy->statements[SQL_LATE_POISON], err);
    case TOY_TOO_LARGE:
        return be_too_large(call);
    case TOY_UNWILLING:
        return call_refuse(call, "unwilling", "a compensation that would rather not");
    case TOY_CRASH:
        world->died = true;
        sim_disk_fail(world->path, SIM_DISK_BROKEN, 1);
        return CALL_DONE;
    case TOY_PENDING:
    case TOY_SMOOTH:
    case TOY_TROUBLE_COUNT:
        break;
    }
    abort();
}

static int put_off(struct call *call)
{
    world->troubled[TOY_PENDING]++;
    if (!call_again(call))
        call_event(call, "waits", call_input(call));
    return CALL_PENDING;
}

static int refuse(struct call *call, int step)
{
    call_refusal_event(call, "refused", call_input(call));
    return call_refuse(call, "no", "step %d says no", step);
}

static int act(struct call *call, int step, struct err *err)
{
    struct toy_line *line = line_of(call, step, false);
    bool troubled = line->trouble != TOY_SMOOTH && line->calls < line->times;
    line->calls++;
    if (troubled && line->trouble == TOY_PENDING)
        return put_off(call);
    int rc = take_effect(call, step, false, err);
    if (rc < 0)
        return rc;
    if (troubled)
        return be_troubled(call, line->trouble, err);
    if (line->refuses)
        return refuse(call, step);
    if (line->output)
        call_output(call, call_input(call));
    return CALL_DONE;
}

static int take_back(struct call *call, int step, struct err *err)
{
    struct toy_line *line = line_of(call, step, true);
    bool troubled = line->trouble != TOY_SMOOTH && line->calls < line->times;
    line->calls++;
    int rc = take_effect(call, step, true, err);
    if (rc < 0)
        return rc;
    return troubled ? be_troubled(call, line->trouble, err) : CALL_DONE;
}

/* A handler does not see which step it serves: one for each. */
#define HANDLERS(n)                                                                                \
    static int do_##n(struct call *call, struct err *err)                                          \
    {                                                                                              \
        return act(call, n, err);                                                                  \
    }                                                                                              \
    static int undo_##n(struct call *call, struct err *err)                                        \
    {                                                                                              \
        return take_back(call, n, err);                                                            \
    }
HANDLERS(0)
HANDLERS(1)
HANDLERS(2)
HANDLERS(3)
HANDLERS(4)
HANDLERS(5)
HANDLERS(6)
HANDLERS(7)

static const struct participant_action actions[SIM_STEPS_MAX] = {
    {"do0", do_0, "undo0", undo_0}, {"do1", do_1, "undo1", undo_1}, {"do2", do_2, "undo2", undo_2},
    {"do3", do_3, "undo3", undo_3}, {"do4", do_4, "undo4", undo_4}, {"do5", do_5, "undo5", undo_5},
    {"do6", do_6, "undo6", undo_6}, {"do7", do_7, "undo7", undo_7},
};

static int toy_open(void *self, struct db *db, struct config_node *settings, struct err *err)
{
    struct toy *toy = self;
    (void)settings;
    int rc = 0;
    for (int i = 0; rc == 0 && i < SQL_COUNT; i++)
        rc = db_prepare(db, sql[i], &toy->statements[i], err);
    return rc;
}

static void toy_close(void *self)
{
    struct toy *toy = self;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(toy->statements[i]);
}

#define TOY(n)                                                                                     \
    {                                                                                              \
        .name = n, .schema = schema, .schema_count = 2, .actions = actions,                        \
        .action_count = SIM_STEPS_MAX, .self_size = sizeof(struct toy), .open = toy_open,          \
        .close = toy_close,                                                                        \
    }
const struct participant_service sim_toys[SIM_TOYS_MAX] = {TOY("p0"), TOY("p1"), TOY("p2"),
                                                           TOY("p3"), TOY("p4")};
