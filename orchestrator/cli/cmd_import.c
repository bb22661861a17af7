#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "import_file.h"
#include "out.h"

/* Before the first start too. */
static int reach(struct cli *cli, int *ret_lock)
{
    struct err err = {0};
    if (suite_create(cli->dir, &err) < 0)
        return cli_fail(&err);
    int code = cli_load_suite(cli);
    return code != 0 ? code : cli_reach(cli, ret_lock);
}

static void tell(const struct cli *cli, const struct owner_table *table, size_t rows)
{
    if (cli->json) {
        json_t *json = json_object();
        json_object_set_new(json, "table", json_string(table->name));
        json_object_set_new(json, "rows", json_integer((json_int_t)rows));
        out_json(json);
    } else {
        (void)printf("%s: %s rows imported\n", table->name, out_number(rows));
    }
}

static int run(struct cli *cli)
{
    const struct owner_table *table = owner_tables_find(cli->args.words[0]);
    if (table == NULL || table->import_count == 0)
        return cli_usage(cli, "%s: it is stock or customers that can be imported",
                         cli->args.words[0]);
    struct rowset rows;
    int lock = -1;
    int code = import_file_read(cli->args.words[1], table, &rows);
    if (code == 0)
        code = reach(cli, &lock);
    if (code == 0)
        code = import_file_apply(cli->suite, lock < 0, table, &rows);
    if (code == 0)
        tell(cli, table, rows.row_count);
    if (lock >= 0)
        (void)close(lock);
    rowset_release(&rows);
    return code;
}

const struct cli_command command_import = {
    .name = "import",
    .words = "stock|customers FILE",
    .summary = "set stock or credit from a CSV file",
    .help =
        "Sets what there is, from a CSV file with a header (further columns are ignored):\n"
        "  stock       sku,on_hand                 units\n"
        "  customers   customer_id,credit_cents\n"
        "The file states the imported total: what is promised to orders or charged stays\n"
        "subtracted, so importing a file twice changes nothing, and a total below what is\n"
        "promised is refused. All rows are imported or, if one is at fault, none. Works while the\n"
        "suite runs and while it is stopped, also before its first start. `-` is standard input.\n"
        "\n"
        "examples:\n"
        "  zsaga import stock stock.csv\n"
        "  printf 'customer_id,credit_cents\\nalice,500000\\n' | zsaga import customers -\n",
    .exits = "  0 all rows are imported\n"
             "  1 a row is at fault, or the service refuses: nothing is imported\n"
             "  2 the file cannot be read, or lacks a column\n"
             "  4 the service does not answer\n",
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
