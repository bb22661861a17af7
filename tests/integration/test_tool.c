/* The tool on real suites: exit codes, next steps, tables and documents. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "suite.h"
#include "suite_data.h"
#include "suite_tool.h"

enum { TRUE = 0, FALSE = 1, USAGE = 2, MISSING = 3, STOPPED = 4 };

/* Those that ask a running process, with words that would do. */
static void expect_stopped(struct suite_process *suite, const char *words_of_it)
{
    static const char *const commands[][4] = {
        {"ps"},     {"list"},  {"show", "A"},      {"retry", "A", "--reason", "why"},
        {"status"}, {"audit"}, {"list", "--json"},
    };
    const char *orders = suite_data_good_orders(suite, "a", 1);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const char *const *words = commands[i];
        struct suite_tool *tool =
            suite_tool_expect(suite, STOPPED, words[0], words[1], words[2], words[3], NULL);
        suite_tool_expect_said(tool, words_of_it);
        assert_string_equal(tool->out, "");
    }
    struct suite_tool *tool = suite_tool_expect(suite, STOPPED, "submit", "order", orders, NULL);
    suite_tool_expect_said(tool, words_of_it);
}

/* What needs a running suite says that there is none and how to start one, before the first start
 * and after the last. */
static void test_tool__suite_not_running__names_the_next_step(void **state)
{
    struct suite_process *suite = *state;
    expect_stopped(suite, "To make one: zsaga up --data");
    struct suite_tool *tool = suite_tool_expect(suite, STOPPED, "export", "stock", NULL);
    suite_tool_expect_said(tool, "To make one: zsaga up --data");
    suite_process_up(suite, NULL);
    assert_int_equal(suite_process_down(suite), TRUE);
    expect_stopped(suite, "start it: zsaga up --data");
    (void)suite_tool_expect(suite, TRUE, "export", "stock", NULL);
}

/* What does not answer is told as such, after a while. */
static void test_tool__orchestrator_frozen__is_told_after_a_while(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    pid_t pid = suite_process_pid(suite, "orchestrator");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    struct suite_tool *tool = suite_tool_expect(suite, STOPPED, "status", NULL);
    suite_tool_expect_said(tool, "zsaga ps");
    assert_int_equal(kill(pid, SIGCONT), 0);
    SUITE_AWAIT(suite_tool_run(suite, "status", NULL)->exit_code == TRUE, 10000);
}

