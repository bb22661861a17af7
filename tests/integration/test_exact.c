/* The real orders and the ones at the edge, submitted to a real suite: exactly what was expected
 * comes out, order by order, line by line, unit by unit and cent by cent. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite_data.h"
#include "suite_tool.h"

#define REAL_ORDERS "online-retail-2010-12.csv.gz"
#define REAL_EXPECTED "expected-one-at-a-time.json"
#define REAL_ACCEPTED 1550

static void expect_summary(struct suite_tool *tool, const json_t *expected)
{
    static const char *const names[] = {"orders",   "accepted",  "invalid",    "duplicate",
                                        "conflict", "completed", "compensated"};
    const json_t *got = suite_tool_json(tool);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *wanted = json_object_get(expected, names[i]);
        if (wanted != NULL && suite_json_number(got, names[i]) != json_integer_value(wanted))
            fail_msg("%s: %lld instead of %lld", names[i],
                     (long long)suite_json_number(got, names[i]),
                     (long long)json_integer_value(wanted));
    }
    assert_int_equal(suite_json_number(got, "failed"), 0);
    assert_int_equal(suite_json_number(got, "attention"), 0);
}

/* "FILE:LINE: columns: words" on standard error. Returns line → columns. */
static json_t *refused_lines(const char *file, const char *said)
{
    json_t *lines = json_object();
    AUTO(freep) char *text = xstrdup(said);
    AUTO(freep) char *start = xprintf("%s:", file);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char number[24];
        if (strncmp(line, start, strlen(start)) != 0)
            continue;
        char *columns = line + strlen(start);
        size_t digits = strspn(columns, "0123456789");
        if (digits == 0 || digits >= sizeof number || strncmp(columns + digits, ": ", 2) != 0)
            continue;
        (void)snprintf(number, sizeof number, "%.*s", (int)digits, columns);
        columns += digits + 2;
        columns[strcspn(columns, ":")] = '\0';
        json_object_set_new(lines, number, json_string(columns));
    }
    return lines;
}

static json_t *expected_lines(const json_t *expected)
{
    const char *line;
    json_t *columns;
    json_t *lines = json_object();
    json_object_foreach(json_object_get(expected, "refused_lines"), line, columns)
    {
        char text[200] = "";
        size_t i;
        json_t *column;
        json_array_foreach(columns, i, column)
        {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, "%s%s", i == 0 ? "" : ", ",
                           json_string_value(column));
        }
        json_object_set_new(lines, line, json_string(text));
    }
    return lines;
}

static void expect_lines(const struct suite_tool *tool, const char *file, const json_t *expected)
{
    json_t *wanted = expected_lines(expected);
    json_t *got = refused_lines(file, tool->err);
    suite_json_expect_equal(wanted, got, "columns refused");
    json_decref(wanted);
    json_decref(got);
}

/* The sagas there are are those expected: each with its end and, if it was turned, the reason. */
static void expect_outcomes(struct suite_process *suite, const json_t *expected)
{
    const char *key;
    json_t *outcome;
    size_t there = 0;
    const json_t *sagas = suite_sagas(suite);
    const json_t *reasons = json_object_get(expected, "reason");
    json_object_foreach(json_object_get(expected, "outcome"), key, outcome)
    {
        const json_t *saga = json_object_get(sagas, key);
        const char *wanted = json_string_value(outcome);
        if (strcmp(wanted, "invalid") == 0 && saga != NULL)
            fail_msg("order %s was to be refused", key);
        if (saga == NULL)
            continue;
        there++;
        assert_string_equal(suite_json_text(saga, "state"), wanted);
        const char *reason = json_string_value(json_object_get(reasons, key));
        const char *got = suite_json_text(saga, "reason");
        assert_string_equal(got == NULL ? "" : got, reason == NULL ? "" : reason);
    }
    assert_int_equal(there, json_object_size(sagas));
    assert_int_equal(there, suite_json_number(expected, "summary.accepted"));
}

/* The world's column afterwards: all of it, or its imported self but for what changed. */
static void expect_column(struct suite_process *suite, const char *table, const char *column,
                          const json_t *all, const json_t *imported, const json_t *changed)
{
    const json_t *got = suite_table(suite, table, column);
    json_t *wanted = all != NULL ? json_copy((json_t *)(uintptr_t)all)
                                 : json_copy((json_t *)(uintptr_t)imported);
    if (changed != NULL)
        json_object_update(wanted, (json_t *)(uintptr_t)changed);
    suite_json_expect_equal(wanted, got, column);
    json_decref(wanted);
}

static json_int_t sum(const json_t *numbers)
{
    const char *key;
    json_t *number;
    json_int_t total = 0;
    json_object_foreach((json_t *)(uintptr_t)numbers, key, number) total +=
        json_integer_value(number);
    return total;
}

struct world {
    const json_t *stock;
    const json_t *credit;
};

