#include "journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum statement {
    LOAD_SELF,
    SAVE_SELF,
    LOAD_PARTICIPANT,
    SAVE_PARTICIPANT,
    PUT_DEFINITION,
    FIND_DEFINITION,
    EACH_DEFINITION,
    ACCEPT,
    PUT_INPUT,
    RECORD,
    FINISH,
    COUNT_UP,
    FIND,
    EACH_OPEN,
    EACH_BEFORE,
    COUNT,
    INPUT,
    EACH_RECORD,
    STATEMENT_COUNT,
};

struct journal {
    struct db *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

#define SAGA_COLUMNS "id, key, definition, digest, nonce, state, reason, created_ms, finished_ms"

/* `state` of a saga's row is 0 until it is final, then its saga_state + 1. */
static const char *const schema[] = {
    "CREATE TABLE zsaga_self(one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL,"
    " last_saga BLOB NOT NULL, old_copy INTEGER NOT NULL, id BLOB NOT NULL) STRICT;"
    "INSERT INTO zsaga_self VALUES (1, 0, zeroblob(16), 0, zeroblob(0));"
    "CREATE TABLE zsaga_participant(name BLOB PRIMARY KEY, store BLOB NOT NULL,"
    " head INTEGER NOT NULL, records INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE zsaga_definition(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
    " name BLOB NOT NULL, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE zsaga_saga(id BLOB PRIMARY KEY, key BLOB NOT NULL,"
    " definition INTEGER NOT NULL REFERENCES zsaga_definition, digest BLOB NOT NULL,"
    " nonce BLOB NOT NULL, state INTEGER NOT NULL, reason BLOB, created_ms INTEGER NOT NULL,"
    " finished_ms INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX zsaga_saga_key ON zsaga_saga(key);"
    "CREATE INDEX zsaga_saga_open ON zsaga_saga(id) WHERE state = 0;"
    "CREATE TABLE zsaga_input(saga BLOB PRIMARY KEY, input BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE zsaga_history(saga BLOB NOT NULL, number INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, what INTEGER NOT NULL, step INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, attempt INTEGER, retries INTEGER, repeats INTEGER,"
    " used_ms INTEGER, retry_after_ms INTEGER, code BLOB, words BLOB, output BLOB,"
    " PRIMARY KEY (saga, number)) STRICT, WITHOUT ROWID;"
    "INSERT INTO zsaga_counter VALUES ('saga_completed', 0), ('saga_compensated', 0);",
    "ALTER TABLE zsaga_participant ADD COLUMN suspended TEXT NOT NULL DEFAULT '';",
};

const struct db_part journal_part = {"journal", sizeof schema / sizeof schema[0]};

static const char *const sql[STATEMENT_COUNT] = {
    [LOAD_SELF] = "SELECT epoch, max(last_saga, coalesce((SELECT id FROM zsaga_saga"
                  " ORDER BY id DESC LIMIT 1), last_saga)), old_copy, id FROM zsaga_self",
    [SAVE_SELF] = "UPDATE zsaga_self SET epoch = ?1, last_saga = ?2, old_copy = ?3, id = ?4",
    [LOAD_PARTICIPANT] = "SELECT store, head, records, suspended FROM zsaga_participant"
                         " WHERE name = ?1",
    [SAVE_PARTICIPANT] = "INSERT OR REPLACE INTO zsaga_participant VALUES (?1, ?2, ?3, ?4, ?5)",
    [PUT_DEFINITION] = "INSERT OR IGNORE INTO zsaga_definition(hash, name, text)"
                       " VALUES (?1, ?2, ?3)",
    [FIND_DEFINITION] = "SELECT number FROM zsaga_definition WHERE hash = ?1",
    [EACH_DEFINITION] = "SELECT number, text FROM zsaga_definition ORDER BY number",
    [ACCEPT] = "INSERT INTO zsaga_saga(" SAGA_COLUMNS ")"
               " VALUES (?1, ?2, ?3, ?4, ?5, 0, NULL, ?6, NULL)",
    [PUT_INPUT] = "INSERT INTO zsaga_input VALUES (?1, ?2)",
    [RECORD] = "INSERT OR REPLACE INTO zsaga_history"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [FINISH] = "UPDATE zsaga_saga SET state = ?2, reason = ?3, finished_ms = ?4 WHERE id = ?1",
    [COUNT_UP] = "UPDATE zsaga_counter SET value = value + 1 WHERE name = ?1",
    [FIND] = "SELECT " SAGA_COLUMNS " FROM zsaga_saga WHERE key = ?1",
    [EACH_OPEN] = "SELECT " SAGA_COLUMNS " FROM zsaga_saga WHERE state = 0 ORDER BY id",
    [EACH_BEFORE] = "SELECT " SAGA_COLUMNS " FROM zsaga_saga WHERE id < ?1"
                    " ORDER BY id DESC LIMIT ?2",
    [COUNT] = "SELECT value FROM zsaga_counter WHERE name = ?1",
    [INPUT] = "SELECT input FROM zsaga_input WHERE saga = ?1",
    [EACH_RECORD] =
        "SELECT at_ms, number, what, step, flags, attempt, retries, repeats, used_ms,"
        " code, words, output, retry_after_ms FROM zsaga_history WHERE saga = ?1 ORDER BY number",
};

#define USED_MS_MAX ((int64_t)1 << 50) /* Of patience: far above the longest that can be said. */

enum { FLAG_UNDO = 1, FLAG_PENDING = 2, FLAG_BACKOFF = 4 };

int journal_open(struct db *db, struct journal **ret, struct err *err)
{
    struct journal *journal = xcalloc(1, sizeof *journal);
    journal->db = db;
    int rc = db_migrate(db, journal_part.name, schema, journal_part.version, err);
    for (int i = 0; rc == 0 && i < STATEMENT_COUNT; i++)
        rc = db_prepare_engine(db, sql[i], &journal->statements[i], err);
    if (rc < 0) {
        journal_close(journal);
        return rc;
    }
    *ret = journal;
    return 0;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(journal->statements[i]);
    free(journal);
}

void journal_rest(struct journal *journal)
{
    db_reset(journal->statements[FIND]);
    db_reset(journal->statements[INPUT]);
}

static sqlite3_stmt *use(struct journal *journal, enum statement which)
{
    sqlite3_stmt *stmt = journal->statements[which];
    db_reset(stmt);
    return stmt;
}

static void bind_optional(sqlite3_stmt *stmt, int index, struct bytes value)
{
    if (value.len == 0)
        db_bind_null(stmt, index);
    else
        db_bind_bytes(stmt, index, value);
}

int journal_load_self(struct journal *journal, struct journal_self *ret, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, LOAD_SELF);
    int rc = db_step(journal->db, stmt, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_CORRUPT, "the orchestrator's own row is missing");
    ret->epoch = (uint64_t)db_int(stmt, 0);
    ret->old_copy = db_int(stmt, 2) != 0;
    bytes_copy_text(db_bytes(stmt, 3), ret->id, sizeof ret->id);
    bool ok = id_from_bytes(db_bytes(stmt, 1), &ret->last_saga);
    db_reset(stmt);
    return ok ? 0 : err_set(err, ERR_CORRUPT, "the last saga's id is damaged");
}

