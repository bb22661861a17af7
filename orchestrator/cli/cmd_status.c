#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "commands.h"
#include "health.h"
#include "out.h"
#include "printable.h"
#include "processes.h"
#include "states.h"
#include "table.h"

static double oldest_age_s(const struct client_status *report)
{
    int64_t age_ms = clock_wall_ms() - report->oldest_created_ms;
    return (double)(age_ms < 0 ? 0 : age_ms / 100) / 10;
}

static json_t *channel_json(const struct client_channel *channel)
{
    json_t *json = json_object();
    json_object_set_new(json, "participant", printable_json(bytes_text(channel->participant)));
    json_object_set_new(json, "state", printable_json(bytes_text(channel->state)));
    json_object_set_new(json, "window", json_integer(channel->window));
    json_object_set_new(json, "in_flight", json_integer(channel->in_flight));
    json_object_set_new(json, "waiting", json_integer(channel->waiting));
    json_object_set_new(json, "detail", printable_json_or_null(bytes_text(channel->detail)));
    return json;
}

static void print_json(const struct client_status *report, json_t *processes)
{
    json_t *json = json_object();
    json_t *sagas = json_object();
    json_t *oldest = json_null();
    json_t *channels = json_array();
    for (size_t i = 0; i < STATES_COUNT; i++)
        json_object_set_new(sagas, client_state_name(states_all[i]),
                            json_integer((json_int_t)report->sagas[states_all[i]]));
    if (report->oldest_key[0] != '\0') {
        oldest = json_object();
        json_object_set_new(oldest, "key", printable_json(bytes_text(report->oldest_key)));
        json_object_set_new(oldest, "age_s", json_real(oldest_age_s(report)));
    }
    for (size_t i = 0; i < report->channel_count; i++)
        json_array_append_new(channels, channel_json(&report->channels[i]));
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

static void print_sagas(const struct cli *cli, const struct client_status *report)
{
    static const struct column columns[] = {{"sagas", false, 0, 0}, {"count", true, 0, 0}};
    AUTO(table_freep) struct table *table = table_new(columns, 2);
    for (size_t i = 0; i < STATES_COUNT; i++) {
        uint64_t count = report->sagas[states_all[i]];
        enum table_style style = count == 0 ? TABLE_FAINT : states_style(states_all[i]);
        table_cell(table, bytes_text(client_state_name(states_all[i])), style);
        table_cell(table, bytes_text(out_number(count)), style);
    }
    print_table(cli, table);
}

static const struct column channel_columns[] = {
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

static void print_channels(const struct cli *cli, const struct client_status *report,
                           const json_t *processes)
{
    AUTO(table_freep)
    struct table *table =
        table_new(channel_columns, sizeof channel_columns / sizeof channel_columns[0]);
    for (size_t i = 0; i < report->channel_count; i++) {
        const struct client_channel *channel = &report->channels[i];
        bool up = bytes_equal(bytes_text(channel->state), bytes_text("up"));
        table_cell(table, bytes_text(channel->participant), TABLE_PLAIN);
        table_cell(table, bytes_text(channel->state), up ? TABLE_GOOD : TABLE_BAD);
        number_cell(table, channel->window);
        number_cell(table, channel->in_flight);
        number_cell(table, channel->waiting);
        process_cells(table, processes, bytes_text(channel->participant));
        table_cell(table, bytes_text(channel->detail), TABLE_PLAIN);
    }
    print_table(cli, table);
}

/* What only an operator can end, with the words that do. */
static void print_suspended(const struct client_status *report)
{
    for (size_t i = 0; i < report->channel_count; i++) {
        const struct client_channel *channel = &report->channels[i];
        if (strcmp(channel->state, "suspended") != 0)
            continue;
        AUTO(freep) char *name = printable(bytes_text(channel->participant));
        AUTO(freep) char *detail = printable(bytes_text(channel->detail));
        (void)printf("\n%s: suspended: %s\n  compare, then: zsaga trust %s --reason TEXT\n", name,
                     detail, name);
    }
}

static const char *text_of(const json_t *process, const char *key)
{
    const char *text = json_string_value(json_object_get(process, key));
    return text == NULL ? "" : text;
}

static const struct column stream_columns[] = {
    {"consumer", false, 0, 0}, {"follows", false, 0, 0}, {"state", false, 0, 0},
    {"applied", true, 0, 3},   {"behind", true, 0, 1},   {"detail", false, 10, 2},
};

static void stream_cells(struct table *table, const char *name, const json_t *stream)
{
    const char *state = text_of(stream, "state");
    bool good = strcmp(state, "following") == 0;
    bool syncing = strcmp(state, "syncing") == 0;
    table_text(table, name);
    table_text(table, text_of(stream, "publisher"));
    table_cell(table, bytes_text(state), good ? TABLE_GOOD : syncing ? TABLE_BUSY : TABLE_BAD);
    number_cell(table, (uint64_t)json_integer_value(json_object_get(stream, "applied")));
    number_cell(table, (uint64_t)json_integer_value(json_object_get(stream, "lag")));
    table_text(table, text_of(stream, "detail"));
}

/* One that does not run, or does not answer, has nothing else to tell. */
static void silent_cells(struct table *table, const json_t *process)
{
    const char *state = text_of(process, "state");
    bool running = strcmp(state, "running") == 0;
    bool answers = text_of(process, "health")[0] != '\0';
    table_text(table, text_of(process, "name"));
    table_text(table, "-");
    table_cell(table, bytes_text(answers ? "-" : running ? "no answer" : state), TABLE_BAD);
    table_text(table, "-");
    table_text(table, "-");
    table_text(table, "");
}

/* Those of the suite's own; the observer is `zsaga top`. */
static void print_consumers(const struct cli *cli, const json_t *processes)
{
    AUTO(table_freep)
    struct table *table =
        table_new(stream_columns, sizeof stream_columns / sizeof stream_columns[0]);
    size_t count = 0;
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        const char *name = text_of(process, "name");
        const json_t *streams = json_object_get(process, "streams");
        if (strcmp(name, SUITE_OBSERVER) == 0 || suite_find_consumer(cli->suite, name) == NULL)
            continue;
        size_t j;
        json_t *stream;
        json_array_foreach(streams, j, stream) stream_cells(table, name, stream);
        if (json_array_size(streams) == 0)
            silent_cells(table, process);
        count++;
    }
    if (count == 0)
        return;
    (void)putchar('\n');
    print_table(cli, table);
}

/* Processes that do not run, or say that something hinders them. */
static void print_hindered(const json_t *processes)
{
    size_t i;
    json_t *process;
    json_array_foreach(processes, i, process)
    {
        const char *state = text_of(process, "state");
        AUTO(freep) char *health = printable(bytes_text(text_of(process, "health")));
        AUTO(freep) char *detail = printable(bytes_text(text_of(process, "detail")));
        if (strcmp(state, "running") != 0)
            (void)printf("\n%s: %s\n", text_of(process, "name"), state);
        else if (health[0] == '\0')
            (void)printf("\n%s: does not answer\n", text_of(process, "name"));
        else if (strcmp(health, "ok") != 0)
            (void)printf("\n%s: %s%s%s\n", text_of(process, "name"), health,
                         detail[0] == '\0' ? "" : ": ", detail);
    }
}

static void print_human(const struct cli *cli, const struct client_status *report,
                        const json_t *processes)
{
    (void)printf("%s\n", report->ready ? "ready: every participant answers"
                                       : "not ready: a participant does not answer");
    if (report->oldest_key[0] != '\0') {
        AUTO(freep) char *key = printable(bytes_text(report->oldest_key));
        (void)printf("oldest unfinished: %s, for %s\n", key,
                     out_duration((int64_t)(oldest_age_s(report) * 1000)));
    }
    if (report->stalled != 0)
        (void)printf("stalled: %" PRIu32 "\n", report->stalled);
    (void)putchar('\n');
    print_sagas(cli, report);
    (void)putchar('\n');
    print_channels(cli, report, processes);
    print_consumers(cli, processes);
    print_suspended(report);
    print_hindered(processes);
    if (report->sagas[CLIENT_ATTENTION] != 0)
        (void)puts("\nsomebody is needed: zsaga list --state attention");
}

/* The orchestrator can tell nothing of its sagas just now; the processes can still say why. */
static int print_hinderance(const struct cli *cli, json_t *processes, const struct err *err)
{
    static const char *const unknown[] = {"sagas", "oldest", "stalled", "channels"};
    (void)cli_fail(err);
    if (!cli->json) {
        print_hindered(processes);
        json_decref(processes);
        return CLI_FALSE;
    }
    json_t *json = json_object();
    json_object_set_new(json, "ready", json_false());
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        json_object_set_new(json, unknown[i], json_null());
    json_object_set_new(json, "processes", processes == NULL ? json_null() : processes);
    out_json(json);
    return CLI_FALSE;
}

static int run(struct cli *cli)
{
    int code = cli_connect(cli);
    if (code != 0)
        return code;
    struct err err = {0};
    AUTO(client_status_freep) struct client_status *report = NULL;
    int rc = client_status(cli->client, CLI_ASK_MS, &report, &err);
    if (rc < 0 && rc != ERR_FULL)
        return cli_fail(&err);
    json_t *processes = processes_read(cli->dir);
    health_add(cli->suite, processes);
    if (rc < 0)
        return print_hinderance(cli, processes, &err);
    bool good = report->ready && report->sagas[CLIENT_ATTENTION] == 0 &&
                !health_is_hindered(cli->suite, processes);
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
        "Of each consumer but the observer, what it follows, its state, and how many events it is\n"
        "behind. A process that does not run or says what hinders it, as a full disk or a log "
        "that\n"
        "a consumer cannot follow any more, is named below.\n"
        "\n"
        "examples:\n"
        "  zsaga status\n"
        "  until zsaga status > /dev/null; do sleep 1; done\n",
    .exits =
        "  0 ready, no saga in attention, and nothing hinders the orchestrator or a participant\n"
        "  1 not so\n"
        "  2 the call is wrong\n"
        "  4 the suite is not running or does not answer\n",
    .run = run,
};
