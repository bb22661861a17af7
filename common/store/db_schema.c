#include "store/db.h"

#include <string.h>

/* A version that this program cannot start from, or 0. */
static int check_version(const char *part, int64_t version, int known, struct err *err)
{
    if (version >= 0 && version <= known)
        return 0;
    if (version < 0)
        return err_set(err, ERR_CORRUPT, "schema \"%s\" has no version: the database is damaged",
                       part);
    return err_set(err, ERR_CORRUPT,
                   "schema \"%s\" has version %lld, this program knows up to %d: use the newer"
                   " program",
                   part, (long long)version, known);
}

static int part_version(struct db *db, const char *part, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    *ret = 0;
    int rc = db_prepare_engine(db, "SELECT version FROM zsaga_schema WHERE part = ?1", &stmt, err);
    if (rc == 0) {
        db_bind_text(stmt, 1, bytes_text(part));
        rc = db_step(db, stmt, err);
    }
    if (rc == DB_ROW)
        *ret = db_int(stmt, 0);
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

static int set_part_version(struct db *db, const char *part, int version, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        db_prepare_engine(db, "INSERT OR REPLACE INTO zsaga_schema VALUES (?1, ?2)", &stmt, err);
    if (rc == 0) {
        db_bind_text(stmt, 1, bytes_text(part));
        db_bind_int(stmt, 2, version);
        rc = db_run(db, stmt, err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int check_part(const struct db_part *parts, size_t count, const char *name, int64_t version,
                      struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(parts[i].name, name) == 0)
            return check_version(name, version, parts[i].version, err);
    return err_set(err, ERR_CORRUPT,
                   "its schema has a part \"%s\" that this program does not know: use the newer"
                   " program, or that of the service it belongs to",
                   name);
}

static int check_each(struct db *db, sqlite3_stmt *stmt, const struct db_part *parts, size_t count,
                      struct err *err)
{
    char name[128];
    int rc;
    while ((rc = db_step(db, stmt, err)) == DB_ROW) {
        bytes_copy_text(db_bytes(stmt, 0), name, sizeof name);
        rc = check_part(parts, count, name, db_int(stmt, 1), err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int db_check_parts(struct db *db, const struct db_part *parts, size_t count, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(
        db, "SELECT part, version FROM zsaga_schema WHERE part <> 'store' ORDER BY part", &stmt,
        err);
    if (rc == 0)
        rc = check_each(db, stmt, parts, count, err);
    sqlite3_finalize(stmt);
    return rc;
}

int db_migrate(struct db *db, const char *part, const char *const *steps, int count,
               struct err *err)
{
    int64_t version = 0;
    int rc = part_version(db, part, &version, err);
    if (rc == 0)
        rc = check_version(part, version, count, err);
    if (rc < 0 || version == count)
        return rc;
    rc = db_exec(db, "BEGIN IMMEDIATE", err);
    for (int64_t i = version; rc == 0 && i < count; i++)
        rc = db_exec(db, steps[i], err);
    if (rc == 0)
        rc = set_part_version(db, part, count, err);
    if (rc == 0)
        rc = db_exec(db, "COMMIT", err);
    if (rc < 0) {
        if (db_in_transaction(db))
            (void)db_exec(db, "ROLLBACK", NULL);
        return err_wrap(err, rc, "schema \"%s\"", part);
    }
    return 0;
}