int journal_save_self(struct journal *journal, const struct journal_self *self, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, SAVE_SELF);
    db_bind_int(stmt, 1, (int64_t)self->epoch);
    db_bind_bytes(stmt, 2, id_view(&self->last_saga));
    db_bind_int(stmt, 3, self->old_copy);
    db_bind_bytes(stmt, 4, bytes_text(self->id));
    return db_run(journal->db, stmt, err);
}

int journal_load_participant(struct journal *journal, const char *name,
                             struct journal_participant *ret, struct err *err)
{
    *ret = (struct journal_participant){0};
    sqlite3_stmt *stmt = use(journal, LOAD_PARTICIPANT);
    db_bind_bytes(stmt, 1, bytes_text(name));
    int rc = db_step(journal->db, stmt, err);
    if (rc != DB_ROW)
        return rc;
    ret->head = (uint64_t)db_int(stmt, 1);
    ret->records = (uint64_t)db_int(stmt, 2);
    bytes_copy_text(db_bytes(stmt, 3), ret->suspended, sizeof ret->suspended);
    bool ok = id_from_bytes(db_bytes(stmt, 0), &ret->store);
    db_reset(stmt);
    return ok ? 0 : err_set(err, ERR_CORRUPT, "participant %s: its store's uuid is damaged", name);
}

