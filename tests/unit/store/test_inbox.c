#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "store/inbox.h"
#include "temp_store.h"

struct fixture {
    struct temp_store *store;
    struct inbox *inbox;
};

static void open_inbox(struct fixture *fixture)
{
    struct err err = {0};
    if (inbox_open(fixture->store->db, &fixture->inbox, &err) != 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    open_inbox(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    inbox_close(fixture->inbox);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    inbox_close(fixture->inbox);
    temp_store_close(fixture->store);
    temp_store_open(fixture->store);
    open_inbox(fixture);
}

static void put(struct fixture *fixture, uint32_t saga, uint32_t step, int64_t driver,
                const struct inbox_row *row)
{
    struct err err = {0};
    struct id id = temp_store_id(saga);
    if (inbox_put(fixture->inbox, &id, step, driver, row, &err) != 0)
        fail_msg("%s", err.text);
}

/* The row, and whether it was there. */
static struct inbox_row find(struct fixture *fixture, uint32_t saga, uint32_t step, bool *ret_found)
{
    struct err err = {0};
    struct inbox_row row;
    struct id id = temp_store_id(saga);
    if (inbox_find(fixture->inbox, &id, step, &row, ret_found, &err) != 0)
        fail_msg("%s", err.text);
    return row;
}

static void assert_row(struct fixture *fixture, uint32_t saga, uint32_t step,
                       const struct inbox_row *expected)
{
    bool found = false;
    struct inbox_row row = find(fixture, saga, step, &found);
    assert_true(found);
    assert_int_equal(row.forward, expected->forward);
    assert_int_equal(row.backward, expected->backward);
    assert_true(bytes_equal(row.code, expected->code));
    assert_true(bytes_equal(row.message, expected->message));
    assert_true(bytes_equal(row.output, expected->output));
    inbox_rest(fixture->inbox);
}

/* The barrier is this table and nothing else: each forward outcome with each backward one. */
static void test_inbox_judge__every_row__is_as_the_table_says(void **state)
{
    static const struct {
        enum inbox_forward forward;
        enum inbox_backward backward;
        enum inbox_verdict action;
        enum inbox_verdict compensation;
    } table[] = {
        {INBOX_FORWARD_NONE, INBOX_BACKWARD_NONE, INBOX_RUN, INBOX_TOMBSTONE},
        {INBOX_FORWARD_DONE, INBOX_BACKWARD_NONE, INBOX_REPEAT, INBOX_UNDO},
        {INBOX_FORWARD_REJECTED, INBOX_BACKWARD_NONE, INBOX_REPEAT, INBOX_TOMBSTONE},
        {INBOX_FORWARD_PENDING, INBOX_BACKWARD_NONE, INBOX_ASK, INBOX_ASK_UNDO},
        {INBOX_FORWARD_NONE, INBOX_BACKWARD_DONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_DONE, INBOX_BACKWARD_DONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_REJECTED, INBOX_BACKWARD_DONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_PENDING, INBOX_BACKWARD_DONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_NONE, INBOX_BACKWARD_TOMBSTONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_DONE, INBOX_BACKWARD_TOMBSTONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_REJECTED, INBOX_BACKWARD_TOMBSTONE, INBOX_BLOCKED, INBOX_REPEAT},
        {INBOX_FORWARD_PENDING, INBOX_BACKWARD_TOMBSTONE, INBOX_BLOCKED, INBOX_REPEAT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct inbox_row row = {.forward = table[i].forward, .backward = table[i].backward};
        if (inbox_judge(&row, false) != table[i].action ||
            inbox_judge(&row, true) != table[i].compensation)
            fail_msg("forward %d, backward %d", row.forward, row.backward);
    }
}

/* What never arrived is a row of nothings, which an action may run on. */
static void test_inbox_find__never_put__is_a_row_of_nothings(void **state)
{
    struct fixture *fixture = *state;
    bool found = true;
    struct inbox_row row = find(fixture, 1, 0, &found);
    assert_false(found);
    assert_int_equal(row.forward, INBOX_FORWARD_NONE);
    assert_int_equal(row.backward, INBOX_BACKWARD_NONE);
    assert_int_equal(row.code.len + row.message.len + row.output.len, 0);
    assert_int_equal(inbox_judge(&row, false), INBOX_RUN);
    (void)find(fixture, 1, 0, NULL);
}

/* Each (saga, step) has one row of its own. */
static void test_inbox_put__other_saga_or_step__is_another_row(void **state)
{
    struct fixture *fixture = *state;
    const struct inbox_row done = {.forward = INBOX_FORWARD_DONE, .output = bytes_text("r-1")};
    const struct inbox_row refused = {.forward = INBOX_FORWARD_REJECTED,
                                      .code = bytes_text("no_money"),
                                      .message = bytes_text("2 cents short")};
    const struct inbox_row stone = {.backward = INBOX_BACKWARD_TOMBSTONE};
    put(fixture, 1, 0, 1, &done);
    put(fixture, 1, 1, 1, &refused);
    put(fixture, 2, 0, 1, &stone);
    assert_row(fixture, 1, 0, &done);
    assert_row(fixture, 1, 1, &refused);
    assert_row(fixture, 2, 0, &stone);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM zsaga_inbox"), 3);
}

/* A row is written whole: the outcome forward stays beside the one backward, and its driver too. */
static void test_inbox_put__again__replaces_all_but_the_driver(void **state)
{
    struct fixture *fixture = *state;
    struct inbox_row row = {.forward = INBOX_FORWARD_PENDING, .message = bytes_text("asked")};
    put(fixture, 1, 0, 7, &row);
    row = (struct inbox_row){.forward = INBOX_FORWARD_DONE,
                             .backward = INBOX_BACKWARD_DONE,
                             .code = bytes_text("ok"),
                             .output = bytes_of("a\0b", 3)};
    put(fixture, 1, 0, 8, &row);
    assert_row(fixture, 1, 0, &row);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT driver FROM zsaga_inbox"), 7);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT message IS NULL FROM zsaga_inbox"), 1);
}

/* A refusal is as durable as a success: the answers of before are given after a restart. */
static void test_inbox_put__committed__is_there_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    const struct inbox_row refused = {.forward = INBOX_FORWARD_REJECTED,
                                      .code = bytes_text("out_of_stock"),
                                      .message = bytes_text("none left")};
    const struct inbox_row undone = {.forward = INBOX_FORWARD_DONE,
                                     .backward = INBOX_BACKWARD_DONE,
                                     .output = bytes_text("r-1")};
    temp_store_begin(fixture->store);
    put(fixture, 1, 0, 1, &refused);
    put(fixture, 1, UINT32_MAX, 1, &undone);
    temp_store_commit(fixture->store);
    reopen(fixture);
    assert_row(fixture, 1, 0, &refused);
    assert_row(fixture, 1, UINT32_MAX, &undone);
}