static struct world look(struct suite_process *suite)
{
    return (struct world){suite_table(suite, "stock", "on_hand"),
                          suite_table(suite, "customers", "credit_cents")};
}

static void expect_world(struct suite_process *suite, const json_t *expected,
                         const struct world *before)
{
    expect_column(suite, "stock", "on_hand", json_object_get(expected, "stock"), before->stock,
                  json_object_get(expected, "stock_changed"));
    expect_column(suite, "customers", "credit_cents", json_object_get(expected, "credit"),
                  before->credit, json_object_get(expected, "credit_changed"));
    struct world after = look(suite);
    assert_int_equal(sum(after.stock), suite_json_number(expected, "summary.stock_left"));
    assert_int_equal(sum(after.credit), suite_json_number(expected, "summary.credit_left"));
}

/* Submits one after another in the real world, from the file or through standard input. */
static void expect_exactly(struct suite_process *suite, const char *file, bool through_stdin,
                           const json_t *expected)
{
    suite_data_up_real(suite);
    struct world before = look(suite);
    int fd = through_stdin ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    const char *name = through_stdin ? "-" : file;
    struct suite_tool *tool = suite_tool_start(suite, fd, "submit", "order", name, "--concurrency",
                                               "1", "--wait", "--json", NULL);
    if (fd >= 0)
        (void)close(fd);
    suite_tool_wait(tool, SUITE_TOOL_MS);
    assert_int_equal(tool->exit_code, 1); /* Each file has orders that are refused. */
    expect_summary(tool, json_object_get(expected, "summary"));
    expect_lines(tool, name, expected);
    expect_outcomes(suite, expected);
    expect_world(suite, expected, &before);
    suite_expect_clean(suite);
}

/* The whole file, one order after another, comes out exactly as worked out beforehand. */
static void test_submit__real_orders_one_at_a_time__are_as_expected(void **state)
{
    struct suite_process *suite = *state;
    expect_exactly(suite, suite_data_unpack(suite, REAL_ORDERS), false,
                   suite_data_json(suite, REAL_EXPECTED));
}

/* Orders at the edge are taken or refused, each with its line and its columns. */
static void test_submit__edge_orders__are_as_expected(void **state)
{
    struct suite_process *suite = *state;
    expect_exactly(suite, suite_data_path(suite, "edge-orders.csv"), false,
                   suite_data_json(suite, "edge-expected.json"));
}

/* The same through standard input, whose name in messages is "-". */
static void test_submit__edge_orders_through_stdin__are_as_expected(void **state)
{
    struct suite_process *suite = *state;
    expect_exactly(suite, suite_data_path(suite, "edge-orders.csv"), true,
                   suite_data_json(suite, "edge-expected.json"));
}

/* Another order of columns, CRLF, a byte order mark and quoted line breaks change nothing. */
static void test_submit__edge_orders_in_another_dress__are_as_expected(void **state)
{
    struct suite_process *suite = *state;
    expect_exactly(suite, suite_data_path(suite, "edge-orders-2.csv"), false,
                   suite_data_json(suite, "edge-expected-2.json"));
}

/* That dress through standard input is read the same. */
static void test_submit__another_dress_through_stdin__is_as_expected(void **state)
{
    struct suite_process *suite = *state;
    expect_exactly(suite, suite_data_path(suite, "edge-orders-2.csv"), true,
                   suite_data_json(suite, "edge-expected-2.json"));
}

/* A file without a column that is needed, and one that cannot be read, submit nothing at all. */
static void test_submit__unusable_file__submits_nothing(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_real(suite);
    const char *file = suite_data_write(
        suite, "order_id,customer_id,sku,quantity,country,placed_at\nA,18102,10002,1,Portugal,\n");
    struct suite_tool *tool = suite_tool_expect(suite, 2, "submit", "order", file, "--wait", NULL);
    suite_tool_expect_said(tool, "unit_price_cents");
    tool = suite_tool_expect(suite, 2, "submit", "order", "/nowhere/orders.csv", "--wait", NULL);
    suite_tool_expect_said(tool, "/nowhere/orders.csv");
    tool = suite_tool_expect(suite, 2, "submit", "order", suite->root, "--wait", NULL);
    suite_tool_expect_said(tool, suite->root);
    tool = suite_tool_expect(suite, 2, "submit", "order", suite_data_write(suite, ""), NULL);
    assert_int_equal(json_object_size(suite_sagas(suite)), 0);
}

