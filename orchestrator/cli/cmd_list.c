#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "saga_view.h"
#include "states.h"

#define TABLE_ROWS 50
#define LIMIT_MAX 1000000000

struct listing {
    struct table *table; /* Or NULL: JSON. */
    struct out_rows rows;
    int64_t wall_ms;
};

static bool take(void *self, const struct client_row *row)
{
    struct listing *listing = self;
    if (listing->table != NULL)
        saga_view_cells(listing->table, row, listing->wall_ms);
    else
        out_rows_add(&listing->rows, saga_view_json(row, listing->wall_ms));
    return true;
}

/* The states asked for, each once. Returns 0 or the exit code. */
static int read_states(const struct cli *cli, enum client_state *ret, size_t *ret_count)
{
    size_t place = 0;
    *ret_count = 0;
    for (const char *name; (name = args_each(&cli->args, "state", &place)) != NULL;) {
        enum client_state state;
        if (!client_state_parse(name, &state))
            return cli_usage(cli,
                             "--state %s: it is one of running, compensating, completed, "
                             "compensated, attention",
                             name);
        bool known = false;
        for (size_t i = 0; i < *ret_count; i++)
            known = known || ret[i] == state;
        if (!known)
            ret[(*ret_count)++] = state;
    }
    return 0;
}

static int run(struct cli *cli)
{
    struct err err = {0};
    enum client_state states[STATES_COUNT];
    size_t state_count;
    int64_t limit;
    int code = read_states(cli, states, &state_count);
    if (code != 0)
        return code;
    if (args_int(&cli->args, "limit", cli->json ? LIMIT_MAX : TABLE_ROWS, 1, LIMIT_MAX, &limit,
                 &err) < 0)
        return cli_usage(cli, "%s", err.text);
    code = cli_connect(cli);
    if (code != 0)
        return code;
    AUTO(table_freep)
    struct table *table = cli->json ? NULL : table_new(saga_view_columns, SAGA_VIEW_COLUMNS);
    struct listing listing = {.table = table, .wall_ms = clock_wall_ms()};
    const struct client_filter filter = {states, state_count, (uint64_t)limit};
    if (client_list(cli->client, &filter, CLI_ASK_MS, take, &listing, &err) < 0)
        code = cli_fail(&err);
    if (code == 0 && cli->json) {
        out_rows_end(&listing.rows);
    } else if (code == 0) {
        struct buffer text = {0};
        table_render(table, cli->width, cli->color, &text);
        out_bytes(buffer_bytes(&text));
        buffer_release(&text);
    }
    return code;
}

static const struct args_option options[] = {
    {"state", "S", "only sagas in this state; may be given several times"},
    {"limit", "N", "at most so many (table: 50; JSON: all)"},
};

const struct cli_command command_list = {
    .name = "list",
    .words = "",
    .summary = "sagas, newest first",
    .help = "Lists sagas, newest first: where each stands, whom it waits for, how often that was\n"
            "tried, what went wrong last, and when it goes on. `reason` is the code that turned a\n"
            "saga back (out_of_stock); `last_error` is its current trouble.\n"
            "States: running, compensating, completed, compensated, attention.\n"
            "\n"
            "examples:\n"
            "  zsaga list                                      the newest 50\n"
            "  zsaga list --state attention                    what needs somebody\n"
            "  zsaga list --state running --state compensating what is under way\n"
            "  zsaga list --json | jq -r '.[].key'             all keys\n",
    .exits = "  0 listed, if only none\n"
             "  2 the call is wrong\n"
             "  4 the suite is not running or does not answer\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