/* A call that makes no sense is refused with what was meant, or where to read about it. */
static void test_tool__wrong_call__is_refused_with_help(void **state)
{
    struct suite_process *suite = *state;
    static const struct wrong {
        const char *words[4];
        const char *said;
    } wrongs[] = {
        {{"stauts"}, "did you mean status?"},
        {{"list", "--stat", "running"}, "did you mean --state?"},
        {{"list", "--state", "walking"}, "it is one of running"},
        {{"list", "--limit", "0"}, "--limit 0"},
        {{"show"}, "zsaga show --help"},
        {{"show", "A", "B"}, "zsaga show --help"},
        {{"export", "everything"}, "stock, customers"},
        {{"import", "orders", "x.csv"}, "stock"},
        {{"submit", "parcel", "x.csv"}, "order"},
        {{"retry", "A"}, "--reason"},
        {{"ps", "-j"}, "options begin with --"},
        {{"ps", "--json=yes"}, "--json takes no value"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        const char *const *words = wrongs[i].words;
        struct suite_tool *tool =
            suite_tool_expect(suite, USAGE, words[0], words[1], words[2], words[3], NULL);
        suite_tool_expect_said(tool, wrongs[i].said);
    }
    const char *const numbers[] = {"--concurrency", "--rate", "--timeout"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct suite_tool *tool =
            suite_tool_expect(suite, USAGE, "submit", "order", "-", numbers[i], "-1", NULL);
        suite_tool_expect_said(tool, numbers[i]);
    }
}

/* A key that no saga has is missing, for whoever asks. */
static void test_tool__unknown_key__is_missing(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    struct suite_tool *tool = suite_tool_expect(suite, MISSING, "show", "nobody", NULL);
    suite_tool_expect_said(tool, "there is no saga \"nobody\"; see: zsaga list --data");
    tool = suite_tool_expect(suite, MISSING, "retry", "nobody", "--reason", "why", NULL);
    suite_tool_expect_said(tool, "there is no saga \"nobody\"; see: zsaga list");
    tool = suite_tool_expect(suite, MISSING, "trust", "nobody", "--reason", "why", NULL);
    suite_tool_expect_said(tool, "there is no participant \"nobody\"");
    suite_tool_expect_said(tool, "see: zsaga status");
    tool = suite_tool_expect(suite, MISSING, "resync", "observer", "nobody", "--from", "head",
                             "--reason", "why", NULL);
    suite_tool_expect_said(tool, "it follows: orchestrator, order, inventory, payment, shipping");
}

/* A suite without the definition takes no order: that is said once, and where it would be read. */
static void test_submit__no_such_definition__is_said_once(void **state)
{
    struct suite_process *suite = *state;
    struct err err;
    assert_int_equal(suite_create_empty(suite->data, &err), 0);
    suite_process_up(suite, NULL);
    const char *orders = suite_data_good_orders(suite, "a", 300);
    struct suite_tool *tool =
        suite_tool_expect(suite, MISSING, "submit", "order", orders, "--wait", NULL);
    suite_tool_expect_said(tool, "the suite has no definition order");
    suite_tool_expect_said(tool, "/definitions");
    assert_ptr_equal(strchr(tool->err, '\n'), tool->err + strlen(tool->err) - 1);
    assert_string_equal(tool->out, "");
}

/* Orders that are accepted and have not ended in time have not failed: they are told as unfinished,
 * go on by themselves, and are waited for by submitting the file again. */
static void test_submit__not_ended_in_time__is_unfinished(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    const char *file = suite_data_good_orders(suite, "a", 3);
    pid_t pid = suite_process_pid(suite, "payment");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    struct suite_tool *tool = suite_tool_expect(suite, FALSE, "submit", "order", file, "--wait",
                                                "--timeout", "2", "--json", NULL);
    const json_t *counts = suite_tool_json(tool);
    assert_int_equal(suite_json_number(counts, "accepted"), 3);
    assert_int_equal(suite_json_number(counts, "unfinished"), 3);
    assert_int_equal(suite_json_number(counts, "failed"), 0);
    suite_tool_expect_said(tool, "accepted, and still running");
    suite_tool_expect_said(tool, "zsaga show a-0");
    suite_tool_expect_said(tool, "submit the same file again with --wait");
    assert_int_equal(kill(pid, SIGCONT), 0);
    tool = suite_tool_expect(suite, TRUE, "submit", "order", file, "--wait", "--json", NULL);
    assert_int_equal(suite_json_number(suite_tool_json(tool), "duplicate"), 3);
    assert_int_equal(suite_json_number(suite_tool_json(tool), "completed"), 3);
}

/* Only a saga in attention can be told to go on. */
static void test_retry__not_in_attention__is_refused(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    (void)suite_tool_expect(suite, TRUE, "submit", "order", suite_data_good_orders(suite, "a", 1),
                            "--wait", NULL);
    struct suite_tool *tool =
        suite_tool_expect(suite, FALSE, "retry", "a-0", "--reason", "why", NULL);
    suite_tool_expect_said(tool, "attention");
}

/* ps tells the processes that there are, ordered by name, and what became of a killed one. */
static void test_ps__running_suite__tells_its_processes(void **state)
{
    static const char *const names[] = {"inventory", "observer", "orchestrator",
                                        "order",     "payment",  "shipping"};
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    pid_t killed = suite_process_pid(suite, "shipping");
    suite_process_kill(suite, "shipping");
    SUITE_AWAIT(suite_process_pid(suite, "shipping") != 0, 10000);
    SUITE_AWAIT(strstr(suite_tool_expect(suite, TRUE, "ps", NULL)->out, "starting") == NULL &&
                    suite_tool_run(suite, "status", NULL)->exit_code == TRUE,
                10000);
    const json_t *rows = suite_tool_json(suite_tool_expect(suite, TRUE, "ps", "--json", NULL));
    assert_int_equal(json_array_size(rows), SUITE_PROCESS_COUNT);
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++) {
        const json_t *row = json_array_get(rows, i);
        const char *name = suite_json_text(row, "name");
        assert_string_equal(name, names[i]);
        assert_string_equal(suite_json_text(row, "state"), "running");
        assert_int_equal(suite_json_number(row, "pid"), suite_process_pid(suite, name));
        assert_int_equal(suite_json_number(row, "restarts"), strcmp(name, "shipping") == 0);
        assert_int_not_equal(suite_json_number(row, "pid"), killed);
    }
}

