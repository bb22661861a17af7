/* Starts that cannot work, and suites in which something does not. */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"

enum { TRUE = 0, FALSE = 1, USAGE = 2 };

static const char *path_of(struct suite_process *suite, const char *below)
{
    return suite_process_text(suite, "%s/%s", suite->data, below);
}

static void create(struct suite_process *suite)
{
    struct err err;
    assert_int_equal(suite_create(suite->data, &err), 0);
}

/* Replaces a piece of the suite file. */
static void edit(struct suite_process *suite, const char *from, const char *to)
{
    const char *path = path_of(suite, "suite.zpl");
    const char *text = suite_files_read(suite, path);
    const char *at = strstr(text, from);
    assert_non_null(at);
    const char *written =
        suite_data_write(suite, suite_process_text(suite, "%.*s%s%s", (int)(at - text), text, to,
                                                   at + strlen(from)));
    assert_int_equal(rename(written, path), 0);
}

static void expect_no_start(struct suite_process *suite, const char *words)
{
    struct suite_tool *tool = suite_tool_expect(suite, USAGE, "up", NULL);
    suite_tool_expect_said(tool, words);
    assert_string_equal(tool->out, "");
    assert_int_equal(suite_process_alive(suite), 0);
}

#define CLIENT "    # client = tcp://127.0.0.1:5570"

/* What cannot work is said at once with its cause, and nothing is left running. */
static void test_start__configuration_cannot_work__is_refused(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *words;
    } rows[] = {
        {"    # program = zsaga-order", "    program = zsaga-oder", "zsaga-oder: is it built?"},
        {"    # program = zsaga-order", "    program = /no/order", "cannot run /no/order: No such"},
        {"oversize_units", "oversize_unit", "oversize_unit: is not known here"},
        {CLIENT, "    client = tcp://192.0.2.7:5570", "this machine has no such address"},
        {CLIENT, "    client = ipc:///no/where/x.sock", "make its directory, or choose another"},
        {"observer\n    run = yes", "observer\n    run = y", "'y' is neither 'yes' nor 'no'"},
    };
    struct suite_process *suite = *state;
    create(suite);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        edit(suite, rows[i].from, rows[i].to);
        expect_no_start(suite, rows[i].words);
        edit(suite, rows[i].to, rows[i].from);
    }
    suite_process_up(suite, NULL);
}

/* A port on the loopback that is listened at. */
static int take_port(unsigned int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* An endpoint that somebody else has is waited for a while, as a former start may be about to end,
 * and then refused. */
static void test_start__endpoint_in_use__is_refused_after_a_while(void **state)
{
    struct suite_process *suite = *state;
    unsigned int port;
    int fd = take_port(&port);
    create(suite);
    edit(suite, CLIENT, suite_process_text(suite, "    client = tcp://127.0.0.1:%u", port));
    expect_no_start(suite, "another process listens there: stop that one, or choose another");
    (void)close(fd);
    suite_process_up(suite, NULL);
}

/* Where a directory must be and something else is, its path is named. */
static void test_start__file_in_the_place_of_a_directory__is_refused(void **state)
{
    static const char *const names[] = {"run", "db", "log"};
    struct suite_process *suite = *state;
    create(suite);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = path_of(suite, names[i]);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(rename(suite_data_write(suite, "a file"), path), 0);
        expect_no_start(suite,
                        suite_process_text(suite, "%s is in the place of a directory", path));
        assert_int_equal(unlink(path), 0);
    }
}

static const char *state_of(struct suite_process *suite, const char *name)
{
    const json_t *rows = suite_tool_json(suite_tool_expect(suite, TRUE, "ps", "--json", NULL));
    const json_t *row = suite_json_find(rows, "name", name);
    assert_non_null(row);
    return suite_json_text(row, "state");
}

/* A consumer without its program, one that refuses its settings and one that always crashes are
 * told, and the suite works without them. */
static void test_consumers__that_do_not_run__hinder_nobody(void **state)
{
    struct suite_process *suite = *state;
    create(suite);
    edit(suite, "observer\n    run = yes\n",
         "observer\n    settings\n        odd = 1\n"
         "consumer\n    name = missing\n"
         "consumer\n    name = crasher\n    program = /bin/false\n");
    suite_process_up(suite, NULL);
    assert_string_equal(state_of(suite, "observer"), "failed");
    assert_string_equal(state_of(suite, "missing"), "failed");
    SUITE_AWAIT(strcmp(state_of(suite, "crasher"), "backoff") == 0, 10000);
    const char *said = suite_process_said(suite);
    assert_non_null(strstr(said,
                           "zsaga-missing: is it built? (One that lies elsewhere needs its whole "
                           "path.) The suite goes on without it."));
    assert_non_null(strstr(said, "observer failed, it is not started again: "));
    assert_non_null(strstr(said, "odd: is not known here"));
    assert_non_null(strstr(said, "crasher ended with exit code 1"));
    (void)suite_tool_expect(suite, TRUE, "status", NULL);
    assert_int_equal(suite_process_down(suite), TRUE);
}

