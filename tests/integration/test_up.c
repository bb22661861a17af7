/* Starting and stopping a whole suite, and what its directory and its file have to do with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"

enum { TRUE = 0, FALSE = 1, USAGE = 2 };

/* In a directory whose sockets' paths are too long for the system all works the same. */
static void test_up__long_path__works_the_same(void **state)
{
    struct suite_process *suite = *state;
    AUTO(freep) char *name = xmalloc(151);
    memset(name, 'd', 150);
    name[150] = '\0';
    suite->data = xprintf("%s/%s", suite->root, name);
    (void)suite_process_keep(suite, suite->data, free);
    suite_data_up_plenty(suite);
    const char *orders = suite_data_orders(suite, "a", 20);
    (void)suite_tool_expect(suite, TRUE, "submit", "order", orders, "--wait", NULL);
    suite_process_kill(suite, "payment");
    suite_process_kill(suite, "orchestrator");
    orders = suite_data_orders(suite, "b", 20);
    (void)suite_tool_expect(suite, TRUE, "submit", "order", orders, "--wait", NULL);
    suite_data_expect_orders(suite, "a", 20);
    suite_data_expect_orders(suite, "b", 20);
    suite_expect_clean(suite);
}

/* A suite file with a key that nobody knows starts nothing; file, line and key are named. */
static void test_up__unknown_key__starts_nothing(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    assert_int_equal(suite_process_down(suite), TRUE);
    const char *path = suite_process_text(suite, "%s/suite.zpl", suite->data);
    const char *text = suite_files_read(suite, path);
    const char *section = strstr(text, "\norchestrator\n");
    assert_non_null(section);
    const char *rest = section + strlen("\norchestrator\n");
    int line = 1;
    for (const char *at = text; at < rest; at++)
        line += *at == '\n';
    const char *written =
        suite_data_write(suite, suite_process_text(suite, "%.*s    windwo_max = 7\n%s",
                                                   (int)(rest - text), text, rest));
    assert_int_equal(rename(written, path), 0);
    struct suite_tool *tool = suite_tool_expect(suite, USAGE, "up", NULL);
    suite_tool_expect_said(tool, suite_process_text(suite, "%s:%d:", path, line));
    suite_tool_expect_said(tool, "windwo_max");
    assert_int_equal(suite_process_alive(suite), 0);
}

/* One directory has one suite: the second start says at once for whom it waits, and is refused with
 * who holds it. */
static void test_up__already_running__is_refused(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    const char *waits =
        suite_process_text(suite, "waiting for process %ld to end\n", (long)suite->supervisor);
    struct suite_tool *tool = suite_tool_start(suite, -1, "up", NULL);
    SUITE_AWAIT(strstr(suite_files_read(suite, tool->err_path), waits) != NULL, 3000);
    assert_false(suite_tool_ended(tool));
    suite_tool_wait(tool, SUITE_TOOL_MS);
    assert_int_equal(tool->exit_code, FALSE);
    suite_tool_expect_said(tool, suite_process_text(suite, "%ld", (long)suite->supervisor));
    assert_int_equal(suite_process_alive(suite), SUITE_PROCESS_COUNT + 1);
    (void)suite_tool_expect(suite, TRUE, "status", NULL);
}

/* What the directory holds is for its owner alone where others could do harm: sockets and data. */
static void test_up__first_start__keeps_others_out(void **state)
{
    static const char *const names[2] = {"run", "db"};
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        assert_int_equal(stat(suite_process_text(suite, "%s/%s", suite->data, names[i]), &status),
                         0);
        assert_int_equal(status.st_mode & 0777, 0700);
    }
}

/* Ctrl-C and SIGTERM stop everything cleanly, also under load; what was accepted goes on with the
 * next start. */
static void test_up__stopped_under_load__goes_on_later(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    struct suite_tool *submit =
        suite_tool_start(suite, -1, "submit", "order", suite_data_orders(suite, "a", 400),
                         "--concurrency", "400", "--wait", "--json", NULL);
    SUITE_AWAIT(suite_json_number(suite_status(suite), "sagas.completed") > 0, 20000);
    assert_int_equal(suite_process_down(suite), TRUE);
    suite_process_up(suite, NULL);
    suite_tool_wait(submit, 60000);
    assert_int_equal(submit->exit_code, TRUE);
    suite_data_expect_orders(suite, "a", 400);
    suite_expect_clean(suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_up__long_path__works_the_same),
        SUITE_TEST(test_up__unknown_key__starts_nothing),
        SUITE_TEST(test_up__already_running__is_refused),
        SUITE_TEST(test_up__first_start__keeps_others_out),
        SUITE_TEST(test_up__stopped_under_load__goes_on_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
