/* What a start does with the copy that one before it was cut off with; on real files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/xalloc.h"
#include "temp_store.h"

#define MARK_BYTES 16
#define FRAME_BYTES (24 + 4096)
#define HEADER_BYTES 32

/* A database as kill -9 leaves it, beside the one it was made with. */
struct fixture {
    struct temp_store *store;
    char path[340];
    char wal[350];
    char copy[350];
    struct buffer log; /* As it was copied. */
};

static struct buffer take(const char *path)
{
    struct buffer all = {0};
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    size_t size = (size_t)status.st_size;
    if (size > 0)
        assert_int_equal(fread(buffer_extend(&all, size), 1, size, file), size);
    (void)fclose(file);
    return all;
}

static void put(const char *path, const struct buffer *all, size_t len)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(all->data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void exec(struct temp_store *store, const char *sql)
{
    struct err err = {0};
    if (db_exec(store->db, sql, &err) != 0)
        fail_msg("%s", err.text);
}

/* The files as they are now, under the other name. */
static void leave(struct fixture *fixture)
{
    AUTO(freep) char *wal = xprintf("%s-wal", fixture->store->path);
    struct buffer main = take(fixture->store->path);
    buffer_release(&fixture->log);
    fixture->log = take(wal);
    put(fixture->path, &main, main.len);
    put(fixture->wal, &fixture->log, fixture->log.len);
    buffer_release(&main);
}

static void put_copy(const struct fixture *fixture, size_t len)
{
    struct buffer copy = {0};
    buffer_append(&copy, fixture->log.data, fixture->log.len);
    buffer_append(&copy, "zsaga whole copy", MARK_BYTES);
    put(fixture->copy, &copy, len < copy.len ? len : copy.len);
    buffer_release(&copy);
}

/* Destroys what lies there in the log. */
static void destroy(const struct fixture *fixture, size_t at, size_t len)
{
    struct buffer log = take(fixture->wal);
    assert_true(at + len <= log.len);
    memset(log.data + at, 0xa5, len);
    put(fixture->wal, &log, log.len);
    buffer_release(&log);
}

/* A start finds so many rows, and leaves no copy. */
static void expect_rows(struct fixture *fixture, int64_t rows)
{
    struct temp_store other = {0};
    (void)snprintf(other.path, sizeof other.path, "%.299s", fixture->path);
    temp_store_open(&other);
    assert_int_equal(temp_store_ask(&other, "SELECT count(*) FROM mine"), rows);
    assert_int_equal(access(fixture->copy, F_OK), -1);
    temp_store_close(&other);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/left.db", fixture->store->root);
    (void)snprintf(fixture->wal, sizeof fixture->wal, "%s-wal", fixture->path);
    (void)snprintf(fixture->copy, sizeof fixture->copy, "%s-settle", fixture->path);
    exec(fixture->store, "CREATE TABLE mine(n INTEGER PRIMARY KEY)");
    assert_int_equal(db_checkpoint(fixture->store->db, NULL), 0);
    exec(fixture->store, "INSERT INTO mine VALUES (1)");
    exec(fixture->store, "INSERT INTO mine VALUES (2)");
    leave(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    buffer_release(&fixture->log);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void test_resume__log_was_destroyed__puts_the_copy_back(void **state)
{
    /* Power lost while a start wrote the log again: what it holds, wherever it was destroyed. */
    struct fixture *fixture = *state;
    const size_t places[] = {0, HEADER_BYTES, fixture->log.len - FRAME_BYTES};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        leave(fixture);
        destroy(fixture, places[i], 512);
        put_copy(fixture, SIZE_MAX);
        expect_rows(fixture, 2);
    }
}

static void test_resume__log_is_as_it_was__keeps_it(void **state)
{
    /* Killed before anything was written again, or after all was. */
    struct fixture *fixture = *state;
    put_copy(fixture, SIZE_MAX);
    expect_rows(fixture, 2);
}

static void test_resume__log_lost_its_end__puts_the_copy_back(void **state)
{
    /* What had grown without a flush may be short after power loss. */
    struct fixture *fixture = *state;
    put_copy(fixture, SIZE_MAX);
    put(fixture->wal, &fixture->log, fixture->log.len - FRAME_BYTES);
    expect_rows(fixture, 2);
}

static void test_resume__copy_is_cut__is_thrown_away(void **state)
{
    /* Killed while the copy was made: nothing was written over the log yet. */
    struct fixture *fixture = *state;
    const size_t lengths[] = {1, HEADER_BYTES, MARK_BYTES + HEADER_BYTES, fixture->log.len,
                              fixture->log.len + MARK_BYTES - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        leave(fixture);
        put_copy(fixture, lengths[i]);
        expect_rows(fixture, 2);
    }
}

static void test_resume__copy_of_another_log__is_thrown_away(void **state)
{
    /* A backup was put beside a copy that is none of its own: begun anew since, grown since, or
     * without a log. */
    struct fixture *fixture = *state;
    assert_int_equal(db_checkpoint(fixture->store->db, NULL), 0);
    put_copy(fixture, SIZE_MAX);
    exec(fixture->store, "INSERT INTO mine VALUES (3)");
    struct buffer old = fixture->log;
    fixture->log = (struct buffer){0};
    leave(fixture);
    expect_rows(fixture, 3);

    leave(fixture);
    put_copy(fixture, SIZE_MAX);
    exec(fixture->store, "CREATE TABLE more AS SELECT hex(zeroblob(50000)) AS text");
    exec(fixture->store, "INSERT INTO mine VALUES (4)");
    leave(fixture);
    expect_rows(fixture, 4);

    leave(fixture);
    assert_int_equal(db_checkpoint(fixture->store->db, NULL), 0);
    put_copy(fixture, SIZE_MAX);
    exec(fixture->store, "DELETE FROM mine");
    assert_int_equal(db_checkpoint(fixture->store->db, NULL), 0);
    leave(fixture);
    assert_int_equal(unlink(fixture->wal), 0);
    expect_rows(fixture, 0);
    buffer_release(&old);
}

static void test_resume__held_by_another__changes_nothing(void **state)
{
    /* Whoever has the database has settled it: a second start keeps its hands off. */
    struct fixture *fixture = *state;
    struct db *other = NULL;
    AUTO(freep) char *copy = xprintf("%s-settle", fixture->store->path);
    put(copy, &fixture->log, fixture->log.len);
    assert_int_equal(db_open(fixture->store->path, &other, NULL), ERR_HELD);
    assert_int_equal(access(copy, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_resume__log_was_destroyed__puts_the_copy_back),
        TEST(test_resume__log_is_as_it_was__keeps_it),
        TEST(test_resume__log_lost_its_end__puts_the_copy_back),
        TEST(test_resume__copy_is_cut__is_thrown_away),
        TEST(test_resume__copy_of_another_log__is_thrown_away),
        TEST(test_resume__held_by_another__changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
