#include "driver_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"
#include "order.pb-c.h"
#include "store/db.h"

void driver_files_begin(char *dir, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, size, "%s/participant-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void driver_files_end(const char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* NULL: there is none. Wherever SQLite has its files: not all of its disks are real. */
static sqlite3_file *open_file(const char *path, int flags)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_file *file = xcalloc(1, (size_t)vfs->szOsFile);
    sqlite3_filename name = sqlite3_create_filename(path, "", "", 0, NULL);
    if (vfs->xOpen(vfs, name, file, flags | SQLITE_OPEN_MAIN_DB, NULL) != SQLITE_OK) {
        free(file);
        file = NULL;
    }
    sqlite3_free_filename(name);
    return file;
}

static void close_file(sqlite3_file *file)
{
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
}

static void copy_file(const char *from, const char *to)
{
    char part[65536];
    sqlite3_int64 size = 0;
    sqlite3_file *in = open_file(from, SQLITE_OPEN_READONLY);
    sqlite3_file *out = open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    assert_non_null(out);
    if (in != NULL)
        assert_int_equal(in->pMethods->xFileSize(in, &size), SQLITE_OK);
    for (sqlite3_int64 at = 0; at < size; at += (sqlite3_int64)sizeof part) {
        sqlite3_int64 left = size - at;
        int len = left < (sqlite3_int64)sizeof part ? (int)left : (int)sizeof part;
        assert_int_equal(in->pMethods->xRead(in, part, len, at), SQLITE_OK);
        assert_int_equal(out->pMethods->xWrite(out, part, len, at), SQLITE_OK);
    }
    close_file(out);
    if (in != NULL)
        close_file(in);
}

void driver_files_copy(const char *from, const char *to)
{
    char from_wal[300];
    char to_wal[300];
    (void)snprintf(from_wal, sizeof from_wal, "%s-wal", from);
    (void)snprintf(to_wal, sizeof to_wal, "%s-wal", to);
    copy_file(from, to);
    copy_file(from_wal, to_wal);
}

void driver_files_remove(const char *path)
{
    char wal[300];
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    (void)remove(path);
    (void)remove(wal);
}

void driver_files_run(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "PRAGMA ignore_check_constraints = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    if (sqlite3_exec(handle, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static void append_name(struct buffer *text, const char *before, ProtobufCBinaryData name)
{
    buffer_append_text(text, before);
    buffer_append(text, name.data, name.len);
}

static void append_number(struct buffer *text, const char *before, uint64_t number)
{
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    buffer_append_text(text, before);
    buffer_append_text(text, digits);
}

static void append_event(struct buffer *text, const Zsaga__Event *event)
{
    Zsaga__OrderEvent *order =
        zsaga__order_event__unpack(NULL, event->payload.len, event->payload.data);
    assert_non_null(order);
    append_name(text, "", event->type);
    append_name(text, " order=", order->order_id);
    append_name(text, " customer=", order->customer_id);
    append_number(text, " cents=", order->amount_cents);
    append_number(text, " units=", order->units);
    append_name(text, " code=", order->code);
    buffer_append_text(text, "\n");
    zsaga__order_event__free_unpacked(order, NULL);
}

static void append_batch(struct buffer *text, struct bytes packed, int64_t count)
{
    Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, packed.len, packed.data);
    assert_non_null(batch);
    assert_int_equal(batch->n_events, count);
    for (size_t i = 0; i < batch->n_events; i++)
        append_event(text, batch->events[i]);
    zsaga__event_batch__free_unpacked(batch, NULL);
}

char *driver_files_events(const char *path)
{
    struct db *db = NULL;
    struct err err = {0};
    sqlite3_stmt *all = NULL;
    struct buffer text = {0};
    int64_t next = 1;
    if (db_open(path, &db, &err) < 0 ||
        db_prepare(db, "SELECT first_seq, count, events FROM zsaga_outbox ORDER BY first_seq", &all,
                   &err) < 0)
        fail_msg("%s", err.text);
    while (db_step(db, all, &err) == DB_ROW) {
        assert_int_equal(db_int(all, 0), next);
        append_batch(&text, db_bytes(all, 2), db_int(all, 1));
        next += db_int(all, 1);
    }
    sqlite3_finalize(all);
    db_close(db);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}
