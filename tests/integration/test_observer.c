/* The observer over real processes: it counts as the orchestrator does, it can be wiped and built
 * anew, and whether it is there, slow, or dying again and again changes nothing anywhere else. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "suite.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"

#define ENDED_MS 120000
#define CURRENT_MS 60000
#define STREAMS 5
#define ORDERS 600     /* While the observer dies: enough for it to die in the middle of them. */
#define ROWS_REAL 2200 /* Of the real orders that are dealt with one after another, about 90. */

static const json_t *top(struct suite_process *suite)
{
    return suite_tool_json(suite_tool_expect(suite, 0, "top", "--json", NULL));
}

static bool stream_is_current(const json_t *stream)
{
    return strcmp(suite_json_text(stream, "state"), "following") == 0 &&
           suite_json_number(stream, "head") == suite_json_number(stream, "applied") &&
           suite_json_number(stream, "lag") == 0 &&
           json_is_real(json_object_get(stream, "heard_s"));
}

/* All that was told before it was asked is applied, where nothing happens any more. */
static bool is_current(struct suite_process *suite)
{
    size_t i;
    json_t *stream;
    const json_t *streams = json_object_get(top(suite), "streams");
    assert_int_equal(json_array_size(streams), STREAMS);
    json_array_foreach(streams, i, stream) if (!stream_is_current(stream)) return false;
    return true;
}

static bool counts_as_status(struct suite_process *suite)
{
    return json_equal(json_object_get(top(suite), "sagas"),
                      json_object_get(suite_status(suite), "sagas")) != 0;
}

static bool kill_observer(struct suite_process *suite)
{
    pid_t pid = suite_process_pid(suite, "observer");
    return pid != 0 && kill(pid, SIGKILL) == 0;
}

/* Until the tool has ended the observer dies again and again, each time in the middle of its work:
 * it is left alone for as long as a start takes. */
static void kill_until_ended(struct suite_process *suite, struct suite_tool *tool)
{
    int kills = 0;
    while (!suite_tool_ended(tool)) {
        kills += kill_observer(suite);
        (void)poll(NULL, 0, 40);
    }
    assert_true(kills > 1);
}

static void submit_with_kills(struct suite_process *suite, const char *prefix, int count)
{
    struct suite_tool *submit =
        suite_tool_start(suite, -1, "submit", "order", suite_data_orders(suite, prefix, count),
                         "--concurrency", "32", "--wait", "--json", NULL);
    kill_until_ended(suite, submit);
    assert_int_equal(submit->exit_code, 0);
}

/* After kills in the middle of its work it counts each saga once, as the orchestrator does. */
static void test_top__after_kills__counts_as_status(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    submit_with_kills(suite, "a", suite_process_scale(ORDERS));
    SUITE_AWAIT(suite_process_pid(suite, "observer") != 0, CURRENT_MS);
    SUITE_AWAIT(counts_as_status(suite), CURRENT_MS);
    const json_t *seen = top(suite);
    assert_int_equal(suite_json_number(seen, "unfinished"), 0);
    assert_int_equal(suite_json_number(seen, "sagas.completed") +
                         suite_json_number(seen, "sagas.compensated"),
                     suite_process_scale(ORDERS));
    assert_string_equal(suite_json_text(seen, "freshness"), "live");
    suite_expect_clean(suite);
}

