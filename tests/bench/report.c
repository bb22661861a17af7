#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/xalloc.h"
#include "out.h"
#include "printable.h"
#include "table.h"

#define WIDTH 80

static json_t *number_json(double value, int decimals)
{
    double scale = pow(10, decimals);
    if (!isfinite(value))
        return json_null();
    if (decimals == 0)
        return json_integer((json_int_t)llround(value));
    return json_real(round(value * scale) / scale);
}

static void add_figures(json_t *to, const struct figure_kind *kinds, const double *values,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(to, kinds[i].name, number_json(values[i], kinds[i].decimals));
}

static json_t *level_json(const struct level_figures *level)
{
    json_t *json = json_object();
    if (level->in_flight == 0)
        json_object_set_new(json, "rate", json_real(level->rate));
    add_figures(json, figures_of_level, level->values, LEVEL_FIGURE_COUNT);
    return json;
}

static json_t *verdict_json(enum verdict verdict)
{
    if (verdict == VERDICT_NONE)
        return json_null();
    return json_string(verdict == VERDICT_OK ? "ok" : "failed");
}

json_t *report_json(const struct run_figures *run)
{
    char name[16];
    json_t *json = json_object();
    json_t *in_flight = json_object();
    json_object_set_new(json, "inflight", in_flight);
    for (size_t i = 0; i < run->level_count; i++) {
        const struct level_figures *level = &run->levels[i];
        (void)snprintf(name, sizeof name, "%u", level->in_flight);
        if (level->in_flight > 0)
            json_object_set_new(in_flight, name, level_json(level));
        else
            json_object_set_new(json, "open", level_json(level));
    }
    add_figures(json, figures_of_run, run->values, RUN_FIGURE_COUNT);
    json_object_set_new(json, "audit", verdict_json(run->audit));
    json_object_set_new(json, "sagas", json_integer((json_int_t)run->sagas));
    json_object_set_new(json, "processes", json_integer((json_int_t)run->processes));
    json_object_set_new(json, "observer", json_boolean(run->observer));
    json_object_set_new(json, "fsync", json_string("WAL, synchronous=FULL"));
    json_object_set_new(json, "fault", printable_json_or_null(bytes_text(run->fault)));
    return json;
}

/* About three digits that count, and no fewer before the point: 3.42, 87.1, 14,671. */
static void cell(struct table *table, double value)
{
    char text[40];
    if (!isfinite(value))
        (void)snprintf(text, sizeof text, "unknown");
    else if (value >= 1000)
        (void)snprintf(text, sizeof text, "%s", out_number((uint64_t)llround(value)));
    else
        (void)snprintf(text, sizeof text, "%.*f", value < 10 ? 2 : 1, value);
    table_text(table, text);
}

static const struct column columns[] = {
    {"in flight", true, 0, 0}, {"sagas/s", true, 0, 0},  {"p50 ms", true, 0, 0},
    {"p99 ms", true, 0, 0},    {"p99.9 ms", true, 0, 0}, {"CPU us", true, 0, 0},
    {"bytes", true, 0, 0},     {"MB", true, 0, 0},
};
static const enum level_figure shown[] = {LEVEL_PER_S,   LEVEL_P50_MS, LEVEL_P99_MS,
                                          LEVEL_P999_MS, LEVEL_CPU_US, LEVEL_DEVICE_BYTES,
                                          LEVEL_PSS_MB};

static void level_row(struct table *table, const struct level_figures *level)
{
    char name[40];
    if (level->in_flight > 0)
        (void)snprintf(name, sizeof name, "%u", level->in_flight);
    else
        (void)snprintf(name, sizeof name, "%g/s", level->rate);
    table_text(table, name);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        cell(table, level->values[shown[i]]);
}

static void line(struct buffer *to, const char *name, double value, const char *about)
{
    char text[40] = "unknown";
    if (isfinite(value) && value >= 100)
        (void)snprintf(text, sizeof text, "%s", out_number((uint64_t)llround(value)));
    else if (isfinite(value))
        (void)snprintf(text, sizeof text, "%.2f", value);
    AUTO(freep) char *whole = xprintf("%-10s %9s  %s\n", name, text, about);
    buffer_append_text(to, whole);
}

static void warn_if_busy(double others_share, struct buffer *to)
{
    if (!(others_share > FIGURES_OTHERS_SHARE_BUSY))
        return;
    AUTO(freep)
    char *words = xprintf("busy: other processes took up to %.0f %% of this machine meanwhile; the"
                          " figures\nand the ratio tell little\n",
                          others_share * 100);
    buffer_append_text(to, words);
}

void report_text(const struct run_figures *run, struct buffer *to)
{
    AUTO(table_freep)
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < run->level_count; i++)
        level_row(table, &run->levels[i]);
    table_render(table, WIDTH, false, to);
    AUTO(freep)
    char *memory = xprintf("MB at most, %zu processes, %s observer", run->processes,
                           run->observer ? "with the" : "without an");
    buffer_append_text(to, "\n");
    line(to, "monolith", run->values[RUN_MONOLITH_PER_S],
         "orders/s: one process, one SQLite file, a transaction each");
    line(to, "flushes", run->values[RUN_FLUSH_PER_S], "a second, of this disk");
    line(to, "ratio", run->values[RUN_RATIO], "1024 in flight to the monolith");
    line(to, "memory", run->values[RUN_PSS_MB], memory);
    line(to, "sagas", (double)run->sagas,
         run->audit == VERDICT_OK ? "in all, each accounted for; the audit is ok"
                                  : "in all; NOT audited as ok");
    warn_if_busy(run->values[RUN_OTHERS_SHARE], to);
}
