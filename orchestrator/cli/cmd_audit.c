#include <stdio.h>
#include <string.h>

#include "ask_owner.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "books.h"
#include "commands.h"
#include "out.h"
#include "printable.h"
#include "table.h"

struct audit_report {
    bool ok;
    json_t *checks;
};

static void add_check(void *self, const char *name, bool ok, const char *detail)
{
    struct audit_report *report = self;
    json_t *check = json_object();
    json_object_set_new(check, "name", printable_json(bytes_text(name)));
    json_object_set_new(check, "ok", json_boolean(ok));
    json_object_set_new(check, "detail", printable_json(bytes_text(detail)));
    json_array_append_new(report->checks, check);
    report->ok = report->ok && ok;
}

static void add_owner_check(void *self, const char *owner, const Zsaga__AuditCheck *check)
{
    AUTO(freep) char *own = printable(packed_view(check->name));
    AUTO(freep) char *detail = printable(packed_view(check->detail));
    AUTO(freep) char *prefix = xprintf("%s.", owner);
    bool named = strncmp(own, prefix, strlen(prefix)) == 0;
    AUTO(freep) char *name = xprintf("%s%s", named ? "" : prefix, own);
    add_check(self, name, check->ok, detail);
}

static bool take_saga(void *self, const struct client_row *row)
{
    struct rowset *listing = self;
    rowset_add(listing, bytes_text(row->key));
    rowset_add(listing, bytes_text(client_state_name(row->state)));
    rowset_add(listing, bytes_text(row->definition));
    rowset_add(listing, bytes_text(row->reason));
    return true;
}

static int list_sagas(struct cli *cli, struct rowset *listing)
{
    struct err err = {0};
    const struct client_filter all = {.limit = 0};
    rowset_init(listing, BOOKS_LISTING_COLUMNS);
    int rc = client_list(cli->client, &all, CLI_ASK_MS, take_saga, listing, &err);
    rowset_sort(listing, BOOKS_KEY);
    return rc < 0 ? cli_fail(&err) : 0;
}

static int read_table(struct cli *cli, const char *name, size_t order_id, struct rowset *rows)
{
    struct err err = {0};
    const struct owner_table *table = owner_tables_find(name);
    rowset_init(rows, table->column_count);
    int rc = ask_owner_export(cli->suite, table, rows, &err);
    rowset_sort(rows, order_id);
    return rc < 0 ? cli_fail(&err) : 0;
}

/* In this order: only so do sagas that go on meanwhile not look like faults. */
static int read_books(struct cli *cli, struct books *books)
{
    const struct table {
        const char *name;
        size_t order_id; /* Column. */
        struct rowset *rows;
    } tables[] = {
        {"orders", 0, &books->orders},
        {"payments", 0, &books->payments},
        {"shipments", 0, &books->shipments},
        {"reservations", 1, &books->reservations},
    };
    int code = list_sagas(cli, &books->before);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == 0; i++)
        code = read_table(cli, tables[i].name, tables[i].order_id, tables[i].rows);
    return code != 0 ? code : list_sagas(cli, &books->after);
}

static void release_books(struct books *books)
{
    rowset_release(&books->before);
    rowset_release(&books->after);
    rowset_release(&books->orders);
    rowset_release(&books->payments);
    rowset_release(&books->shipments);
    rowset_release(&books->reservations);
}

static int check_owners(struct cli *cli, struct audit_report *report)
{
    for (size_t i = 0; i < cli->suite->participant_count; i++) {
        struct err err = {0};
        const char *owner = cli->suite->participants[i].name;
        if (ask_owner_audit(cli->suite, owner, add_owner_check, report, &err) < 0)
            return cli_fail(&err);
    }
    return 0;
}

static int check_all(struct cli *cli, struct audit_report *report)
{
    struct books books = {.before = {0}};
    int code = check_owners(cli, report);
    if (code == 0)
        code = read_books(cli, &books);
    if (code == 0)
        books_audit(&books, add_check, report);
    release_books(&books);
    return code;
}

static const struct table_column columns[] = {
    {"check", false, 0, 0}, {"ok", false, 0, 0}, {"detail", false, 20, 0}};

static void print_table(const struct cli *cli, const struct audit_report *report)
{
    AUTO(table_freep) struct table *table = table_new(columns, 3);
    size_t i;
    json_t *check;
    json_array_foreach(report->checks, i, check)
    {
        bool ok = json_is_true(json_object_get(check, "ok"));
        table_text(table, json_string_value(json_object_get(check, "name")));
        table_cell(table, bytes_text(ok ? "ok" : "NOT OK"), ok ? TABLE_GOOD : TABLE_BAD);
        table_text(table, json_string_value(json_object_get(check, "detail")));
    }
    struct buffer text = {0};
    table_render(table, cli->width, cli->color, &text);
    out_bytes(buffer_bytes(&text));
    buffer_release(&text);
    (void)printf("\n%s\n", report->ok ? "ok: the books agree" : "NOT OK: see the lines above");
}

static int run(struct cli *cli)
{
    struct audit_report report = {true, json_array()};
    int code = cli_connect(cli);
    if (code == 0)
        code = check_all(cli, &report);
    if (code == 0 && cli->json) {
        json_t *json = json_object();
        json_object_set_new(json, "ok", json_boolean(report.ok));
        json_object_set(json, "checks", report.checks);
        out_json(json);
    } else if (code == 0) {
        print_table(cli, &report);
    }
    json_decref(report.checks);
    if (code != 0)
        return code;
    return report.ok ? CLI_TRUE : CLI_FALSE;
}

const struct cli_command command_audit = {
    .name = "audit",
    .words = "",
    .summary = "do the books of all services agree",
    .help =
        "Checks each service's own books (stock and credit add up to what was imported), then\n"
        "across services: of each saga that was final before the services were read, a completed\n"
        "one has its order confirmed, its total charged, its goods reserved and their shipment\n"
        "scheduled; a compensated one has left nothing behind; nothing is there that no saga "
        "made.\n"
        "Safe at any time, under load too.\n"
        "\n"
        "examples:\n"
        "  zsaga audit\n"
        "  zsaga audit --json | jq '.checks[] | select(.ok | not)'\n",
    .exits = "  0 all checks hold\n"
             "  1 one does not, or a saga is in attention\n"
             "  2 the call is wrong\n"
             "  4 the suite is not running, or a service does not answer\n",
    .run = run,
};
