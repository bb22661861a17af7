#include "ask_owner.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "cli.h"
#include "owner_client.h"
#include "printable.h"
#include "program.h"
#include "service_exit.h"

#define PART_ROWS 500
#define LOOK_MS 2000 /* Without an answer: does the suite still run? Doubling. */
#define HELD_MS 5000
#define HELD_LOOK_MS 200
#define IMPORT_TRIES 10 /* An owner that restarts forgets the parts it was given. */

static int connect_owner(struct suite *suite, const char *name, struct owner_client **ret,
                         struct err *err)
{
    AUTO(freep) char *endpoint = NULL;
    int rc = suite_endpoint(suite, name, "owner", &endpoint, err);
    return rc < 0 ? rc : owner_client_new(endpoint, ret, err);
}

static int refused(const Zsaga__OwnerRefusal *refusal, struct err *err)
{
    AUTO(freep) char *words = printable(packed_view(refusal->message));
    return err_set(err, ERR_INVALID, "%s", words);
}

/* Words for a failure to ask; `rc` is its class. */
static int unanswered(const struct suite *suite, const struct owner_client *client,
                      const char *owner, int64_t waited_ms, int rc, struct err *err)
{
    if (rc != ERR_TIMEOUT)
        return err_wrap(err, rc, "asking %s", owner);
    const char *why = owner_client_why_ignored(client);
    if (why[0] != '\0')
        return err_set(err, rc, "%s did not answer with anything understood here (%s)", owner, why);
    return err_set(err, rc,
                   "%s did not answer within %" PRId64 " ms; see: zsaga ps --data %s, and "
                   "%s/log/%s.log",
                   owner, waited_ms, suite->dir, suite->dir, owner);
}

static int ask(const struct suite *suite, struct owner_client *client, const char *owner,
               Zsaga__OwnerRequest *request, int64_t wait_ms, const Zsaga__OwnerAnswer **ret,
               struct err *err)
{
    int rc = owner_client_ask(client, request, wait_ms, ret, err);
    return rc < 0 ? unanswered(suite, client, owner, wait_ms, rc, err) : 0;
}

/* The same for what may be asked anew under another id, since it is answered soon: gives up early
 * when the suite has stopped meanwhile. */
static int ask_while_running(const struct suite *suite, struct owner_client *client,
                             const char *owner, Zsaga__OwnerRequest *request,
                             const Zsaga__OwnerAnswer **ret, struct err *err)
{
    int64_t until_ms = clock_mono_ms() + CLI_OWNER_MS;
    int64_t wait_ms = LOOK_MS;
    int rc;
    do {
        int64_t left_ms = until_ms - clock_mono_ms();
        rc = owner_client_ask(client, request, wait_ms < left_ms ? wait_ms : left_ms, ret, err);
        wait_ms *= 2;
    } while (rc == ERR_TIMEOUT && clock_mono_ms() < until_ms && suite_is_locked(suite->dir));
    return rc < 0 ? unanswered(suite, client, owner, CLI_OWNER_MS, rc, err) : 0;
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

/* *ret is valid until the next request. */
static int ask_page(const struct suite *suite, struct owner_client *client,
                    const struct owner_table *table, struct bytes after,
                    const Zsaga__ExportPage **ret, struct err *err)
{
    Zsaga__Export export = ZSAGA__EXPORT__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    export.table = packed_borrow_text(table->name);
    export.after = packed_borrow(after);
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_EXPORT;
    request.export = &export;
    const Zsaga__OwnerAnswer *answer;
    int rc = ask_while_running(suite, client, table->owner, &request, &answer, err);
    if (rc < 0)
        return rc;
    if (answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_REFUSAL)
        return err_wrap(err, refused(answer->refusal, err), "%s", table->owner);
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_PAGE)
        return err_set(err, ERR_SYSTEM, "%s answers something else", table->owner);
    *ret = answer->page;
    return 0;
}

