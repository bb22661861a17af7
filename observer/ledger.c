#include "ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/xalloc.h"
#include "ledger_internal.h"

#define BUCKETS_FIRST 1024

/* %1$s the name, %2$s the key's column, %3$s the other columns, %4$s their parameters. */
static const char *const sql[LEDGER_STATEMENT_COUNT] = {
    [LEDGER_FIND] = "SELECT %2$s, %3$s FROM %1$s_open WHERE %2$s = ?1",
    [LEDGER_PUT] = "INSERT OR REPLACE INTO %1$s_open(%2$s, %3$s) VALUES (?1, %4$s)",
    [LEDGER_REMOVE] = "DELETE FROM %1$s_open WHERE %2$s = ?1",
    [LEDGER_CLOSE] = "INSERT INTO %1$s_closed(%2$s, %3$s, number) VALUES (?1, %4$s, ?)",
    [LEDGER_TRIM] = "DELETE FROM %1$s_closed WHERE number < ?1",
    [LEDGER_LOAD] = "SELECT %2$s, %3$s FROM %1$s_open ORDER BY %2$s LIMIT ?1",
    [LEDGER_COUNT] = "SELECT count(*) FROM %1$s_open",
    [LEDGER_RANGE] = "SELECT coalesce(min(number), 1), coalesce(max(number), 0) FROM %1$s_closed",
    [LEDGER_RECENT] = "SELECT %2$s, %3$s FROM %1$s_closed ORDER BY number DESC LIMIT ?1",
    [LEDGER_PAGE_OPEN] = "SELECT %2$s, %3$s FROM %1$s_open WHERE %2$s > ?1 ORDER BY %2$s",
    [LEDGER_PAGE_CLOSED] =
        "SELECT %2$s, %3$s, number FROM %1$s_closed WHERE number > ?1 ORDER BY number",
    [LEDGER_CLEAR_OPEN] = "DELETE FROM %1$s_open",
    [LEDGER_CLEAR_CLOSED] = "DELETE FROM %1$s_closed",
};

static struct ledger_entry *entry_of(const void *record)
{
    return (struct ledger_entry *)(uintptr_t)record;
}

/* The statement's text, its places filled in. */
static char *spell(const struct ledger_kind *kind, const char *template)
{
    struct buffer text = {0};
    struct buffer parameters = {0};
    for (size_t i = 0; i < kind->column_count; i++)
        buffer_append_text(&parameters, i == 0 ? "?" : ", ?");
    buffer_append(&parameters, "", 1);
    const char *const places[] = {kind->name, kind->key, kind->columns,
                                  (const char *)parameters.data};
    for (const char *at = template; *at != '\0';) {
        if (*at != '%') {
            buffer_append(&text, at++, 1);
            continue;
        }
        buffer_append_text(&text, places[at[1] - '1']);
        at += strlen("%1$s");
    }
    buffer_append(&text, "", 1);
    buffer_release(&parameters);
    return (char *)text.data;
}

int ledger_open(struct ledger *ledger, struct db *db, const struct ledger_kind *kind, void *context,
                uint64_t keep, struct err *err)
{
    assert(keep > 0);
    *ledger = (struct ledger){
        .db = db,
        .kind = kind,
        .context = context,
        .keep = keep,
        .memory_max = LEDGER_MEMORY_MAX,
        .trim_max = LEDGER_TRIM_MAX,
    };
    for (size_t i = 0; i < LEDGER_STATEMENT_COUNT; i++) {
        AUTO(freep) char *text = spell(kind, sql[i]);
        int rc = db_prepare(db, text, &ledger->statements[i], err);
        if (rc < 0)
            return rc;
    }
    ledger->bucket_count = BUCKETS_FIRST;
    ledger->buckets = xcalloc(ledger->bucket_count, sizeof(struct ledger_entry *));
    return 0;
}

