#include "ask_owner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/csv.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "cli.h"
#include "client.h"
#include "printable.h"
#include "program.h"
#include "service_exit.h"

#define PART_ROWS 500
#define IMPORT_TRIES 10 /* An owner that restarts forgets the parts it was given. */

static int connect_owner(struct suite *suite, const char *name, struct client **ret,
                         struct err *err)
{
    AUTO(freep) char *endpoint = NULL;
    int rc = suite_endpoint(suite, name, "owner", &endpoint, err);
    return rc < 0 ? rc : client_new(endpoint, ret, err);
}

static int refused(const Zsaga__OwnerRefusal *refusal, struct err *err)
{
    AUTO(freep) char *words = printable(packed_view(refusal->message));
    return err_set(err, ERR_INVALID, "%s", words);
}

static int ask(struct client *client, const char *owner, Zsaga__OwnerRequest *request,
               const Zsaga__OwnerAnswer **ret, struct err *err)
{
    int rc = client_ask_owner(client, request, CLI_OWNER_MS, ret, err);
    return rc < 0 ? err_wrap(err, rc, "asking %s", owner) : 0;
}

/* Export. */

static int take_page(const struct owner_table *table, const Zsaga__ExportPage *page,
                     struct rowset *rows, struct err *err)
{
    bool same = page->n_columns == table->column_count;
    for (size_t i = 0; same && i < page->n_columns; i++)
        same = bytes_equal(packed_view(page->columns[i]), bytes_text(table->columns[i].name));
    for (size_t i = 0; same && i < page->n_rows; i++) {
        same = page->rows[i]->n_fields == table->column_count;
        for (size_t j = 0; same && j < table->column_count; j++)
            rowset_add(rows, packed_view(page->rows[i]->fields[j]));
    }
    if (!same)
        return err_set(err, ERR_SYSTEM, "%s answers with other columns of %s than this tool knows",
                       table->owner, table->name);
    return 0;
}

static int export_pages(struct client *client, const struct owner_table *table, struct rowset *rows,
                        struct err *err)
{
    struct buffer after = {0};
    int rc;
    do {
        Zsaga__Export export = ZSAGA__EXPORT__INIT;
        Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
        export.table = packed_borrow_text(table->name);
        export.after = packed_borrow(buffer_bytes(&after));
        request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
        request.export = &export;
        const Zsaga__OwnerAnswer *answer;
        rc = ask(client, table->owner, &request, &answer, err);
        if (rc < 0)
            break;
        buffer_clear(&after);
        if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_PAGE) {
            rc = answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_REFUSAL
                     ? refused(answer->refusal, err)
                     : err_set(err, ERR_SYSTEM, "%s answers something else", table->owner);
            break;
        }
        rc = take_page(table, answer->page, rows, err);
        buffer_append(&after, answer->page->next.data, answer->page->next.len);
    } while (rc == 0 && after.len != 0);
    buffer_release(&after);
    return rc;
}

int ask_owner_export(struct suite *suite, const struct owner_table *table, struct rowset *rows,
                     struct err *err)
{
    AUTO(client_freep) struct client *client = NULL;
    int rc = connect_owner(suite, table->owner, &client, err);
    return rc < 0 ? rc : export_pages(client, table, rows, err);
}

static int take_csv(const struct owner_table *table, struct bytes text, struct rowset *rows,
                    struct err *err)
{
    const char *names[OWNER_TABLES_COLUMNS_MAX];
    size_t places[OWNER_TABLES_COLUMNS_MAX];
    for (size_t i = 0; i < table->column_count; i++)
        names[i] = table->columns[i].name;
    AUTO(csv_freep) struct csv *csv = csv_new(csv_read_memory, &text);
    const struct csv_row *row;
    int rc = csv_next(csv, &row, err);
    if (rc == CSV_END)
        return err_set(err, ERR_SYSTEM, "it wrote no header");
    if (rc == CSV_ROW)
        rc = csv_columns(row, names, table->column_count, places, err);
    while (rc >= 0 && (rc = csv_next(csv, &row, err)) == CSV_ROW)
        for (size_t i = 0; i < table->column_count; i++)
            rowset_add(rows, csv_field(row, places[i]).bytes);
    return rc;
}

/* Runs the owner's program with `option` and the table's name. */
static int run_owner(const struct suite *suite, const struct owner_table *table, const char *option,
                     struct bytes input, struct buffer *output, int *ret_exit, struct err *err)
{
    const struct suite_participant *owner = suite_find(suite, table->owner);
    if (owner == NULL)
        return err_set(err, ERR_NOT_FOUND, "the suite has no participant %s", table->owner);
    AUTO(freep) char *program = NULL;
    int rc = program_find(owner->program, &program, err);
    if (rc < 0)
        return rc;
    const char *const argv[] = {program, "--data", suite->dir, option, table->name, NULL};
    return program_run(argv, input, output, ret_exit, err);
}

static int failed(const struct owner_table *table, int exit_code, struct err *err)
{
    return err_set(err, exit_code == SERVICE_CONFIG ? ERR_INVALID : ERR_SYSTEM,
                   "%s's program failed (exit code %d)", table->owner, exit_code);
}