/* The row stands and falls with the transaction of the business change. */
static void test_inbox_put__rolled_back__was_never_there(void **state)
{
    struct fixture *fixture = *state;
    const struct inbox_row done = {.forward = INBOX_FORWARD_DONE};
    bool found = true;
    temp_store_begin(fixture->store);
    put(fixture, 1, 0, 1, &done);
    db_rollback(fixture->store->db);
    (void)find(fixture, 1, 0, &found);
    assert_false(found);
    temp_store_begin(fixture->store);
    put(fixture, 1, 0, 1, &done);
    reopen(fixture);
    (void)find(fixture, 1, 0, &found);
    assert_false(found);
}

static void count(struct fixture *fixture, uint32_t rows)
{
    const struct inbox_row done = {.forward = INBOX_FORWARD_DONE};
    struct err err = {0};
    temp_store_begin(fixture->store);
    for (uint32_t i = 0; i < rows; i++)
        put(fixture, 1, i, 1, &done);
    if (inbox_save(fixture->inbox, &err) != 0)
        fail_msg("%s", err.text);
}

/* The count of rows written never falls: it tells a restored backup from a restart. */
static void test_inbox_records__committed__go_on_across_restarts(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(inbox_records(fixture->inbox), 0);
    count(fixture, 3);
    assert_int_equal(inbox_records(fixture->inbox), 0);
    temp_store_commit(fixture->store);
    inbox_committed(fixture->inbox);
    assert_int_equal(inbox_records(fixture->inbox), 3);
    reopen(fixture);
    assert_int_equal(inbox_records(fixture->inbox), 3);
    count(fixture, 2); /* Written anew, they count as well. */
    temp_store_commit(fixture->store);
    inbox_committed(fixture->inbox);
    assert_int_equal(inbox_records(fixture->inbox), 5);
}

/* What was taken back was not written. */
static void test_inbox_forget__batch_rolled_back__is_not_counted(void **state)
{
    struct fixture *fixture = *state;
    count(fixture, 4);
    db_rollback(fixture->store->db);
    inbox_forget(fixture->inbox);
    assert_int_equal(inbox_records(fixture->inbox), 0);
    count(fixture, 1);
    temp_store_commit(fixture->store);
    inbox_committed(fixture->inbox);
    reopen(fixture);
    assert_int_equal(inbox_records(fixture->inbox), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inbox_judge__every_row__is_as_the_table_says),
        TEST(test_inbox_find__never_put__is_a_row_of_nothings),
        TEST(test_inbox_put__other_saga_or_step__is_another_row),
        TEST(test_inbox_put__again__replaces_all_but_the_driver),
        TEST(test_inbox_put__committed__is_there_after_a_restart),
        TEST(test_inbox_put__rolled_back__was_never_there),
        TEST(test_inbox_records__committed__go_on_across_restarts),
        TEST(test_inbox_forget__batch_rolled_back__is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
