/* A start brings to the disk what it finds; on real files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "driver_files.h"
#include "store/db_settle.h"
#include "temp_store.h"

/* A database as kill -9 leaves it, beside the one it was made with. */
struct fixture {
    struct temp_store *store;
    struct temp_store left;
    char wal[320];
    char fresh[320];
};

static void exec(struct temp_store *store, const char *sql)
{
    struct err err = {0};
    if (db_exec(store->db, sql, &err) != 0)
        fail_msg("%s", err.text);
}

static int64_t rows(struct temp_store *store)
{
    return temp_store_ask(store, "SELECT count(*) FROM mine");
}

static struct stat status_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status;
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct temp_store *left = &fixture->left;
    fixture->store = temp_store_new();
    (void)snprintf(left->path, sizeof left->path, "%.280s/left.db", fixture->store->root);
    (void)snprintf(fixture->wal, sizeof fixture->wal, "%s-wal", left->path);
    (void)snprintf(fixture->fresh, sizeof fixture->fresh, "%s-settle", left->path);
    exec(fixture->store, "CREATE TABLE mine(n INTEGER PRIMARY KEY)");
    exec(fixture->store, "INSERT INTO mine VALUES (1)");
    driver_files_copy(fixture->store->path, left->path);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->left.db != NULL)
        temp_store_close(&fixture->left);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void test_start__finds_a_log__goes_on_in_a_new_file(void **state)
{
    /* What it found, and what it commits then, is in the file that has the log's name. */
    struct fixture *fixture = *state;
    struct temp_store other = {0};
    struct stat before = status_of(fixture->wal);
    temp_store_open(&fixture->left);
    struct stat after = status_of(fixture->wal);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(access(fixture->fresh, F_OK), -1);
    exec(&fixture->left, "INSERT INTO mine VALUES (2)");
    (void)snprintf(other.path, sizeof other.path, "%.280s/other.db", fixture->store->root);
    driver_files_copy(fixture->left.path, other.path);
    temp_store_open(&other);
    assert_int_equal(rows(&other), 2);
    temp_store_close(&other);
}

static void test_start__finds_a_log__keeps_its_permissions(void **state)
{
    /* The new file holds what the old one did: nobody else may read it. */
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->left.path, 0600), 0);
    assert_int_equal(chmod(fixture->wal, 0600), 0);
    temp_store_open(&fixture->left);
    assert_int_equal(status_of(fixture->wal).st_mode & 0777, 0600);
}

static void test_start__behind_one_that_was_cut_off__begins_anew(void **state)
{
    /* Whatever stands in the new file of a start that was killed, longer or shorter. */
    struct fixture *fixture = *state;
    off_t size = status_of(fixture->wal).st_size;
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(fixture->fresh, "we");
        assert_non_null(file);
        for (int byte = 0; byte < (i == 0 ? 3 : 300000); byte++)
            assert_int_not_equal(fputc('x', file), EOF);
        assert_int_equal(fclose(file), 0);
        temp_store_open(&fixture->left);
        assert_int_equal(rows(&fixture->left), 1);
        assert_int_equal(status_of(fixture->wal).st_size, size);
        assert_int_equal(access(fixture->fresh, F_OK), -1);
        temp_store_close(&fixture->left);
        driver_files_copy(fixture->store->path, fixture->left.path);
    }
}

static void test_start__file_has_two_names__keeps_the_log(void **state)
{
    /* Of a file system that forgot in the middle of the renaming: the log is not cut with the rest
     * of an earlier start. */
    struct fixture *fixture = *state;
    assert_int_equal(link(fixture->wal, fixture->fresh), 0);
    temp_store_open(&fixture->left);
    assert_int_equal(rows(&fixture->left), 1);
    assert_int_equal(access(fixture->fresh, F_OK), -1);
}

