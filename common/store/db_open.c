#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "base/xalloc.h"
#include "store/db_internal.h"
#include "store/db_settle.h"

#define APPLICATION_ID 0x7a736167 /* "zsag" */

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

static int is_empty(struct db *db, bool *ret, struct err *err)
{
    int64_t tables = 0;
    int rc = ask_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    *ret = tables == 0;
    return rc;
}

/* The file is ours, or new: told before anything in it is changed. */
static int recognize(struct db *db, struct err *err)
{
    int64_t application = 0;
    bool empty = false;
    int rc = ask_int(db, "PRAGMA application_id", &application, err);
    if (rc == 0 && application != APPLICATION_ID)
        rc = is_empty(db, &empty, err);
    if (rc == 0 && application != APPLICATION_ID && !empty)
        return err_set(err, ERR_CORRUPT, "not a database of this suite");
    return rc;
}

/* A new database has a rollback journal so far, and one of ours may have been copied with another
 * program. */
static int has_wal(struct db *db, bool *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(db, "PRAGMA journal_mode", &stmt, err);
    if (rc == 0)
        rc = db_step(db, stmt, err);
    *ret = rc == DB_ROW && bytes_equal(db_bytes(stmt, 0), bytes_text("wal"));
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

static int settle(struct db *db, struct db_settled *settled, bool *ret_again, struct err *err)
{
    bool wal = false;
    *ret_again = false;
    int rc = has_wal(db, &wal, err);
    if (rc < 0 || !wal || MUTANT(WAL_UNSETTLED))
        return rc;
    rc = db_settle(db->handle, settled, ret_again);
    if (rc == SQLITE_OK)
        return 0;
    if (db_class_of(rc) == ERR_FULL)
        return db_fail(db, rc, err, "settle");
    /* It was done past the connection, which has no words for it. */
    return err_set(err, db_class_of(rc), "bring the log to the disk: %s", sqlite3_errstr(rc));
}

/* Takes the file's exclusive lock, and makes it ours. */
static int claim(struct db *db, const struct db_part *parts, size_t count, struct err *err)
{
    bool is_new = false;
    char mark[64];
    (void)snprintf(mark, sizeof mark, "PRAGMA application_id=%d", APPLICATION_ID);
    int rc = is_empty(db, &is_new, err);
    if (rc == 0 && !is_new && parts != NULL)
        rc = db_check_parts(db, parts, count, err);
    if (rc == 0)
        rc = db_exec_engine(
            db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216;"
            "PRAGMA foreign_keys=ON; PRAGMA secure_delete=OFF; PRAGMA cache_size=-8192;"
            "BEGIN IMMEDIATE; COMMIT;",
            err, "open");
    if (rc == 0 && MUTANT(SYNC_NORMAL))
        rc = db_relax(db, err);
    if (rc == 0 && is_new)
        rc = db_exec_engine(db, mark, err, "mark the database");
    return rc;
}

static int create_engine_tables(struct db *db, struct err *err)
{
    static const char *const steps[] = {
        "CREATE TABLE zsaga_store(uuid BLOB NOT NULL) STRICT;"
        "CREATE TABLE zsaga_counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;",
    };
    int rc = db_exec_engine(db,
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

static int connect(struct db *db, const char *path, struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (rc != SQLITE_OK)
        return db_fail(db, rc, err, "open");
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_set_authorizer(db->handle, db_authorize, db);
    return 0;
}

static void disconnect(struct db *db)
{
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK);
    (void)rc;
    db->handle = NULL;
}

/* Connects, locks, and brings what it finds to the disk. *ret_left_alone: how a connection is left
 * by default; this one is, so far. */
static int connect_settled(struct db *db, const char *path, bool *ret_left_alone, struct err *err)
{
    struct db_settled settled = {0};
    bool again = true;
    int rc = 0;
    while (rc == 0 && again) {
        if (db->handle != NULL)
            disconnect(db);
        rc = connect(db, path, err);
        if (rc < 0)
            return rc;
        *ret_left_alone = leave_alone(db, true);
        /* EXCLUSIVE before the first access to the WAL: no -shm file, and the lock stays held. */
        rc = db_exec_engine(db, "PRAGMA locking_mode=EXCLUSIVE", err, "open");
        if (rc == 0)
            rc = recognize(db, err);
        if (rc == 0)
            rc = settle(db, &settled, &again, err);
    }
    return rc;
}

int db_open_parts(const char *path, const struct db_part *parts, size_t count, struct db **ret,
                  struct err *err)
{
    struct db *db = xcalloc(1, sizeof *db);
    bool left_alone = false;
    int rc = sodium_init() < 0 ? err_set(err, ERR_SYSTEM, "libsodium did not start") : 0;
    if (rc == 0)
        rc = connect_settled(db, path, &left_alone, err);
    if (rc == 0)
        rc = claim(db, parts, count, err);
    if (rc == 0) {
        /* Only now: to set wal_autocheckpoint takes the hook away. */
        (void)sqlite3_wal_hook(db->handle, db_note_wal, db);
        rc = create_engine_tables(db, err);
    }
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
    return db_exec_engine(db, "PRAGMA synchronous=NORMAL", err, "open");
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
    /* To move a log into the file that may not be on the disk could damage both. */
    if (db->handle != NULL && db->tainted && !MUTANT(TAINT_IGNORED))
        (void)leave_alone(db, true);
    disconnect(db);
    free(db);
}
