#include "saga_view.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/id.h"
#include "base/log.h"
#include "out.h"
#include "printable.h"
#include "states.h"

const struct column saga_view_columns[SAGA_VIEW_COLUMNS] = {
    {"key", false, 12, 0},    {"id", false, 0, 9},          {"definition", false, 6, 7},
    {"state", false, 0, 0},   {"step", false, 6, 3},        {"waiting_on", false, 6, 5},
    {"attempts", true, 0, 6}, {"last_error", false, 10, 2}, {"reason", false, 10, 0},
    {"age_s", true, 0, 4},    {"next_wake", false, 0, 8},
};

/* To a tenth: finer says nothing, and coarser hides young ones. */
static double age_s(const struct client_row *row, int64_t wall_ms)
{
    int64_t age_ms = wall_ms - row->created_ms;
    return (double)(age_ms < 0 ? 0 : age_ms / 100) / 10;
}

json_t *saga_view_json(const struct client_row *row, int64_t wall_ms)
{
    char id[ID_TEXT_SIZE];
    json_t *json = json_object();
    json_object_set_new(json, "key", printable_json(bytes_text(row->key)));
    json_object_set_new(json, "id", json_string(id_text(&row->saga, id)));
    json_object_set_new(json, "definition", printable_json(bytes_text(row->definition)));
    json_object_set_new(json, "state", json_string(client_state_name(row->state)));
    json_object_set_new(json, "step", printable_json_or_null(bytes_text(row->step)));
    json_object_set_new(json, "waiting_on", printable_json_or_null(bytes_text(row->waiting_on)));
    json_object_set_new(json, "attempts", json_integer(row->attempts));
    json_object_set_new(json, "last_error", printable_json_or_null(bytes_text(row->last_error)));
    json_object_set_new(json, "reason", printable_json_or_null(bytes_text(row->reason)));
    json_object_set_new(json, "age_s", json_real(age_s(row, wall_ms)));
    json_object_set_new(json, "next_wake", out_json_time((uint64_t)row->next_wake_ms));
    return json;
}

static void cell(struct table *table, const char *text)
{
    bool none = text[0] == '\0';
    table_cell(table, bytes_text(none ? "-" : text), none ? TABLE_FAINT : TABLE_PLAIN);
}

void saga_view_cells(struct table *table, const struct client_row *row, int64_t wall_ms)
{
    char id[ID_TEXT_SIZE];
    char number[32];
    char time[LOG_TIME_SIZE];
    cell(table, row->key);
    table_cell(table, bytes_text(id_text(&row->saga, id)), TABLE_FAINT);
    cell(table, row->definition);
    table_cell(table, bytes_text(client_state_name(row->state)), states_style(row->state));
    cell(table, row->step);
    cell(table, row->waiting_on);
    (void)snprintf(number, sizeof number, "%" PRIu32, row->attempts);
    table_text(table, number);
    cell(table, row->last_error);
    cell(table, row->reason);
    (void)snprintf(number, sizeof number, "%.1f", age_s(row, wall_ms));
    table_text(table, number);
    table_text(table, row->next_wake_ms == 0 ? "-" : log_time(row->next_wake_ms, time));
}