int ask_owner_export_stopped(const struct suite *suite, const struct owner_table *table,
                             struct rowset *rows, struct err *err)
{
    struct buffer output = {0};
    int exit_code = 0;
    int rc = run_owner(suite, table, "--export", bytes_of("", 0), &output, &exit_code, err);
    if (rc == 0 && exit_code != 0)
        rc = failed(table, exit_code, err);
    if (rc == 0) {
        rc = take_csv(table, buffer_bytes(&output), rows, err);
        if (rc < 0)
            rc = err_wrap(err, rc, "reading what %s's program exports", table->owner);
    }
    buffer_release(&output);
    return rc < 0 ? rc : 0;
}

/* Import. */

/* Rows of a part of an import, packed by protobuf's rules. */
struct part {
    Zsaga__ExportRow rows[PART_ROWS];
    Zsaga__ExportRow *pointers[PART_ROWS];
    ProtobufCBinaryData fields[PART_ROWS][OWNER_TABLES_COLUMNS_MAX];
};

static size_t fill_part(struct part *part, const struct rowset *rows, size_t start)
{
    size_t count = 0;
    for (; count < PART_ROWS && start + count < rows->row_count; count++) {
        zsaga__export_row__init(&part->rows[count]);
        for (size_t j = 0; j < rows->column_count; j++)
            part->fields[count][j] = packed_borrow(rowset_field(rows, start + count, j));
        part->rows[count].n_fields = rows->column_count;
        part->rows[count].fields = part->fields[count];
        part->pointers[count] = &part->rows[count];
    }
    return count;
}

/* What one pass over all parts came to, beside ASK_OWNER_APPLIED and _REFUSED. */
enum { IMPORT_AGAIN = 2 };

static int judge(const Zsaga__OwnerAnswer *answer, struct err *err)
{
    if (answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_IMPORTED)
        return ASK_OWNER_APPLIED;
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_REFUSAL)
        return err_set(err, ERR_SYSTEM, "the owner answers something else");
    if (bytes_equal(packed_view(answer->refusal->code), bytes_text("out_of_sequence")))
        return IMPORT_AGAIN;
    (void)refused(answer->refusal, err);
    return ASK_OWNER_REFUSED;
}

static int import_once(struct client *client, const struct owner_table *table,
                       const struct rowset *rows, struct part *part, struct err *err)
{
    Zsaga__Import import = ZSAGA__IMPORT__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_IMPORT;
    request.import = &import;
    import.table = packed_borrow_text(table->name);
    if (getrandom(&import.session, sizeof import.session, 0) < 0)
        return err_set(err, ERR_SYSTEM, "no random numbers from the system");
    size_t sent = 0;
    do {
        import.n_rows = fill_part(part, rows, sent);
        import.rows = part->pointers;
        sent += import.n_rows;
        import.last = sent == rows->row_count;
        const Zsaga__OwnerAnswer *answer;
        int rc = ask(client, table->owner, &request, &answer, err);
        if (rc == 0)
            rc = judge(answer, err);
        if (rc != ASK_OWNER_APPLIED)
            return rc;
        import.part++;
    } while (!import.last);
    return ASK_OWNER_APPLIED;
}

int ask_owner_import(struct suite *suite, const struct owner_table *table,
                     const struct rowset *rows, struct err *err)
{
    AUTO(client_freep) struct client *client = NULL;
    int rc = connect_owner(suite, table->owner, &client, err);
    if (rc < 0)
        return rc;
    struct part *part = xmalloc(sizeof *part);
    rc = IMPORT_AGAIN;
    for (int tries = 0; rc == IMPORT_AGAIN && tries < IMPORT_TRIES; tries++)
        rc = import_once(client, table, rows, part, err);
    free(part);
    if (rc == IMPORT_AGAIN)
        return err_set(err, ERR_TIMEOUT,
                       "%s lost parts of the import again and again: "
                       "does it keep restarting?",
                       table->owner);
    return rc;
}

int ask_owner_import_stopped(const struct suite *suite, const struct owner_table *table,
                             const struct rowset *rows, struct err *err)
{
    struct buffer csv = {0};
    for (size_t j = 0; j < rows->column_count; j++) {
        buffer_append_text(&csv, j == 0 ? "" : ",");
        buffer_append_text(&csv, table->columns[j].name);
    }
    buffer_append_text(&csv, "\n");
    for (size_t i = 0; i < rows->row_count; i++)
        for (size_t j = 0; j < rows->column_count; j++) {
            csv_write_field(&csv, rowset_field(rows, i, j));
            buffer_append_text(&csv, j + 1 == rows->column_count ? "\n" : ",");
        }
    int exit_code = 0;
    int rc = run_owner(suite, table, "--import", buffer_bytes(&csv), NULL, &exit_code, err);
    buffer_release(&csv);
    if (rc < 0 || exit_code == 0)
        return rc;
    if (exit_code == SERVICE_CONFIG)
        return ASK_OWNER_REFUSED;
    return failed(table, exit_code, err);
}

/* Audit. */

int ask_owner_audit(struct suite *suite, const char *owner, ask_owner_check check, void *self,
                    struct err *err)
{
    AUTO(client_freep) struct client *client = NULL;
    int rc = connect_owner(suite, owner, &client, err);
    if (rc < 0)
        return rc;
    Zsaga__Audit audit = ZSAGA__AUDIT__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_AUDIT;
    request.audit = &audit;
    const Zsaga__OwnerAnswer *answer;
    rc = ask(client, owner, &request, &answer, err);
    if (rc < 0)
        return rc;
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_AUDIT)
        return err_set(err, ERR_SYSTEM, "%s has no books to show", owner);
    for (size_t i = 0; i < answer->audit->n_checks; i++)
        check(self, owner, answer->audit->checks[i]);
    return 0;
}
