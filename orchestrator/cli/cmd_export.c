#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ask_owner.h"
#include "base/csv.h"
#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "printable.h"
#include "rowset.h"

static json_t *number_json(struct bytes field)
{
    char text[32];
    char *end;
    bytes_copy_text(field, text, sizeof text);
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return printable_json(field);
    return json_integer(number);
}

static void print_json(const struct owner_table *table, const struct rowset *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->row_count; i++) {
        json_t *row = json_object();
        for (size_t j = 0; j < table->column_count; j++) {
            struct bytes field = rowset_field(rows, i, j);
            json_object_set_new(row, table->columns[j].name,
                                table->columns[j].number ? number_json(field)
                                                         : printable_json(field));
        }
        json_array_append_new(list, row);
    }
    out_json(list);
}

static void print_csv(const struct owner_table *table, const struct rowset *rows)
{
    for (size_t j = 0; j < table->column_count; j++)
        (void)printf("%s%s", j == 0 ? "" : ",", table->columns[j].name);
    (void)putchar('\n');
    struct buffer line = {0};
    for (size_t i = 0; i < rows->row_count; i++) {
        buffer_clear(&line);
        for (size_t j = 0; j < table->column_count; j++) {
            buffer_append_text(&line, j == 0 ? "" : ",");
            csv_write_field(&line, rowset_field(rows, i, j));
        }
        buffer_append_text(&line, "\n");
        out_bytes(buffer_bytes(&line));
    }
    buffer_release(&line);
}

/* From the running suite, or, under its lock, from the owner's program. */
static int fetch(struct cli *cli, const struct owner_table *table, struct rowset *rows)
{
    struct err err = {0};
    int lock = -1;
    int code = cli_reach(cli, &lock);
    if (code != 0)
        return code;
    int rc = lock < 0 ? ask_owner_export(cli->suite, table, rows, &err)
                      : ask_owner_export_stopped(cli->suite, table, rows, &err);
    if (lock >= 0)
        (void)close(lock);
    return rc < 0 ? cli_fail(&err) : CLI_TRUE;
}

static int unknown_table(const struct cli *cli)
{
    return cli_usage(cli, "%s: the tables are stock, customers, orders, payments and shipments",
                     cli->args.words[0]);
}

static int run(struct cli *cli)
{
    const struct owner_table *table = owner_tables_find(cli->args.words[0]);
    if (table == NULL || table->hidden)
        return unknown_table(cli);
    int code = cli_load_suite(cli);
    if (code != 0)
        return code;
    struct rowset rows;
    rowset_init(&rows, table->column_count);
    code = fetch(cli, table, &rows);
    if (code == 0) {
        rowset_sort(&rows, 0);
        if (cli->json)
            print_json(table, &rows);
        else
            print_csv(table, &rows);
    }
    rowset_release(&rows);
    return code;
}

const struct cli_command command_export = {
    .name = "export",
    .words = "TABLE",
    .summary = "a service's own data as CSV",
    .help =
        "Prints a table of the service that owns it, as CSV, ordered by its first column:\n"
        "  stock       sku,on_hand,reserved            can still be promised; is promised\n"
        "  customers   customer_id,credit_cents\n"
        "  orders      order_id,customer_id,total_cents,status    pending confirmed cancelled\n"
        "  payments    order_id,amount_cents,status               charged refunded\n"
        "  shipments   order_id,status                            scheduled cancelled\n"
        "A running suite is asked through its sockets; of a stopped one the owner's program reads\n"
        "its own file.\n"
        "\n"
        "examples:\n"
        "  zsaga export stock > stock.csv\n"
        "  zsaga export orders --json | jq 'map(select(.status == \"pending\"))'\n",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
