/* The part of participant_driver.h that plays the tool: import, export, audit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "participant_driver.h"

#define FIELDS_MAX 8
#define ROWS_PER_PART 500

/* Takes a line's fields off *csv; they stay where they are. False: no line is left. */
static bool take_row(const char **csv, Zsaga__ExportRow *row, ProtobufCBinaryData *fields)
{
    if (**csv == '\0')
        return false;
    zsaga__export_row__init(row);
    row->fields = fields;
    for (;;) {
        size_t len = strcspn(*csv, ",\n");
        assert_in_range(row->n_fields, 0, FIELDS_MAX - 1);
        fields[row->n_fields++] = packed_borrow(bytes_of(*csv, len));
        bool more = (*csv)[len] == ',';
        *csv += (*csv)[len] == '\0' ? len : len + 1;
        if (!more)
            return true;
    }
}

static size_t take_rows(const char **csv, Zsaga__ExportRow *rows, Zsaga__ExportRow **pointers,
                        ProtobufCBinaryData (*fields)[FIELDS_MAX])
{
    size_t count = 0;
    while (count < ROWS_PER_PART && take_row(csv, &rows[count], fields[count])) {
        pointers[count] = &rows[count];
        count++;
    }
    return count;
}

const char *driver_import(struct participant_driver *driver, const char *table, const char *csv)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Import import = ZSAGA__IMPORT__INIT;
    Zsaga__ExportRow *rows = xcalloc(ROWS_PER_PART, sizeof *rows);
    Zsaga__ExportRow **pointers = xcalloc(ROWS_PER_PART, sizeof *pointers);
    ProtobufCBinaryData(*fields)[FIELDS_MAX] = xcalloc(ROWS_PER_PART, sizeof *fields);
    const Zsaga__OwnerAnswer *answer = NULL;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_IMPORT;
    request.import = &import;
    import.table = packed_borrow_text(table);
    import.session = ++driver->last_hello;
    import.rows = pointers;
    do {
        import.n_rows = take_rows(&csv, rows, pointers, fields);
        import.last = *csv == '\0';
        answer = driver_ask_owner(driver, &request);
        import.part++;
    } while (!import.last && answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_IMPORTED);
    free(rows);
    free(pointers);
    free(fields);
    if (answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_IMPORTED) {
        assert_true(answer->imported->applied);
        return NULL;
    }
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_REFUSAL);
    char *words = arena_alloc(&driver->arena, answer->refusal->message.len + 1);
    bytes_copy_text(packed_view(answer->refusal->message), words, answer->refusal->message.len + 1);
    return words;
}

static void append_row(struct buffer *text, const Zsaga__ExportRow *row)
{
    for (size_t i = 0; i < row->n_fields; i++) {
        buffer_append_text(text, i == 0 ? "" : ",");
        buffer_append(text, row->fields[i].data, row->fields[i].len);
    }
    buffer_append_text(text, "\n");
}

static void append_table(struct participant_driver *driver, const char *table, struct buffer *text)
{
    struct buffer after = {0};
    do {
        Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
        Zsaga__Export export = ZSAGA__EXPORT__INIT;
        request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
        request.export = &export;
        export.table = packed_borrow_text(table);
        export.after = packed_borrow(buffer_bytes(&after));
        const Zsaga__OwnerAnswer *answer = driver_ask_owner(driver, &request);
        assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_PAGE);
        for (size_t i = 0; i < answer->page->n_rows; i++)
            append_row(text, answer->page->rows[i]);
        buffer_clear(&after);
        buffer_append(&after, answer->page->next.data, answer->page->next.len);
    } while (after.len > 0);
    buffer_release(&after);
}

char *driver_export(struct participant_driver *driver, const char *table)
{
    struct buffer text = {0};
    append_table(driver, table, &text);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

char *driver_snapshot(struct participant_driver *driver)
{
    struct buffer text = {0};
    for (size_t i = 0; i < driver->service->table_count; i++) {
        buffer_append_text(&text, driver->service->tables[i].name);
        buffer_append_text(&text, ":\n");
        append_table(driver, driver->service->tables[i].name, &text);
    }
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

char *driver_audit(struct participant_driver *driver)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Audit audit = ZSAGA__AUDIT__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_AUDIT;
    request.audit = &audit;
    const Zsaga__OwnerAnswer *answer = driver_ask_owner(driver, &request);
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_AUDIT);
    assert_in_range(answer->audit->n_checks, 1, 100);
    for (size_t i = 0; i < answer->audit->n_checks; i++) {
        const Zsaga__AuditCheck *check = answer->audit->checks[i];
        if (!check->ok)
            return xprintf("%.*s: %.*s", (int)check->name.len, (const char *)check->name.data,
                           (int)check->detail.len, (const char *)check->detail.data);
    }
    return NULL;
}