/* The real orders with so many at once: each is accounted for, and the books agree. */
static void submit_at_once(struct suite_process *suite, const char *concurrency)
{
    suite_data_up_real(suite);
    struct suite_tool *tool =
        suite_tool_expect(suite, 1, "submit", "order", suite_data_unpack(suite, REAL_ORDERS),
                          "--concurrency", concurrency, "--wait", "--json", NULL);
    const json_t *got = suite_tool_json(tool);
    assert_int_equal(suite_json_number(got, "orders"), 1699);
    assert_int_equal(suite_json_number(got, "accepted"), REAL_ACCEPTED);
    assert_int_equal(suite_json_number(got, "invalid"), 149);
    assert_int_equal(suite_json_number(got, "failed"), 0);
    json_int_t completed = suite_json_number(got, "completed");
    assert_int_equal(completed + suite_json_number(got, "compensated"), REAL_ACCEPTED);
    assert_true(completed > 1200);
    const json_t *status = suite_status(suite);
    assert_int_equal(suite_json_number(status, "sagas.completed"), completed);
    assert_int_equal(suite_json_number(status, "sagas.compensated"), REAL_ACCEPTED - completed);
    suite_expect_clean(suite);
}

/* Sixty-four at once may fail other orders, but nothing is lost and nothing is doubled. */
static void test_submit__64_at_once__all_add_up(void **state)
{
    submit_at_once(*state, "64");
}

/* So it is with a thousand at once. */
static void test_submit__1024_at_once__all_add_up(void **state)
{
    submit_at_once(*state, "1024");
}

/* The same file again changes nothing: each of its orders is a duplicate. */
static void test_submit__same_file_again__changes_nothing(void **state)
{
    struct suite_process *suite = *state;
    submit_at_once(suite, "64");
    struct world before = look(suite);
    const json_t *sagas = suite_tool_json(suite_tool_expect(suite, 0, "status", "--json", NULL));
    struct suite_tool *tool =
        suite_tool_expect(suite, 1, "submit", "order", suite_data_unpack(suite, REAL_ORDERS),
                          "--wait", "--json", NULL);
    const json_t *got = suite_tool_json(tool);
    assert_int_equal(suite_json_number(got, "accepted"), 0);
    assert_int_equal(suite_json_number(got, "duplicate"), REAL_ACCEPTED);
    assert_int_equal(suite_json_number(got, "conflict"), 0);
    assert_int_equal(suite_json_number(got, "completed"),
                     suite_json_number(sagas, "sagas.completed"));
    struct world after = look(suite);
    suite_json_expect_equal(before.stock, after.stock, "on_hand");
    suite_json_expect_equal(before.credit, after.credit, "credit_cents");
    suite_json_expect_equal(json_object_get(sagas, "sagas"),
                            json_object_get(suite_status(suite), "sagas"), "sagas");
}

/* A key that is taken cannot become another order; only `placed_at` may differ. */
static void test_submit__same_key_other_body__is_a_conflict(void **state)
{
    static const char *const rows[] = {
        "A,c1,s2,1,100,Portugal,x\n", "A,c1,s1,2,100,Portugal,x\n",
        "A,c1,s1,1,101,Portugal,x\n", "A,c2,s1,1,100,Portugal,x\n",
        "A,c1,s1,1,100,Spain,x\n",    "A,c1,s1,1,100,Portugal,x\nA,c1,s1,1,100,Portugal,x\n"};
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    const char *file =
        suite_data_write(suite, SUITE_ORDERS_HEADER "A,c1,s1,1,100,Portugal,first\n");
    (void)suite_tool_expect(suite, 0, "submit", "order", file, "--wait", NULL);
    struct world before = look(suite);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        file =
            suite_data_write(suite, suite_process_text(suite, SUITE_ORDERS_HEADER "%s", rows[i]));
        struct suite_tool *tool =
            suite_tool_expect(suite, 1, "submit", "order", file, "--wait", "--json", NULL);
        assert_int_equal(suite_json_number(suite_tool_json(tool), "conflict"), 1);
        suite_tool_expect_said(tool, "order A (line 2)");
    }
    file = suite_data_write(suite, SUITE_ORDERS_HEADER "A,c1,s1,1,100,Portugal,second\n");
    struct suite_tool *tool =
        suite_tool_expect(suite, 0, "submit", "order", file, "--wait", "--json", NULL);
    assert_int_equal(suite_json_number(suite_tool_json(tool), "duplicate"), 1);
    suite_json_expect_equal(before.stock, look(suite).stock, "on_hand");
    suite_json_expect_equal(before.credit, look(suite).credit, "credit_cents");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_submit__real_orders_one_at_a_time__are_as_expected),
        SUITE_TEST(test_submit__edge_orders__are_as_expected),
        SUITE_TEST(test_submit__edge_orders_through_stdin__are_as_expected),
        SUITE_TEST(test_submit__edge_orders_in_another_dress__are_as_expected),
        SUITE_TEST(test_submit__another_dress_through_stdin__is_as_expected),
        SUITE_TEST(test_submit__unusable_file__submits_nothing),
        SUITE_TEST(test_submit__64_at_once__all_add_up),
        SUITE_TEST(test_submit__1024_at_once__all_add_up),
        SUITE_TEST(test_submit__same_file_again__changes_nothing),
        SUITE_TEST(test_submit__same_key_other_body__is_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