void ledger_release(struct ledger *ledger)
{
    ledger_forget(ledger);
    for (size_t i = 0; i < LEDGER_STATEMENT_COUNT; i++)
        sqlite3_finalize(ledger->statements[i]);
    free(ledger->buckets);
    free(ledger->dirty);
    buffer_release(&ledger->scratch);
    *ledger = (struct ledger){0};
}

/* Entries in memory. */

static uint32_t hash_of(struct bytes key)
{
    uint32_t hash = 2166136261U; /* FNV-1a. */
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ key.data[i]) * 16777619U;
    return hash;
}

void ledger_free_entry(const struct ledger *ledger, struct ledger_entry *entry)
{
    ledger->kind->release(entry);
    free((void *)(uintptr_t)entry->key.data);
    free(entry);
}

static struct ledger_entry *new_entry(const struct ledger *ledger, struct bytes key)
{
    struct ledger_entry *entry = xcalloc(1, ledger->kind->record_size);
    entry->key = bytes_of(xmemdup(key.data, key.len), key.len);
    entry->hash = hash_of(key);
    return entry;
}

static struct ledger_entry **bucket_of(const struct ledger *ledger, uint32_t hash)
{
    return &ledger->buckets[hash % ledger->bucket_count];
}

static void widen(struct ledger *ledger)
{
    free(ledger->buckets);
    ledger->bucket_count *= 2;
    ledger->buckets = xcalloc(ledger->bucket_count, sizeof(struct ledger_entry *));
    for (struct ledger_entry *entry = ledger->oldest; entry != NULL; entry = entry->behind) {
        struct ledger_entry **bucket = bucket_of(ledger, entry->hash);
        entry->chain = *bucket;
        *bucket = entry;
    }
}

static void link_entry(struct ledger *ledger, struct ledger_entry *entry)
{
    if (ledger->count >= ledger->bucket_count)
        widen(ledger);
    struct ledger_entry **bucket = bucket_of(ledger, entry->hash);
    entry->chain = *bucket;
    *bucket = entry;
    entry->before = ledger->newest;
    if (ledger->newest != NULL)
        ledger->newest->behind = entry;
    else
        ledger->oldest = entry;
    ledger->newest = entry;
    ledger->count++;
}

static void unlink_entry(struct ledger *ledger, struct ledger_entry *entry)
{
    struct ledger_entry **link = bucket_of(ledger, entry->hash);
    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    *(entry->before != NULL ? &entry->before->behind : &ledger->oldest) = entry->behind;
    *(entry->behind != NULL ? &entry->behind->before : &ledger->newest) = entry->before;
    entry->chain = entry->before = entry->behind = NULL;
    ledger->count--;
}

static struct ledger_entry *find(const struct ledger *ledger, struct bytes key)
{
    uint32_t hash = hash_of(key);
    struct ledger_entry *entry = *bucket_of(ledger, hash);
    while (entry != NULL && (entry->hash != hash || !bytes_equal(entry->key, key)))
        entry = entry->chain;
    return entry;
}

void *ledger_first(const struct ledger *ledger)
{
    return ledger->oldest;
}

void *ledger_next(const void *record)
{
    return entry_of(record)->behind;
}

uint64_t ledger_open_count(const struct ledger *ledger)
{
    return ledger->count + ledger->absent;
}

void ledger_forget(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->dirty_count; i++)
        if (ledger->dirty[i] != NULL && ledger->dirty[i]->number != 0)
            ledger_free_entry(ledger, ledger->dirty[i]);
    ledger->dirty_count = 0;
    for (struct ledger_entry *entry = ledger->oldest, *behind; entry != NULL; entry = behind) {
        behind = entry->behind;
        ledger_free_entry(ledger, entry);
    }
    ledger->oldest = ledger->newest = NULL;
    ledger->count = 0;
    if (ledger->buckets != NULL)
        memset(ledger->buckets, 0, ledger->bucket_count * sizeof(struct ledger_entry *));
}