int journal_save_participant(struct journal *journal, const char *name,
                             const struct journal_participant *participant, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, SAVE_PARTICIPANT);
    db_bind_bytes(stmt, 1, bytes_text(name));
    db_bind_bytes(stmt, 2, id_view(&participant->store));
    db_bind_int(stmt, 3, (int64_t)participant->head);
    db_bind_int(stmt, 4, (int64_t)participant->records);
    db_bind_text(stmt, 5, bytes_text(participant->suspended));
    return db_run(journal->db, stmt, err);
}

int journal_put_definition(struct journal *journal, const struct definition *definition,
                           int64_t *ret, struct err *err)
{
    struct bytes hash = bytes_of(definition->hash, sizeof definition->hash);
    sqlite3_stmt *stmt = use(journal, PUT_DEFINITION);
    db_bind_bytes(stmt, 1, hash);
    db_bind_bytes(stmt, 2, bytes_text(definition->name));
    db_bind_text(stmt, 3, bytes_text(definition->text));
    int rc = db_run(journal->db, stmt, err);
    if (rc < 0)
        return rc;
    stmt = use(journal, FIND_DEFINITION);
    db_bind_bytes(stmt, 1, hash);
    rc = db_step(journal->db, stmt, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_CORRUPT, "a definition was not stored");
    *ret = db_int(stmt, 0);
    db_reset(stmt);
    return 0;
}

int journal_each_definition(struct journal *journal,
                            int (*each)(void *context, int64_t number, const char *text,
                                        struct err *err),
                            void *context, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, EACH_DEFINITION);
    int rc;
    while ((rc = db_step(journal->db, stmt, err)) == DB_ROW) {
        AUTO(freep) char *text = xcalloc(1, db_bytes(stmt, 1).len + 1);
        bytes_copy_text(db_bytes(stmt, 1), text, db_bytes(stmt, 1).len + 1);
        rc = each(context, db_int(stmt, 0), text, err);
        if (rc < 0)
            break;
    }
    db_reset(stmt);
    return rc;
}

int journal_accept(struct journal *journal, const struct journal_saga *saga, struct bytes input,
                   struct err *err)
{
    sqlite3_stmt *stmt = use(journal, ACCEPT);
    db_bind_bytes(stmt, 1, id_view(&saga->id));
    db_bind_bytes(stmt, 2, saga->key);
    db_bind_int(stmt, 3, saga->definition);
    db_bind_bytes(stmt, 4, saga->digest);
    db_bind_bytes(stmt, 5, saga->nonce);
    db_bind_int(stmt, 6, saga->created_ms);
    int rc = db_run(journal->db, stmt, err);
    if (rc < 0)
        return rc;
    stmt = use(journal, PUT_INPUT);
    db_bind_bytes(stmt, 1, id_view(&saga->id));
    db_bind_bytes(stmt, 2, input);
    return db_run(journal->db, stmt, err);
}

int journal_record(struct journal *journal, const struct id *saga, int64_t at_ms,
                   const struct saga_record *record, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, RECORD);
    int flags = (record->undo ? FLAG_UNDO : 0) | (record->pending ? FLAG_PENDING : 0) |
                (record->backoff ? FLAG_BACKOFF : 0);
    db_bind_bytes(stmt, 1, id_view(saga));
    db_bind_int(stmt, 2, record->number);
    db_bind_int(stmt, 3, at_ms);
    db_bind_int(stmt, 4, record->what);
    db_bind_int(stmt, 5, record->step);
    db_bind_int(stmt, 6, flags);
    if (record->what == WHAT_TROUBLE) {
        db_bind_int(stmt, 7, record->attempt);
        db_bind_int(stmt, 8, record->retries);
        db_bind_int(stmt, 9, record->repeats);
        db_bind_int(stmt, 10, record->used_ms);
        db_bind_int(stmt, 11, record->retry_after_ms);
    } else {
        for (int i = 7; i <= 11; i++)
            db_bind_null(stmt, i);
    }
    bind_optional(stmt, 12, record->code);
    bind_optional(stmt, 13, record->words);
    bind_optional(stmt, 14, record->output);
    return db_run(journal->db, stmt, err);
}

