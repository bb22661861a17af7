/* What a service's own SQL may do while the engine calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "temp_store.h"

static int set_up(void **state)
{
    *state = temp_store_new();
    return 0;
}

static int tear_down(void **state)
{
    temp_store_free(*state);
    return 0;
}

static void exec(struct temp_store *store, const char *sql)
{
    struct err err = {0};
    if (db_exec(store->db, sql, &err) != 0)
        fail_msg("%s", err.text);
}

static sqlite3_stmt *prepared(struct temp_store *store, const char *sql)
{
    struct err err = {0};
    sqlite3_stmt *stmt = NULL;
    if (db_prepare(store->db, sql, &stmt, &err) != 0)
        fail_msg("%s", err.text);
    return stmt;
}

/* A service's SQL can neither end the batch's transaction, nor reach past its database, nor write
 * or reshape what the engine relies on. */
static void test_db_prepare__what_breaks_the_engine__is_refused(void **state)
{
    static const char *const refused[] = {
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT mine",
        "RELEASE entry",
        "ROLLBACK TO entry",
        "PRAGMA synchronous=OFF",
        "PRAGMA user_version",
        "PRAGMA writable_schema=ON",
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "INSERT INTO zsaga_counter VALUES ('x', 1)",
        "INSERT OR REPLACE INTO main.ZSAGA_COUNTER VALUES ('x', 1)",
        "UPDATE zsaga_store SET uuid = x'00'",
        "DELETE FROM zsaga_schema",
        "WITH x AS (SELECT 1) DELETE FROM zsaga_schema",
        "DROP TABLE zsaga_store",
        "ALTER TABLE zsaga_store RENAME TO mine_now",
        "CREATE TRIGGER t AFTER INSERT ON zsaga_store BEGIN SELECT 1; END",
        "CREATE TEMP TRIGGER t AFTER INSERT ON zsaga_store BEGIN SELECT 1; END",
        "CREATE UNIQUE INDEX i ON zsaga_counter(value)",
    };
    struct temp_store *store = *state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct err err = {0};
        sqlite3_stmt *stmt = NULL;
        if (db_prepare(store->db, refused[i], &stmt, &err) != ERR_INVALID)
            fail_msg("%s: %s", refused[i], err.text);
        assert_null(stmt);
        assert_non_null(strstr(err.text, refused[i]));
    }
    exec(store, "BEGIN; COMMIT"); /* The engine may. */
}

/* A service reads what it likes and writes its own tables. */
static void test_db_prepare__own_tables__are_the_services(void **state)
{
    struct temp_store *store = *state;
    exec(store, "CREATE TABLE mine(x INTEGER)");
    sqlite3_stmt *stmt = prepared(store, "INSERT INTO mine SELECT count(*) FROM zsaga_store");
    assert_int_equal(db_run(store->db, stmt, NULL), 0);
    assert_int_equal(db_changes(store->db), 1);
    sqlite3_finalize(stmt);
    assert_int_equal(temp_store_ask(store, "SELECT x FROM mine"), 1);
}

/* SQLite prepares a statement anew after a change of the schema: while a service runs, that is
 * judged as the first time. */
static void test_db_guard__prepared_anew__is_judged_again(void **state)
{
    struct temp_store *store = *state;
    exec(store, "CREATE TABLE mine(x)");
    sqlite3_stmt *stmt = prepared(store, "INSERT INTO mine VALUES (1)");
    temp_store_begin(store);
    assert_false(db_guard(store->db, true));
    int before = db_run(store->db, stmt, NULL);
    (void)db_guard(store->db, false);
    exec(store, "CREATE TRIGGER reach AFTER INSERT ON mine BEGIN DELETE FROM zsaga_store; END");
    (void)db_guard(store->db, true);
    int after = db_run(store->db, stmt, NULL);
    assert_true(db_guard(store->db, false));
    sqlite3_finalize(stmt);
    temp_store_commit(store);
    assert_int_equal(before, 0);
    assert_true(after < 0);
    assert_int_equal(temp_store_ask(store, "SELECT count(*) FROM zsaga_store"), 1);
    assert_int_equal(temp_store_ask(store, "SELECT count(*) FROM mine"), 1);
}

/* From within a service's function the engine's own calls are refused too, and leave the guard on.
 */
