/* Two orchestrators for the same sagas: at most one has its commands accepted, whatever an operator
 * copies, restores or starts twice. */
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

#include "base/bytes.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"

#define FENCED 10 /* An exit code after which nobody starts it again. */
#define HELD 12
#define EXIT_MS 20000
#define ORDERS 40

/* An orchestrator of its own, beside the suite. */
struct second {
    pid_t pid;
    int exit_code;
    const char *err_path;
};

static struct second start_second(struct suite_process *suite, const char *data)
{
    struct second second = {.err_path = suite_process_path(suite, "second.err")};
    const char *const argv[] = {suite_process_program(suite, "zsaga-orchestrator"), "--data", data,
                                NULL};
    second.pid = suite_process_spawn(argv, -1, second.err_path, second.err_path);
    return second;
}

static bool has_ended(struct second *second)
{
    int status;
    if (waitpid(second->pid, &status, WNOHANG) == 0)
        return false;
    second->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

/* It ends with this code and says why. */
static void expect_refused(struct suite_process *suite, const char *data, int code,
                           const char *words)
{
    struct second second = start_second(suite, data);
    SUITE_AWAIT(has_ended(&second), EXIT_MS);
    const char *said = suite_files_read(suite, second.err_path);
    if (second.exit_code != code || strstr(said, words) == NULL)
        fail_msg("wanted %d and \"%s\", got %d: %s", code, words, second.exit_code, said);
}

/* The id that names the suite's orchestrator. */
static const char *suite_id(struct suite_process *suite)
{
    const char *text =
        suite_files_read(suite, suite_process_text(suite, "%s/suite.zpl", suite->data));
    const char *id = strstr(text, "\n    id = ");
    assert_non_null(id);
    id += strlen("\n    id = ");
    return suite_process_text(suite, "%.*s", (int)strcspn(id, "\n"), id);
}

/* Copies the stopped suite's data. The copy's orchestrator will speak to the original's
 * participants; clients reach it at `client`, or at a socket of its own when that is NULL. */
static const char *copy_data(struct suite_process *suite, const char *client)
{
    const char *copy = suite_process_path(suite, "copy");
    const char *run = suite_process_text(suite, "%s/run", suite->data);
    struct buffer text = {0};
    suite_files_copy_tree(suite->data, copy);
    buffer_append_text(&text, suite_process_text(suite, "suite\n    id = %s\n", suite_id(suite)));
    if (client != NULL)
        buffer_append_text(&text,
                           suite_process_text(suite, "orchestrator\n    client = %s\n", client));
    for (size_t i = 1; i < SUITE_PROCESS_COUNT - 1; i++) {
        const char *name = suite_process_names[i];
        buffer_append_text(&text, suite_process_text(suite,
                                                     "participant\n    name = %s\n"
                                                     "    command = ipc://%s/%s-command.sock\n"
                                                     "    owner = ipc://%s/%s-owner.sock\n",
                                                     name, run, name, run, name));
    }
    buffer_append(&text, "", 1);
    const char *written = suite_data_write(suite, (const char *)text.data);
    buffer_release(&text);
    assert_int_equal(rename(written, suite_process_text(suite, "%s/suite.zpl", copy)), 0);
    return copy;
}

static void submit(struct suite_process *suite, const char *prefix)
{
    (void)suite_tool_expect(suite, 0, "submit", "order", suite_data_orders(suite, prefix, ORDERS),
                            "--wait", NULL);
}

/* The suite with orders "a" done, stopped. */
static void make_history(struct suite_process *suite)
{
    suite_data_up_plenty(suite);
    submit(suite, "a");
    assert_int_equal(suite_process_down(suite), 0);
}

static void expect_first_goes_on(struct suite_process *suite, const char *prefix)
{
    submit(suite, prefix);
    suite_data_expect_orders(suite, prefix, ORDERS);
    suite_data_expect_orders(suite, "a", ORDERS);
    suite_expect_clean(suite);
}

/* On one data directory the database's lock keeps the second one out. */
static void test_second__on_the_same_directory__is_refused(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    submit(suite, "a");
    expect_refused(suite, suite->data, HELD, "orchestrator.db");
    expect_first_goes_on(suite, "b");
}

/* On a copy with the same endpoint for clients the socket's lock keeps the second one out. */
static void test_second__on_a_copy_with_the_same_endpoint__is_refused(void **state)
{
    struct suite_process *suite = *state;
    make_history(suite);
    const char *copy = copy_data(
        suite, suite_process_text(suite, "ipc://%s/run/orchestrator-client.sock", suite->data));
    suite_process_up(suite, NULL);
    submit(suite, "b");
    expect_refused(suite, copy, HELD, "belongs to another process");
    expect_first_goes_on(suite, "c");
}

/* On an older copy the participants keep the second one out, however often it is started, while the
 * first goes on and nothing is applied twice. */
static void test_second__on_an_older_copy__is_fenced(void **state)
{
    struct suite_process *suite = *state;
    make_history(suite);
    const char *copy = copy_data(suite, NULL);
    suite_process_up(suite, NULL);
    submit(suite, "b");
    const char *orders = suite_data_orders(suite, "c", 400);
    struct suite_tool *tool = suite_tool_start(suite, -1, "submit", "order", orders, "--wait",
                                               "--rate", "200", "--json", NULL);
    for (int start = 0; start < 3; start++)
        expect_refused(suite, copy, FENCED, "older copy");
    suite_tool_wait(tool, SUITE_TOOL_MS);
    assert_int_equal(tool->exit_code, 0);
    assert_int_equal(suite_json_number(suite_tool_json(tool), "accepted"), 400);
    suite_data_expect_orders(suite, "b", ORDERS);
    suite_data_expect_orders(suite, "c", 400);
    expect_first_goes_on(suite, "d");
}

static const char *orchestrator_state(struct suite_process *suite)
{
    struct suite_tool *tool = suite_tool_run(suite, "ps", "--json", NULL);
    if (tool->exit_code != 0)
        return "";
    const json_t *row = suite_json_find(suite_tool_json(tool), "name", "orchestrator");
    assert_non_null(row);
    return suite_json_text(row, "state");
}

/* A copy that knows all sagas may take over; then the first one stops, so never both go on. */
static void test_second__on_a_copy_as_new__takes_over_and_stops_the_first(void **state)
{
    struct suite_process *suite = *state;
    make_history(suite);
    const char *copy = copy_data(suite, NULL);
    suite_process_up(suite, NULL);
    expect_refused(suite, copy, FENCED, "another start of this orchestrator has taken over");
    struct second second = start_second(suite, copy);
    SUITE_AWAIT(strcmp(orchestrator_state(suite), "failed") == 0, EXIT_MS);
    assert_non_null(strstr(suite_process_said(suite), "another start of this orchestrator"));
    assert_false(has_ended(&second));
    assert_int_equal(kill(second.pid, SIGTERM), 0);
    SUITE_AWAIT(has_ended(&second), EXIT_MS);
    assert_int_equal(second.exit_code, 0);
    assert_int_equal(suite_process_down(suite), 0);
    suite_process_up(suite, NULL);
    expect_first_goes_on(suite, "b");
}

static void restore(struct suite_process *suite, const char *backup)
{
    const char *db = suite_process_text(suite, "%s/db", suite->data);
    const char *wal = suite_process_text(suite, "%s/orchestrator.db-wal", db);
    const char *old = suite_process_path(suite, "put-aside.db");
    (void)unlink(wal);
    assert_int_equal(rename(suite_process_text(suite, "%s/orchestrator.db", db), old), 0);
    assert_int_equal(rename(suite_process_text(suite, "%s/db/orchestrator.db", backup),
                            suite_process_text(suite, "%s/orchestrator.db", db)),
                     0);
}

/* Already the first start tells, though it learns no more than that another one was there; then it
 * ends, so that what it says can be done. */
static void expect_offer_to_adopt(struct suite_process *suite)
{
    struct suite_tool *tool = suite_tool_expect(suite, 1, "up", NULL);
    suite_tool_expect_said(tool, "zsaga up --adopt");
    assert_string_equal(tool->out, "");
    assert_int_equal(suite_process_alive(suite), 0);
}

static json_int_t sum_of(struct suite_process *suite, const char *table, const char *column)
{
    const char *key;
    json_t *number;
    json_int_t total = 0;
    const json_t *numbers = suite_table(suite, table, column);
    json_object_foreach((json_t *)(uintptr_t)numbers, key, number) total +=
        json_integer_value(number);
    return total;
}

/* A restored backup of the orchestrator's database is refused with the way out, which is --adopt:
 * it goes on, and orders that it has forgotten are not done again. */
static void test_backup__restored__goes_on_when_adopted(void **state)
{
    struct suite_process *suite = *state;
    make_history(suite);
    const char *backup = suite_process_path(suite, "backup");
    suite_files_copy_tree(suite->data, backup);
    suite_process_up(suite, NULL);
    submit(suite, "b");
    json_int_t credit = sum_of(suite, "customers", "credit_cents");
    json_int_t stock = sum_of(suite, "stock", "on_hand");
    assert_int_equal(suite_process_down(suite), 0);
    restore(suite, backup);

    expect_offer_to_adopt(suite);
    suite_process_up(suite, "--adopt", NULL);
    submit(suite, "b");
    const json_t *sagas = suite_sagas(suite);
    assert_string_equal(suite_json_text(json_object_get(sagas, "b-0"), "reason"), "order_exists");
    assert_int_equal(sum_of(suite, "customers", "credit_cents"), credit);
    assert_int_equal(sum_of(suite, "stock", "on_hand"), stock);
    submit(suite, "c");
    assert_int_equal(suite_process_down(suite), 0);
    suite_process_up(suite, NULL);
    submit(suite, "d");
    suite_data_expect_orders(suite, "a", ORDERS);
    suite_data_expect_orders(suite, "c", ORDERS);
    suite_data_expect_orders(suite, "d", ORDERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_second__on_the_same_directory__is_refused),
        SUITE_TEST(test_second__on_a_copy_with_the_same_endpoint__is_refused),
        SUITE_TEST(test_second__on_an_older_copy__is_fenced),
        SUITE_TEST(test_second__on_a_copy_as_new__takes_over_and_stops_the_first),
        SUITE_TEST(test_backup__restored__goes_on_when_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
