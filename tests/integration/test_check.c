/* zsaga-check on the data of a real suite: it finds nothing, until somebody damages a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "suite_check.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"

#define ORDERS 40

static void expect(struct suite_process *suite, const char *arguments, int exit_code,
                   const char *words)
{
    struct suite_checked checked = suite_check(suite, arguments);
    if (checked.exit_code != exit_code || strstr(checked.out, words) == NULL)
        fail_msg("exit code %d instead of %d, or not said: %s\n%s", checked.exit_code, exit_code,
                 words, checked.out);
}

/* A suite that has dealt with orders of all outcomes, killed once in between, and is stopped. */
static void run_and_stop(struct suite_process *suite)
{
    suite_data_up_plenty(suite);
    struct suite_tool *tool = suite_tool_start(
        suite, -1, "submit", "order", suite_data_orders(suite, "a", ORDERS), "--wait", NULL);
    suite_process_kill(suite, "inventory");
    suite_tool_wait(tool, SUITE_TOOL_MS);
    suite_expect_clean(suite);
    assert_int_equal(suite_process_down(suite), 0);
}

static const struct {
    const char *invariant;
    const char *db;
    const char *damage;
} damages[] = {
    {"I2", "payment",
     "INSERT INTO charge SELECT zeroblob(16), 'x', customer_id, 5, 'charged' FROM account LIMIT 1"},
    {"I4", "orchestrator", "DELETE FROM zsaga_history WHERE number = 2"},
    {"I7", "order", "UPDATE orders SET status = 'cancelled' WHERE order_id = 'a-0'"},
    {"I8", "shipping", "DELETE FROM shipment WHERE order_id = 'a-0'"},
    {"I10", "shipping",
     "DELETE FROM zsaga_inbox WHERE saga = (SELECT saga FROM shipment WHERE order_id = 'a-0')"},
    {"I12", "payment", "UPDATE account SET credit = credit + 1"},
    {"I12", "payment", "UPDATE account SET credit = credit - 1, charged = charged + 1"},
    {"I12", "payment", "UPDATE charge SET amount = amount + 1 WHERE order_id = 'a-0'"},
    {"I13", "inventory", "UPDATE stock SET on_hand = on_hand - 1, reserved = reserved + 1"},
    {"I13", "inventory", "UPDATE reservation SET units = units + 1 WHERE order_id = 'a-0'"},
    {"I15", "payment",
     "DELETE FROM zsaga_outbox WHERE first_seq = (SELECT max(first_seq) FROM zsaga_outbox)"},
    {"I16", "inventory",
     "DELETE FROM zsaga_outbox WHERE first_seq = (SELECT first_seq FROM"
     " zsaga_outbox ORDER BY first_seq LIMIT 1 OFFSET 1)"},
    {"I17", "observer", "UPDATE zsaga_cursor SET event_id = x'ff' WHERE publisher = 'payment'"},
    {"I17", "observer", "UPDATE zsaga_cursor SET seq = seq + 1000 WHERE publisher = 'payment'"},
    {"L1", "orchestrator",
     "UPDATE zsaga_saga SET state = 0 WHERE id = (SELECT max(id) FROM zsaga_saga)"},
};

static void damage(struct suite_process *suite, const char *dir, const char *name, const char *sql)
{
    sqlite3 *db = NULL;
    char *words = NULL;
    const char *path = suite_process_text(suite, "%s/db/%s.db", dir, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &words) != SQLITE_OK)
        fail_msg("%s: %s", sql, words);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Of what a real suite leaves behind, kills included, nothing is found; each damage to it is. */
static void test_check__a_stopped_suite__only_damage_is_found(void **state)
{
    struct suite_process *suite = *state;
    run_and_stop(suite);
    expect(suite, suite->data, 0, "\n0 findings in 6 databases\n");
    expect(suite, suite_process_text(suite, "%s --strict --json", suite->data), 0, "\"ok\": true");
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const char *copy = suite_process_path(suite, "");
        suite_files_copy_tree(suite->data, copy);
        damage(suite, copy, damages[i].db, damages[i].damage);
        expect(suite, copy, 1, suite_process_text(suite, "%s ", damages[i].invariant));
    }
}

/* What it cannot do it says, with an exit code of its own; of a running suite it reads nothing. */
static void test_check__what_it_cannot_read__is_said(void **state)
{
    struct suite_process *suite = *state;
    expect(suite, "", 2, "data directory");
    expect(suite, suite_process_text(suite, "%s/nowhere", suite->root), 3, "nowhere");
    suite_data_up_plenty(suite);
    expect(suite, suite->data, 3, "stop it first");
    assert_int_equal(suite_process_down(suite), 0);
    expect(suite,
           suite_process_text(suite, "%s --history %s", suite->data,
                              suite_data_write(suite, "{\"kind\": \"tale\"}\n")),
           3, ":1:");
    expect(
        suite,
        suite_process_text(
            suite, "%s --history %s", suite->data,
            suite_data_write(suite, "{\"kind\": \"invoke\", \"at_ms\": 1, \"op\": 1, \"call\":"
                                    " \"submit\", \"key\": \"k\", \"definition\": \"order\","
                                    " \"body\": \"00\"}\n"
                                    "{\"kind\": \"answer\", \"at_ms\": 2, \"op\": 1, \"outcome\":"
                                    " \"ok\", \"verdict\": \"accepted\", \"state\": \"running\"}"
                                    "\n")),
        1, "I1 k: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_check__a_stopped_suite__only_damage_is_found),
        SUITE_TEST(test_check__what_it_cannot_read__is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
