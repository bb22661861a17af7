#include "scribbler.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/outbox.h"

enum { NOTE_WRITE, NOTE_PAGE, TOTAL_WRITE, TOTAL_BREAK, STATEMENT_COUNT };

struct scribbler {
    struct db *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

static const char *const sql[STATEMENT_COUNT] = {
    [NOTE_WRITE] = "INSERT INTO note VALUES (?1, 1) ON CONFLICT DO UPDATE SET writes = writes + 1",
    [NOTE_PAGE] = "SELECT saga, hex(saga), writes FROM note WHERE saga > ?1 ORDER BY saga",
    [TOTAL_WRITE] = "UPDATE total SET writes = writes + 1",
    [TOTAL_BREAK] = "INSERT OR ROLLBACK INTO total VALUES (1, 0)",
};

static const char *const schema[] = {
    "CREATE TABLE note(saga BLOB PRIMARY KEY, writes INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE total(id INTEGER PRIMARY KEY, writes INTEGER NOT NULL) STRICT;"
    "INSERT INTO total VALUES (1, 0);",
};

/* Takes the next word off the script; false, and an empty word, at its end. */
static bool take_word(struct bytes *script, struct bytes *ret)
{
    *ret = bytes_of(NULL, 0);
    while (script->len > 0 && script->data[0] == ' ')
        *script = bytes_of(script->data + 1, script->len - 1);
    if (script->len == 0)
        return false;
    size_t len = 0;
    while (len < script->len && script->data[len] != ' ')
        len++;
    *ret = bytes_of(script->data, len);
    *script = bytes_of(script->data + len, script->len - len);
    return true;
}

static bool is(struct bytes word, const char *text)
{
    return bytes_equal(word, bytes_text(text));
}

static int write_row(struct call *call, struct err *err)
{
    struct scribbler *self = call_self(call);
    db_bind_bytes(self->statements[NOTE_WRITE], 1, id_view(call_saga(call)));
    int rc = db_run(self->db, self->statements[NOTE_WRITE], err);
    return rc < 0 ? rc : db_run(self->db, self->statements[TOTAL_WRITE], err);
}

static void tell_too_much(struct call *call)
{
    AUTO(freep) uint8_t *payload = xcalloc(1, OUTBOX_PAYLOAD_MAX + 1);
    call_event(call, "Scribbled", bytes_of(payload, OUTBOX_PAYLOAD_MAX));
    call_event(call, "Scribbled", bytes_of(payload, OUTBOX_PAYLOAD_MAX + 1));
}

/* Does what a word says that does not end the handler. 0: it does end it, or is unknown. */
static int do_word(struct call *call, struct bytes word, struct err *err)
{
    static const uint8_t large[PARTICIPANT_OUTPUT_MAX + 1];
    struct scribbler *self = call_self(call);
    int rc = 0;
    if (is(word, "write"))
        rc = write_row(call, err);
    else if (is(word, "event"))
        call_event(call, "Scribbled", bytes_of(NULL, 0));
    else if (is(word, "large-event"))
        tell_too_much(call);
    else if (is(word, "nameless-event"))
        call_event(call, "", bytes_of(NULL, 0));
    else if (is(word, "output"))
        call_output(call, bytes_text("so far"));
    else if (is(word, "too-much"))
        call_output(call, bytes_of(large, sizeof large));
    else if (is(word, "break"))
        rc = db_run(self->db, self->statements[TOTAL_BREAK], err);
    else
        return 0;
    return rc < 0 ? rc : 1;
}

/* Ends the handler as a word says. */
static int end(struct call *call, struct bytes word, struct err *err)
{
    if (is(word, "done"))
        return CALL_DONE;
    if (is(word, "pending"))
        return CALL_PENDING;
    if (is(word, "retry"))
        return call_retry(call, 1234, "busy", "later");
    if (is(word, "fail"))
        return err_set(err, ERR_SYSTEM, "it failed");
    bool known = is(word, "refuse");
    call_refusal_event(call, "ScribbleRefused", bytes_of(NULL, 0));
    return call_refuse(call, known ? "refused" : "malformed", "%s",
                       known ? "as the script says" : "the script has an unknown word, or no end");
}

/* Whether the action goes on behind this word instead of ending at it. */
static bool is_passed(const struct call *call, struct bytes word)
{
    return is(word, "pending") && call_again(call);
}

static int scribble(struct call *call, struct err *err)
{
    struct bytes script = call_input(call);
    struct bytes word = {0};
    /* Asked again, what was written before "pending" is there already. */
    if (call_again(call))
        while (take_word(&script, &word) && !is_passed(call, word))
            ;
    while (take_word(&script, &word)) {
        int rc = do_word(call, word, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
    }
    return end(call, word, err);
}

static int erase(struct call *call, struct err *err)
{
    struct bytes script = call_input(call);
    struct bytes word = {0};
    while (take_word(&script, &word) && !is(word, "/"))
        ;
    while (take_word(&script, &word)) {
        int rc = do_word(call, word, err);
        if (rc < 0)
            return rc;
        if (is(word, "refuse") || is(word, "fail") || is(word, "pending"))
            return end(call, word, err);
    }
    return CALL_DONE;
}

static int page_notes(void *self_p, struct db *db, struct bytes after, struct export_page *page,
                      struct buffer *ret_next, struct err *err)
{
    struct scribbler *self = self_p;
    sqlite3_stmt *notes = self->statements[NOTE_PAGE];
    db_bind_bytes(notes, 1, after);
    int rc;
    while ((rc = db_step(db, notes, err)) == DB_ROW) {
        struct bytes fields[] = {db_bytes(notes, 1), db_bytes(notes, 2)};
        export_add(page, fields);
        if (!export_full(page))
            continue;
        buffer_append(ret_next, db_bytes(notes, 0).data, db_bytes(notes, 0).len);
        break;
    }
    db_reset(notes);
    return rc < 0 ? rc : 0;
}

/* Each write went to both tables, or to none. */
static int audit(void *self_p, struct db *db, struct audit *audit, struct err *err)
{
    sqlite3_stmt *sums = NULL;
    (void)self_p;
    int rc = db_prepare(db,
                        "SELECT (SELECT writes FROM total),"
                        " (SELECT coalesce(sum(writes), 0) FROM note)",
                        &sums, err);
    if (rc == 0)
        rc = db_step(db, sums, err);
    if (rc == DB_ROW)
        audit_check(audit, "scribbler.writes_add_up", db_int(sums, 0) == db_int(sums, 1),
                    "%lld in all, %lld in the notes", (long long)db_int(sums, 0),
                    (long long)db_int(sums, 1));
    sqlite3_finalize(sums);
    return rc < 0 ? rc : 0;
}

static int open_scribbler(void *self_p, struct db *db, struct config_node *settings,
                          struct err *err)
{
    struct scribbler *self = self_p;
    int rc = 0;
    (void)settings;
    self->db = db;
    for (size_t i = 0; rc == 0 && i < STATEMENT_COUNT; i++)
        rc = db_prepare(db, sql[i], &self->statements[i], err);
    return rc;
}

static void close_scribbler(void *self_p)
{
    struct scribbler *self = self_p;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(self->statements[i]);
}

static const struct participant_action actions[] = {
    {"scribble", scribble, "erase", erase},
};

static const char *const note_columns[] = {"saga", "writes"};
static const struct participant_table tables[] = {
    {.name = "notes", .columns = note_columns, .column_count = 2, .page = page_notes},
};

const struct participant_service scribbler_service = {
    .name = "scribbler",
    .about = "does what its input says",
    .schema = schema,
    .schema_count = 1,
    .actions = actions,
    .action_count = 1,
    .tables = tables,
    .table_count = 1,
    .self_size = sizeof(struct scribbler),
    .open = open_scribbler,
    .close = close_scribbler,
    .audit = audit,
};
