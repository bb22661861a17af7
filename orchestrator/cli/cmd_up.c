#include <unistd.h>

#include "commands.h"
#include "import_file.h"
#include "supervisor.h"

#define LOCK_WAIT_MS 5000 /* What a suite that just ended may still hold. */

enum { IMPORTS = 2 };

/* A file to import before the start. */
struct load {
    const char *option;
    const char *file; /* NULL: none. */
    const struct owner_table *table;
    struct rowset rows;
};

static int read_files(const struct cli *cli, struct load *loads)
{
    int code = 0;
    for (size_t i = 0; i < IMPORTS && code == 0; i++) {
        loads[i].file = args_value(&cli->args, loads[i].option);
        loads[i].table = owner_tables_find(loads[i].option);
        if (loads[i].file != NULL)
            code = import_file_read(loads[i].file, loads[i].table, &loads[i].rows);
    }
    return code;
}

static int import_files(const struct cli *cli, const struct load *loads)
{
    int code = 0;
    for (size_t i = 0; i < IMPORTS && code == 0; i++)
        if (loads[i].file != NULL)
            code = import_file_apply(cli->suite, false, loads[i].table, &loads[i].rows);
    return code;
}

/* Whoever has it may be about to end; meanwhile nobody is left to guess. */
static int take_lock(const struct cli *cli, int *ret, struct err *err)
{
    int rc = suite_lock(cli->dir, 0, ret, err);
    if (rc != ERR_HELD)
        return rc;
    long pid = suite_lock_holder(cli->dir);
    if (pid != 0)
        cli_say("the suite in %s is in use: waiting for process %ld to end", cli->dir, pid);
    else
        cli_say("the suite in %s is in use: waiting for its process to end", cli->dir);
    return suite_lock(cli->dir, LOCK_WAIT_MS, ret, err);
}

static int start(struct cli *cli, const struct load *loads)
{
    struct err err = {0};
    int lock;
    int rc = suite_create(cli->dir, &err);
    if (rc < 0) {
        (void)cli_fail(&err);
        return CLI_USAGE; /* The directory is the caller's choice. */
    }
    if (cli_load_suite(cli) != 0)
        return CLI_USAGE;
    rc = take_lock(cli, &lock, &err);
    if (rc < 0) {
        int said = cli_fail(&err);
        return rc == ERR_HELD ? said : CLI_USAGE;
    }
    int code = import_files(cli, loads);
    if (code == 0) {
        const struct supervisor_options options = {
            .suite = cli->suite,
            .adopt = args_has(&cli->args, "adopt"),
            .json = cli->json,
        };
        code = supervisor_run(&options);
    }
    (void)close(lock);
    return code;
}

static int run(struct cli *cli)
{
    struct load loads[IMPORTS] = {{.option = "stock"}, {.option = "customers"}};
    int code = read_files(cli, loads);
    if (code == 0)
        code = start(cli, loads);
    for (size_t i = 0; i < IMPORTS; i++)
        rowset_release(&loads[i].rows);
    return code;
}

static const struct args_option options[] = {
    {"stock", "FILE", "import stock (sku,on_hand) before starting"},
    {"customers", "FILE", "import customers (customer_id,credit_cents) before starting"},
    {"adopt", NULL, "go on from a restored backup of the orchestrator's database"},
};

const struct cli_command command_up = {
    .name = "up",
    .words = "",
    .summary = "start a suite and keep it running, in the foreground",
    .help =
        "Starts all processes of the suite and supervises them in the foreground: prints a line\n"
        "that begins with `ready` when all answer, or says after three seconds what is missing,\n"
        "starts crashed ones again, and on Ctrl-C or SIGTERM stops them all cleanly. A first\n"
        "start makes the directory and DIR/suite.zpl, which is yours to edit. Processes write\n"
        "their logs to DIR/log.\n"
        "--adopt: an orchestrator whose database is older than what its participants have seen\n"
        "refuses to start, because work it has forgotten may be under way; if you restored a\n"
        "backup on purpose, this starts it all the same.\n"
        "\n"
        "examples:\n"
        "  zsaga up\n"
        "  zsaga up --data /var/lib/zsaga --stock stock.csv --customers customers.csv\n"
        "  zsaga ps --data /var/lib/zsaga        in another terminal\n",
    .exits = "  0 stopped by Ctrl-C or SIGTERM\n"
             "  1 it did not start, or cannot go on: the words and DIR/log tell why\n"
             "  2 a file or suite.zpl is at fault, or cannot be read\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
