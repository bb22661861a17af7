/* The owner's tables as CSV, for a stopped suite: no socket, the same functions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "owner.h"

#define IMPORT_PART_ROWS 500

static int write_all(int fd, const struct buffer *buffer, struct err *err)
{
    size_t done = 0;
    while (done < buffer->len) {
        ssize_t n = write(fd, buffer->data + done, buffer->len - done);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "write");
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static void put_row(struct buffer *text, const ProtobufCBinaryData *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_text(text, ",");
        csv_write_field(text, packed_view(fields[i]));
    }
    buffer_append_text(text, "\n");
}

/* Asks the owner as a peer would; a refusal becomes an error. */
static int ask(struct owner *owner, const Zsaga__OwnerRequest *request, struct arena *arena,
               const Zsaga__OwnerAnswer **ret, struct err *err)
{
    struct buffer packed = {0};
    packed_append(&packed, &request->base);
    arena_reset(arena);
    int rc = owner_answer(owner, buffer_bytes(&packed), arena, ret, err);
    buffer_release(&packed);
    if (rc == 0 && (*ret)->kind_case == ZSAGA__OWNER_ANSWER__KIND_REFUSAL) {
        char words[256];
        bytes_copy_text(packed_view((*ret)->refusal->message), words, sizeof words);
        return err_set(err, ERR_INVALID, "%s", words);
    }
    return rc;
}

static void put_page(struct buffer *text, const Zsaga__ExportPage *page, bool first)
{
    if (first)
        put_row(text, page->columns, page->n_columns);
    for (size_t i = 0; i < page->n_rows; i++)
        put_row(text, page->rows[i]->fields, page->rows[i]->n_fields);
}

static int export_pages(struct owner *owner, const char *table, int out_fd, struct arena *arena,
                        struct err *err)
{
    struct buffer text = {0};
    struct buffer after = {0};
    int rc = 0;
    bool first = true;
    do {
        Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
        Zsaga__Export export = ZSAGA__EXPORT__INIT;
        export.table = packed_borrow_text(table);
        export.after = packed_borrow(buffer_bytes(&after));
        request.id = 1;
        request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
        request.export = &export;
        const Zsaga__OwnerAnswer *answer = NULL;
        rc = ask(owner, &request, arena, &answer, err);
        if (rc < 0)
            break;
        const Zsaga__ExportPage *page = answer->page;
        buffer_clear(&text);
        put_page(&text, page, first);
        first = false;
        rc = write_all(out_fd, &text, err);
        buffer_clear(&after);
        buffer_append(&after, page->next.data, page->next.len);
    } while (rc == 0 && after.len != 0);
    buffer_release(&text);
    buffer_release(&after);
    return rc;
}

int owner_export_csv(struct owner *owner, const char *table, int out_fd, struct err *err)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    int rc = export_pages(owner, table, out_fd, &arena, err);
    arena_release(&arena);
    return rc;
}

/* One part of an import in the making. */
struct part {
    struct arena arena; /* Of the rows. */
    Zsaga__ExportRow *rows[IMPORT_PART_ROWS];
    size_t count;
    uint32_t number;
};

static void *take(struct arena *arena, size_t size)
{
    void *p = arena_alloc(arena, size);
    if (p == NULL)
        abort();
    return p;
}

static void add_row(struct part *part, const struct csv_row *from)
{
    Zsaga__ExportRow *row = take(&part->arena, sizeof *row);
    zsaga__export_row__init(row);
    size_t count = from->field_count < CSV_FIELDS_MAX ? from->field_count : CSV_FIELDS_MAX;
    row->n_fields = count;
    row->fields = take(&part->arena, count * sizeof *row->fields);
    for (size_t i = 0; i < count; i++) {
        struct bytes field = from->fields[i].bytes;
        uint8_t *copy = take(&part->arena, field.len + 1);
        if (field.len != 0)
            memcpy(copy, field.data, field.len);
        row->fields[i] = (ProtobufCBinaryData){.len = field.len, .data = copy};
    }
    part->rows[part->count++] = row;
}

static int send_part(struct owner *owner, const char *table, struct part *part, bool last,
                     struct arena *arena, struct err *err)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Import import = ZSAGA__IMPORT__INIT;
    import.table = packed_borrow_text(table);
    import.part = part->number++;
    import.last = last;
    import.n_rows = part->count;
    import.rows = part->rows;
    request.id = 1;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_IMPORT;
    request.import = &import;
    const Zsaga__OwnerAnswer *answer = NULL;
    int rc = ask(owner, &request, arena, &answer, err);
    part->count = 0;
    arena_reset(&part->arena);
    return rc;
}

static int import_rows(struct owner *owner, const char *table, struct csv *csv, struct part *part,
                       struct arena *arena, struct err *err)
{
    const struct csv_row *row = NULL;
    int rc = csv_next(csv, &row, err); /* The header: the tool has checked it. */
    while (rc == CSV_ROW) {
        rc = csv_next(csv, &row, err);
        if (rc != CSV_ROW)
            break;
        if (row->fault != NULL)
            return err_set(err, ERR_INVALID, "line %zu: %s", row->line, row->fault);
        if (part->count == IMPORT_PART_ROWS) {
            rc = send_part(owner, table, part, false, arena, err);
            if (rc < 0)
                return rc;
        }
        add_row(part, row);
        rc = CSV_ROW;
    }
    return rc < 0 ? rc : send_part(owner, table, part, true, arena, err);
}

/* Waits for whoever writes: what has not come yet is not the end. */
static ssize_t read_blocking(void *from, void *to, size_t size)
{
    ssize_t got;
    do
        got = read(*(int *)from, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

int owner_import_csv(struct owner *owner, const char *table, int in_fd, struct err *err)
{
    struct db *db = owner_db(owner);
    struct part *part = xcalloc(1, sizeof *part);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    arena_init(&part->arena, SIZE_MAX);
    struct csv *csv = csv_new(read_blocking, &in_fd);
    int rc = db_begin(db, err);
    if (rc == 0)
        rc = import_rows(owner, table, csv, part, &arena, err);
    if (rc == 0)
        rc = db_commit(db, err);
    if (rc < 0)
        db_rollback(db);
    csv_free(csv);
    arena_release(&part->arena);
    arena_release(&arena);
    free(part);
    return rc;
}