static void expect_words(const struct suite_tool *tool, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(tool->out, words[i]) == NULL)
            fail_msg("wanted \"%s\" in: %s", words[i], tool->out);
}

static void expect_fields(const json_t *object, const char *const *names, size_t count)
{
    assert_true(json_is_object(object));
    for (size_t i = 0; i < count; i++)
        if (json_object_get(object, names[i]) == NULL)
            fail_msg("there is no field \"%s\"", names[i]);
    assert_int_equal(json_object_size(object), count);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void submit_two(struct suite_process *suite)
{
    suite_data_up_plenty(suite);
    const char *file = suite_data_write(
        suite, SUITE_ORDERS_HEADER "first,c1,s1,1,100,Portugal,\nsecond,c1,nope,1,100,Portugal,\n");
    (void)suite_tool_expect(suite, TRUE, "submit", "order", file, "--concurrency", "1", NULL);
}

/* list shows sagas newest first, the same fields as a table and as a document, and only those
 * asked for. */
static void test_list__table_and_json__tell_the_same(void **state)
{
    static const char *const fields[] = {"key",    "id",         "definition", "state",
                                         "step",   "waiting_on", "attempts",   "last_error",
                                         "reason", "age_s",      "next_wake"};
    static const char *const words[] = {"first", "second", "completed", "compensated",
                                        "unknown_sku"};
    struct suite_process *suite = *state;
    submit_two(suite);
    struct suite_tool *table = suite_tool_expect(suite, TRUE, "list", NULL);
    expect_words(table, fields, COUNT(fields));
    expect_words(table, words, COUNT(words));
    assert_true(strstr(table->out, "second") < strstr(table->out, "first"));
    const json_t *rows = suite_tool_json(suite_tool_expect(suite, TRUE, "list", "--json", NULL));
    assert_int_equal(json_array_size(rows), 2);
    expect_fields(json_array_get(rows, 0), fields, COUNT(fields));
    assert_string_equal(suite_json_text(json_array_get(rows, 0), "key"), "second");
    rows = suite_tool_json(
        suite_tool_expect(suite, TRUE, "list", "--json", "--state", "completed", NULL));
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(suite_json_text(json_array_get(rows, 0), "key"), "first");
    rows = suite_tool_json(suite_tool_expect(suite, TRUE, "list", "--json", "--limit", "1", NULL));
    assert_int_equal(json_array_size(rows), 1);
    rows = suite_tool_json(suite_tool_expect(suite, TRUE, "list", "--json", "--state", "running",
                                             "--state", "attention", NULL));
    assert_int_equal(json_array_size(rows), 0);
}

/* show tells a saga's steps and its history, as tables and as a document. */
static void test_show__table_and_json__tell_the_same(void **state)
{
    static const char *const step_fields[] = {"name",   "participant", "kind",
                                              "state",  "attempts",    "last_error",
                                              "reason", "undo_state",  "undo_attempts"};
    static const char *const history_fields[] = {"at", "what", "step", "detail"};
    static const char *const words[] = {"second",        "compensated", "unknown_sku",
                                        "create",        "reserve",     "rejected",
                                        "compensatable", "undo_state",  "detail"};
    struct suite_process *suite = *state;
    submit_two(suite);
    expect_words(suite_tool_expect(suite, TRUE, "show", "second", NULL), words, COUNT(words));
    const json_t *saga = suite_show(suite, "second");
    const json_t *steps = json_object_get(saga, "steps");
    const json_t *history = json_object_get(saga, "history");
    assert_int_equal(json_array_size(steps), 5);
    expect_fields(json_array_get(steps, 0), step_fields, COUNT(step_fields));
    expect_fields(json_array_get(history, 0), history_fields, COUNT(history_fields));
    assert_string_equal(suite_json_text(json_array_get(history, 0), "what"), "accepted");
    const char *at = suite_json_text(json_array_get(history, 0), "at");
    assert_int_equal(strlen(at), strlen("2010-12-01T08:26:00.000Z"));
    assert_int_equal(at[strlen(at) - 1], 'Z');
}

/* status says whether all is well, in words, as a document, and by its exit code. */
static void test_status__table_and_json__tell_the_same(void **state)
{
    static const char *const fields[] = {"ready",   "sagas",     "oldest",
                                         "stalled", "processes", "channels"};
    static const char *const words[] = {"ready",     "running",   "compensating", "completed",
                                        "attention", "inventory", "in_flight"};
    struct suite_process *suite = *state;
    submit_two(suite);
    expect_words(suite_tool_expect(suite, TRUE, "status", NULL), words, COUNT(words));
    const json_t *status =
        suite_tool_json(suite_tool_expect(suite, TRUE, "status", "--json", NULL));
    expect_fields(status, fields, COUNT(fields));
    assert_int_equal(suite_json_number(status, "sagas.completed"), 1);
    assert_int_equal(suite_json_number(status, "sagas.compensated"), 1);
    assert_int_equal(suite_json_number(status, "sagas.attention"), 0);
    assert_true(json_is_null(json_object_get(status, "oldest")));
    assert_int_equal(kill(suite_process_pid(suite, "payment"), SIGSTOP), 0);
    SUITE_AWAIT(suite_tool_run(suite, "status", NULL)->exit_code == FALSE, 15000);
    assert_true(json_is_false(json_object_get(suite_status(suite), "ready")));
}

/* export writes a service's table as CSV with its header, or as a document, ordered by its key. */
static void test_export__csv_and_json__tell_the_same(void **state)
{
    static const struct table {
        const char *name;
        const char *csv;
    } tables[] = {
        {"orders", "order_id,customer_id,total_cents,status\nfirst,c1,100,confirmed\n"
                   "second,c1,100,cancelled\n"},
        {"payments", "order_id,amount_cents,status\nfirst,100,charged\n"},
        {"shipments", "order_id,status\nfirst,scheduled\n"},
    };
    struct suite_process *suite = *state;
    submit_two(suite);
    for (size_t i = 0; i < COUNT(tables); i++)
        assert_string_equal(suite_tool_expect(suite, TRUE, "export", tables[i].name, NULL)->out,
                            tables[i].csv);
    struct suite_tool *stock = suite_tool_expect(suite, TRUE, "export", "stock", NULL);
    assert_int_equal(
        strncmp(stock->out, "sku,on_hand,reserved\ns0,100000000,0\ns1,99999999,1\n", 50), 0);
    const json_t *rows =
        suite_tool_json(suite_tool_expect(suite, TRUE, "export", "orders", "--json", NULL));
    assert_int_equal(suite_json_number(json_array_get(rows, 0), "total_cents"), 100);
    assert_string_equal(suite_json_text(json_array_get(rows, 1), "status"), "cancelled");
    const char *running = suite_tool_expect(suite, TRUE, "export", "customers", NULL)->out;
    assert_int_equal(suite_process_down(suite), TRUE);
    assert_string_equal(suite_tool_expect(suite, TRUE, "export", "customers", NULL)->out, running);
    assert_string_equal(suite_tool_expect(suite, TRUE, "export", "stock", NULL)->out, stock->out);
}

/* Any service is asked for any of its tables by name, and for one that there is not it tells those
 * that there are: whether the suite runs or not. */
static void test_export__service_and_table__is_asked_of_it(void **state)
{
    struct suite_process *suite = *state;
    submit_two(suite);
    const char *known = suite_tool_expect(suite, TRUE, "export", "orders", NULL)->out;
    for (int stopped = 0; stopped <= 1; stopped++) {
        struct suite_tool *tool = suite_tool_expect(suite, TRUE, "export", "order/orders", NULL);
        assert_string_equal(tool->out, known);
        tool = suite_tool_expect(suite, USAGE, "export", "payment/orders", NULL);
        suite_tool_expect_said(tool, "no such table here; there are: customers, payments");
        tool = suite_tool_expect(suite, MISSING, "export", "nobody/orders", NULL);
        suite_tool_expect_said(tool, "nobody");
        if (!stopped)
            assert_int_equal(suite_process_down(suite), TRUE);
    }
}

/* What is frozen is named, with where to look, after the time that it was really given. */
static void test_export__service_frozen__is_told_after_a_while(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    pid_t pid = suite_process_pid(suite, "order");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    struct suite_tool *tool = suite_tool_expect(suite, STOPPED, "export", "orders", NULL);
    suite_tool_expect_said(tool, "order did not answer within 15000 ms; see: zsaga ps --data");
    suite_tool_expect_said(tool, "/log/order.log");
    assert_int_equal(kill(pid, SIGCONT), 0);
}

/* The audit tells its checks, as a table and as a document, and hides nobody. */
static void test_audit__table_and_json__tell_the_same(void **state)
{
    static const char *const fields[] = {"ok", "checks", "not_audited"};
    static const char *const check_fields[] = {"name", "ok", "detail"};
    struct suite_process *suite = *state;
    submit_two(suite);
    struct suite_tool *table = suite_tool_expect(suite, TRUE, "audit", NULL);
    const json_t *audit = suite_tool_json(suite_tool_expect(suite, TRUE, "audit", "--json", NULL));
    expect_fields(audit, fields, COUNT(fields));
    assert_true(json_is_true(json_object_get(audit, "ok")));
    assert_int_equal(json_array_size(json_object_get(audit, "not_audited")), 0);
    const json_t *checks = json_object_get(audit, "checks");
    assert_in_range(json_array_size(checks), 20, 100);
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i);
        expect_fields(check, check_fields, COUNT(check_fields));
        assert_non_null(strstr(table->out, suite_json_text(check, "name")));
    }
    assert_non_null(strstr(table->out, "\nok: the books agree\n"));
    assert_null(strstr(table->out, "not audited"));
}

