/* What the files of the database module share. */
#ifndef ZSAGA_DB_INTERNAL_H
#define ZSAGA_DB_INTERNAL_H

#include "store/db.h"

struct db {
    sqlite3 *handle;
    bool tainted;        /* An I/O error: what it believes to be on the disk may not be. */
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

int db_class_of(int rc); /* enum err_code of SQLite's. */

/* Tells what SQLite refused, and remembers it. */
int db_fail(struct db *db, int rc, struct err *err, const char *doing);

/* As db_exec(), whether a service's function runs or not. */
int db_exec_engine(struct db *db, const char *sql, struct err *err, const char *doing);

/* What SQLite calls; `data` is the struct db. */
int db_authorize(void *data, int action, const char *a, const char *b, const char *schema,
                 const char *trigger);
int db_note_wal(void *data, sqlite3 *handle, const char *schema, int pages);

#endif
