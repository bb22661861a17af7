#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "commands.h"
#include "out.h"
#include "printable.h"
#include "saga_view.h"
#include "states.h"

static json_t *step_json(const struct client_step *step)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", printable_json(bytes_text(step->name)));
    json_object_set_new(json, "participant", printable_json(bytes_text(step->participant)));
    json_object_set_new(json, "kind", printable_json(bytes_text(step->kind)));
    json_object_set_new(json, "state", printable_json_or_null(bytes_text(step->state)));
    json_object_set_new(json, "attempts", json_integer(step->attempts));
    json_object_set_new(json, "last_error", printable_json_or_null(bytes_text(step->last_error)));
    json_object_set_new(json, "reason", printable_json_or_null(bytes_text(step->reason)));
    json_object_set_new(json, "undo_state", printable_json_or_null(bytes_text(step->undo_state)));
    json_object_set_new(json, "undo_attempts", json_integer(step->undo_attempts));
    return json;
}

static json_t *history_json(const struct client_history *row)
{
    json_t *json = json_object();
    json_object_set_new(json, "at", out_json_time((uint64_t)row->at_ms));
    json_object_set_new(json, "what", printable_json(bytes_text(row->what)));
    json_object_set_new(json, "step", printable_json_or_null(bytes_text(row->step)));
    json_object_set_new(json, "detail", printable_json_or_null(bytes_text(row->detail)));
    return json;
}

static void print_json(const struct client_shown *shown)
{
    json_t *json = saga_view_json(&shown->row, clock_wall_ms());
    json_t *steps = json_array();
    json_t *history = json_array();
    for (size_t i = 0; i < shown->step_count; i++)
        json_array_append_new(steps, step_json(&shown->steps[i]));
    for (size_t i = 0; i < shown->history_count; i++)
        json_array_append_new(history, history_json(&shown->history[i]));
    json_object_set_new(json, "steps", steps);
    json_object_set_new(json, "history", history);
    out_json(json);
}

static void cell(struct table *table, const char *text)
{
    table_cell(table, bytes_text(text[0] == '\0' ? "-" : text), TABLE_PLAIN);
}

static void number_cell(struct table *table, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    table_text(table, text);
}

static void print_table(const struct cli *cli, struct table *table)
{
    struct buffer text = {0};
    table_render(table, cli->width, cli->color, &text);
    out_bytes(buffer_bytes(&text));
    buffer_release(&text);
}

static const struct column field_columns[] = {
    {"field", false, 0, 0},
    {"value", false, 20, 0},
};

static void print_fields(const struct cli *cli, const struct client_row *row)
{
    char id[ID_TEXT_SIZE];
    char text[LOG_TIME_SIZE];
    AUTO(table_freep) struct table *table = table_new(field_columns, 2);
    const struct field {
        const char *name;
        const char *value;
    } fields[] = {
        {"definition", row->definition}, {"step", row->step},     {"waiting_on", row->waiting_on},
        {"last_error", row->last_error}, {"reason", row->reason},
    };
    table_text(table, "key");
    cell(table, row->key);
    table_text(table, "id");
    table_text(table, id_text(&row->saga, id));
    table_text(table, "state");
    table_cell(table, bytes_text(client_state_name(row->state)), states_style(row->state));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].value[0] == '\0')
            continue;
        table_text(table, fields[i].name);
        cell(table, fields[i].value);
    }
    const struct moment {
        const char *name;
        int64_t at_ms;
    } moments[] = {{"submitted", row->created_ms},
                   {"ended", row->finished_ms},
                   {"next_wake", row->next_wake_ms}};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        if (moments[i].at_ms == 0)
            continue;
        table_text(table, moments[i].name);
        table_text(table, log_time(moments[i].at_ms, text));
    }
    print_table(cli, table);
}

static const struct column step_columns[] = {
    {"step", false, 6, 0},    {"participant", false, 9, 3}, {"kind", false, 6, 5},
    {"state", false, 0, 0},   {"attempts", true, 0, 4},     {"last_error", false, 10, 2},
    {"reason", false, 10, 0}, {"undo_state", false, 0, 0},  {"undo_attempts", true, 0, 4},
};

static void print_steps(const struct cli *cli, const struct client_shown *shown)
{
    AUTO(table_freep)
    struct table *table = table_new(step_columns, sizeof step_columns / sizeof step_columns[0]);
    for (size_t i = 0; i < shown->step_count; i++) {
        const struct client_step *step = &shown->steps[i];
        cell(table, step->name);
        cell(table, step->participant);
        cell(table, step->kind);
        cell(table, step->state);
        number_cell(table, step->attempts);
        cell(table, step->last_error);
        cell(table, step->reason);
        cell(table, step->undo_state);
        number_cell(table, step->undo_attempts);
    }
    print_table(cli, table);
}

static const struct column history_columns[] = {
    {"at", false, 0, 1},
    {"what", false, 0, 0},
    {"step", false, 6, 0},
    {"detail", false, 12, 0},
};

static void print_history(const struct cli *cli, const struct client_shown *shown)
{
    char at[LOG_TIME_SIZE];
    AUTO(table_freep) struct table *table = table_new(history_columns, 4);
    for (size_t i = 0; i < shown->history_count; i++) {
        const struct client_history *row = &shown->history[i];
        table_text(table, log_time(row->at_ms, at));
        cell(table, row->what);
        cell(table, row->step);
        cell(table, row->detail);
    }
    print_table(cli, table);
}

static int run(struct cli *cli)
{
    int code = cli_connect(cli);
    if (code != 0)
        return code;
    struct err err = {0};
    AUTO(client_shown_freep) struct client_shown *shown = NULL;
    int rc = client_show(cli->client, cli->args.words[0], CLI_ASK_MS, &shown, &err);
    if (rc < 0)
        return cli_fail_see(cli, &err, "list");
    if (cli->json) {
        print_json(shown);
        return CLI_TRUE;
    }
    print_fields(cli, &shown->row);
    (void)putchar('\n');
    print_steps(cli, shown);
    (void)putchar('\n');
    print_history(cli, shown);
    return CLI_TRUE;
}

const struct cli_command command_show = {
    .name = "show",
    .words = "KEY",
    .summary = "one saga: its steps and its history",
    .help =
        "Shows one saga: where it stands, each step with its compensation, and everything that\n"
        "happened to it. KEY is what it was submitted with (an order's order_id, behind the\n"
        "prefix if there was one).\n"
        "\n"
        "examples:\n"
        "  zsaga show 536365\n"
        "  zsaga show 536365 --json | jq '.history[] | select(.step == \"charge\")'\n",
    .exits = "  0 shown\n"
             "  2 the call is wrong\n"
             "  3 there is no such saga\n"
             "  4 the suite is not running or does not answer\n",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