static const char *counter_of(enum saga_state state)
{
    return state == SAGA_COMPLETED ? "saga_completed" : "saga_compensated";
}

int journal_finish(struct journal *journal, const struct saga *saga, int64_t at_ms, struct err *err)
{
    assert(saga_is_final(saga));
    sqlite3_stmt *stmt = use(journal, FINISH);
    db_bind_bytes(stmt, 1, id_view(&saga->id));
    db_bind_int(stmt, 2, (int64_t)saga->state + 1);
    bind_optional(stmt, 3, bytes_text(saga->reason));
    db_bind_int(stmt, 4, at_ms);
    int rc = db_run(journal->db, stmt, err);
    if (rc < 0)
        return rc;
    stmt = use(journal, COUNT_UP);
    db_bind_text(stmt, 1, bytes_text(counter_of(saga->state)));
    return db_run(journal->db, stmt, err);
}

static int read_saga(sqlite3_stmt *stmt, struct journal_saga *ret, struct err *err)
{
    if (!id_from_bytes(db_bytes(stmt, 0), &ret->id))
        return err_set(err, ERR_CORRUPT, "a saga's id is damaged");
    ret->key = db_bytes(stmt, 1);
    ret->definition = db_int(stmt, 2);
    ret->digest = db_bytes(stmt, 3);
    ret->nonce = db_bytes(stmt, 4);
    int64_t state = db_int(stmt, 5);
    if (state != 0 && state != SAGA_COMPLETED + 1 && state != SAGA_COMPENSATED + 1)
        return err_set(err, ERR_CORRUPT, "a saga's state is damaged");
    ret->final = state != 0;
    ret->state = state == 0 ? SAGA_RUNNING : (enum saga_state)(state - 1);
    ret->reason = db_bytes(stmt, 6);
    ret->created_ms = db_int(stmt, 7);
    ret->finished_ms = db_int(stmt, 8);
    return 0;
}

int journal_find(struct journal *journal, struct bytes key, struct journal_saga *ret,
                 bool *ret_found, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, FIND);
    db_bind_bytes(stmt, 1, key);
    int rc = db_step(journal->db, stmt, err);
    *ret_found = rc == DB_ROW;
    return rc == DB_ROW ? read_saga(stmt, ret, err) : rc;
}

static int each_saga(struct journal *journal, sqlite3_stmt *stmt, journal_saga_each each,
                     void *context, struct err *err)
{
    int rc;
    while ((rc = db_step(journal->db, stmt, err)) == DB_ROW) {
        struct journal_saga saga;
        rc = read_saga(stmt, &saga, err);
        if (rc == 0)
            rc = each(context, &saga, err);
        if (rc < 0)
            break;
    }
    db_reset(stmt);
    return rc;
}

int journal_each_open(struct journal *journal, journal_saga_each each, void *context,
                      struct err *err)
{
    return each_saga(journal, use(journal, EACH_OPEN), each, context, err);
}

int journal_each_before(struct journal *journal, const struct id *before, int64_t limit,
                        journal_saga_each each, void *context, struct err *err)
{
    struct id highest;
    memset(highest.bytes, 0xff, sizeof highest.bytes);
    sqlite3_stmt *stmt = use(journal, EACH_BEFORE);
    db_bind_bytes(stmt, 1, id_view(id_is_zero(before) ? &highest : before));
    db_bind_int(stmt, 2, limit);
    return each_saga(journal, stmt, each, context, err);
}

