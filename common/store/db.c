#include "store/db_internal.h"

#include "base/mutant.h"

/* Pages of WAL after which a checkpoint is worth its flush: smooth up to a few thousand. */
#define CHECKPOINT_PAGES 2000

int db_class_of(int rc)
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

int db_fail(struct db *db, int rc, struct err *err, const char *doing)
{
    int class = db_class_of(rc);
    if (class == ERR_FULL || class == ERR_IO || class == ERR_CORRUPT)
        db->storage_failure = class;
    db->tainted = db->tainted || class == ERR_IO;
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
int db_authorize(void *data, int action, const char *a, const char *b, const char *schema,
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

int db_note_wal(void *data, sqlite3 *handle, const char *schema, int pages)
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

int db_exec_engine(struct db *db, const char *sql, struct err *err, const char *doing)
{
    bool before = db->guarded;
    db->guarded = false;
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    db->guarded = before;
    return rc == SQLITE_OK ? 0 : db_fail(db, rc, err, doing);
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
    int rc = refuse_guarded(db, err);
    return rc < 0 ? rc : db_exec_engine(db, sql, err, "run SQL");
}

static int prepare(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    if (rc != SQLITE_OK)
        return err_set(err, rc == SQLITE_AUTH ? ERR_INVALID : db_class_of(rc), "prepare \"%s\": %s",
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
        rc = db_fail(db, rc, err, sqlite3_sql(stmt));
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
    if (rc == SQLITE_OK || (db_class_of(rc) != ERR_IO && db_class_of(rc) != ERR_CORRUPT))
        return 0;
    return db_fail(db, rc, err, "checkpoint");
}

int db_checkpoint_if_large(struct db *db, struct err *err)
{
    return db->wal_pages < CHECKPOINT_PAGES ? 0 : db_checkpoint(db, err);
}