static void expect_level(struct suite_process *suite, json_int_t on_hand, json_int_t reserved)
{
    assert_int_equal(suite_json_number(suite_table(suite, "stock", "on_hand"), "mug"), on_hand);
    assert_int_equal(suite_json_number(suite_table(suite, "stock", "reserved"), "mug"), reserved);
}

/* The file states totals: what is promised stays promised, the same file again changes nothing, and
 * a total below what is promised is refused as a whole. */
static void import_totals(struct suite_process *suite)
{
    const char *ten = suite_data_write(suite, "sku,on_hand\nmug,10\n");
    const char *three = suite_data_write(suite, "sku,on_hand\nmug,3\nlamp,7\n");
    const char *poor = suite_data_write(suite, "customer_id,credit_cents\nrich,399\n");
    const char *rich = suite_data_write(suite, "customer_id,credit_cents\nrich,400\n");
    (void)suite_tool_expect(suite, TRUE, "import", "stock", ten, NULL);
    expect_level(suite, 6, 4);
    (void)suite_tool_expect(suite, TRUE, "import", "stock", ten, NULL);
    expect_level(suite, 6, 4);
    struct suite_tool *tool = suite_tool_expect(suite, FALSE, "import", "stock", three, NULL);
    suite_tool_expect_said(tool, "mug");
    expect_level(suite, 6, 4);
    assert_null(json_object_get(suite_table(suite, "stock", "on_hand"), "lamp"));
    tool = suite_tool_expect(suite, FALSE, "import", "customers", poor, NULL);
    suite_tool_expect_said(tool, "rich");
    (void)suite_tool_expect(suite, TRUE, "import", "customers", rich, NULL);
    assert_int_equal(suite_json_number(suite_table(suite, "customers", "credit_cents"), "rich"), 0);
    (void)suite_tool_expect(suite, TRUE, "import", "stock",
                            suite_data_write(suite, "sku,on_hand\nmug,4\n"), NULL);
    expect_level(suite, 0, 4);
}