/* A program that runs and never answers. */
static const char *mute_program(struct suite_process *suite)
{
    const char *path = suite_data_write(suite, "#!/bin/sh\nexec sleep 1000\n");
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

/* A start that takes long says once what is missing, and where to look. */
static void test_start__participant_mute__is_named(void **state)
{
    struct suite_process *suite = *state;
    create(suite);
    edit(suite, "    # program = zsaga-order",
         suite_process_text(suite, "    program = %s", mute_program(suite)));
    suite_process_start(suite, NULL);
    SUITE_AWAIT(strstr(suite_process_said(suite), "not ready yet: ") != NULL, 10000);
    const char *said = strstr(suite_process_said(suite), "not ready yet: ");
    assert_non_null(strstr(said, "order does not answer; see "));
    assert_non_null(strstr(said, "/log/order.log"));
    assert_null(strstr(said, "payment"));
    assert_null(strstr(said, "orchestrator"));
    assert_int_equal(suite_process_down(suite), TRUE);
}

/* Of one that is suspended, the start and status name the command that ends it. */
static void test_start__participant_suspended__names_the_way_out(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    (void)suite_tool_expect(suite, TRUE, "submit", "order", suite_data_orders(suite, "a", 20),
                            "--wait", NULL);
    assert_int_equal(suite_process_down(suite), TRUE);
    assert_int_equal(unlink(path_of(suite, "db/payment.db")), 0);
    suite_process_start(suite, NULL);
    SUITE_AWAIT(strstr(suite_process_said(suite), "not ready yet: ") != NULL, 10000);
    const char *said = strstr(suite_process_said(suite), "not ready yet: ");
    assert_non_null(strstr(said, "payment is suspended (its database is another one than before); "
                                 "compare, then: zsaga trust payment --reason TEXT"));
    assert_null(strstr(strchr(said, '\n'), "not ready yet"));
    struct suite_tool *tool = suite_tool_expect(suite, FALSE, "status", NULL);
    assert_non_null(strstr(tool->out, "\npayment: suspended: its database is another one"));
    assert_non_null(strstr(tool->out, "compare, then: zsaga trust payment --reason TEXT\n"));
    (void)suite_tool_expect(suite, TRUE, "trust", "payment", "--reason", "a test", NULL);
    SUITE_AWAIT(suite_tool_run(suite, "status", NULL)->exit_code == TRUE, 10000);
    assert_int_equal(suite_process_down(suite), TRUE);
}

static const json_t *process_of(struct suite_process *suite, const char *name)
{
    return suite_json_find(json_object_get(suite_status(suite), "processes"), "name", name);
}

/* status tells of each process what hinders it; of one that does not answer, that it is unknown. */
static void test_status__frozen_process__does_not_answer(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++) {
        const json_t *process = process_of(suite, suite_process_names[i]);
        assert_string_equal(suite_json_text(process, "health"), "ok");
        assert_null(suite_json_text(process, "detail"));
    }
    pid_t pid = suite_process_pid(suite, "observer");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    struct suite_tool *tool = suite_tool_run(suite, "status", NULL);
    assert_null(suite_json_text(process_of(suite, "observer"), "health"));
    assert_string_equal(suite_json_text(process_of(suite, "payment"), "health"), "ok");
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(tool->exit_code, TRUE);
    assert_non_null(strstr(tool->out, "\nobserver: does not answer\n"));
}

/* A suite that stops while its owner is being asked is read as a stopped one, not waited for. */
static void test_export__suite_stops_meanwhile__is_read_from_its_file(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    const char *before = suite_tool_expect(suite, TRUE, "export", "stock", NULL)->out;
    assert_int_equal(kill(suite_process_pid(suite, "inventory"), SIGSTOP), 0);
    struct suite_tool *tool = suite_tool_start(suite, -1, "export", "stock", NULL);
    int64_t from_ms = suite_process_now_ms();
    suite_process_kill_supervisor(suite);
    suite_tool_wait(tool, 30000);
    assert_int_equal(tool->exit_code, TRUE);
    assert_string_equal(tool->out, before);
    assert_in_range(suite_process_now_ms() - from_ms, 0, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_start__configuration_cannot_work__is_refused),
        SUITE_TEST(test_start__endpoint_in_use__is_refused_after_a_while),
        SUITE_TEST(test_start__file_in_the_place_of_a_directory__is_refused),
        SUITE_TEST(test_start__participant_mute__is_named),
        SUITE_TEST(test_start__participant_suspended__names_the_way_out),
        SUITE_TEST(test_consumers__that_do_not_run__hinder_nobody),
        SUITE_TEST(test_status__frozen_process__does_not_answer),
        SUITE_TEST(test_export__suite_stops_meanwhile__is_read_from_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