/* The observer's whole read model, of a stopped suite. */
static const char *dump(struct suite_process *suite)
{
    int status = 0;
    const char *path = suite_process_path(suite, "dump.csv");
    const char *const argv[] = {suite_process_program(suite, "zsaga-observer"),
                                "--data",
                                suite->data,
                                "--export",
                                "all",
                                NULL};
    pid_t pid = suite_process_spawn(argv, -1, path, suite_process_path(suite, "dump.err"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return suite_files_read(suite, path);
}

/* Once all is applied: the last events may have come as it was stopped. */
static const char *dump_when_current(struct suite_process *suite, bool kills)
{
    suite_process_up(suite, NULL);
    if (kills)
        kill_observer(suite);
    SUITE_AWAIT(suite_process_pid(suite, "observer") != 0, CURRENT_MS);
    SUITE_AWAIT(is_current(suite), CURRENT_MS);
    assert_int_equal(suite_process_down(suite), 0);
    return dump(suite);
}

static void wipe(struct suite_process *suite)
{
    static const char *const names[] = {"observer.db", "observer.db-wal"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(suite_process_text(suite, "%s/db/%s", suite->data, names[i]));
    assert_int_not_equal(access(suite_process_text(suite, "%s/db/observer.db", suite->data), F_OK),
                         0);
}

/* Wiped and built anew, it is byte for byte the one that lived through it all. */
static void test_rebuild__wiped__equals_the_one_that_lived(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    submit_with_kills(suite, "a", suite_process_scale(ORDERS));
    assert_int_equal(suite_process_down(suite), 0);
    const char *lived = dump_when_current(suite, false);
    assert_non_null(strstr(lived, ",a-0,order,completed,"));
    for (int kills = 0; kills < 2; kills++) {
        wipe(suite);
        const char *rebuilt = dump_when_current(suite, kills != 0);
        assert_int_equal(strlen(rebuilt), strlen(lived));
        assert_string_equal(rebuilt, lived);
    }
}

/* Passive. */

enum mode { RUNS, ABSENT, STOPPED, DIES, MODE_COUNT };

static void switch_off(struct suite_process *suite)
{
    struct err err = {0};
    if (suite_create(suite->data, &err) < 0)
        fail_msg("%s", err.text);
    const char *path = suite_process_text(suite, "%s/suite.zpl", suite->data);
    const char *text = suite_data_read(suite, path);
    const char *at = strstr(text, "run = yes");
    assert_non_null(at);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "%.*srun = no%s", (int)(at - text), text, at + strlen("run = yes"));
    assert_int_equal(fclose(file), 0);
}

static json_t *outcome_of(struct suite_process *suite, struct suite_tool *submit)
{
    static const char *const timings[] = {"seconds", "p50_ms", "p99_ms"};
    static const char *const tables[] = {"stock", "customers", "orders", "payments", "shipments"};
    const char *key;
    json_t *saga;
    json_t *outcome = json_object();
    json_t *summary = json_deep_copy(suite_tool_json(submit));
    json_t *ends = json_object();
    json_t *sagas = (json_t *)(uintptr_t)suite_sagas(suite);
    for (size_t i = 0; i < sizeof timings / sizeof timings[0]; i++)
        assert_int_equal(json_object_del(summary, timings[i]), 0);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct suite_tool *export = suite_tool_expect(suite, 0, "export", tables[i], NULL);
        json_object_set_new(outcome, tables[i], json_string(export->out));
    }
    json_object_foreach(sagas, key, saga)
    {
        const char *reason = suite_json_text(saga, "reason");
        json_object_set_new(
            ends, key,
            json_pack("[s, s]", suite_json_text(saga, "state"), reason == NULL ? "" : reason));
    }
    json_object_set_new(outcome, "summary", summary);
    json_object_set_new(outcome, "sagas", ends);
    return outcome;
}

/* The first real orders, one after another. */
static const char *orders_of(struct suite_process *suite)
{
    const char *text =
        suite_data_read(suite, suite_data_unpack(suite, "online-retail-2010-12.csv.gz"));
    const char *end = text;
    for (int lines = suite_process_scale(ROWS_REAL); lines > 0 && strchr(end, '\n') != NULL;
         lines--)
        end = strchr(end, '\n') + 1;
    return suite_data_write(suite, suite_process_text(suite, "%.*s", (int)(end - text), text));
}

static json_t *run_mode(struct suite_process *suite, enum mode mode)
{
    if (mode == ABSENT)
        switch_off(suite);
    suite_data_up_real(suite);
    pid_t observer = suite_process_pid(suite, "observer");
    assert_int_equal(observer == 0, mode == ABSENT);
    if (mode == STOPPED)
        assert_int_equal(kill(observer, SIGSTOP), 0);
    struct suite_tool *submit = suite_tool_start(suite, -1, "submit", "order", orders_of(suite),
                                                 "--concurrency", "1", "--wait", "--json", NULL);
    if (mode == DIES)
        kill_until_ended(suite, submit);
    suite_tool_wait(submit, SUITE_TOOL_MS);
    json_t *outcome = outcome_of(suite, submit);
    if (mode == STOPPED)
        assert_int_equal(kill(observer, SIGCONT), 0);
    assert_true(suite_json_number(suite_tool_json(submit), "completed") >= suite_process_scale(60));
    assert_true(suite_json_number(suite_tool_json(submit), "compensated") > 0);
    return outcome;
}

/* Absent, running, stopped for the whole time, or killed again and again: every order comes to the
 * same end, and every table of every service is the same. */
static void test_passive__absent_stopped_or_dying__same_outcomes(void **state)
{
    static const char *const names[] = {"runs", "absent", "stopped", "dies"};
    json_t *wanted = NULL;
    for (enum mode mode = RUNS; mode < MODE_COUNT; mode++) {
        json_t *got = run_mode(*state, mode);
        if (wanted == NULL)
            wanted = json_incref(got);
        if (!json_equal(wanted, got))
            fail_msg("outcomes differ where the observer %s", names[mode]);
        json_decref(got);
        assert_int_equal(suite_process_free(*state), 0);
        *state = suite_process_new();
    }
    json_decref(wanted);
}

/* The tool. */

/* Where there is nothing to ask, it says so with what to do next. */
static void test_top__nothing_to_ask__exits_4(void **state)
{
    struct suite_process *suite = *state;
    switch_off(suite);
    struct suite_tool *tool = suite_tool_expect(suite, 4, "top", "--json", NULL);
    suite_tool_expect_said(tool, "zsaga up");
    assert_string_equal(tool->out, "");
    suite_process_up(suite, NULL);
    tool = suite_tool_expect(suite, 4, "top", "--once", NULL);
    suite_tool_expect_said(tool, "run = no");
}

/* An observer that does not answer is no empty table. */
static void test_top__observer_hangs__exits_4(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    pid_t observer = suite_process_pid(suite, "observer");
    assert_int_equal(kill(observer, SIGSTOP), 0);
    struct suite_tool *tool =
        suite_tool_expect(suite, 4, "top", "--once", "--timeout", "0.5", NULL);
    suite_tool_expect_said(tool, "the observer does not answer");
    assert_string_equal(tool->out, "");
    assert_int_equal(kill(observer, SIGCONT), 0);
    tool = suite_tool_expect(suite, 0, "top", NULL); /* No terminal: once. */
    assert_non_null(strstr(tool->out, "sagas"));
    assert_null(strchr(tool->out, '\033'));
}

static void read_until(int terminal, const char *text, char *output, size_t size)
{
    size_t len = strlen(output);
    struct pollfd fd = {.fd = terminal, .events = POLLIN};
    for (int64_t until_ms = suite_process_now_ms() + CURRENT_MS; strstr(output, text) == NULL;) {
        assert_true(suite_process_now_ms() < until_ms);
        if (poll(&fd, 1, 100) <= 0)
            continue;
        ssize_t got = read(terminal, output + len, size - 1 - len);
        if (got < 0)
            fail_msg("it ended without saying: %s", text);
        len += (size_t)got;
        output[len] = '\0';
        assert_true(len < size - 1);
    }
}

/* On a terminal it draws until it is told to end, and leaves the terminal as it was. */
static void test_top__on_a_terminal__draws_and_restores(void **state)
{
    struct suite_process *suite = *state;
    static char output[1 << 20];
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int terminal = -1;
    int status = 0;
    suite_process_up(suite, NULL);
    const char *zsaga = suite_process_program(suite, "zsaga");
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    if (pid == 0) {
        (void)setenv("TERM", "xterm", 1);
        (void)setenv("LC_ALL", "C.UTF-8", 1);
        (void)execl(zsaga, zsaga, "top", "--interval", "0.2", "--data", suite->data, (char *)NULL);
        _exit(127);
    }
    output[0] = '\0';
    read_until(terminal, "live", output, sizeof output);
    read_until(terminal, "orchestrator", output, sizeof output);
    assert_int_equal(kill(pid, SIGTERM), 0);
    read_until(terminal, "\033[?1049l", output, sizeof output);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    (void)close(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_top__after_kills__counts_as_status),
        SUITE_TEST(test_rebuild__wiped__equals_the_one_that_lived),
        SUITE_TEST(test_passive__absent_stopped_or_dying__same_outcomes),
        SUITE_TEST(test_top__nothing_to_ask__exits_4),
        SUITE_TEST(test_top__observer_hangs__exits_4),
        SUITE_TEST(test_top__on_a_terminal__draws_and_restores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