int journal_count(struct journal *journal, uint64_t counts[SAGA_STATE_COUNT], struct err *err)
{
    static const enum saga_state finals[] = {SAGA_COMPLETED, SAGA_COMPENSATED};
    memset(counts, 0, SAGA_STATE_COUNT * sizeof counts[0]);
    for (size_t i = 0; i < sizeof finals / sizeof finals[0]; i++) {
        sqlite3_stmt *stmt = use(journal, COUNT);
        db_bind_text(stmt, 1, bytes_text(counter_of(finals[i])));
        int rc = db_step(journal->db, stmt, err);
        if (rc < 0)
            return rc;
        counts[finals[i]] = rc == DB_ROW ? (uint64_t)db_int(stmt, 0) : 0;
        db_reset(stmt);
    }
    return 0;
}

int journal_input(struct journal *journal, const struct id *saga, struct bytes *ret,
                  struct err *err)
{
    sqlite3_stmt *stmt = use(journal, INPUT);
    db_bind_bytes(stmt, 1, id_view(saga));
    int rc = db_step(journal->db, stmt, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_CORRUPT, "a running saga has no input");
    *ret = db_bytes(stmt, 0);
    return 0;
}

/* Numbers as they are written: each in its range. */
static bool record_is_sound(sqlite3_stmt *stmt)
{
    const int64_t what = db_int(stmt, 2);
    bool sound = what > WHAT_ACCEPTED && what <= WHAT_RESUMED && db_int(stmt, 1) > 0 &&
                 db_int(stmt, 1) <= UINT32_MAX && db_int(stmt, 3) >= 0 &&
                 db_int(stmt, 3) < DEFINITION_STEPS_MAX && db_int(stmt, 0) >= 0;
    for (int column = 5; column <= 7; column++)
        sound = sound && db_int(stmt, column) >= 0 && db_int(stmt, column) <= UINT32_MAX;
    return sound && db_int(stmt, 8) >= 0 && db_int(stmt, 8) <= USED_MS_MAX &&
           db_int(stmt, 12) >= 0 && db_int(stmt, 12) <= INT32_MAX &&
           (what != WHAT_TROUBLE || db_int(stmt, 5) > 0);
}

static void read_record(sqlite3_stmt *stmt, struct saga_record *ret)
{
    int64_t flags = db_int(stmt, 4);
    *ret = (struct saga_record){
        .number = (uint32_t)db_int(stmt, 1),
        .what = (enum saga_what)db_int(stmt, 2),
        .step = (uint8_t)db_int(stmt, 3),
        .undo = (flags & FLAG_UNDO) != 0,
        .pending = (flags & FLAG_PENDING) != 0,
        .backoff = (flags & FLAG_BACKOFF) != 0,
        .attempt = (uint32_t)db_int(stmt, 5),
        .retries = (uint32_t)db_int(stmt, 6),
        .repeats = (uint32_t)db_int(stmt, 7),
        .used_ms = db_int(stmt, 8),
        .code = db_bytes(stmt, 9),
        .words = db_bytes(stmt, 10),
        .output = db_bytes(stmt, 11),
        .retry_after_ms = db_int(stmt, 12),
    };
}

int journal_each_record(struct journal *journal, const struct id *saga, journal_record_each each,
                        void *context, struct err *err)
{
    sqlite3_stmt *stmt = use(journal, EACH_RECORD);
    db_bind_bytes(stmt, 1, id_view(saga));
    int rc;
    while ((rc = db_step(journal->db, stmt, err)) == DB_ROW) {
        struct saga_record record;
        read_record(stmt, &record);
        if (!record_is_sound(stmt))
            rc = err_set(err, ERR_CORRUPT, "a saga's history is damaged");
        else
            rc = each(context, db_int(stmt, 0), &record, err);
        if (rc < 0)
            break;
    }
    db_reset(stmt);
    return rc;
}

int journal_blame(const struct journal_saga *saga, int code, struct err *err)
{
    char key[TEXT_NAME_MAX + 1];
    bytes_copy_text(saga->key, key, sizeof key);
    return err_wrap(err, code, "saga \"%s\"", key);
}
