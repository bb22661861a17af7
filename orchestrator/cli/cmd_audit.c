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

#define CONSUMER_MS 2000 /* Nothing needs a consumer: nor is one waited for across a restart. */

struct audit_report {
    bool ok;
    json_t *checks;
    json_t *not_audited; /* Whose books nobody has checked, and why. */
};

static void add_not_audited(struct audit_report *report, const char *name, const char *detail)
{
    json_t *item = json_object();
    json_object_set_new(item, "name", printable_json(bytes_text(name)));
    json_object_set_new(item, "detail", printable_json(bytes_text(detail)));
    json_array_append_new(report->not_audited, item);
}

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

static int check_owner(struct cli *cli, const char *owner, int64_t wait_ms,
                       struct audit_report *report, struct err *err)
{
    size_t before = json_array_size(report->checks);
    int rc = ask_owner_audit(cli->suite, owner, wait_ms, add_owner_check, report, err);
    if (rc == 0 && json_array_size(report->checks) == before)
        add_not_audited(report, owner, "it has no checks of its own");
    return rc;
}

static int check_participants(struct cli *cli, struct audit_report *report)
{
    for (size_t i = 0; i < cli->suite->participant_count; i++) {
        struct err err = {0};
        const char *owner = cli->suite->participants[i].name;
        if (check_owner(cli, owner, CLI_OWNER_MS, report, &err) < 0)
            return cli_fail(&err);
    }
    return 0;
}

/* The observer keeps no books: what it has is read from the logs of others. */
static void check_consumers(struct cli *cli, struct audit_report *report)
{
    for (size_t i = 0; i < cli->suite->consumer_count; i++) {
        struct err err = {0};
        const char *owner = cli->suite->consumers[i].name;
        if (strcmp(owner, SUITE_OBSERVER) != 0 &&
            check_owner(cli, owner, CONSUMER_MS, report, &err) < 0)
            add_not_audited(report, owner, err.text);
    }
}

static bool has_order_services(const struct suite *suite)
{
    for (size_t i = 0; i < owner_tables_count; i++)
        if (suite_find(suite, owner_tables[i].owner) == NULL)
            return false;
    return true;
}

static int check_sagas(struct cli *cli, struct audit_report *report)
{
    struct books books = {.before = {0}};
    bool across = has_order_services(cli->suite);
    int code = across ? read_books(cli, &books) : list_sagas(cli, &books.before);
    if (code == 0 && across)
        books_audit(&books, add_check, report);
    else if (code == 0)
        books_audit_sagas(&books, add_check, report);
    if (code == 0 && !across)
        add_not_audited(report, "across services",
                        "only order, inventory, payment and shipping are compared with each other");
    release_books(&books);
    return code;
}

static int check_all(struct cli *cli, struct audit_report *report)
{
    int code = check_participants(cli, report);
    if (code != 0)
        return code;
    check_consumers(cli, report);
    return check_sagas(cli, report);
}

static const struct column columns[] = {
    {"check", false, 0, 0}, {"ok", false, 0, 0}, {"detail", false, 20, 0}};

static void print_not_audited(const struct audit_report *report)
{
    size_t i;
    json_t *item;
    json_array_foreach(report->not_audited, i, item)
    {
        AUTO(freep)
        char *detail = printable(bytes_text(json_string_value(json_object_get(item, "detail"))));
        (void)printf("%snot audited: %s: %s\n", i == 0 ? "\n" : "",
                     json_string_value(json_object_get(item, "name")), detail);
    }
}

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
    print_not_audited(report);
    bool all = json_array_size(report->not_audited) == 0;
    const char *ok = all ? "ok: the books agree" : "ok: what was audited agrees";
    (void)printf("\n%s\n", report->ok ? ok : "NOT OK: see the lines above");
}

static void print_json(const struct audit_report *report)
{
    json_t *json = json_object();
    json_object_set_new(json, "ok", json_boolean(report->ok));
    json_object_set(json, "checks", report->checks);
    json_object_set(json, "not_audited", report->not_audited);
    out_json(json);
}

static int run(struct cli *cli)
{
    struct audit_report report = {true, json_array(), json_array()};
    int code = cli_connect(cli);
    if (code == 0)
        code = check_all(cli, &report);
    if (code == 0 && cli->json)
        print_json(&report);
    else if (code == 0)
        print_table(cli, &report);
    json_decref(report.checks);
    json_decref(report.not_audited);
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
        "Safe at any time, under load too. Who has no checks of its own (`audit` in participant.h\n"
        "and consumer.h) is named as not audited; so is a consumer that does not answer. Services\n"
        "of your own are not compared with each other.\n"
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
