/* What a ledger holds, for reports and exports: from its tables, not from memory. */
#include <string.h>

#include "ledger_internal.h"

int ledger_recent(struct ledger *ledger, uint64_t limit,
                  bool (*show)(void *context, const void *record), void *context, struct err *err)
{
    sqlite3_stmt *stmt = ledger->statements[LEDGER_RECENT];
    db_bind_int(stmt, 1, (int64_t)limit);
    int rc = 0;
    bool more = true;
    while (more && (rc = db_step(ledger->db, stmt, err)) == DB_ROW) {
        struct ledger_entry *entry;
        rc = ledger_read_entry(ledger, stmt, &entry, err);
        if (rc < 0)
            break;
        more = show(context, entry);
        ledger_free_entry(ledger, entry);
    }
    db_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* `after` is 'c' and the number of the last closed row, or 'o' and the key of the last open one. */
static int page_closed(struct ledger *ledger, uint64_t after, struct export_page *page,
                       void (*show)(const void *record, struct export_page *page),
                       struct buffer *ret_next, struct err *err)
{
    sqlite3_stmt *stmt = ledger->statements[LEDGER_PAGE_CLOSED];
    if (ledger->closed > ledger->keep && after < ledger->closed - ledger->keep)
        after = ledger->closed - ledger->keep;
    db_bind_int(stmt, 1, (int64_t)after);
    int rc;
    while ((rc = db_step(ledger->db, stmt, err)) == DB_ROW) {
        struct ledger_entry *entry;
        rc = ledger_read_entry(ledger, stmt, &entry, err);
        if (rc < 0)
            break;
        show(entry, page);
        ledger_free_entry(ledger, entry);
        if (!export_full(page))
            continue;
        uint64_t last = (uint64_t)db_int(stmt, (int)ledger->kind->column_count + 1);
        buffer_append_text(ret_next, "c");
        buffer_append(ret_next, &last, sizeof last);
        break;
    }
    db_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int page_open(struct ledger *ledger, struct bytes after, struct export_page *page,
                     void (*show)(const void *record, struct export_page *page),
                     struct buffer *ret_next, struct err *err)
{
    sqlite3_stmt *stmt = ledger->statements[LEDGER_PAGE_OPEN];
    db_bind_bytes(stmt, 1, after);
    int rc;
    while ((rc = db_step(ledger->db, stmt, err)) == DB_ROW) {
        struct ledger_entry *entry;
        rc = ledger_read_entry(ledger, stmt, &entry, err);
        if (rc < 0)
            break;
        show(entry, page);
        if (export_full(page)) {
            buffer_append_text(ret_next, "o");
            buffer_append(ret_next, entry->key.data, entry->key.len);
        }
        ledger_free_entry(ledger, entry);
        if (ret_next->len != 0)
            break;
    }
    db_reset(stmt);
    return rc < 0 ? rc : 0;
}

int ledger_page(struct ledger *ledger, struct bytes after, struct export_page *page,
                void (*show)(const void *record, struct export_page *page), struct buffer *ret_next,
                struct err *err)
{
    uint64_t number = 0;
    bool open = after.len != 0 && after.data[0] == 'o';
    struct bytes key = open ? bytes_of(after.data + 1, after.len - 1) : bytes_of("", 0);
    if (!open && after.len == 1 + sizeof number)
        memcpy(&number, after.data + 1, sizeof number);
    int rc = open ? 0 : page_closed(ledger, number, page, show, ret_next, err);
    if (rc == 0 && ret_next->len == 0)
        rc = page_open(ledger, key, page, show, ret_next, err);
    return rc;
}
