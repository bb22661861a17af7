#include "chaos_verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chaos_client.h"
#include "chaos_suite.h"

#define SETTLE_MS 90000 /* A command may have been sent last 30 s before the heal. */
#define FOLLOW_MS 30000
#define LOOK_MS 250

json_t *chaos_verdict_ask(struct chaos *chaos, const char *command, const char *dir)
{
    struct buffer said = {0};
    json_error_t error;
    const char *const argv[] = {chaos_suite_program(chaos, "zsaga"), command, "--json", "--data",
                                chaos_suite_path(chaos, "%s", dir),  NULL};
    (void)chaos_suite_run(chaos, &said, argv);
    json_t *json = json_loads((const char *)said.data, JSON_DISABLE_EOF_CHECK, &error);
    buffer_release(&said);
    return json;
}

static void find_open(struct chaos *chaos)
{
    struct buffer said = {0};
    const char *const argv[] = {chaos_suite_program(chaos, "zsaga"),
                                "list",
                                "--state",
                                "running",
                                "--state",
                                "compensating",
                                "--limit",
                                "10",
                                "--data",
                                chaos_suite_path(chaos, "data"),
                                NULL};
    (void)chaos_suite_run(chaos, &said, argv);
    chaos_find(chaos, "%" PRId64 " orders have not ended %d s after the heal:\n%s",
               chaos_client_open(chaos), SETTLE_MS / 1000, (const char *)said.data);
    buffer_release(&said);
}

static void await_orders(struct chaos *chaos)
{
    int64_t until_ms = chaos_now_ms() + SETTLE_MS;
    while (chaos_client_open(chaos) != 0 || chaos->board->idle == 0) {
        if (chaos_now_ms() >= until_ms) {
            find_open(chaos);
            return;
        }
        chaos_wait(chaos, 20);
    }
}

static json_int_t lag_of(struct chaos *chaos)
{
    json_t *top = chaos_verdict_ask(chaos, "top", "view");
    json_t *streams = json_object_get(top, "streams");
    json_int_t lag = json_array_size(streams) == 0 ? -1 : 0;
    size_t i;
    json_t *stream;
    json_array_foreach(streams, i, stream)
    {
        const json_t *value = json_object_get(stream, "lag");
        if (!json_is_integer(value))
            lag = -1;
        else if (lag >= 0)
            lag += json_integer_value(value);
    }
    json_decref(top);
    return lag;
}

static void await_observer(struct chaos *chaos)
{
    int64_t until_ms = chaos_now_ms() + FOLLOW_MS;
    json_int_t lag;
    while ((lag = lag_of(chaos)) != 0) {
        if (chaos_now_ms() >= until_ms) {
            chaos_find(chaos,
                       "the observer lags by %" JSON_INTEGER_FORMAT
                       " events (-1: it cannot tell) when nothing happens any more",
                       lag);
            return;
        }
        chaos_wait(chaos, LOOK_MS);
    }
}

static void expect_ready(struct chaos *chaos)
{
    int64_t until_ms = chaos_now_ms() + FOLLOW_MS;
    for (;;) {
        json_t *status = chaos_verdict_ask(chaos, "status", "data");
        bool ready = json_is_true(json_object_get(status, "ready"));
        json_int_t stalled = json_integer_value(json_object_get(status, "stalled"));
        json_decref(status);
        if (stalled != 0)
            chaos_find(chaos, "%" JSON_INTEGER_FORMAT " sagas that nothing would wake", stalled);
        if (ready)
            return;
        if (chaos_now_ms() >= until_ms) {
            chaos_find(chaos, "the suite is not ready after the heal");
            return;
        }
        chaos_wait(chaos, LOOK_MS);
    }
}

static void audit(struct chaos *chaos)
{
    struct buffer said = {0};
    const char *const argv[] = {chaos_suite_program(chaos, "zsaga"), "audit", "--data",
                                chaos_suite_path(chaos, "data"), NULL};
    if (chaos_suite_run(chaos, &said, argv) != 0)
        chaos_find(chaos, "the audit: %s", (const char *)said.data);
    buffer_release(&said);
}

void chaos_verdict_settle(struct chaos *chaos)
{
    expect_ready(chaos);
    await_orders(chaos);
    await_observer(chaos);
    audit(chaos);
}

const char *chaos_verdict_command(struct chaos *chaos)
{
    static char command[600];
    (void)snprintf(command, sizeof command, "%s %s/data --history %s/evidence",
                   chaos_suite_program(chaos, "zsaga-check"), chaos->root, chaos->root);
    return command;
}

void chaos_verdict_check(struct chaos *chaos)
{
    struct buffer said = {0};
    const char *const argv[] = {chaos_suite_program(chaos, "zsaga-check"),
                                chaos_suite_path(chaos, "data"), "--history",
                                chaos_suite_path(chaos, "evidence"), NULL};
    int code = chaos_suite_run(chaos, &said, argv);
    chaos_note(chaos, "zsaga-check:\n%s", (const char *)said.data);
    if (code != 0)
        chaos_find(chaos, "the checker:\n%s", (const char *)said.data);
    buffer_release(&said);
}

void chaos_verdict_logs(struct chaos *chaos)
{
    static const char *const words[] = {"Assertion", "AddressSanitizer", "runtime error:"};
    for (enum chaos_place place = 0; place < CHAOS_PLACES; place++) {
        FILE *file =
            fopen(chaos_suite_path(chaos, "data/log/%s.log", chaos->services[place].name), "re");
        char line[1024];
        while (file != NULL && fgets(line, sizeof line, file) != NULL)
            for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strstr(line, words[i]) != NULL)
                    chaos_find(chaos, "%s said: %s", chaos->services[place].name, line);
        if (file != NULL)
            (void)fclose(file);
    }
}

static int compare(const void *a, const void *b)
{
    return (*(const int32_t *)a > *(const int32_t *)b) -
           (*(const int32_t *)a < *(const int32_t *)b);
}

void chaos_verdict_summary(struct chaos *chaos)
{
    struct chaos_board *board = chaos->board;
    size_t count = board->took_count;
    qsort(board->took_ms, count, sizeof board->took_ms[0], compare);
    (void)printf("chaos: %" PRIu64 " orders accepted, %" PRIu64 " completed, %" PRIu64
                 " compensated (%" PRIu64 " given up), %" PRIu64 " in attention; faults:",
                 (uint64_t)board->accepted, (uint64_t)board->completed,
                 (uint64_t)board->compensated, (uint64_t)board->given_up,
                 (uint64_t)board->attention);
    for (enum chaos_kind kind = CHAOS_CUT; kind < CHAOS_KINDS; kind++)
        (void)printf(" %s %" PRIu64, chaos_kind_names[kind], chaos->counts[kind]);
    (void)printf("; messages: dropped %" PRIu64 ", doubled %" PRIu64 ", delayed %" PRIu64
                 ", reordered %" PRIu64 ", replayed %" PRIu64,
                 chaos->counts[CHAOS_DROP], chaos->counts[CHAOS_DOUBLE], chaos->counts[CHAOS_DELAY],
                 chaos->counts[CHAOS_REORDER], chaos->counts[CHAOS_REPLAY]);
    (void)printf("; ended after the heal: p50 %d ms, p99 %d ms, last %d ms; %" PRIu64 " findings\n",
                 count == 0 ? 0 : board->took_ms[count / 2],
                 count == 0 ? 0 : board->took_ms[count * 99 / 100],
                 count == 0 ? 0 : board->took_ms[count - 1], chaos->findings);
}
