#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "processes.h"
#include "table.h"

static const struct column columns[] = {
    {"name", false, 0, 0}, {"pid", true, 0, 0}, {"state", false, 0, 0}, {"restarts", true, 0, 0}};

static enum table_style style(const char *state)
{
    if (strcmp(state, "running") == 0)
        return TABLE_GOOD;
    return strcmp(state, "failed") == 0 ? TABLE_BAD : TABLE_BUSY;
}

static void number_cell(struct table *table, const json_t *number)
{
    char text[24] = "-";
    if (json_is_integer(number))
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    table_text(table, text);
}

static void print_table(const struct cli *cli, const json_t *processes)
{
    AUTO(table_freep) struct table *table = table_new(columns, 4);
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        const char *state = json_string_value(json_object_get(process, "state"));
        table_text(table, json_string_value(json_object_get(process, "name")));
        number_cell(table, json_object_get(process, "pid"));
        table_cell(table, bytes_text(state), style(state));
        number_cell(table, json_object_get(process, "restarts"));
    }
    struct buffer text = {0};
    table_render(table, cli->width, cli->color, &text);
    out_bytes(buffer_bytes(&text));
    buffer_release(&text);
}

static int run(struct cli *cli)
{
    int code = cli_require_running(cli);
    if (code == 0)
        code = cli_may_enter(cli);
    if (code != 0)
        return code;
    json_t *processes = processes_read(cli->dir);
    if (processes == NULL) {
        cli_say("the suite in %s is being used, but not run; start it: zsaga up --data %s",
                cli->dir, cli->dir);
        return CLI_STOPPED;
    }
    if (cli->json) {
        out_json(processes);
        return CLI_TRUE;
    }
    print_table(cli, processes);
    json_decref(processes);
    return CLI_TRUE;
}

const struct cli_command command_ps = {
    .name = "ps",
    .words = "",
    .summary = "the processes of a running suite",
    .help =
        "Lists the processes that `zsaga up` supervises, and how often each was started again.\n"
        "States: starting, running, stopped, backoff (it crashed and is about to be started\n"
        "again), failed (starting it again is no use; its log in DIR/log tells why).\n"
        "\n"
        "examples:\n"
        "  zsaga ps\n"
        "  kill -9 $(zsaga ps --json | jq '.[] | select(.name == \"payment\").pid')\n",
    .exits = "  0 listed\n"
             "  2 the call is wrong\n"
             "  4 the suite is not running\n",
    .run = run,
};
