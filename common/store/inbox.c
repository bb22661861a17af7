#include "store/inbox.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "base/xalloc.h"

struct inbox {
    struct db *db;
    sqlite3_stmt *find;
    sqlite3_stmt *put;
    sqlite3_stmt *count_up;
    uint64_t records;
    uint64_t unsaved; /* Of this batch. */
};

static const char *const schema[] = {
    "CREATE TABLE zsaga_inbox("
    " saga BLOB NOT NULL, step INTEGER NOT NULL, driver INTEGER NOT NULL,"
    " forward INTEGER NOT NULL, backward INTEGER NOT NULL,"
    " code BLOB, message BLOB, output BLOB,"
    " PRIMARY KEY (saga, step)) STRICT, WITHOUT ROWID;"
    "INSERT INTO zsaga_counter VALUES ('inbox_records', 0);",
};

const struct db_part inbox_part = {"inbox", sizeof schema / sizeof schema[0]};

enum inbox_verdict inbox_judge(const struct inbox_row *row, bool compensation)
{
    if (MUTANT(LATE_FORWARD_RUNS) && row->backward == INBOX_BACKWARD_TOMBSTONE && !compensation)
        return INBOX_RUN;
    if (MUTANT(UNDO_RUNS_TWICE) && row->backward == INBOX_BACKWARD_DONE && compensation)
        return INBOX_UNDO;
    if (row->backward != INBOX_BACKWARD_NONE)
        return compensation ? INBOX_REPEAT : INBOX_BLOCKED;
    switch (row->forward) {
    case INBOX_FORWARD_NONE:
        return compensation ? INBOX_TOMBSTONE : INBOX_RUN;
    case INBOX_FORWARD_DONE:
        if (MUTANT(DUPLICATE_RUNS) && !compensation)
            return INBOX_RUN;
        return compensation ? INBOX_UNDO : INBOX_REPEAT;
    case INBOX_FORWARD_REJECTED:
        return compensation ? INBOX_TOMBSTONE : INBOX_REPEAT;
    case INBOX_FORWARD_PENDING:
        if (MUTANT(UNDO_BEFORE_KNOWN) && compensation)
            return INBOX_UNDO;
        return compensation ? INBOX_ASK_UNDO : INBOX_ASK;
    }
    assert(0);
    return INBOX_BLOCKED;
}

static int load_records(struct inbox *inbox, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = db_prepare_engine(
        inbox->db, "SELECT value FROM zsaga_counter WHERE name = 'inbox_records'", &stmt, err);
    if (rc == 0)
        rc = db_step(inbox->db, stmt, err);
    if (rc == DB_ROW)
        inbox->records = (uint64_t)db_int(stmt, 0);
    else if (rc == 0)
        rc = err_set(err, ERR_CORRUPT, "the inbox's counter is missing");
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

int inbox_open(struct db *db, struct inbox **ret, struct err *err)
{
    struct inbox *inbox = xcalloc(1, sizeof *inbox);
    inbox->db = db;
    int rc = db_migrate(db, inbox_part.name, schema, inbox_part.version, err);
    if (rc == 0)
        rc = db_prepare_engine(db,
                               "SELECT forward, backward, code, message, output"
                               " FROM zsaga_inbox WHERE saga = ?1 AND step = ?2",
                               &inbox->find, err);
    if (rc == 0)
        rc = db_prepare_engine(db,
                               "INSERT INTO zsaga_inbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                               " ON CONFLICT DO UPDATE SET forward = ?4, backward = ?5,"
                               " code = ?6, message = ?7, output = ?8",
                               &inbox->put, err);
    if (rc == 0)
        rc = db_prepare_engine(db,
                               "UPDATE zsaga_counter SET value = ?1 WHERE name = 'inbox_records'",
                               &inbox->count_up, err);
    if (rc == 0)
        rc = load_records(inbox, err);
    if (rc < 0) {
        inbox_close(inbox);
        return rc;
    }
    *ret = inbox;
    return 0;
}

void inbox_close(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    sqlite3_finalize(inbox->find);
    sqlite3_finalize(inbox->put);
    sqlite3_finalize(inbox->count_up);
    free(inbox);
}

int inbox_find(struct inbox *inbox, const struct id *saga, uint32_t step, struct inbox_row *ret,
               bool *ret_found, struct err *err)
{
    *ret = (struct inbox_row){0};
    if (ret_found != NULL)
        *ret_found = false;
    db_reset(inbox->find);
    db_bind_bytes(inbox->find, 1, id_view(saga));
    db_bind_int(inbox->find, 2, step);
    int rc = db_step(inbox->db, inbox->find, err);
    if (rc != DB_ROW)
        return rc;
    ret->forward = (enum inbox_forward)db_int(inbox->find, 0);
    ret->backward = (enum inbox_backward)db_int(inbox->find, 1);
    ret->code = db_bytes(inbox->find, 2);
    ret->message = db_bytes(inbox->find, 3);
    ret->output = db_bytes(inbox->find, 4);
    if (ret_found != NULL)
        *ret_found = true;
    return 0;
}

uint64_t inbox_records(const struct inbox *inbox)
{
    return inbox->records;
}

int inbox_save(struct inbox *inbox, struct err *err)
{
    if (inbox->unsaved == 0)
        return 0;
    db_bind_int(inbox->count_up, 1, (int64_t)(inbox->records + inbox->unsaved));
    return db_run(inbox->db, inbox->count_up, err);
}

void inbox_committed(struct inbox *inbox)
{
    inbox->records += inbox->unsaved;
    inbox->unsaved = 0;
}

void inbox_forget(struct inbox *inbox)
{
    inbox->unsaved = 0;
}

void inbox_rest(struct inbox *inbox)
{
    db_reset(inbox->find);
}

static void bind_optional(sqlite3_stmt *stmt, int index, struct bytes value)
{
    if (value.len == 0)
        db_bind_null(stmt, index);
    else
        db_bind_bytes(stmt, index, value);
}

int inbox_put(struct inbox *inbox, const struct id *saga, uint32_t step, int64_t driver,
              const struct inbox_row *row, struct err *err)
{
    sqlite3_stmt *put = inbox->put;
    db_bind_bytes(put, 1, id_view(saga));
    db_bind_int(put, 2, step);
    db_bind_int(put, 3, driver);
    db_bind_int(put, 4, row->forward);
    db_bind_int(put, 5, row->backward);
    bind_optional(put, 6, row->code);
    bind_optional(put, 7, row->message);
    bind_optional(put, 8, row->output);
    inbox->unsaved++;
    return db_run(inbox->db, put, err);
}
