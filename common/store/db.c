#include "store/db.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "base/xalloc.h"
#include "store/db_settle.h"

/* Pages of WAL after which a checkpoint is worth its flush: smooth up to a few thousand. */
#define CHECKPOINT_PAGES 2000
#define APPLICATION_ID 0x7a736167 /* "zsag" */

struct db {
    sqlite3 *handle;
    bool relaxed;        /* Commits are not flushed. */
    bool guarded;        /* A service's own function runs: the authorizer judges its SQL. */
    int storage_failure; /* enum err_code, or 0. */
    int wal_pages;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *savepoint;
    sqlite3_stmt *release;
    sqlite3_stmt *undo_savepoint;
};

static int class_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_HELD;
    case SQLITE_CONSTRAINT:
        return ERR_INVALID;
    default:
        return ERR_SYSTEM;
    }
}

static int fail(struct db *db, int rc, struct err *err, const char *doing)
{
    int class = class_of(rc);
    if (class == ERR_FULL || class == ERR_IO || class == ERR_CORRUPT)
        db->storage_failure = class;
    if (class == ERR_FULL)
        return err_set(err, class, "the disk is full: make room for %s",
                       sqlite3_db_filename(db->handle, "main"));
    return err_set(err, class, "%s: %s (%s)", doing, sqlite3_errmsg(db->handle),
                   sqlite3_errstr(rc));
}

static bool writes(int action)
{
    return action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
}

/* Their second argument is the table. (DROP TABLE is judged as a DELETE.) */
static bool reshapes(int action)
{
    return action == SQLITE_ALTER_TABLE || action == SQLITE_CREATE_INDEX ||
           action == SQLITE_DROP_INDEX || action == SQLITE_CREATE_TRIGGER ||
           action == SQLITE_DROP_TRIGGER || action == SQLITE_CREATE_TEMP_TRIGGER;
}

static bool is_engines(const char *table)
{
    return table != NULL && sqlite3_strnicmp(table, "zsaga_", 6) == 0;
}

/* What a service's own SQL may not do: end or begin the batch's transaction, reach past its
 * database, or write or reshape what the engine relies on. */
static int authorize(void *data, int action, const char *a, const char *b, const char *schema,
                     const char *trigger)
{
    struct db *db = data;
    (void)schema;
    (void)trigger;
    if (!db->guarded)
        return SQLITE_OK;
    if (action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT || action == SQLITE_PRAGMA ||
        action == SQLITE_ATTACH || action == SQLITE_DETACH)
        return SQLITE_DENY;
    if ((writes(action) && is_engines(a)) || (reshapes(action) && is_engines(b)))
        return SQLITE_DENY;
    return SQLITE_OK;
}

static int on_wal(void *data, sqlite3 *handle, const char *schema, int pages)
{
    struct db *db = data;
    (void)handle;
    (void)schema;
    db->wal_pages = pages;
    return SQLITE_OK;
}

static void reset_open_statements(struct db *db)
{
    sqlite3_stmt *stmt = NULL;
    while ((stmt = sqlite3_next_stmt(db->handle, stmt)) != NULL)
        if (sqlite3_stmt_busy(stmt) != 0)
            (void)sqlite3_reset(stmt);
}

bool db_guard(struct db *db, bool on)
{
    bool before = db->guarded;
    db->guarded = on;
    if (on && !before)
        db->storage_failure = 0;
    if (!on && before)
        reset_open_statements(db);
    return before;
}

int db_storage_failure(const struct db *db)
{
    return db->storage_failure;
}

static int refuse_guarded(const struct db *db, struct err *err)
{
    return db->guarded ? err_set(err, ERR_INVALID, "not from within a service's function") : 0;
}

static int exec(struct db *db, const char *sql, struct err *err, const char *doing)
{
    bool before = db->guarded;
    db->guarded = false;
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    db->guarded = before;
    return rc == SQLITE_OK ? 0 : fail(db, rc, err, doing);
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
    int rc = refuse_guarded(db, err);
    return rc < 0 ? rc : exec(db, sql, err, "run SQL");
}

static int prepare(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    if (rc != SQLITE_OK)
        return err_set(err, rc == SQLITE_AUTH ? ERR_INVALID : class_of(rc), "prepare \"%s\": %s",
                       sql, sqlite3_errmsg(db->handle));
    return 0;
}

int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    bool before = db->guarded;
    db->guarded = true;
    int rc = prepare(db, sql, ret, err);
    db->guarded = before;
    return rc;
}

int db_prepare_engine(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    int rc = refuse_guarded(db, err);
    return rc < 0 ? rc : prepare(db, sql, ret, err);
}

