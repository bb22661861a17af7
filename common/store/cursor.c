#include "store/cursor.h"

#include <stdlib.h>

#include "base/xalloc.h"

struct cursor_store {
    struct db *db;
    sqlite3_stmt *load;
    sqlite3_stmt *save;
    sqlite3_stmt *note;
    sqlite3_stmt *newest;
};

static const char *const schema[] = {
    "CREATE TABLE zsaga_cursor(publisher TEXT PRIMARY KEY, store BLOB NOT NULL,"
    " seq INTEGER NOT NULL, event_id BLOB NOT NULL, wall_ms INTEGER NOT NULL,"
    " state INTEGER NOT NULL, detail TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE zsaga_resync(number INTEGER PRIMARY KEY, publisher TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, from_tail INTEGER NOT NULL, who BLOB NOT NULL,"
    " reason BLOB NOT NULL, state INTEGER NOT NULL, detail TEXT NOT NULL,"
    " store_before BLOB NOT NULL, seq_before INTEGER NOT NULL,"
    " store_after BLOB NOT NULL, seq_after INTEGER NOT NULL) STRICT;",
};

const struct db_part cursor_part = {"cursor", sizeof schema / sizeof schema[0]};

static int prepare(struct cursor_store *store, struct err *err)
{
    const struct {
        const char *sql;
        sqlite3_stmt **stmt;
    } all[] = {
        {"SELECT store, seq, event_id, wall_ms, state, detail FROM zsaga_cursor"
         " WHERE publisher = ?1",
         &store->load},
        {"INSERT OR REPLACE INTO zsaga_cursor VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &store->save},
        {"INSERT INTO zsaga_resync VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
         &store->note},
        {"SELECT from_tail = ?2 AND who = ?3 AND reason = ?4 FROM zsaga_resync"
         " WHERE publisher = ?1 ORDER BY number DESC LIMIT 1",
         &store->newest},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof all[0]; i++)
        rc = db_prepare_engine(store->db, all[i].sql, all[i].stmt, err);
    return rc;
}

int cursor_open(struct db *db, struct cursor_store **ret, struct err *err)
{
    struct cursor_store *store = xcalloc(1, sizeof *store);
    store->db = db;
    int rc = db_migrate(db, cursor_part.name, schema, cursor_part.version, err);
    if (rc == 0)
        rc = prepare(store, err);
    if (rc < 0) {
        cursor_close(store);
        return rc;
    }
    *ret = store;
    return 0;
}

void cursor_close(struct cursor_store *store)
{
    if (store == NULL)
        return;
    sqlite3_finalize(store->load);
    sqlite3_finalize(store->save);
    sqlite3_finalize(store->note);
    sqlite3_finalize(store->newest);
    free(store);
}

static int read_row(sqlite3_stmt *row, const char *publisher, struct cursor *ret, struct err *err)
{
    int64_t state = db_int(row, 4);
    if (!id_from_bytes(db_bytes(row, 0), &ret->store) || !id_from_bytes(db_bytes(row, 2), &ret->id))
        return err_set(err, ERR_CORRUPT, "the cursor of %s has no proper ids", publisher);
    if (state < CURSOR_FOLLOWS || state > CURSOR_DIVERGED || db_int(row, 1) < 0)
        return err_set(err, ERR_CORRUPT, "the cursor of %s is damaged", publisher);
    ret->seq = (uint64_t)db_int(row, 1);
    ret->wall_ms = db_int(row, 3);
    ret->state = (enum cursor_state)state;
    bytes_copy_text(db_bytes(row, 5), ret->detail, sizeof ret->detail);
    return 0;
}

int cursor_load(struct cursor_store *store, const char *publisher, struct cursor *ret,
                struct err *err)
{
    *ret = (struct cursor){0};
    db_bind_text(store->load, 1, bytes_text(publisher));
    int rc = db_step(store->db, store->load, err);
    if (rc == DB_ROW)
        rc = read_row(store->load, publisher, ret, err);
    db_reset(store->load);
    return rc;
}

int cursor_save(struct cursor_store *store, const char *publisher, const struct cursor *cursor,
                struct err *err)
{
    sqlite3_stmt *save = store->save;
    db_bind_text(save, 1, bytes_text(publisher));
    db_bind_bytes(save, 2, id_view(&cursor->store));
    db_bind_int(save, 3, (int64_t)cursor->seq);
    db_bind_bytes(save, 4, id_view(&cursor->id));
    db_bind_int(save, 5, cursor->wall_ms);
    db_bind_int(save, 6, cursor->state);
    db_bind_text(save, 7, bytes_text(cursor->detail));
    return db_run(store->db, save, err);
}

int cursor_note_resync(struct cursor_store *store, const char *publisher,
                       const struct cursor_resync *resync, const struct cursor *before,
                       const struct cursor *after, int64_t wall_ms, struct err *err)
{
    sqlite3_stmt *note = store->note;
    db_bind_text(note, 1, bytes_text(publisher));
    db_bind_int(note, 2, wall_ms);
    db_bind_int(note, 3, resync->from_tail);
    db_bind_bytes(note, 4, resync->who);
    db_bind_bytes(note, 5, resync->reason);
    db_bind_int(note, 6, before->state);
    db_bind_text(note, 7, bytes_text(before->detail));
    db_bind_bytes(note, 8, id_view(&before->store));
    db_bind_int(note, 9, (int64_t)before->seq);
    db_bind_bytes(note, 10, id_view(&after->store));
    db_bind_int(note, 11, (int64_t)after->seq);
    return db_run(store->db, note, err);
}

int cursor_was_resynced(struct cursor_store *store, const char *publisher,
                        const struct cursor_resync *resync, bool *ret, struct err *err)
{
    sqlite3_stmt *newest = store->newest;
    db_bind_text(newest, 1, bytes_text(publisher));
    db_bind_int(newest, 2, resync->from_tail);
    db_bind_bytes(newest, 3, resync->who);
    db_bind_bytes(newest, 4, resync->reason);
    int rc = db_step(store->db, newest, err);
    *ret = rc == DB_ROW && db_int(newest, 0) != 0;
    db_reset(newest);
    return rc < 0 ? rc : 0;
}
