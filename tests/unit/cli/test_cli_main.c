#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli.h"
#include "cli_call.h"
#include "processes.h"

static int set_up(void **state)
{
    *state = cli_call_new(cli_main);
    return 0;
}

static int tear_down(void **state)
{
    cli_call_free(*state);
    return 0;
}

#define EXPECT(code, words, ...) CLI_CALL_EXPECT(*state, code, words, __VA_ARGS__)

/* What is not understood is exit code 2, with what to do next. */
static void test_cli_main__misuse__is_2(void **state)
{
    EXPECT(2, "first steps", NULL);
    EXPECT(2, "did you mean submit?", "submti");
    EXPECT(2, "did you mean --state?", "list", "--stat", "running");
    EXPECT(2, "Try:   zsaga show --help", "show");
    EXPECT(2, "one word too many: B", "show", "A", "B");
    EXPECT(2, "--reason is missing", "retry", "A");
    EXPECT(2, "--reason is missing", "retry", "A", "--reason", "  ");
    EXPECT(2, "--state odd", "list", "--state", "odd");
    EXPECT(2, "--limit 0", "list", "--limit", "0");
    EXPECT(2, "--rate x", "submit", "order", "-", "--rate", "x");
    EXPECT(2, "it is `order`", "submit", "transfer", "-");
    EXPECT(2, "--prefix", "submit", "order", "-", "--prefix", "a\nb");
    EXPECT(2, "cannot read /nowhere", "submit", "order", "/nowhere");
    EXPECT(2, "cannot read /nowhere", "import", "stock", "/nowhere");
    EXPECT(2, "the tables are", "export", "reservations");
    EXPECT(2, "stock or customers", "import", "orders", "-");
    EXPECT(2, "--data needs a value", "ps", "--data");
    EXPECT(2, "an endpoint is missing", "conformance", "--action", "charge");
    EXPECT(2, "--action is missing", "conformance", "ipc:///nowhere");
    EXPECT(2, "--action: 1 to 64", "conformance", "ipc:///nowhere", "--action", "two words");
    EXPECT(2, "--pid needs --restart", "conformance", "ipc:///x", "--action", "a", "--pid", "7");
    EXPECT(2, "cannot read /nowhere", "conformance", "ipc:///x", "--action", "a", "--input",
           "order:/nowhere");
    EXPECT(2, "connecting to odd://nowhere", "conformance", "odd://nowhere", "--action", "a");
}

/* Help is an answer, not a complaint; it teaches with examples, and tells every exit code. */
static void test_cli_main__help__is_0(void **state)
{
    EXPECT(0, "zsaga up ", "--help");
    EXPECT(0, "zsaga up ", "help");
    EXPECT(0, "usage: zsaga list [options]", "help", "list");
    EXPECT(2, "there is no command lits; did you mean list?", "help", "lits");
    EXPECT(0, "zsaga ", "--version");
    for (size_t i = 0; i < cli_command_count; i++) {
        AUTO(freep) char *usage = xprintf("usage: zsaga %s", cli_commands[i]->name);
        EXPECT(0, usage, cli_commands[i]->name, "--help");
        AUTO(freep) char *example = xprintf("\nexamples:\n  zsaga %s", cli_commands[i]->name);
        EXPECT(0, "\nexamples:\n", cli_commands[i]->name, "--help");
        EXPECT(0, example + strlen("\nexamples:\n"), cli_commands[i]->name, "--help");
        assert_non_null(cli_commands[i]->exits);
        EXPECT(0, "\nexit codes:\n  0 ", cli_commands[i]->name, "--help");
    }
}

/* One that is not there at all is told as such, with what may be wrong, and by all the same. */
static void test_cli_main__no_suite__is_4(void **state)
{
    static const char said[] = " (no suite.zpl): is --data right? To make one: zsaga up --data ";
    EXPECT(4, said, "ps");
    EXPECT(4, said, "list", "--json");
    EXPECT(4, said, "show", "A");
    EXPECT(4, said, "status");
    EXPECT(4, said, "audit");
    EXPECT(4, said, "top");
    EXPECT(4, said, "retry", "A", "--reason", "why");
    EXPECT(4, said, "trust", "payment", "--reason", "why");
    EXPECT(4, said, "resync", "observer", "payment", "--from", "tail", "--reason", "why");
    EXPECT(4, said, "submit", "order", "/dev/null");
    EXPECT(4, said, "export", "stock");
}

