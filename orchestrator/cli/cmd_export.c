#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask_owner.h"
#include "base/csv.h"
#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "printable.h"
#include "rowset.h"

#define FETCH_TRIES 3

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
    struct out_rows list = {false};
    for (size_t i = 0; i < rows->row_count; i++) {
        json_t *row = json_object();
        for (size_t j = 0; j < table->column_count; j++) {
            struct bytes field = rowset_field(rows, i, j);
            json_object_set_new(row, table->columns[j].name,
                                table->columns[j].number ? number_json(field)
                                                         : printable_json(field));
        }
        out_rows_add(&list, row);
    }
    out_rows_end(&list);
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

static int fetch_rows(struct suite *suite, bool running, struct owner_table *table,
                      struct rowset *rows, struct err *err)
{
    int rc = 0;
    if (table->column_count == 0)
        rc = ask_owner_columns(suite, running, table, err);
    if (rc < 0)
        return rc;
    rowset_release(rows); /* Of an earlier try. */
    rowset_init(rows, table->column_count);
    return running ? ask_owner_export(suite, table, rows, err)
                   : ask_owner_export_stopped(suite, table, rows, err);
}

/* From the running suite, or, under its lock, from the owner's program. *ret_stopped: it was asked,
 * and has stopped meanwhile. */
static int fetch_once(struct cli *cli, struct owner_table *table, struct rowset *rows,
                      bool *ret_stopped)
{
    struct err err = {0};
    int lock = -1;
    *ret_stopped = false;
    int code = cli_reach(cli, &lock);
    if (code != 0)
        return code;
    int rc = fetch_rows(cli->suite, lock < 0, table, rows, &err);
    if (lock >= 0)
        (void)close(lock);
    *ret_stopped = rc == ERR_TIMEOUT && lock < 0 && !suite_is_locked(cli->dir);
    if (*ret_stopped)
        return CLI_STOPPED;
    return rc < 0 ? cli_fail(&err) : CLI_TRUE;
}

static int fetch(struct cli *cli, struct owner_table *table, struct rowset *rows)
{
    bool stopped;
    int code = fetch_once(cli, table, rows, &stopped);
    for (int tries = 1; stopped && tries < FETCH_TRIES; tries++)
        code = fetch_once(cli, table, rows, &stopped);
    if (stopped)
        cli_say("the suite in %s stops and starts again and again", cli->dir);
    return code;
}

/* A table that the tool knows, or SERVICE/TABLE, which it asks the service for. `word` is cut. */
static int find_table(const struct cli *cli, char *word, struct owner_table *ret)
{
    const struct owner_table *known = owner_tables_find(word);
    if (known != NULL && !known->hidden) {
        *ret = *known;
        return 0;
    }
    char *slash = strchr(word, '/');
    if (slash == NULL || slash == word || slash[1] == '\0')
        return cli_usage(cli,
                         "%s: the tables are stock, customers, orders, payments and shipments, and"
                         " SERVICE/TABLE of services of your own",
                         word);
    *slash = '\0';
    *ret = (struct owner_table){.name = slash + 1, .owner = word};
    return 0;
}

static int run(struct cli *cli)
{
    AUTO(freep) char *word = xstrdup(cli->args.words[0]);
    struct owner_table table;
    int code = find_table(cli, word, &table);
    if (code == 0)
        code = cli_load_suite(cli);
    if (code != 0)
        return code;
    struct rowset rows = {0};
    code = fetch(cli, &table, &rows);
    if (code == 0) {
        rowset_sort(&rows, 0);
        if (cli->json)
            print_json(&table, &rows);
        else
            print_csv(&table, &rows);
    }
    rowset_release(&rows);
    owner_tables_forget(&table);
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
        "  SERVICE/TABLE   of any participant or consumer, as it names it; one that there is not\n"
        "                  is answered with those that there are\n"
        "A running suite is asked through its sockets; of a stopped one the owner's program reads\n"
        "its own file.\n"
        "\n"
        "examples:\n"
        "  zsaga export stock > stock.csv\n"
        "  zsaga export board/guests\n"
        "  zsaga export orders --json | jq 'map(select(.status == \"pending\"))'\n",
    .exits = "  0 printed, whole\n"
             "  2 there is no such table\n"
             "  3 there is no such service in the suite\n"
             "  4 there is no suite, or the service does not answer\n",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