static void test_start__finds_a_rollback_journal__makes_no_log_of_it(void **state)
{
    /* A database that came from another program is converted as a whole. */
    struct fixture *fixture = *state;
    AUTO(freep) char *sql = xprintf("VACUUM INTO '%s/plain.db'", fixture->store->root);
    (void)snprintf(fixture->left.path, sizeof fixture->left.path, "%.280s/plain.db",
                   fixture->store->root);
    AUTO(freep) char *journal = xprintf("%s-journal", fixture->left.path);
    AUTO(freep) char *wal = xprintf("%s-wal", fixture->left.path);
    exec(fixture->store, sql);
    driver_files_run(fixture->left.path, "PRAGMA journal_mode=PERSIST;"
                                         "INSERT INTO mine VALUES (2)");
    assert_true(status_of(journal).st_size > 0);
    temp_store_open(&fixture->left);
    exec(&fixture->left, "INSERT INTO mine VALUES (3)");
    assert_int_equal(rows(&fixture->left), 3);
    assert_true(status_of(wal).st_size > 0);
    FILE *file = fopen(fixture->left.path, "re");
    assert_non_null(file);
    assert_int_equal(fseek(file, 18, SEEK_SET), 0);
    assert_int_equal(fgetc(file), 2); /* Of WAL mode, by the file's own word. */
    assert_int_equal(fclose(file), 0);
}

static void test_start__held_by_another__changes_nothing(void **state)
{
    /* Who has the database has settled it: a second start keeps its hands off. */
    struct fixture *fixture = *state;
    struct db *other = NULL;
    temp_store_open(&fixture->left);
    struct stat before = status_of(fixture->wal);
    assert_int_equal(db_open(fixture->left.path, &other, NULL), ERR_HELD);
    assert_true(before.st_ino == status_of(fixture->wal).st_ino);
    exec(&fixture->left, "INSERT INTO mine VALUES (2)");
    assert_int_equal(rows(&fixture->left), 2);
}

static bool settle(const struct fixture *fixture, struct db_settled *settled)
{
    bool again = false;
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(fixture->left.path, &handle), SQLITE_OK);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_exec(handle,
                                  "PRAGMA locking_mode=EXCLUSIVE;"
                                  "SELECT count(*) FROM sqlite_schema",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(db_settle(handle, settled, &again), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    return again;
}

static void test_settle__again__is_asked_until_the_log_is_as_it_was_left(void **state)
{
    /* Between two connections somebody else may have had the database: also when the log has as
     * many bytes as before, and only a frame's checksum tells. */
    struct fixture *fixture = *state;
    struct db_settled settled = {0};
    assert_true(settle(fixture, &settled));
    assert_false(settle(fixture, &settled));
    FILE *log = fopen(fixture->wal, "r+e");
    assert_non_null(log);
    assert_int_equal(fseek(log, -4096 - 1, SEEK_END), 0);
    int byte = fgetc(log);
    assert_int_equal(fseek(log, -4096 - 1, SEEK_END), 0);
    assert_int_not_equal(fputc(byte ^ 0xff, log), EOF);
    assert_int_equal(fclose(log), 0);
    assert_true(settle(fixture, &settled));
    assert_false(settle(fixture, &settled));
    log = fopen(fixture->wal, "ae");
    assert_non_null(log);
    assert_int_not_equal(fputc(0, log), EOF);
    assert_int_equal(fclose(log), 0);
    assert_true(settle(fixture, &settled));
    assert_false(settle(fixture, &settled));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_start__finds_a_log__goes_on_in_a_new_file),
        TEST(test_start__finds_a_log__keeps_its_permissions),
        TEST(test_start__behind_one_that_was_cut_off__begins_anew),
        TEST(test_start__file_has_two_names__keeps_the_log),
        TEST(test_start__finds_a_rollback_journal__makes_no_log_of_it),
        TEST(test_start__held_by_another__changes_nothing),
        TEST(test_settle__again__is_asked_until_the_log_is_as_it_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