/* A command that takes no directory does not offer to. */
static void test_cli_main__no_data__is_no_option_of_it(void **state)
{
    int code;
    AUTO(freep)
    char *help = cli_call_run(*state, &code, (const char *const[]){"demo", "--help", NULL});
    assert_int_equal(code, 0);
    assert_null(strstr(help, "--data"));
    assert_non_null(strstr(help, "--json"));
    EXPECT(2, "it takes no --data", "demo", "--data", "x");
}

/* A suite that does not run is exit code 4, at once. */
static void test_cli_main__not_running__is_4(void **state)
{
    const struct cli_call *call = *state;
    struct err err;
    assert_int_equal(suite_create(call->dir, &err), 0);
    EXPECT(4, "is not running", "list", "--json");
    EXPECT(4, "is not running", "show", "A");
    EXPECT(4, "is not running", "status");
    EXPECT(4, "is not running", "audit");
    EXPECT(4, "is not running", "retry", "A", "--reason", "why");
    EXPECT(4, "is not running", "trust", "payment", "--reason", "why");
    EXPECT(4, "is not running", "submit", "order", "/dev/null");
    EXPECT(4, "is not running; start it: zsaga up --data", "ps");
}

/* One that will not be started again is not waited for: its last words are told at once. */
static void test_cli_main__orchestrator_failed__is_told_at_once(void **state)
{
    const struct cli_call *call = *state;
    const struct child failed = {.name = "orchestrator", .state = CHILD_FAILED};
    const struct child *const children[] = {&failed};
    AUTO(freep) char *log_path = suite_path(call->dir, "log/orchestrator.log");
    struct err err;
    int lock;
    assert_int_equal(suite_create(call->dir, &err), 0);
    assert_int_equal(suite_lock(call->dir, 0, &lock, &err), 0);
    assert_int_equal(processes_write(call->dir, children, 1, &err), 0);
    FILE *log = fopen(log_path, "we");
    assert_non_null(log);
    assert_true(fputs("x event=failed reason=\"an older copy\"\n", log) >= 0);
    assert_int_equal(fclose(log), 0);
    EXPECT(4, "the orchestrator has failed, and is not started again: an older copy; ", "status");
    EXPECT(4, "the orchestrator has failed", "list");
    (void)close(lock);
}

/* Another user is told that he is kept out, not that nothing answers. */
static void test_cli_main__another_users_suite__is_told_at_once(void **state)
{
    const struct cli_call *call = *state;
    AUTO(freep) char *run = suite_path(call->dir, "run");
    struct err err;
    int lock;
    assert_int_equal(suite_create(call->dir, &err), 0);
    assert_int_equal(suite_lock(call->dir, 0, &lock, &err), 0);
    assert_int_equal(chmod(call->dir, 0755), 0);
    bool root = geteuid() == 0;
    assert_int_equal(root ? seteuid(65534) : chmod(run, 0), 0);
    EXPECT(4, "is closed to you: ask as the user who runs it", "ps");
    EXPECT(4, "is closed to you", "list");
    assert_int_equal(root ? seteuid(0) : chmod(run, 0700), 0);
    (void)close(lock);
}

/* Options of all commands may stand before the command. */
static void test_cli_main__options_first__are_taken(void **state)
{
    EXPECT(4, "no suite in /tmp/nowhere ", "--data", "/tmp/nowhere", "--json", "ps");
    EXPECT(4, "no suite in /tmp/nowhere ", "--data=/tmp/nowhere", "ps");
    EXPECT(2, "unknown option --odd", "--odd", "ps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cli_main__misuse__is_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__help__is_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__no_suite__is_4, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__not_running__is_4, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__orchestrator_failed__is_told_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__no_data__is_no_option_of_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__another_users_suite__is_told_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__options_first__are_taken, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