/* Reading the tables. */

int ledger_read_entry(const struct ledger *ledger, sqlite3_stmt *stmt, struct ledger_entry **ret,
                      struct err *err)
{
    struct ledger_entry *entry = new_entry(ledger, db_bytes(stmt, 0));
    int rc = ledger->kind->read(ledger->context, stmt, entry, err);
    if (rc < 0) {
        ledger_free_entry(ledger, entry);
        return rc;
    }
    *ret = entry;
    return 0;
}

static int load_open(struct ledger *ledger, struct err *err)
{
    sqlite3_stmt *load = ledger->statements[LEDGER_LOAD];
    db_bind_int(load, 1, (int64_t)ledger->memory_max);
    int rc;
    while ((rc = db_step(ledger->db, load, err)) == DB_ROW) {
        struct ledger_entry *entry;
        rc = ledger_read_entry(ledger, load, &entry, err);
        if (rc < 0)
            break;
        entry->stored = true;
        link_entry(ledger, entry);
    }
    db_reset(load);
    return rc;
}

static int ask_two(struct ledger *ledger, enum ledger_statement which, int64_t ret[2],
                   struct err *err)
{
    sqlite3_stmt *stmt = ledger->statements[which];
    int rc = db_step(ledger->db, stmt, err);
    if (rc == DB_ROW) {
        ret[0] = db_int(stmt, 0);
        ret[1] = sqlite3_column_count(stmt) > 1 ? db_int(stmt, 1) : 0;
    }
    db_reset(stmt);
    return rc < 0 ? rc : 0;
}

int ledger_load(struct ledger *ledger, struct err *err)
{
    int64_t open[2] = {0};
    int64_t range[2] = {1, 0};
    int rc = load_open(ledger, err);
    if (rc == 0)
        rc = ask_two(ledger, LEDGER_COUNT, open, err);
    if (rc == 0)
        rc = ask_two(ledger, LEDGER_RANGE, range, err);
    ledger->absent = (uint64_t)open[0] - ledger->count;
    ledger->lowest = (uint64_t)range[0];
    ledger->closed = (uint64_t)range[1];
    return rc;
}

/* One that is in the table only. */
static int fetch(struct ledger *ledger, struct bytes key, struct ledger_entry **ret,
                 struct err *err)
{
    sqlite3_stmt *stmt = ledger->statements[LEDGER_FIND];
    *ret = NULL;
    db_bind_bytes(stmt, 1, key);
    int rc = db_step(ledger->db, stmt, err);
    if (rc == DB_ROW)
        rc = ledger_read_entry(ledger, stmt, ret, err);
    db_reset(stmt);
    if (rc < 0 || *ret == NULL)
        return rc;
    (*ret)->stored = true;
    ledger->absent--;
    link_entry(ledger, *ret);
    return 0;
}

/* Closed, and its row still in the table of the open ones. */
static bool is_leaving(const struct ledger *ledger, struct bytes key)
{
    uint32_t hash = hash_of(key);
    for (size_t i = 0; i < ledger->dirty_count; i++) {
        const struct ledger_entry *entry = ledger->dirty[i];
        if (entry->number != 0 && entry->hash == hash && bytes_equal(entry->key, key))
            return true;
    }
    return false;
}

int ledger_get(struct ledger *ledger, struct bytes key, void **ret, struct err *err)
{
    struct ledger_entry *entry = find(ledger, key);
    if (entry == NULL && ledger->absent != 0 && !is_leaving(ledger, key)) {
        int rc = fetch(ledger, key, &entry, err);
        if (rc < 0)
            return rc;
    }
    *ret = entry;
    if (entry != NULL)
        return 0;
    entry = new_entry(ledger, key);
    link_entry(ledger, entry);
    *ret = entry;
    return LEDGER_NEW;
}

