/* Ledgers: open rows in memory, closed ones kept by number, whatever memory holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger.h"
#include "temp_store.h"

struct pair {
    struct ledger_entry entry;
    int64_t value;
};

static void bind(const void *record, sqlite3_stmt *stmt, struct buffer *scratch)
{
    (void)scratch;
    db_bind_int(stmt, 2, ((const struct pair *)record)->value);
}

static int read_pair(void *context, sqlite3_stmt *stmt, void *record, struct err *err)
{
    struct pair *pair = record;
    (void)context;
    pair->value = db_int(stmt, 1);
    return pair->value < 0 ? err_set(err, ERR_CORRUPT, "damaged") : 0;
}

static void release(void *record)
{
    (void)record;
}

static const struct ledger_kind kind = {
    .name = "pairs",
    .key = "key",
    .columns = "value",
    .column_count = 1,
    .record_size = sizeof(struct pair),
    .bind = bind,
    .read = read_pair,
    .release = release,
};

static const char *const schema[] = {
    "CREATE TABLE pairs_open(key BLOB PRIMARY KEY, value INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE TABLE pairs_closed(number INTEGER PRIMARY KEY, key BLOB, value INTEGER) STRICT;"};

struct fixture {
    struct temp_store *store;
    struct ledger ledger;
    struct err err;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    assert_int_equal(db_migrate(fixture->store->db, "pairs", schema, 1, &fixture->err), 0);
    assert_int_equal(
        ledger_open(&fixture->ledger, fixture->store->db, &kind, NULL, 3, &fixture->err), 0);
    assert_int_equal(ledger_load(&fixture->ledger, &fixture->err), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ledger_release(&fixture->ledger);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static struct pair *get(struct fixture *fixture, const char *key, int expected)
{
    void *record = NULL;
    assert_int_equal(ledger_get(&fixture->ledger, bytes_text(key), &record, &fixture->err),
                     expected);
    return record;
}

static void set(struct fixture *fixture, const char *key, int expected, int64_t value)
{
    struct pair *pair = get(fixture, key, expected);
    pair->value = value;
    ledger_touch(&fixture->ledger, pair);
}

static void close_pair(struct fixture *fixture, const char *key)
{
    ledger_close(&fixture->ledger, get(fixture, key, 0));
}

static void flush(struct fixture *fixture)
{
    temp_store_begin(fixture->store);
    if (ledger_flush(&fixture->ledger, &fixture->err) < 0)
        fail_msg("%s", fixture->err.text);
    temp_store_commit(fixture->store);
}

static void reload(struct fixture *fixture)
{
    ledger_forget(&fixture->ledger);
    assert_int_equal(ledger_load(&fixture->ledger, &fixture->err), 0);
}

/* A row is made once, changes in memory, and is written once per flush. */
static void test_touch__many_times__is_one_row(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "a", LEDGER_NEW, 1);
    set(fixture, "a", 0, 2);
    flush(fixture);
    set(fixture, "a", 0, 3);
    flush(fixture);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM pairs_open"), 1);
    reload(fixture);
    assert_int_equal(get(fixture, "a", 0)->value, 3);
}

/* What was not flushed is gone once it is forgotten. */
static void test_forget__unflushed_change__is_gone(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "a", LEDGER_NEW, 1);
    flush(fixture);
    set(fixture, "a", 0, 2);
    close_pair(fixture, "a");
    set(fixture, "b", LEDGER_NEW, 5);
    reload(fixture);
    assert_int_equal(get(fixture, "a", 0)->value, 1);
    assert_int_equal(fixture->ledger.closed, 0);
    assert_int_equal(ledger_open_count(&fixture->ledger), 1);
}

/* A closed row leaves the open ones and has the next number; only the newest are kept. */
static void test_close__beyond_keep__the_oldest_go(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%d", i);
        set(fixture, key, LEDGER_NEW, i);
        if (i % 4 == 0)
            flush(fixture);
        close_pair(fixture, key);
        if (i % 3 == 0)
            flush(fixture);
    }
    flush(fixture);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM pairs_open"), 0);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM pairs_closed"), 3);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT min(number) FROM pairs_closed"), 8);
    assert_int_equal(
        temp_store_ask(fixture->store, "SELECT value FROM pairs_closed WHERE number = 10"), 9);
    reload(fixture);
    assert_int_equal(fixture->ledger.closed, 10);
}

/* Much that is beyond `keep` at once, as after it was lowered, goes piece by piece. */
static void test_trim__of_much_at_once__is_piece_by_piece(void **state)
{
    struct fixture *fixture = *state;
    fixture->ledger.keep = 100;
    fixture->ledger.trim_max = 20;
    for (int i = 0; i < 50; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%d", i);
        set(fixture, key, LEDGER_NEW, i);
        close_pair(fixture, key);
    }
    flush(fixture);
    fixture->ledger.keep = 3;
    static const int left[] = {30, 10, 3, 3};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        flush(fixture);
        assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM pairs_closed"),
                         left[i]);
    }
    assert_int_equal(temp_store_ask(fixture->store, "SELECT max(number) FROM pairs_closed"), 50);
}

/* More rows are open than memory holds: the others are read when they are asked for. */
static void test_memory__is_bounded__others_are_read_again(void **state)
{
    struct fixture *fixture = *state;
    char key[8];
    fixture->ledger.memory_max = 10;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        set(fixture, key, LEDGER_NEW, i);
    }
    flush(fixture);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(fixture->ledger.count, 10);
        assert_int_equal(ledger_open_count(&fixture->ledger), 100);
        for (int i = 0; i < 100; i++) {
            (void)snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(get(fixture, key, 0)->value, i);
        }
        assert_int_equal(ledger_open_count(&fixture->ledger), 100);
        reload(fixture);
    }
    close_pair(fixture, "k99");
    (void)get(fixture, "k99", LEDGER_NEW); /* Its row is still there, but it is no more. */
}

/* The second one of a key is another row, also before the first one's end is written. */
static void test_close__and_open_again__are_two_rows(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "a", LEDGER_NEW, 1);
    flush(fixture);
    close_pair(fixture, "a");
    set(fixture, "a", LEDGER_NEW, 2);
    flush(fixture);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT value FROM pairs_open"), 2);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT value FROM pairs_closed"), 1);
}

/* A damaged row is told, not guessed at. */
static void test_load__damaged_row__is_told(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "a", LEDGER_NEW, -1);
    flush(fixture);
    ledger_forget(&fixture->ledger);
    assert_int_equal(ledger_load(&fixture->ledger, &fixture->err), ERR_CORRUPT);
}

/* Emptied, it counts from 1 again. */
static void test_reset__starts_anew(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "a", LEDGER_NEW, 1);
    set(fixture, "b", LEDGER_NEW, 1);
    close_pair(fixture, "a");
    flush(fixture);
    temp_store_begin(fixture->store);
    assert_int_equal(ledger_reset(&fixture->ledger, &fixture->err), 0);
    temp_store_commit(fixture->store);
    assert_int_equal(ledger_open_count(&fixture->ledger), 0);
    set(fixture, "a", LEDGER_NEW, 4);
    close_pair(fixture, "a");
    flush(fixture);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT number FROM pairs_closed"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_touch__many_times__is_one_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forget__unflushed_change__is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close__beyond_keep__the_oldest_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trim__of_much_at_once__is_piece_by_piece, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_memory__is_bounded__others_are_read_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_close__and_open_again__are_two_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_load__damaged_row__is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reset__starts_anew, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