static int export_pages(const struct suite *suite, struct owner_client *client,
                        const struct owner_table *table, struct rowset *rows, struct err *err)
{
    struct buffer after = {0};
    int rc;
    do {
        const Zsaga__ExportPage *page;
        rc = ask_page(suite, client, table, buffer_bytes(&after), &page, err);
        if (rc < 0)
            break;
        rc = take_page(table, page, rows, err);
        buffer_clear(&after);
        buffer_append(&after, page->next.data, page->next.len);
    } while (rc == 0 && after.len != 0);
    buffer_release(&after);
    return rc;
}

int ask_owner_export(struct suite *suite, const struct owner_table *table, struct rowset *rows,
                     struct err *err)
{
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    int rc = connect_owner(suite, table->owner, &client, err);
    return rc < 0 ? rc : export_pages(suite, client, table, rows, err);
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

static const char *program_of(const struct suite *suite, const char *name)
{
    const struct suite_participant *participant = suite_find(suite, name);
    if (participant != NULL)
        return participant->program;
    const struct suite_consumer *consumer = suite_find_consumer(suite, name);
    return consumer == NULL ? NULL : consumer->program;
}

/* Runs the owner's program with `option` and the table's name. A process that was killed with its
 * suite may still hold the database for a moment. */
static int run_owner(const struct suite *suite, const struct owner_table *table, const char *option,
                     struct bytes input, struct buffer *output, int *ret_exit, struct err *err)
{
    const char *owner = program_of(suite, table->owner);
    if (owner == NULL)
        return err_set(err, ERR_NOT_FOUND, "the suite has no participant and no consumer %s",
                       table->owner);
    AUTO(freep) char *program = NULL;
    int rc = program_find(owner, &program, err);
    if (rc < 0)
        return rc;
    const char *const argv[] = {program, "--data", suite->dir, option, table->name, NULL};
    int64_t until_ms = clock_mono_ms() + HELD_MS;
    for (;;) {
        rc = program_run(argv, input, output, ret_exit, err);
        if (rc < 0 || *ret_exit != SERVICE_HELD || clock_mono_ms() >= until_ms)
            return rc;
        if (output != NULL)
            buffer_clear(output);
        (void)poll(NULL, 0, HELD_LOOK_MS);
    }
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

/* Columns. */

static int add_column(struct owner_table *table, struct bytes name, struct err *err)
{
    if (table->column_count == OWNER_TABLES_COLUMNS_MAX)
        return err_set(err, ERR_INVALID, "%s has more than %d columns", table->name,
                       OWNER_TABLES_COLUMNS_MAX);
    AUTO(freep) char *text = xcalloc(name.len + 1, 1);
    bytes_copy_text(name, text, name.len + 1);
    table->columns[table->column_count++].name = text;
    text = NULL;
    return 0;
}

static int learn_running(struct suite *suite, struct owner_table *table, struct err *err)
{
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    const Zsaga__ExportPage *page = NULL;
    int rc = connect_owner(suite, table->owner, &client, err);
    if (rc == 0)
        rc = ask_page(suite, client, table, bytes_of("", 0), &page, err);
    for (size_t i = 0; rc == 0 && i < page->n_columns; i++)
        rc = add_column(table, packed_view(page->columns[i]), err);
    return rc;
}

static int learn_stopped(const struct suite *suite, struct owner_table *table, struct err *err)
{
    struct buffer output = {0};
    int exit_code = 0;
    int rc = run_owner(suite, table, "--export", bytes_of("", 0), &output, &exit_code, err);
    if (rc == 0 && exit_code != 0)
        rc = failed(table, exit_code, err);
    struct bytes text = buffer_bytes(&output);
    AUTO(csv_freep) struct csv *csv = csv_new(csv_read_memory, &text);
    const struct csv_row *row = NULL;
    if (rc == 0)
        rc = csv_next(csv, &row, err);
    for (size_t i = 0; rc == CSV_ROW && i < row->field_count; i++)
        if (add_column(table, csv_field(row, i).bytes, err) < 0)
            rc = ERR_INVALID;
    buffer_release(&output);
    return rc < 0 ? rc : 0;
}

int ask_owner_columns(struct suite *suite, bool running, struct owner_table *table, struct err *err)
{
    table->learned = true;
    int rc = running ? learn_running(suite, table, err) : learn_stopped(suite, table, err);
    if (rc == 0 && table->column_count == 0)
        return err_set(err, ERR_SYSTEM, "%s tells no columns of %s", table->owner, table->name);
    return rc;
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

static int import_once(const struct suite *suite, struct owner_client *client,
                       const struct owner_table *table, const struct rowset *rows,
                       struct part *part, struct err *err)
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
        int rc = ask(suite, client, table->owner, &request, CLI_OWNER_MS, &answer, err);
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
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    int rc = connect_owner(suite, table->owner, &client, err);
    if (rc < 0)
        return rc;
    struct part *part = xmalloc(sizeof *part);
    rc = IMPORT_AGAIN;
    for (int tries = 0; rc == IMPORT_AGAIN && tries < IMPORT_TRIES; tries++)
        rc = import_once(suite, client, table, rows, part, err);
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

/* One question on a connection of its own; the answer lives as long as *ret_client. */
static int ask_once(struct suite *suite, const char *owner, Zsaga__OwnerRequest *request,
                    int64_t wait_ms, struct owner_client **ret_client,
                    const Zsaga__OwnerAnswer **ret, struct err *err)
{
    int rc = connect_owner(suite, owner, ret_client, err);
    return rc < 0 ? rc : ask(suite, *ret_client, owner, request, wait_ms, ret, err);
}

/* Audit. */

int ask_owner_audit(struct suite *suite, const char *owner, int64_t wait_ms, ask_owner_check check,
                    void *self, struct err *err)
{
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    Zsaga__Audit audit = ZSAGA__AUDIT__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_AUDIT;
    request.audit = &audit;
    const Zsaga__OwnerAnswer *answer;
    int rc = ask_once(suite, owner, &request, wait_ms, &client, &answer, err);
    if (rc < 0)
        return rc;
    if (answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_REFUSAL) {
        (void)refused(answer->refusal, err);
        return err_wrap(err, ERR_SYSTEM, "%s cannot check its books", owner);
    }
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_AUDIT)
        return err_set(err, ERR_SYSTEM, "%s answers something else", owner);
    for (size_t i = 0; i < answer->audit->n_checks; i++)
        check(self, owner, answer->audit->checks[i]);
    return 0;
}

/* Resync. */

int ask_owner_resync(struct suite *suite, const char *owner, Zsaga__Resync *resync,
                     char **ret_words, struct err *err)
{
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_RESYNC;
    request.resync = resync;
    const Zsaga__OwnerAnswer *answer;
    int rc = ask_once(suite, owner, &request, CLI_OWNER_MS, &client, &answer, err);
    if (rc < 0)
        return rc;
    if (answer->kind_case == ZSAGA__OWNER_ANSWER__KIND_REFUSAL) {
        (void)refused(answer->refusal, err);
        return ASK_OWNER_REFUSED;
    }
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_RESYNCED)
        return err_set(err, ERR_SYSTEM, "%s answers something else", owner);
    *ret_words = printable(packed_view(answer->resynced->message));
    return ASK_OWNER_APPLIED;
}

/* Health. */

int ask_owner_health(struct suite *suite, const char *owner, int64_t wait_ms,
                     ask_owner_take_health take, void *self, struct err *err)
{
    AUTO(owner_client_freep) struct owner_client *client = NULL;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    const Zsaga__OwnerAnswer *answer;
    int rc = ask_once(suite, owner, &request, wait_ms, &client, &answer, err);
    if (rc < 0)
        return rc;
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_HEALTH)
        return err_set(err, ERR_SYSTEM, "%s does not tell how it is", owner);
    take(self, answer->health);
    return 0;
}