static void test_db_guard__engines_calls__are_refused(void **state)
{
    struct temp_store *store = *state;
    sqlite3_stmt *stmt = NULL;
    const char *sql = "UPDATE zsaga_counter SET value = value";
    temp_store_begin(store);
    (void)db_guard(store->db, true);
    int begin = db_begin(store->db, NULL);
    int commit = db_commit(store->db, NULL);
    int exec_sql = db_exec(store->db, sql, NULL);
    int prepare = db_prepare_engine(store->db, sql, &stmt, NULL);
    int service = db_prepare(store->db, sql, &stmt, NULL);
    assert_true(db_guard(store->db, false));
    assert_int_equal(begin, ERR_INVALID);
    assert_int_equal(commit, ERR_INVALID);
    assert_int_equal(exec_sql, ERR_INVALID);
    assert_int_equal(prepare, ERR_INVALID);
    assert_int_equal(service, ERR_INVALID);
    assert_true(db_in_transaction(store->db));
    temp_store_commit(store);
}

/* A read that a service leaves open would block the savepoint's release, or pin the WAL: it ends
 * with the call. */
static void test_db_guard__statement_left_open__is_reset(void **state)
{
    struct temp_store *store = *state;
    sqlite3_stmt *stmt = prepared(store, "SELECT name FROM sqlite_schema");
    temp_store_begin(store);
    assert_int_equal(db_savepoint(store->db, NULL), 0);
    (void)db_guard(store->db, true);
    assert_int_equal(db_step(store->db, stmt, NULL), DB_ROW);
    assert_int_not_equal(sqlite3_stmt_busy(stmt), 0);
    (void)db_guard(store->db, false);
    assert_int_equal(sqlite3_stmt_busy(stmt), 0);
    assert_int_equal(db_undo_savepoint(store->db, NULL), 0);
    temp_store_commit(store);
    sqlite3_finalize(stmt);
}

/* When a service's statement has ended the transaction, its next write must not commit by itself.
 */
static void test_db_step__after_or_rollback__a_write_is_aborted(void **state)
{
    struct temp_store *store = *state;
    exec(store, "CREATE TABLE mine(x UNIQUE); INSERT INTO mine VALUES (1)");
    sqlite3_stmt *ends = prepared(store, "INSERT OR ROLLBACK INTO mine VALUES (1)");
    sqlite3_stmt *write = prepared(store, "INSERT INTO mine VALUES (2)");
    sqlite3_stmt *read = prepared(store, "SELECT count(*) FROM mine");
    temp_store_begin(store);
    (void)db_guard(store->db, true);
    int ended = db_run(store->db, ends, NULL);
    int written = db_run(store->db, write, NULL);
    int asked = db_run(store->db, read, NULL);
    (void)db_guard(store->db, false);
    sqlite3_finalize(ends);
    sqlite3_finalize(write);
    sqlite3_finalize(read);
    assert_int_equal(ended, ERR_INVALID);
    assert_int_equal(written, ERR_ABORTED);
    assert_int_equal(asked, 0);
    assert_false(db_in_transaction(store->db));
    assert_int_equal(temp_store_ask(store, "SELECT count(*) FROM mine"), 1);
}

/* What a service does about an error of the disk, the engine knows of it; each call begins anew. */
static void test_db_storage_failure__of_this_call__is_remembered(void **state)
{
    struct temp_store *store = *state;
    exec(store, "CREATE TABLE mine(x UNIQUE); PRAGMA max_page_count = 20");
    sqlite3_stmt *big = prepared(store, "INSERT INTO mine VALUES (zeroblob(1000000))");
    sqlite3_stmt *small = prepared(store, "INSERT OR FAIL INTO mine VALUES (1), (1)");
    temp_store_begin(store);
    (void)db_guard(store->db, true);
    int full = db_run(store->db, big, NULL);
    int after_full = db_storage_failure(store->db);
    (void)db_guard(store->db, false);
    db_rollback(store->db);
    temp_store_begin(store);
    (void)db_guard(store->db, true);
    int constraint = db_run(store->db, small, NULL);
    int after_constraint = db_storage_failure(store->db);
    (void)db_guard(store->db, false);
    db_rollback(store->db);
    sqlite3_finalize(big);
    sqlite3_finalize(small);
    assert_int_equal(full, ERR_FULL);
    assert_int_equal(after_full, ERR_FULL);
    assert_int_equal(constraint, ERR_INVALID);
    assert_int_equal(after_constraint, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_db_prepare__what_breaks_the_engine__is_refused),
        TEST(test_db_prepare__own_tables__are_the_services),
        TEST(test_db_guard__prepared_anew__is_judged_again),
        TEST(test_db_guard__engines_calls__are_refused),
        TEST(test_db_guard__statement_left_open__is_reset),
        TEST(test_db_step__after_or_rollback__a_write_is_aborted),
        TEST(test_db_storage_failure__of_this_call__is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