void ledger_touch(struct ledger *ledger, void *record)
{
    struct ledger_entry *entry = entry_of(record);
    if (entry->dirty)
        return;
    entry->dirty = true;
    ledger->dirty = xgrow(ledger->dirty, &ledger->dirty_capacity, ledger->dirty_count + 1,
                          sizeof(struct ledger_entry *));
    ledger->dirty[ledger->dirty_count++] = entry;
}

void ledger_close(struct ledger *ledger, void *record)
{
    struct ledger_entry *entry = entry_of(record);
    ledger_touch(ledger, record);
    unlink_entry(ledger, entry);
    entry->number = ++ledger->closed;
}

/* Writing. */

static int write_closed(struct ledger *ledger, struct ledger_entry *entry, struct err *err)
{
    int rc = 0;
    if (entry->stored) {
        sqlite3_stmt *remove = ledger->statements[LEDGER_REMOVE];
        db_bind_bytes(remove, 1, entry->key);
        rc = db_run(ledger->db, remove, err);
    }
    if (rc < 0)
        return rc;
    sqlite3_stmt *close = ledger->statements[LEDGER_CLOSE];
    db_bind_bytes(close, 1, entry->key);
    buffer_clear(&ledger->scratch);
    ledger->kind->bind(entry, close, &ledger->scratch);
    db_bind_int(close, (int)ledger->kind->column_count + 2, (int64_t)entry->number);
    return db_run(ledger->db, close, err);
}

static int write_open(struct ledger *ledger, struct ledger_entry *entry, struct err *err)
{
    sqlite3_stmt *put = ledger->statements[LEDGER_PUT];
    db_bind_bytes(put, 1, entry->key);
    buffer_clear(&ledger->scratch);
    ledger->kind->bind(entry, put, &ledger->scratch);
    int rc = MUTANT(MODEL_UPDATE_LOST) && entry->stored ? 0 : db_run(ledger->db, put, err);
    entry->dirty = false;
    entry->stored = true;
    return rc;
}

static int trim(struct ledger *ledger, struct err *err)
{
    if (ledger->closed - (ledger->lowest - 1) <= ledger->keep)
        return 0;
    uint64_t first = ledger->closed - ledger->keep + 1;
    if (first - ledger->lowest > ledger->trim_max)
        first = ledger->lowest + ledger->trim_max;
    sqlite3_stmt *stmt = ledger->statements[LEDGER_TRIM];
    db_bind_int(stmt, 1, (int64_t)first);
    ledger->lowest = first;
    return db_run(ledger->db, stmt, err);
}

/* The oldest in memory leave it; they are read again should they change. */
static void make_room(struct ledger *ledger)
{
    while (ledger->count > ledger->memory_max) {
        struct ledger_entry *entry = ledger->oldest;
        unlink_entry(ledger, entry);
        ledger_free_entry(ledger, entry);
        ledger->absent++;
    }
}

int ledger_flush(struct ledger *ledger, struct err *err)
{
    for (size_t i = 0; i < ledger->dirty_count; i++) {
        struct ledger_entry *entry = ledger->dirty[i];
        bool closed = entry->number != 0;
        int rc = closed ? write_closed(ledger, entry, err) : write_open(ledger, entry, err);
        if (rc < 0)
            return rc;
        ledger->dirty[i] = NULL;
        if (closed)
            ledger_free_entry(ledger, entry);
    }
    ledger->dirty_count = 0;
    make_room(ledger);
    return trim(ledger, err);
}

int ledger_reset(struct ledger *ledger, struct err *err)
{
    ledger_forget(ledger);
    ledger->absent = 0;
    ledger->closed = 0;
    ledger->lowest = 1;
    int rc = db_run(ledger->db, ledger->statements[LEDGER_CLEAR_OPEN], err);
    return rc < 0 ? rc : db_run(ledger->db, ledger->statements[LEDGER_CLEAR_CLOSED], err);
}
