#include "owner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/packed.h"
#include "base/xalloc.h"

#define PAGE_ROWS 500
#define PAGE_BYTES ((size_t)128 << 10)
#define IMPORT_ROWS_MAX ((size_t)5 << 20) /* Of one file, held until its last part came. */
#define ROW_BYTES_MAX ((size_t)512 << 10) /* An answer must fit its frame. */
#define CHECKS_MAX 256
#define IMPORT_BYTES_MAX ((size_t)256 << 20)
#define BATCH_BYTES_MAX ((size_t)64 << 20) /* Of requests and answers in one batch. */
#define DECODE_BUDGET ((size_t)16 << 20)   /* Of one request. */
#define DECODE_BUDGET_BUSY ((size_t)64 << 10)

struct export_page {
    size_t column_count;
    struct arena *arena;
    Zsaga__ExportRow **rows;
    size_t count;
    size_t bytes;
    bool too_large; /* A row beyond ROW_BYTES_MAX. */
};

struct audit {
    struct arena *arena;
    Zsaga__AuditCheck **checks;
    size_t count;
};

/* The rows of an import of which not all parts have come. */
struct staged {
    uint64_t session;
    char table[65];
    uint32_t parts;
    size_t text_before; /* Without the newest part, which may come again. */
    size_t fields_before;
    struct buffer text; /* All fields, one behind the other. */
    size_t *lengths;    /* Of each field. */
    size_t field_count;
    size_t field_capacity;
};

struct owner {
    struct owner_host host;
    struct staged staged;
};

/* In the arena; the caller sees to its budget. */
static void *keep(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size == 0 ? 1 : size);
    if (copy == NULL)
        abort();
    if (size != 0)
        memcpy(copy, data, size);
    return copy;
}

static ProtobufCBinaryData keep_bytes(struct arena *arena, struct bytes bytes)
{
    return (ProtobufCBinaryData){.len = bytes.len, .data = keep(arena, bytes.data, bytes.len)};
}

struct owner *owner_new(const struct owner_host *host)
{
    struct owner *owner = xcalloc(1, sizeof *owner);
    owner->host = *host;
    return owner;
}

static void staged_clear(struct staged *staged)
{
    buffer_release(&staged->text);
    free(staged->lengths);
    *staged = (struct staged){0};
}

void owner_free(struct owner *owner)
{
    if (owner == NULL)
        return;
    staged_clear(&owner->staged);
    free(owner);
}

struct db *owner_db(struct owner *owner)
{
    return owner->host.db;
}

static const struct participant_table *find_table(const struct owner *owner, struct bytes name)
{
    for (size_t i = 0; i < owner->host.table_count; i++)
        if (bytes_equal(bytes_text(owner->host.tables[i].name), name))
            return &owner->host.tables[i];
    return NULL;
}

void export_add(struct export_page *page, const struct bytes *fields)
{
    Zsaga__ExportRow row = ZSAGA__EXPORT_ROW__INIT;
    ProtobufCBinaryData *kept = arena_alloc(page->arena, page->column_count * sizeof *kept);
    if (kept == NULL)
        abort();
    size_t size = 0;
    for (size_t i = 0; i < page->column_count; i++)
        size += fields[i].len;
    page->too_large = page->too_large || size > ROW_BYTES_MAX;
    if (page->too_large)
        return;
    for (size_t i = 0; i < page->column_count; i++) {
        kept[i] = keep_bytes(page->arena, fields[i]);
        page->bytes += fields[i].len + 4;
    }
    row.n_fields = page->column_count;
    row.fields = kept;
    page->rows[page->count++] = keep(page->arena, &row, sizeof row);
}

bool export_full(const struct export_page *page)
{
    return page->count >= PAGE_ROWS || page->bytes >= PAGE_BYTES;
}

