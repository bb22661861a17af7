#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "suite_files.h"
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

static int64_t rows(struct temp_store *store)
{
    return temp_store_ask(store, "SELECT count(*) FROM mine");
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

/* What was committed survives power loss, and the file is its own lock. */
static void test_db_open__new__is_wal_full_and_exclusive(void **state)
{
    struct temp_store *store = *state;
    assert_int_equal(temp_store_ask(store, "PRAGMA synchronous"), 2);
    assert_int_equal(temp_store_ask(store, "PRAGMA foreign_keys"), 1);
    assert_int_equal(temp_store_ask(store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
                     1);
    AUTO(freep) char *shm = xprintf("%s-shm", store->path);
    assert_int_equal(access(shm, F_OK), -1); /* Held exclusively, it needs none. */
}

/* One process has a database: a second one is told so, and gets it once the first has closed. */
static void test_db_open__second__is_held(void **state)
{
    struct temp_store *store = *state;
    struct db *second = NULL;
    struct err err = {0};
    assert_int_equal(db_open(store->path, &second, &err), ERR_HELD);
    assert_null(second);
    assert_non_null(strstr(err.text, store->path));
    assert_non_null(strstr(err.text, "in use by another process"));
    exec(store, "CREATE TABLE mine(x)"); /* The first is not disturbed. */
    temp_store_close(store);
    assert_int_equal(db_open(store->path, &second, &err), 0);
    db_close(second);
}

/* Opens the database, says so, and waits to be killed in the middle of a transaction. */
static void hold_until_killed(const char *path, int said)
{
    struct db *db = NULL;
    bool ok = db_open(path, &db, NULL) == 0 && db_exec(db, "CREATE TABLE mine(x)", NULL) == 0 &&
              db_exec(db, "INSERT INTO mine VALUES (1)", NULL) == 0 && db_begin(db, NULL) == 0 &&
              db_exec(db, "INSERT INTO mine VALUES (2)", NULL) == 0;
    if (write(said, ok ? "y" : "n", 1) == 1)
        for (;;)
            (void)pause();
    _exit(1);
}

/* The lock ends with its process, also by kill -9; what was committed is there, the rest is not. */
static void test_db_open__holder_was_killed__is_free(void **state)
{
    struct temp_store *store = *state;
    struct err err = {0};
    int said[2];
    char word = 0;
    temp_store_close(store);
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        hold_until_killed(store->path, said[1]);
    assert_int_equal(read(said[0], &word, 1), 1);
    int held = db_open(store->path, &store->db, &err);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(word, 'y');
    assert_int_equal(held, ERR_HELD);
    temp_store_open(store);
    assert_int_equal(rows(store), 1);
    (void)close(said[0]);
    (void)close(said[1]);
}

/* What is no database is refused, and left as it is. */
static void test_db_open__not_a_database__is_refused_untouched(void **state)
{
    struct temp_store *store = *state;
    struct db *db = NULL;
    struct err err = {0};
    AUTO(freep) char *path = xprintf("%s/letter", store->root);
    char letter[5000];
    memset(letter, 'x', sizeof letter);
    letter[sizeof letter - 1] = '\0';
    write_file(path, letter, sizeof letter);
    assert_int_equal(db_open(path, &db, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, path));
    AUTO(freep) char *after = suite_files_take(path);
    assert_string_equal(after, letter);
}

/* A database of another program is refused before anything in it is changed. */
static void test_db_open__of_another_program__is_refused_untouched(void **state)
{
    struct temp_store *store = *state;
    struct db *db = NULL;
    struct err err = {0};
    sqlite3 *other = NULL;
    sqlite3_stmt *stmt = NULL;
    AUTO(freep) char *path = xprintf("%s/other.db", store->root);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE theirs(x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(db_open(path, &db, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "not a database of this suite"));
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(other, "PRAGMA journal_mode", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "delete");
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* A path that cannot be opened is an I/O error, with the path. */
static void test_db_open__no_such_directory__is_an_io_error(void **state)
{
    struct temp_store *store = *state;
    struct db *db = NULL;
    struct err err = {0};
    AUTO(freep) char *path = xprintf("%s/nowhere/x.db", store->root);
    assert_int_equal(db_open(path, &db, &err), ERR_IO);
    assert_non_null(strstr(err.text, path));
}

/* A store's uuid is drawn once: it tells a store from any other, for ever. */
static void test_db_store_uuid__reopened__is_the_same(void **state)
{
    struct temp_store *store = *state;
    struct temp_store *other = temp_store_new();
    struct id first;
    struct id again;
    struct id others;
    assert_int_equal(db_store_uuid(store->db, &first, NULL), 0);
    temp_store_close(store);
    temp_store_open(store);
    assert_int_equal(db_store_uuid(store->db, &again, NULL), 0);
    assert_int_equal(db_store_uuid(other->db, &others, NULL), 0);
    temp_store_free(other);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_not_equal(&first, &others, sizeof first);
    assert_false(id_is_zero(&first));
}

/* Each step of a schema runs once; a newer program goes on from where the store is. */
static void test_db_migrate__newer_program__runs_only_what_is_new(void **state)
{
    static const char *const steps[] = {"CREATE TABLE mine(x); INSERT INTO mine VALUES (1);",
                                        "INSERT INTO mine VALUES (2)",
                                        "INSERT INTO mine VALUES (3)"};
    struct temp_store *store = *state;
    assert_int_equal(db_migrate(store->db, "part", steps, 1, NULL), 0);
    assert_int_equal(rows(store), 1);
    assert_int_equal(db_migrate(store->db, "part", steps, 1, NULL), 0);
    assert_int_equal(rows(store), 1);
    temp_store_close(store);
    temp_store_open(store);
    assert_int_equal(db_migrate(store->db, "part", steps, 3, NULL), 0);
    assert_int_equal(rows(store), 3);
}

/* A store of a newer program is refused before anything is written. */
static void test_db_migrate__older_program__is_refused_before_any_write(void **state)
{
    static const char *const steps[] = {"CREATE TABLE mine(x)", "INSERT INTO mine VALUES (1)"};
    struct temp_store *store = *state;
    struct err err = {0};
    assert_int_equal(db_migrate(store->db, "part", steps, 2, &err), 0);
    int64_t changes = temp_store_ask(store, "SELECT total_changes()");
    assert_int_equal(db_migrate(store->db, "part", steps, 1, &err), ERR_CORRUPT);
    assert_string_equal(err.text, "schema \"part\" has version 2, this program knows up to 1:"
                                  " use the newer program");
    assert_int_equal(temp_store_ask(store, "SELECT total_changes()"), changes);
    assert_false(db_in_transaction(store->db));
    assert_int_equal(db_migrate(store->db, "part", steps, 2, &err), 0);
}

/* A schema that fails halfway leaves nothing: the next start tries it from the beginning. */
static void test_db_migrate__a_step_fails__leaves_nothing(void **state)
{
    static const char *const bad[] = {"CREATE TABLE mine(x)", "nonsense"};
    static const char *const good[] = {"CREATE TABLE mine(x)", "INSERT INTO mine VALUES (1)"};
    struct temp_store *store = *state;
    struct err err = {0};
    assert_true(db_migrate(store->db, "part", bad, 2, &err) < 0);
    assert_non_null(strstr(err.text, "schema \"part\""));
    assert_false(db_in_transaction(store->db));
    assert_int_equal(db_migrate(store->db, "part", good, 2, &err), 0);
    assert_int_equal(rows(store), 1);
}

/* A refused entry's savepoint takes back its own writes only; the batch goes on. */
static void test_db_undo_savepoint__of_one_entry__keeps_the_others(void **state)
{
    struct temp_store *store = *state;
    exec(store, "CREATE TABLE mine(x)");
    temp_store_begin(store);
    exec(store, "INSERT INTO mine VALUES (1)");
    assert_int_equal(db_savepoint(store->db, NULL), 0);
    exec(store, "INSERT INTO mine VALUES (2), (3)");
    assert_int_equal(db_undo_savepoint(store->db, NULL), 0);
    assert_true(db_in_transaction(store->db));
    assert_int_equal(db_savepoint(store->db, NULL), 0);
    exec(store, "INSERT INTO mine VALUES (4)");
    assert_int_equal(db_release(store->db, NULL), 0);
    temp_store_commit(store);
    assert_int_equal(temp_store_ask(store, "SELECT sum(x) FROM mine"), 5);
}

/* A commit that fails leaves nothing of the batch, and the next one goes. */
static void test_db_commit__fails__leaves_nothing(void **state)
{
    struct temp_store *store = *state;
    struct err err = {0};
    exec(store, "CREATE TABLE other(id INTEGER PRIMARY KEY);"
                "CREATE TABLE mine(x REFERENCES other(id) DEFERRABLE INITIALLY DEFERRED)");
    temp_store_begin(store);
    exec(store, "INSERT INTO other VALUES (1); INSERT INTO mine VALUES (1), (2)");
    assert_int_equal(db_commit(store->db, &err), ERR_INVALID);
    assert_false(db_in_transaction(store->db));
    assert_int_equal(rows(store), 0);
    assert_int_equal(temp_store_ask(store, "SELECT count(*) FROM other"), 0);
    temp_store_begin(store);
    exec(store, "INSERT INTO other VALUES (1); INSERT INTO mine VALUES (1)");
    temp_store_commit(store);
    assert_int_equal(rows(store), 1);
}

/* A statement can end the transaction by itself: that is seen, and a commit of nothing is none. */
static void test_db_commit__transaction_was_ended__is_aborted(void **state)
{
    struct temp_store *store = *state;
    struct err err = {0};
    exec(store, "CREATE TABLE mine(x UNIQUE); INSERT INTO mine VALUES (1)");
    sqlite3_stmt *stmt = prepared(store, "INSERT OR ROLLBACK INTO mine VALUES (1)");
    temp_store_begin(store);
    exec(store, "INSERT INTO mine VALUES (2)");
    assert_int_equal(db_run(store->db, stmt, &err), ERR_INVALID);
    sqlite3_finalize(stmt);
    assert_false(db_in_transaction(store->db));
    assert_int_equal(db_commit(store->db, &err), ERR_ABORTED);
    assert_int_equal(rows(store), 1);
    db_rollback(store->db); /* Harmless. */
}

/* A full disk is an error of its own class: it may pass. */
static void test_db_step__no_room__is_full(void **state)
{
    struct temp_store *store = *state;
    struct err err = {0};
    exec(store, "CREATE TABLE mine(x); PRAGMA max_page_count = 20");
    temp_store_begin(store);
    assert_int_equal(db_exec(store->db, "INSERT INTO mine VALUES (zeroblob(1000000))", &err),
                     ERR_FULL);
    db_rollback(store->db);
    exec(store, "PRAGMA max_page_count = 100000");
    temp_store_begin(store);
    exec(store, "INSERT INTO mine VALUES (zeroblob(1000000))");
    temp_store_commit(store);
}

/* A probe writes something that changes: nothing is not written. */
static void test_db_probe__again__writes_again(void **state)
{
    struct temp_store *store = *state;
    AUTO(freep) char *wal = xprintf("%s-wal", store->path);
    assert_int_equal(db_probe(store->db, NULL), 0);
    for (int i = 0; i < 3; i++) {
        off_t before = size_of(wal);
        assert_int_equal(db_probe(store->db, NULL), 0);
        assert_true(size_of(wal) > before);
    }
    assert_false(db_in_transaction(store->db));
}

/* Empty bytes are a value, and not NULL. */
static void test_db_bind__empty_and_null__differ(void **state)
{
    struct temp_store *store = *state;
    sqlite3_stmt *stmt = prepared(store, "SELECT ?1, ?2, ?3, ?4, ?5");
    db_bind_bytes(stmt, 1, (struct bytes){0});
    db_bind_text(stmt, 2, (struct bytes){0});
    db_bind_null(stmt, 3);
    db_bind_int(stmt, 4, INT64_MIN);
    db_bind_bytes(stmt, 5, bytes_of("a\0b", 3));
    assert_int_equal(db_step(store->db, stmt, NULL), DB_ROW);
    assert_false(db_is_null(stmt, 0));
    assert_int_equal(db_bytes(stmt, 0).len, 0);
    assert_false(db_is_null(stmt, 1));
    assert_true(db_is_null(stmt, 2));
    assert_true(db_int(stmt, 3) == INT64_MIN);
    assert_true(bytes_equal(db_bytes(stmt, 4), bytes_of("a\0b", 3)));
    sqlite3_finalize(stmt);
}

/* The WAL is moved into the file once it is large, and not before. */
static void test_db_checkpoint_if_large__wal_is_large__goes_into_the_file(void **state)
{
    struct temp_store *store = *state;
    exec(store, "CREATE TABLE mine(x)");
    assert_int_equal(db_checkpoint_if_large(store->db, NULL), 0);
    off_t small = size_of(store->path);
    exec(store, "INSERT INTO mine VALUES (zeroblob(9000000))");
    assert_true(size_of(store->path) == small);
    assert_int_equal(db_checkpoint_if_large(store->db, NULL), 0);
    assert_true(size_of(store->path) > 9000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_db_open__new__is_wal_full_and_exclusive),
        TEST(test_db_open__second__is_held),
        TEST(test_db_open__holder_was_killed__is_free),
        TEST(test_db_open__not_a_database__is_refused_untouched),
        TEST(test_db_open__of_another_program__is_refused_untouched),
        TEST(test_db_open__no_such_directory__is_an_io_error),
        TEST(test_db_store_uuid__reopened__is_the_same),
        TEST(test_db_migrate__newer_program__runs_only_what_is_new),
        TEST(test_db_migrate__older_program__is_refused_before_any_write),
        TEST(test_db_migrate__a_step_fails__leaves_nothing),
        TEST(test_db_undo_savepoint__of_one_entry__keeps_the_others),
        TEST(test_db_commit__fails__leaves_nothing),
        TEST(test_db_commit__transaction_was_ended__is_aborted),
        TEST(test_db_step__no_room__is_full),
        TEST(test_db_probe__again__writes_again),
        TEST(test_db_bind__empty_and_null__differ),
        TEST(test_db_checkpoint_if_large__wal_is_large__goes_into_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
