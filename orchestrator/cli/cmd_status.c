#include <inttypes.h>
#include <stdio.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "printable.h"
#include "processes.h"
#include "states.h"
#include "table.h"

static uint64_t count_of(const Zsaga__StatusReport *report, Zsaga__SagaState state)
{
    for (size_t i = 0; i < report->n_sagas; i++)
        if (report->sagas[i]->state == state)
            return report->sagas[i]->count;
    return 0;
}

static double oldest_age_s(const Zsaga__StatusReport *report)
{
    int64_t age_ms = cli_wall_ms() - (int64_t)report->oldest_created_ms;
    return (double)(age_ms < 0 ? 0 : age_ms / 100) / 10;
}

static json_t *channel_json(const Zsaga__Channel *channel)
{
    json_t *json = json_object();
    json_object_set_new(json, "participant", printable_json(packed_view(channel->participant)));
    json_object_set_new(json, "state", printable_json(packed_view(channel->state)));
    json_object_set_new(json, "window", json_integer(channel->window));
    json_object_set_new(json, "in_flight", json_integer(channel->in_flight));
    json_object_set_new(json, "waiting", json_integer(channel->waiting));
    json_object_set_new(json, "detail", printable_json_or_null(packed_view(channel->detail)));
    return json;
}

static void print_json(const Zsaga__StatusReport *report, json_t *processes)
{
    json_t *json = json_object();
    json_t *sagas = json_object();
    json_t *oldest = json_null();
    json_t *channels = json_array();
    for (size_t i = 0; i < STATES_COUNT; i++)
        json_object_set_new(sagas, states_name(states_all[i]),
                            json_integer((json_int_t)count_of(report, states_all[i])));
    if (report->oldest_key.len != 0) {
        oldest = json_object();
        json_object_set_new(oldest, "key", printable_json(packed_view(report->oldest_key)));
        json_object_set_new(oldest, "age_s", json_real(oldest_age_s(report)));
    }
    for (size_t i = 0; i < report->n_channels; i++)
        json_array_append_new(channels, channel_json(report->channels[i]));
    json_object_set_new(json, "ready", json_boolean(report->ready));
    json_object_set_new(json, "sagas", sagas);
    json_object_set_new(json, "oldest", oldest);
    json_object_set_new(json, "stalled", json_integer(report->stalled));
    json_object_set_new(json, "processes", processes == NULL ? json_null() : processes);
    json_object_set_new(json, "channels", channels);
    out_json(json);
}

static void print_table(const struct cli *cli, const struct table *table)
{
    struct buffer text = {0};
    table_render(table, cli->width, cli->color, &text);
    out_bytes(buffer_bytes(&text));
    buffer_release(&text);
}

static void print_sagas(const struct cli *cli, const Zsaga__StatusReport *report)
{
    static const struct table_column columns[] = {{"sagas", false, 0, 0}, {"count", true, 0, 0}};
    AUTO(table_freep) struct table *table = table_new(columns, 2);
    for (size_t i = 0; i < STATES_COUNT; i++) {
        uint64_t count = count_of(report, states_all[i]);
        enum table_style style = count == 0 ? TABLE_FAINT : states_style(states_all[i]);
        table_cell(table, bytes_text(states_name(states_all[i])), style);
        table_cell(table, bytes_text(out_number(count)), style);
    }
    print_table(cli, table);
}

static const struct table_column channel_columns[] = {
    {"participant", false, 0, 0}, {"state", false, 0, 0},   {"window", true, 0, 3},
    {"in_flight", true, 0, 1},    {"waiting", true, 0, 2},  {"process", false, 0, 0},
    {"restarts", true, 0, 0},     {"detail", false, 10, 4},
};

static void number_cell(struct table *table, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    table_text(table, text);
}

/* State and restarts of the participant's process, from the supervisor. */
static void process_cells(struct table *table, const json_t *processes, struct bytes name)
{
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        const char *known = json_string_value(json_object_get(process, "name"));
        if (!bytes_equal(bytes_text(known), name))
            continue;
        table_text(table, json_string_value(json_object_get(process, "state")));
        number_cell(table, (uint64_t)json_integer_value(json_object_get(process, "restarts")));
        return;
    }
    table_text(table, "-");
    table_text(table, "-");
}

static void print_channels(const struct cli *cli, const Zsaga__StatusReport *report,
                           const json_t *processes)
{
    AUTO(table_freep)
    struct table *table =
        table_new(channel_columns, sizeof channel_columns / sizeof channel_columns[0]);
    for (size_t i = 0; i < report->n_channels; i++) {
        const Zsaga__Channel *channel = report->channels[i];
        bool up = bytes_equal(packed_view(channel->state), bytes_text("up"));
        table_cell(table, packed_view(channel->participant), TABLE_PLAIN);
        table_cell(table, packed_view(channel->state), up ? TABLE_GOOD : TABLE_BAD);
        number_cell(table, channel->window);
        number_cell(table, channel->in_flight);
        number_cell(table, channel->waiting);
        process_cells(table, processes, packed_view(channel->participant));
        table_cell(table, packed_view(channel->detail), TABLE_PLAIN);
    }
    print_table(cli, table);
}

static void print_human(const struct cli *cli, const Zsaga__StatusReport *report,
                        const json_t *processes)
{
    (void)printf("%s\n", report->ready ? "ready: every participant answers"
                                       : "not ready: a participant does not answer");
    if (report->oldest_key.len != 0) {
        AUTO(freep) char *key = printable(packed_view(report->oldest_key));
        (void)printf("oldest unfinished: %s, for %s\n", key,
                     out_duration((int64_t)(oldest_age_s(report) * 1000)));
    }
    if (report->stalled != 0)
        (void)printf("stalled: %" PRIu32 "\n", report->stalled);
    (void)putchar('\n');
    print_sagas(cli, report);
    (void)putchar('\n');
    print_channels(cli, report, processes);
    if (count_of(report, ZSAGA__SAGA_STATE__ATTENTION) != 0)
        (void)puts("\nsomebody is needed: zsaga list --state attention");
}

static int run(struct cli *cli)
{
    int code = cli_connect(cli);
    if (code != 0)
        return code;
    Zsaga__Status status = ZSAGA__STATUS__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &status;
    const Zsaga__ClientAnswer *answer;
    code = cli_ask(cli, &request, &answer);
    if (code != 0)
        return code;
    if (answer->kind_case != ZSAGA__CLIENT_ANSWER__KIND_STATUS) {
        cli_say("the orchestrator answers something else than this tool knows");
        return CLI_STOPPED;
    }
    const Zsaga__StatusReport *report = answer->status;
    bool good = report->ready && count_of(report, ZSAGA__SAGA_STATE__ATTENTION) == 0;
    json_t *processes = processes_read(cli->dir);
    if (cli->json) {
        print_json(report, processes);
    } else {
        print_human(cli, report, processes);
        json_decref(processes);
    }
    return good ? CLI_TRUE : CLI_FALSE;
}

const struct cli_command command_status = {
    .name = "status",
    .words = "",
    .summary = "is all well: sagas by state, participants, processes",
    .help =
        "Tells whether every participant answers, how many sagas are in each state, the oldest\n"
        "unfinished one, how many are stalled (not final, and nothing will wake them), and how\n"
        "the orchestrator sees each participant: up, down, or suspended (its database went back\n"
        "in time, see `zsaga trust --help`), the window of commands and how much of it is used.\n"
        "Exit code 0: ready, and no saga in attention; 1: not so.\n"
        "\n"
        "examples:\n"
        "  zsaga status\n"
        "  until zsaga status > /dev/null; do sleep 1; done\n",
    .run = run,
};