static void sell_four_mugs(struct suite_process *suite)
{
    suite_process_up(suite, "--stock", suite_data_write(suite, "sku,on_hand\nmug,8\n"),
                     "--customers",
                     suite_data_write(suite, "customer_id,credit_cents\nrich,1000\n"), NULL);
    (void)suite_tool_expect(
        suite, TRUE, "submit", "order",
        suite_data_write(suite, SUITE_ORDERS_HEADER "A,rich,mug,4,100,Portugal,\n"), "--wait",
        NULL);
    expect_level(suite, 4, 4);
}

/* Totals are imported into a running suite, by asking the owners. */
static void test_import__running__states_totals(void **state)
{
    struct suite_process *suite = *state;
    sell_four_mugs(suite);
    import_totals(suite);
    suite_expect_clean(suite);
}

/* Totals are imported into a stopped suite, with the same outcome. */
static void test_import__stopped__states_totals(void **state)
{
    struct suite_process *suite = *state;
    sell_four_mugs(suite);
    assert_int_equal(suite_process_down(suite), TRUE);
    import_totals(suite);
    suite_process_up(suite, NULL);
    suite_expect_clean(suite);
}

/* A file with a row at fault imports nothing, and names the line and the column. */
static void test_import__row_at_fault__imports_nothing(void **state)
{
    struct suite_process *suite = *state;
    suite_process_up(suite, NULL);
    const char *file = suite_data_write(suite, "sku,on_hand\nmug,10\nlamp,-1\n");
    struct suite_tool *tool = suite_tool_run(suite, "import", "stock", file, NULL);
    assert_int_not_equal(tool->exit_code, TRUE);
    suite_tool_expect_said(tool, suite_process_text(suite, "%s:3: on_hand", file));
    assert_int_equal(json_object_size(suite_table(suite, "stock", "on_hand")), 0);
    file = suite_data_write(suite, "sku,amount\nmug,10\n");
    tool = suite_tool_expect(suite, USAGE, "import", "stock", file, NULL);
    suite_tool_expect_said(tool, "on_hand");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_tool__suite_not_running__names_the_next_step),
        SUITE_TEST(test_tool__orchestrator_frozen__is_told_after_a_while),
        SUITE_TEST(test_tool__wrong_call__is_refused_with_help),
        SUITE_TEST(test_tool__unknown_key__is_missing),
        SUITE_TEST(test_submit__no_such_definition__is_said_once),
        SUITE_TEST(test_submit__not_ended_in_time__is_unfinished),
        SUITE_TEST(test_retry__not_in_attention__is_refused),
        SUITE_TEST(test_ps__running_suite__tells_its_processes),
        SUITE_TEST(test_list__table_and_json__tell_the_same),
        SUITE_TEST(test_show__table_and_json__tell_the_same),
        SUITE_TEST(test_status__table_and_json__tell_the_same),
        SUITE_TEST(test_export__csv_and_json__tell_the_same),
        SUITE_TEST(test_export__service_and_table__is_asked_of_it),
        SUITE_TEST(test_export__service_frozen__is_told_after_a_while),
        SUITE_TEST(test_audit__table_and_json__tell_the_same),
        SUITE_TEST(test_import__running__states_totals),
        SUITE_TEST(test_import__stopped__states_totals),
        SUITE_TEST(test_import__row_at_fault__imports_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
