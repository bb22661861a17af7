#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "store/cursor.h"
#include "temp_store.h"

struct fixture {
    struct temp_store *store;
    struct cursor_store *cursors;
};

static void open_cursors(struct fixture *fixture)
{
    struct err err = {0};
    if (cursor_open(fixture->store->db, &fixture->cursors, &err) != 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    open_cursors(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    cursor_close(fixture->cursors);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    cursor_close(fixture->cursors);
    temp_store_close(fixture->store);
    temp_store_open(fixture->store);
    open_cursors(fixture);
}

static struct cursor some_cursor(uint32_t seq)
{
    struct cursor cursor = {.store = temp_store_id(7), .seq = seq, .id = temp_store_id(seq)};
    cursor.wall_ms = 1000 + seq;
    cursor.state = CURSOR_DIVERGED;
    (void)snprintf(cursor.detail, sizeof cursor.detail, "it is another log");
    return cursor;
}

static void save(struct fixture *fixture, const char *publisher, const struct cursor *cursor)
{
    struct err err = {0};
    temp_store_begin(fixture->store);
    if (cursor_save(fixture->cursors, publisher, cursor, &err) != 0)
        fail_msg("%s", err.text);
    temp_store_commit(fixture->store);
}

static struct cursor load(struct fixture *fixture, const char *publisher)
{
    struct cursor cursor;
    struct err err = {0};
    if (cursor_load(fixture->cursors, publisher, &cursor, &err) != 0)
        fail_msg("%s", err.text);
    return cursor;
}

static void expect_same(const struct cursor *a, const struct cursor *b)
{
    assert_memory_equal(&a->store, &b->store, sizeof a->store);
    assert_memory_equal(&a->id, &b->id, sizeof a->id);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->wall_ms, b->wall_ms);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->detail, b->detail);
}

/* A publisher that was never read has the cursor of all zeros. */
static void test_load__never_saved__is_zero(void **state)
{
    struct fixture *fixture = *state;
    const struct cursor zero = {0};
    struct cursor cursor = load(fixture, "order");
    expect_same(&cursor, &zero);
}

/* A cursor is told as it was saved last, each publisher's by itself, after a restart too. */
static void test_save__each_publisher__survives(void **state)
{
    struct fixture *fixture = *state;
    struct cursor order = some_cursor(5);
    struct cursor payment = some_cursor(9);
    save(fixture, "order", &payment);
    save(fixture, "payment", &payment);
    save(fixture, "order", &order);
    for (int i = 0; i < 2; i++) {
        struct cursor loaded = load(fixture, "order");
        expect_same(&loaded, &order);
        loaded = load(fixture, "payment");
        expect_same(&loaded, &payment);
        reopen(fixture);
    }
}

/* What the batch wrote of it goes with the batch. */
static void test_save__rolled_back__stays_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct cursor before = some_cursor(5);
    struct cursor after = some_cursor(6);
    struct err err = {0};
    save(fixture, "order", &before);
    temp_store_begin(fixture->store);
    assert_int_equal(cursor_save(fixture->cursors, "order", &after, &err), 0);
    db_rollback(fixture->store->db);
    struct cursor loaded = load(fixture, "order");
    expect_same(&loaded, &before);
}

/* A row that no cursor can be read from is corruption, not a start from nothing. */
static void test_load__damaged__is_refused(void **state)
{
    static const char *const damages[] = {
        "UPDATE zsaga_cursor SET store = x'01'",
        "UPDATE zsaga_cursor SET event_id = x''",
        "UPDATE zsaga_cursor SET state = 3",
        "UPDATE zsaga_cursor SET seq = -1",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct cursor cursor = some_cursor(5);
        struct err err = {0};
        save(fixture, "order", &cursor);
        assert_int_equal(db_exec(fixture->store->db, damages[i], &err), 0);
        assert_int_equal(cursor_load(fixture->cursors, "order", &cursor, &err), ERR_CORRUPT);
    }
}

/* Resyncs are kept with who, why, from where and to where; only the newest can be repeated. */
static void test_resync__noted__is_told_from_others(void **state)
{
    struct fixture *fixture = *state;
    const struct cursor before = some_cursor(5);
    const struct cursor after = some_cursor(2);
    struct cursor_resync resync = {true, bytes_text("ops"), bytes_text("compared")};
    struct err err = {0};
    bool was = true;
    assert_int_equal(cursor_was_resynced(fixture->cursors, "order", &resync, &was, &err), 0);
    assert_false(was);
    temp_store_begin(fixture->store);
    assert_int_equal(
        cursor_note_resync(fixture->cursors, "order", &resync, &before, &after, 1234, &err), 0);
    temp_store_commit(fixture->store);
    assert_int_equal(cursor_was_resynced(fixture->cursors, "order", &resync, &was, &err), 0);
    assert_true(was);
    assert_int_equal(cursor_was_resynced(fixture->cursors, "payment", &resync, &was, &err), 0);
    assert_false(was);
    resync.from_tail = false;
    assert_int_equal(cursor_was_resynced(fixture->cursors, "order", &resync, &was, &err), 0);
    assert_false(was);
    resync = (struct cursor_resync){true, bytes_text("ops"), bytes_text("another day")};
    assert_int_equal(cursor_was_resynced(fixture->cursors, "order", &resync, &was, &err), 0);
    assert_false(was);
    assert_int_equal(temp_store_ask(fixture->store,
                                    "SELECT at_ms FROM zsaga_resync WHERE seq_before = 5 AND"
                                    " seq_after = 2 AND detail = 'it is another log'"),
                     1234);
}

int main(void)
{
#define CURSOR_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CURSOR_TEST(test_load__never_saved__is_zero),
        CURSOR_TEST(test_save__each_publisher__survives),
        CURSOR_TEST(test_save__rolled_back__stays_as_it_was),
        CURSOR_TEST(test_load__damaged__is_refused),
        CURSOR_TEST(test_resync__noted__is_told_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