void audit_check(struct audit *audit, const char *name, bool ok, const char *format, ...)
{
    if (audit->count == CHECKS_MAX)
        return;
    char detail[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    Zsaga__AuditCheck check = ZSAGA__AUDIT_CHECK__INIT;
    check.name = keep_bytes(audit->arena, bytes_text(name));
    check.ok = ok;
    check.detail = keep_bytes(audit->arena, bytes_text(detail));
    audit->checks[audit->count++] = keep(audit->arena, &check, sizeof check);
}

static int refuse(struct arena *arena, Zsaga__OwnerAnswer *answer, const char *code,
                  const char *words)
{
    Zsaga__OwnerRefusal refusal = ZSAGA__OWNER_REFUSAL__INIT;
    refusal.code = keep_bytes(arena, bytes_text(code));
    refusal.message = keep_bytes(arena, bytes_text(words));
    answer->kind_case = ZSAGA__OWNER_ANSWER__KIND_REFUSAL;
    answer->refusal = keep(arena, &refusal, sizeof refusal);
    return 0;
}

/* Says which tables there are instead; with `imports`, to import. */
static int refuse_table(const struct owner *owner, struct arena *arena, bool imports,
                        Zsaga__OwnerAnswer *answer)
{
    struct buffer words = {0};
    size_t count = 0;
    buffer_append_text(&words, imports ? "there is no such table to import here; "
                                       : "there is no such table here; ");
    for (size_t i = 0; i < owner->host.table_count; i++) {
        const struct participant_table *table = &owner->host.tables[i];
        if (imports && table->import == NULL)
            continue;
        buffer_append_text(&words, count++ == 0 ? "there are: " : ", ");
        buffer_append_text(&words, table->name);
    }
    buffer_append_text(&words, count == 0 ? "it has none" : "");
    buffer_append(&words, "", 1);
    (void)refuse(arena, answer, "unknown_table", (const char *)words.data);
    buffer_release(&words);
    return 0;
}

/* A crafted request must not take more than an honest one. */
static const Zsaga__OwnerRequest *decode(struct arena *arena, struct bytes packed, size_t budget)
{
    size_t before = arena->budget;
    arena->budget = arena->used + budget;
    const Zsaga__OwnerRequest *request =
        zsaga__owner_request__unpack(&arena->allocator, packed.len, packed.data);
    arena->budget = before;
    return request;
}

static Zsaga__StreamHealth *keep_stream(struct arena *arena, const struct owner_stream *from)
{
    Zsaga__StreamHealth row = ZSAGA__STREAM_HEALTH__INIT;
    row.publisher = keep_bytes(arena, bytes_text(from->publisher));
    row.state = keep_bytes(arena, bytes_text(from->state));
    row.head = from->head;
    row.applied = from->applied;
    row.detail = keep_bytes(arena, bytes_text(from->detail));
    return keep(arena, &row, sizeof row);
}

static void fill_streams(struct owner *owner, struct arena *arena, Zsaga__HealthReport *report)
{
    const struct owner_host *host = &owner->host;
    size_t count = host->stream_count == NULL ? 0 : host->stream_count(host->context);
    if (count == 0 || arena->used > BATCH_BYTES_MAX)
        return;
    report->streams = arena_alloc(arena, count * sizeof(Zsaga__StreamHealth *));
    if (report->streams == NULL)
        abort();
    struct owner_stream stream;
    for (report->n_streams = 0; report->n_streams < count; report->n_streams++) {
        host->stream(host->context, report->n_streams, &stream);
        report->streams[report->n_streams] = keep_stream(arena, &stream);
    }
}

static int answer_health(struct owner *owner, struct arena *arena, const char *state,
                         const char *detail, Zsaga__OwnerAnswer *answer)
{
    Zsaga__HealthReport report = ZSAGA__HEALTH_REPORT__INIT;
    report.name = keep_bytes(arena, bytes_text(owner->host.name));
    report.pid = (uint32_t)getpid();
    report.head = owner->host.head == NULL ? 0 : owner->host.head(owner->host.context);
    report.state = keep_bytes(arena, bytes_text(state));
    report.detail = keep_bytes(arena, bytes_text(detail));
    fill_streams(owner, arena, &report);
    answer->kind_case = ZSAGA__OWNER_ANSWER__KIND_HEALTH;
    answer->health = keep(arena, &report, sizeof report);
    return 0;
}

static int answer_own_health(struct owner *owner, struct arena *arena, Zsaga__OwnerAnswer *answer)
{
    const char *state = "ok", *detail = "";
    if (owner->host.health != NULL)
        owner->host.health(owner->host.context, &state, &detail);
    return answer_health(owner, arena, state, detail, answer);
}

static int fill_page(struct owner *owner, const struct participant_table *table, struct bytes after,
                     struct arena *arena, Zsaga__ExportPage *ret, struct err *err)
{
    struct export_page page = {.column_count = table->column_count, .arena = arena};
    page.rows = arena_alloc(arena, PAGE_ROWS * sizeof(Zsaga__ExportRow *));
    ret->columns = arena_alloc(arena, table->column_count * sizeof *ret->columns);
    if (page.rows == NULL || ret->columns == NULL)
        abort();
    struct buffer next = {0};
    (void)db_guard(owner->host.db, true);
    int rc = table->page(owner->host.self, owner->host.db, after, &page, &next, err);
    (void)db_guard(owner->host.db, false);
    for (size_t i = 0; i < table->column_count; i++)
        ret->columns[i] = keep_bytes(arena, bytes_text(table->columns[i]));
    ret->n_columns = table->column_count;
    ret->rows = page.rows;
    ret->n_rows = page.count;
    ret->next = keep_bytes(arena, buffer_bytes(&next));
    buffer_release(&next);
    if (rc == 0 && page.too_large)
        return err_set(err, ERR_INVALID, "a row of table %s is over 512 KiB", table->name);
    return rc;
}

static int answer_export(struct owner *owner, const Zsaga__Export *request, struct arena *arena,
                         Zsaga__OwnerAnswer *answer, struct err *err)
{
    const struct participant_table *table = find_table(owner, packed_view(request->table));
    if (table == NULL)
        return refuse_table(owner, arena, false, answer);
    Zsaga__ExportPage page = ZSAGA__EXPORT_PAGE__INIT;
    int rc = fill_page(owner, table, packed_view(request->after), arena, &page, err);
    if (rc < 0 && db_storage_failure(owner->host.db) == 0)
        return refuse(arena, answer, "failed", err->text);
    answer->kind_case = ZSAGA__OWNER_ANSWER__KIND_PAGE;
    answer->page = keep(arena, &page, sizeof page);
    return rc;
}

/* Fields in a row to import. */
static size_t import_width(const struct participant_table *table)
{
    return table->import_columns == NULL ? table->column_count : table->import_column_count;
}

static void stage(struct staged *staged, struct bytes field)
{
    staged->lengths = xgrow(staged->lengths, &staged->field_capacity, staged->field_count + 1,
                            sizeof *staged->lengths);
    staged->lengths[staged->field_count++] = field.len;
    buffer_append(&staged->text, field.data, field.len);
}

static int apply_staged(struct owner *owner, const struct participant_table *table, struct err *err)
{
    struct staged *staged = &owner->staged;
    struct bytes *fields = xcalloc(staged->field_count, sizeof *fields);
    const uint8_t *at = staged->text.data;
    for (size_t i = 0; i < staged->field_count; i++) {
        fields[i] = bytes_of(at, staged->lengths[i]);
        at += staged->lengths[i];
    }
    (void)db_guard(owner->host.db, true);
    int rc = table->import(owner->host.self, owner->host.db, fields,
                           staged->field_count / import_width(table), err);
    (void)db_guard(owner->host.db, false);
    free(fields);
    return rc;
}

/* All rows or none: the batch may hold others' work, so the import has its own savepoint. */
static int import_staged(struct owner *owner, const struct participant_table *table,
                         struct arena *arena, Zsaga__OwnerAnswer *answer, struct err *err)
{
    int rc = db_savepoint(owner->host.db, err);
    if (rc < 0)
        return rc;
    struct err refused = {0};
    int imported = apply_staged(owner, table, &refused);
    if (imported < 0 && db_storage_failure(owner->host.db) == 0) {
        rc = db_undo_savepoint(owner->host.db, err);
        return rc < 0 ? rc : refuse(arena, answer, "refused", refused.text);
    }
    if (imported < 0) {
        *err = refused;
        return imported;
    }
    return db_release(owner->host.db, err);
}

static const char *import_fault(const struct owner *owner, const struct participant_table *table,
                                const Zsaga__Import *request)
{
    for (size_t i = 0; i < request->n_rows; i++)
        if (request->rows[i]->n_fields != import_width(table))
            return "a row has not as many fields as the table has columns";
    if (owner->staged.field_count / import_width(table) + request->n_rows > IMPORT_ROWS_MAX)
        return "a file of over 5,242,880 rows: import it in pieces";
    if (owner->staged.text.len > IMPORT_BYTES_MAX)
        return "a file of over 256 MiB: import it in pieces";
    return NULL;
}

/* Part 0 begins anew; any other must follow its predecessor, or the tool starts over. */
static bool follows(const struct staged *staged, const Zsaga__Import *request)
{
    bool same = request->session == staged->session &&
                bytes_equal(bytes_text(staged->table), packed_view(request->table));
    bool again = staged->parts > 0 && request->part == staged->parts - 1;
    return request->part == 0 || (same && (again || request->part == staged->parts));
}

static void stage_part(struct staged *staged, const Zsaga__Import *request)
{
    if (staged->parts == request->part) {
        staged->text_before = staged->text.len;
        staged->fields_before = staged->field_count;
    }
    staged->text.len = staged->text_before;
    staged->field_count = staged->fields_before;
    for (size_t i = 0; i < request->n_rows; i++)
        for (size_t j = 0; j < request->rows[i]->n_fields; j++)
            stage(staged, packed_view(request->rows[i]->fields[j]));
    staged->parts = request->part + 1;
}

static int answer_import(struct owner *owner, const Zsaga__Import *request, struct arena *arena,
                         Zsaga__OwnerAnswer *answer, struct err *err)
{
    struct staged *staged = &owner->staged;
    if (!follows(staged, request))
        return refuse(arena, answer, "out_of_sequence", "parts are missing: start again at part 0");
    if (request->part == 0) {
        staged_clear(staged);
        staged->session = request->session;
        bytes_copy_text(packed_view(request->table), staged->table, sizeof staged->table);
    }
    const struct participant_table *table = find_table(owner, packed_view(request->table));
    if (table == NULL || table->import == NULL)
        return refuse_table(owner, arena, true, answer);
    const char *fault = import_fault(owner, table, request);
    if (fault != NULL)
        return refuse(arena, answer, "malformed", fault);
    stage_part(staged, request);
    Zsaga__Imported imported = ZSAGA__IMPORTED__INIT;
    imported.part = request->part;
    imported.rows = staged->field_count / import_width(table);
    imported.applied = request->last;
    answer->kind_case = ZSAGA__OWNER_ANSWER__KIND_IMPORTED;
    answer->imported = keep(arena, &imported, sizeof imported);
    if (!request->last)
        return 0;
    /* Kept until another request: the batch may be taken back and this part run again. */
    return import_staged(owner, table, arena, answer, err);
}

static int answer_audit(struct owner *owner, struct arena *arena, Zsaga__OwnerAnswer *answer,
                        struct err *err)
{
    struct audit audit = {.arena = arena};
    audit.checks = arena_alloc(arena, CHECKS_MAX * sizeof(Zsaga__AuditCheck *));
    if (audit.checks == NULL)
        abort();
    int rc = 0;
    (void)db_guard(owner->host.db, true);
    if (owner->host.audit != NULL)
        rc = owner->host.audit(owner->host.self, owner->host.db, &audit, err);
    (void)db_guard(owner->host.db, false);
    if (rc < 0 && db_storage_failure(owner->host.db) == 0)
        return refuse(arena, answer, "failed", err->text);
    Zsaga__AuditReport report = ZSAGA__AUDIT_REPORT__INIT;
    report.n_checks = audit.count;
    report.checks = audit.checks;
    answer->kind_case = ZSAGA__OWNER_ANSWER__KIND_AUDIT;
    answer->audit = keep(arena, &report, sizeof report);
    return rc;
}

static int answer_resync(struct owner *owner, const Zsaga__Resync *request, struct arena *arena,
                         Zsaga__OwnerAnswer *answer, struct err *err)
{
    if (owner->host.resync == NULL)
        return refuse(arena, answer, "refused", "this process follows nobody's events");
    const char *words = "";
    int rc = owner->host.resync(owner->host.context, request, &words, err);
    if (rc != 0)
        return rc == OWNER_REFUSED ? refuse(arena, answer, "refused", words) : rc;
    Zsaga__Resynced resynced = ZSAGA__RESYNCED__INIT;
    resynced.message = keep_bytes(arena, bytes_text(words));
    answer->kind_case = ZSAGA__OWNER_ANSWER__KIND_RESYNCED;
    answer->resynced = keep(arena, &resynced, sizeof resynced);
    return 0;
}

const Zsaga__OwnerAnswer *owner_refuse(struct bytes packed, struct arena *arena, const char *words)
{
    Zsaga__OwnerAnswer init = ZSAGA__OWNER_ANSWER__INIT;
    Zsaga__OwnerAnswer *answer = keep(arena, &init, sizeof init);
    const Zsaga__OwnerRequest *request = decode(arena, packed, DECODE_BUDGET);
    if (request != NULL)
        answer->id = request->id;
    (void)refuse(arena, answer, "refused", words);
    return answer;
}

const Zsaga__OwnerAnswer *owner_answer_outage(struct owner *owner, struct bytes packed,
                                              struct arena *arena, const struct node_outage *why)
{
    Zsaga__OwnerAnswer init = ZSAGA__OWNER_ANSWER__INIT;
    Zsaga__OwnerAnswer *answer = keep(arena, &init, sizeof init);
    bool busy = arena->used > BATCH_BYTES_MAX;
    const Zsaga__OwnerRequest *request =
        decode(arena, packed, busy ? DECODE_BUDGET_BUSY : DECODE_BUDGET);
    if (request == NULL) {
        (void)refuse(arena, answer, "malformed", "the entry does not decode");
        return answer;
    }
    answer->id = request->id;
    if (request->kind_case == ZSAGA__OWNER_REQUEST__KIND_HEALTH)
        (void)answer_health(owner, arena, why->disk_full ? "disk_full" : "trouble", why->words,
                            answer);
    else
        (void)refuse(arena, answer, why->disk_full ? "disk_full" : "busy", why->words);
    return answer;
}

int owner_answer(struct owner *owner, struct bytes packed, struct arena *arena,
                 const Zsaga__OwnerAnswer **ret, struct err *err)
{
    Zsaga__OwnerAnswer init = ZSAGA__OWNER_ANSWER__INIT;
    Zsaga__OwnerAnswer *answer = keep(arena, &init, sizeof init);
    bool busy = arena->used > BATCH_BYTES_MAX;
    const Zsaga__OwnerRequest *request =
        decode(arena, packed, busy ? DECODE_BUDGET_BUSY : DECODE_BUDGET);
    /* A large one among too many is left without an answer: it will be asked again. */
    *ret = request == NULL && busy ? NULL : answer;
    if (request == NULL)
        return busy ? 0 : refuse(arena, answer, "malformed", "the entry does not decode");
    answer->id = request->id;
    if (busy)
        return refuse(arena, answer, "busy", "too much was asked at once: ask again");
    if (request->kind_case != ZSAGA__OWNER_REQUEST__KIND_IMPORT)
        staged_clear(&owner->staged);
    switch (request->kind_case) {
    case ZSAGA__OWNER_REQUEST__KIND_HEALTH:
        return answer_own_health(owner, arena, answer);
    case ZSAGA__OWNER_REQUEST__KIND_EXPORT:
        return answer_export(owner, request->export, arena, answer, err);
    case ZSAGA__OWNER_REQUEST__KIND_IMPORT:
        return answer_import(owner, request->import, arena, answer, err);
    case ZSAGA__OWNER_REQUEST__KIND_AUDIT:
        return answer_audit(owner, arena, answer, err);
    case ZSAGA__OWNER_REQUEST__KIND_RESYNC:
        return answer_resync(owner, request->resync, arena, answer, err);
    default:
        return refuse(arena, answer, "malformed", "the request has no known kind");
    }
}
