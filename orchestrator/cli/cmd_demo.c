/* The main job on a temporary data directory: orders come in, every kind of process is killed while
 * they are under way, and in the end the books agree. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "commands.h"
#include "demo_suite.h"
#include "out.h"
#include "printable.h"
#include "program.h"
#include "table.h"

#define RATE "20" /* Orders a second: some 15 s for all of them. */
#define KILL_EVERY_MS 2000
#define BACK_MS 10000 /* A killed process must be back within. */
#define END_MS 120000 /* All orders must have ended within. */
#define STEP_MS 20

struct demo {
    struct cli *cli;
    struct demo_suite suite;
    int64_t started_ms;
    json_t *kills;
};

/* Set by a signal: what runs must be stopped and the directory removed. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    interrupted = signal_number;
}

/* The story goes to standard output, unless JSON goes there. */
static void narrate(const struct demo *demo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void narrate(const struct demo *demo, const char *format, ...)
{
    FILE *to = demo->cli->json ? stderr : stdout;
    va_list args;
    va_start(args, format);
    (void)vfprintf(to, format, args);
    va_end(args);
    (void)fputc('\n', to);
    (void)fflush(to);
}

static double elapsed_s(const struct demo *demo)
{
    return (double)(clock_mono_ms() - demo->started_ms) / 1000;
}

static void wait_until(int64_t until_ms)
{
    while (!interrupted && clock_mono_ms() < until_ms)
        (void)poll(NULL, 0, STEP_MS);
}

static int stopped(struct err *err)
{
    return err_set(err, ERR_SYSTEM, "interrupted");
}

static bool is_running(const struct demo *demo, const char *name)
{
    struct buffer output = {0};
    struct err err = {0};
    int exit_code = 1;
    bool running = false;
    if (demo_suite_run(&demo->suite, "ps", true, &output, &exit_code, &err) == 0) {
        json_t *processes = json_loadb((const char *)output.data, output.len, 0, NULL);
        size_t i;
        json_t *process;
        json_array_foreach(processes, i, process)
        {
            const char *known = json_string_value(json_object_get(process, "name"));
            const char *state = json_string_value(json_object_get(process, "state"));
            if (known != NULL && strcmp(known, name) == 0)
                running = state != NULL && strcmp(state, "running") == 0;
        }
        json_decref(processes);
    }
    buffer_release(&output);
    return running;
}

static void note_kill(struct demo *demo, const char *name, pid_t pid, int64_t since_ms)
{
    int64_t back_ms = clock_mono_ms() - since_ms;
    json_t *kill_json = json_object();
    json_object_set_new(kill_json, "name", json_string(name));
    json_object_set_new(kill_json, "pid", json_integer(pid));
    json_object_set_new(kill_json, "back_ms", json_integer(back_ms));
    json_array_append_new(demo->kills, kill_json);
    narrate(demo, "         %s is back after %s", name, out_duration(back_ms));
}

static int kill_service(struct demo *demo, const char *name, struct err *err)
{
    pid_t pid = demo_suite_pid(&demo->suite, name);
    if (pid <= 0)
        return err_set(err, ERR_SYSTEM, "%s is not running", name);
    int64_t since_ms = clock_mono_ms();
    narrate(demo, "%6.1f s kill -9 %s (pid %d)", elapsed_s(demo), name, (int)pid);
    (void)kill(pid, SIGKILL);
    while (demo_suite_pid(&demo->suite, name) == pid || !is_running(demo, name)) {
        if (interrupted)
            return stopped(err);
        if (clock_mono_ms() - since_ms > BACK_MS)
            return err_set(err, ERR_SYSTEM, "%s did not come back", name);
        (void)poll(NULL, 0, STEP_MS);
    }
    note_kill(demo, name, pid, since_ms);
    return 0;
}

/* As if the plug were pulled: all processes die with their supervisor. */
static int kill_supervisor(struct demo *demo, struct err *err)
{
    pid_t pid = demo->suite.up;
    int64_t since_ms = clock_mono_ms();
    int ignored;
    narrate(demo,
            "%6.1f s kill -9 the supervisor (pid %d): everything dies with it; zsaga up again",
            elapsed_s(demo), (int)pid);
    (void)kill(pid, SIGKILL);
    (void)program_wait(pid, -1, &ignored);
    demo->suite.up = 0;
    int rc = demo_suite_up(&demo->suite, false, err);
    if (rc == 0)
        note_kill(demo, "the suite", pid, since_ms);
    return rc;
}

static int kill_all_kinds(struct demo *demo, struct err *err)
{
    static const char *const services[] = {"orchestrator", "inventory", "payment", "order",
                                           "shipping"};
    int64_t next_ms = clock_mono_ms();
    int rc = 0;
    for (size_t i = 0; i < sizeof services / sizeof services[0] && rc == 0; i++) {
        wait_until(next_ms += KILL_EVERY_MS);
        rc = interrupted ? stopped(err) : kill_service(demo, services[i], err);
    }
    wait_until(next_ms + KILL_EVERY_MS);
    if (rc == 0)
        rc = interrupted ? stopped(err) : kill_supervisor(demo, err);
    return rc;
}

static int wait_for_orders(struct demo *demo, int *ret_exit, json_t **ret_result, struct err *err)
{
    struct buffer result = {0};
    int64_t until_ms = clock_mono_ms() + END_MS;
    int rc = ERR_TIMEOUT;
    while (rc == ERR_TIMEOUT && !interrupted && clock_mono_ms() < until_ms)
        rc = demo_suite_submitted(&demo->suite, 200, ret_exit, &result, err);
    if (rc == 0)
        *err = (struct err){0}; /* Of the waits before. */
    if (interrupted)
        rc = stopped(err);
    *ret_result = rc == 0 ? json_loadb((const char *)result.data, result.len, 0, NULL) : NULL;
    if (rc == 0 && *ret_result == NULL)
        rc = err_set(err, ERR_SYSTEM, "the submission ended without a result");
    buffer_release(&result);
    return rc;
}

/* Outcome: sagas by state and reason. */

static void count_saga(json_t *counts, const json_t *saga)
{
    const char *state = json_string_value(json_object_get(saga, "state"));
    const char *reason = json_string_value(json_object_get(saga, "reason"));
    AUTO(freep)
    char *name = xprintf("%s %s", state == NULL ? "unknown" : state, reason == NULL ? "-" : reason);
    json_int_t count = json_integer_value(json_object_get(counts, name));
    json_object_set_new(counts, name, json_integer(count + 1));
}

static int read_json(const struct demo *demo, const char *command, json_t **ret, struct err *err)
{
    struct buffer output = {0};
    int exit_code = 0;
    int rc = demo_suite_run(&demo->suite, command, true, &output, &exit_code, err);
    *ret = rc < 0 ? NULL : json_loadb((const char *)output.data, output.len, 0, NULL);
    buffer_release(&output);
    if (rc == 0 && *ret == NULL)
        rc = err_set(err, ERR_SYSTEM, "zsaga %s failed (exit code %d)", command, exit_code);
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *outcome_row(const char *name, json_t *count)
{
    const char *gap = strchr(name, ' ');
    json_t *row = json_object();
    json_object_set_new(row, "state", json_stringn(name, (size_t)(gap - name)));
    json_object_set_new(row, "reason", strcmp(gap, " -") == 0 ? json_null() : json_string(gap + 1));
    json_object_set(row, "orders", count);
    return row;
}

/* Rows {state, reason, orders}, ordered by these. */
static json_t *outcome_rows(json_t *counts)
{
    const char **names = xcalloc(json_object_size(counts), sizeof *names);
    size_t name_count = 0;
    const char *name;
    json_t *count;
    json_object_foreach(counts, name, count) names[name_count++] = name;
    qsort(names, name_count, sizeof *names, compare_names);
    json_t *rows = json_array();
    for (size_t i = 0; i < name_count; i++)
        json_array_append_new(rows, outcome_row(names[i], json_object_get(counts, names[i])));
    free(names);
    return rows;
}

static int read_outcome(const struct demo *demo, json_t **ret, struct err *err)
{
    json_t *sagas;
    json_t *counts = json_object();
    int rc = read_json(demo, "list", &sagas, err);
    size_t i;
    json_t *saga;
    json_array_foreach(sagas, i, saga) count_saga(counts, saga);
    *ret = outcome_rows(counts);
    json_decref(sagas);
    json_decref(counts);
    return rc;
}

static void tell_outcome(const struct demo *demo, const json_t *outcome)
{
    static const struct column columns[] = {
        {"state", false, 0, 0}, {"reason", false, 0, 0}, {"orders", true, 0, 0}};
    AUTO(table_freep) struct table *table = table_new(columns, 3);
    size_t i;
    json_t *row;
    json_array_foreach(outcome, i, row)
    {
        const char *reason = json_string_value(json_object_get(row, "reason"));
        const char *state = json_string_value(json_object_get(row, "state"));
        table_cell(table, bytes_text(state),
                   strcmp(state, "completed") == 0 ? TABLE_GOOD : TABLE_BUSY);
        table_text(table, reason == NULL ? "-" : reason);
        table_text(table, out_number((uint64_t)json_integer_value(json_object_get(row, "orders"))));
    }
    struct buffer text = {0};
    table_render(table, demo->cli->width, demo->cli->color && !demo->cli->json, &text);
    narrate(demo, "\nhow the orders ended:\n%.*s", (int)text.len, (const char *)text.data);
    buffer_release(&text);
}

static void tell_audit(const struct demo *demo, const json_t *audit)
{
    size_t i;
    json_t *check;
    narrate(demo, "do the books of the four services agree with that?");
    json_array_foreach(json_object_get(audit, "checks"), i, check)
    {
        AUTO(freep)
        char *name = printable(bytes_text(json_string_value(json_object_get(check, "name"))));
        AUTO(freep)
        char *detail = printable(bytes_text(json_string_value(json_object_get(check, "detail"))));
        narrate(demo, "  %-6s %-32s %s",
                json_is_true(json_object_get(check, "ok")) ? "ok" : "NOT OK", name, detail);
    }
}

static void tell_next(const struct demo *demo, bool keep)
{
    narrate(demo,
            "\nwhat to try next (the program is %s):\n"
            "  zsaga up                        a suite of your own, in ./zsaga-data; it stays in\n"
            "                                  the foreground, so go on in another terminal\n"
            "  zsaga import stock FILE         its stock; then customers\n"
            "  zsaga submit order FILE --wait  your orders\n"
            "  zsaga list; zsaga show KEY      where each stands, and how it came there\n"
            "  zsaga --help                    everything else",
            program_invocation_name);
    if (keep)
        narrate(demo, "\nkept: zsaga up --data %s, then zsaga list --data %s", demo->suite.dir,
                demo->suite.dir);
}

/* The story. */

static int begin(struct demo *demo, struct err *err)
{
    int rc = demo_suite_create(&demo->suite, err);
    if (rc < 0)
        return rc;
    narrate(demo,
            "A shop: order, inventory, payment and shipping, each a process with a database of\n"
            "its own, and an orchestrator. Data in %s.",
            demo->suite.dir);
    rc = demo_suite_up(&demo->suite, true, err);
    if (rc < 0)
        return rc;
    demo->started_ms = clock_mono_ms();
    narrate(demo,
            "%6.1f s ready; 300 orders come in, " RATE " a second. Meanwhile:", elapsed_s(demo));
    return demo_suite_submit(&demo->suite, RATE, err);
}

static bool finish(struct demo *demo, int submit_exit, json_t *result, struct err *err)
{
    json_t *outcome = NULL;
    json_t *audit = NULL;
    bool keep = args_has(&demo->cli->args, "keep");
    narrate(demo, "%6.1f s all orders have ended", elapsed_s(demo));
    int rc = read_outcome(demo, &outcome, err);
    if (rc == 0)
        rc = read_json(demo, "audit", &audit, err);
    bool ok = rc == 0 && submit_exit == CLI_TRUE && json_is_true(json_object_get(audit, "ok"));
    if (rc == 0) {
        tell_outcome(demo, outcome);
        tell_audit(demo, audit);
        narrate(demo, ok ? "\nEvery order ended whole or undone, and nothing happened twice."
                         : "\nNOT OK: this should not be; please keep the directory (--keep).");
        tell_next(demo, keep);
    }
    if (rc == 0 && demo->cli->json) {
        json_t *json = json_object();
        json_object_set_new(json, "ok", json_boolean(ok));
        json_object_set(json, "submit", result);
        json_object_set(json, "kills", demo->kills);
        json_object_set(json, "outcome", outcome);
        json_object_set(json, "audit", audit);
        out_json(json);
    }
    json_decref(outcome);
    json_decref(audit);
    return ok;
}

static int play(struct demo *demo)
{
    struct err err = {0};
    int submit_exit = 0;
    json_t *result = NULL;
    int rc = begin(demo, &err);
    if (rc == 0)
        rc = kill_all_kinds(demo, &err);
    if (rc == 0)
        rc = wait_for_orders(demo, &submit_exit, &result, &err);
    bool ok = rc == 0 && finish(demo, submit_exit, result, &err);
    json_decref(result);
    if (err.code != 0)
        cli_say("%s", err.text);
    if (err.code == ERR_TIMEOUT)
        return CLI_TIMEOUT;
    return ok ? CLI_TRUE : CLI_FALSE;
}

static int run(struct cli *cli)
{
    struct sigaction action = {.sa_handler = interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    struct demo demo = {.cli = cli, .suite = {.result_fd = -1}, .kills = json_array()};
    int code = play(&demo);
    demo_suite_release(&demo.suite, args_has(&cli->args, "keep"));
    json_decref(demo.kills);
    return interrupted ? 128 + (int)interrupted : code;
}

static const struct args_option options[] = {
    {"keep", NULL, "do not remove the temporary directory at the end"},
};

const struct cli_command command_demo = {
    .name = "demo",
    .words = "",
    .summary = "the main job, and kill -9, on a temporary directory",
    .help =
        "Starts a suite in a temporary directory, submits 300 made-up orders, and meanwhile kills\n"
        "every kind of process with kill -9, in the end all at once. Then it tells how the orders\n"
        "ended and lets the books of all services be audited. Takes about 20 seconds, needs\n"
        "nothing and leaves nothing behind.\n"
        "\n"
        "examples:\n"
        "  zsaga demo\n"
        "  zsaga demo --keep       look around in it afterwards\n",
    .exits = "  0 every order ended, and the books agree\n"
             "  1 not so\n"
             "  2 the call is wrong\n"
             "  5 not all of it came to its end in time\n",
    .options = options,
    .option_count = 1,
    .no_data = true,
    .run = run,
};