static int prepare_control(struct db *db, struct err *err)
{
    const struct {
        const char *sql;
        sqlite3_stmt **stmt;
    } all[] = {
        {"BEGIN IMMEDIATE", &db->begin}, {"COMMIT", &db->commit},
        {"ROLLBACK", &db->rollback},     {"SAVEPOINT entry", &db->savepoint},
        {"RELEASE entry", &db->release}, {"ROLLBACK TO entry", &db->undo_savepoint},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int rc = db_prepare_engine(db, all[i].sql, all[i].stmt, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int ask_int(struct db *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(db, sql, &stmt, err);
    if (rc == 0)
        rc = db_step(db, stmt, err);
    if (rc == DB_ROW)
        *ret = db_int(stmt, 0);
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

/* The file is new (then *ret_new), or ours: told before anything in it is changed. */
static int look(struct db *db, bool *ret_new, struct err *err)
{
    int64_t application = 0;
    int64_t tables = 0;
    int rc = ask_int(db, "PRAGMA application_id", &application, err);
    if (rc == 0)
        rc = ask_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc < 0)
        return rc;
    *ret_new = tables == 0;
    if (tables != 0 && application != APPLICATION_ID)
        return err_set(err, ERR_CORRUPT, "not a database of this suite");
    return 0;
}

/* What was done past the connection, which has no words for it. */
static int settled(struct db *db, int rc, struct err *err)
{
    if (rc == SQLITE_OK)
        return 0;
    if (class_of(rc) == ERR_FULL)
        return fail(db, rc, err, "settle");
    return err_set(err, class_of(rc), "bring the log to the disk: %s", sqlite3_errstr(rc));
}

int db_settle_again(struct db *db, struct err *err)
{
    return db->relaxed ? settled(db, db_settle(db->handle), err) : 0;
}

/* Takes the file's exclusive lock, and makes it ours. */
static int claim(struct db *db, const struct db_part *parts, size_t count, struct err *err)
{
    bool is_new = false;
    char mark[64];
    (void)snprintf(mark, sizeof mark, "PRAGMA application_id=%d", APPLICATION_ID);
    int rc = settled(db, db_settle_resume(db->handle), err);
    /* EXCLUSIVE before the first access to the WAL: no -shm file, and the lock stays held. */
    if (rc == 0)
        rc = exec(db, "PRAGMA locking_mode=EXCLUSIVE", err, "open");
    if (rc == 0)
        rc = look(db, &is_new, err);
    if (rc == 0 && !is_new && parts != NULL)
        rc = db_check_parts(db, parts, count, err);
    if (rc == 0)
        rc = exec(db,
                  "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                  "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216;"
                  "PRAGMA foreign_keys=ON; PRAGMA secure_delete=OFF; PRAGMA cache_size=-8192;"
                  "BEGIN IMMEDIATE; COMMIT;",
                  err, "open");
    if (rc == 0 && !MUTANT(WAL_UNSETTLED))
        rc = settled(db, db_settle(db->handle), err);
    if (rc == 0 && MUTANT(SYNC_NORMAL))
        rc = db_relax(db, err);
    if (rc == 0 && is_new)
        rc = exec(db, mark, err, "mark the database");
    return rc;
}

static int create_engine_tables(struct db *db, struct err *err)
{
    static const char *const steps[] = {
        "CREATE TABLE zsaga_store(uuid BLOB NOT NULL) STRICT;"
        "CREATE TABLE zsaga_counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;",
    };
    int rc = exec(db,
                  "CREATE TABLE IF NOT EXISTS zsaga_schema(part TEXT PRIMARY KEY,"
                  " version INTEGER NOT NULL) STRICT, WITHOUT ROWID",
                  err, "create the schema table");
    if (rc == 0)
        rc = db_migrate(db, "store", steps, 1, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *stmt = NULL;
    rc = db_prepare_engine(db,
                           "INSERT INTO zsaga_store SELECT ?1"
                           " WHERE NOT EXISTS (SELECT 1 FROM zsaga_store)",
                           &stmt, err);
    if (rc == 0) {
        struct id uuid;
        randombytes_buf(uuid.bytes, sizeof uuid.bytes);
        db_bind_bytes(stmt, 1, id_view(&uuid));
        rc = db_run(db, stmt, err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* True: it is left as it was when it is closed, its WAL too. Returns what was set before. */
static bool leave_alone(struct db *db, bool on)
{
    int before = 0;
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &before);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on, NULL);
    return before != 0;
}

int db_open(const char *path, struct db **ret, struct err *err)
{
    return db_open_parts(path, NULL, 0, ret, err);
}

int db_open_parts(const char *path, const struct db_part *parts, size_t count, struct db **ret,
                  struct err *err)
{
    struct db *db = xcalloc(1, sizeof *db);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    bool left_alone = false;
    int rc = sodium_init() < 0 ? err_set(err, ERR_SYSTEM, "libsodium did not start") : 0;
    if (rc == 0) {
        int opened = sqlite3_open_v2(path, &db->handle, flags, NULL);
        if (opened != SQLITE_OK)
            rc = fail(db, opened, err, "open");
    }
    if (rc == 0) {
        (void)sqlite3_extended_result_codes(db->handle, 1);
        (void)sqlite3_set_authorizer(db->handle, authorize, db);
        left_alone = leave_alone(db, true);
        rc = claim(db, parts, count, err);
        /* Only now: to set wal_autocheckpoint takes the hook away. */
        (void)sqlite3_wal_hook(db->handle, on_wal, db);
    }
    if (rc == 0)
        rc = create_engine_tables(db, err);
    if (rc == 0)
        rc = prepare_control(db, err);
    if (rc == 0)
        (void)leave_alone(db, left_alone);
    if (rc == ERR_HELD)
        rc = err_set(err, ERR_HELD, "%s is in use by another process", path);
    else if (rc < 0)
        rc = err_wrap(err, rc, "%s", path);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return 0;
}

int db_relax(struct db *db, struct err *err)
{
    db->relaxed = true;
    return exec(db, "PRAGMA synchronous=NORMAL", err, "open");
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    sqlite3_stmt *const all[] = {db->begin,     db->commit,  db->rollback,
                                 db->savepoint, db->release, db->undo_savepoint};
    if (db->handle != NULL)
        db_rollback(db);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sqlite3_finalize(all[i]);
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK);
    (void)rc;
    free(db);
}

int db_store_uuid(struct db *db, struct id *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(db, "SELECT uuid FROM zsaga_store", &stmt, err);
    if (rc == 0)
        rc = db_step(db, stmt, err);
    if (rc == DB_ROW && !id_from_bytes(db_bytes(stmt, 0), ret))
        rc = err_set(err, ERR_CORRUPT, "the store's uuid is not 16 bytes");
    else if (rc == 0)
        rc = err_set(err, ERR_CORRUPT, "the store has no uuid");
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

int db_step(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
    /* After an INSERT OR ROLLBACK a service's next write would commit by itself. */
    if (db->guarded && !db_in_transaction(db) && sqlite3_stmt_readonly(stmt) == 0)
        return err_set(err, ERR_ABORTED, "the transaction has ended");
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return DB_ROW;
    if (rc != SQLITE_DONE)
        rc = fail(db, rc, err, sqlite3_sql(stmt));
    else
        rc = 0;
    (void)sqlite3_reset(stmt);
    return rc;
}

void db_reset(sqlite3_stmt *stmt)
{
    (void)sqlite3_reset(stmt);
}

int db_run(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
    int rc;
    do {
        rc = db_step(db, stmt, err);
    } while (rc == DB_ROW);
    return rc;
}

int db_begin(struct db *db, struct err *err)
{
    int rc = refuse_guarded(db, err);
    if (rc == 0 && MUTANT(COMMIT_PUT_OFF) && db_in_transaction(db))
        rc = db_run(db, db->commit, err);
    return rc < 0 ? rc : db_run(db, db->begin, err);
}

int db_commit(struct db *db, struct err *err)
{
    if (db->guarded)
        return refuse_guarded(db, err);
    if (!db_in_transaction(db))
        return err_set(err, ERR_ABORTED, "the transaction ended before its commit");
    if (MUTANT(COMMIT_PUT_OFF))
        return 0;
    int rc = db_run(db, db->commit, err);
    if (rc < 0)
        db_rollback(db);
    return rc == ERR_HELD || rc == ERR_SYSTEM ? ERR_ABORTED : rc;
}

void db_rollback(struct db *db)
{
    if (db->rollback != NULL && db_in_transaction(db))
        (void)db_run(db, db->rollback, NULL);
}

bool db_in_transaction(const struct db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

int db_savepoint(struct db *db, struct err *err)
{
    return db_run(db, db->savepoint, err);
}

int db_release(struct db *db, struct err *err)
{
    return db_run(db, db->release, err);
}

int db_undo_savepoint(struct db *db, struct err *err)
{
    int rc = db_run(db, db->undo_savepoint, err);
    return rc < 0 ? rc : db_run(db, db->release, err);
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_changes64(db->handle);
}

int db_checkpoint(struct db *db, struct err *err)
{
    db->wal_pages = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK || (class_of(rc) != ERR_IO && class_of(rc) != ERR_CORRUPT))
        return 0;
    return fail(db, rc, err, "checkpoint");
}

int db_checkpoint_if_large(struct db *db, struct err *err)
{
    return db->wal_pages < CHECKPOINT_PAGES ? 0 : db_checkpoint(db, err);
}
