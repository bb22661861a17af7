/* The simulator's disk: what was flushed is there whatever happens, what was not may be lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sim_disk.h"
#include "store/db.h"

#define ROWS 6
#define DRAWS 20 /* Ways to lose what a write left behind. */

/* A database on the disk. */
struct fixture {
    char dir[200];
    char path[256];
    struct db *db;
    struct err err;
};

static int begin(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    sim_disk_begin(fixture.dir, sizeof fixture.dir);
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/a.db", fixture.dir);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    db_close(fixture->db);
    sim_disk_end(fixture->dir);
    return 0;
}

static int open_db(struct fixture *fixture)
{
    return db_open(fixture->path, &fixture->db, &fixture->err);
}

static void close_db(struct fixture *fixture)
{
    db_close(fixture->db);
    fixture->db = NULL;
}

static int64_t ask(struct fixture *fixture, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(db_prepare_engine(fixture->db, sql, &stmt, &fixture->err), 0);
    assert_int_equal(db_step(fixture->db, stmt, &fixture->err), DB_ROW);
    int64_t answer = db_int(stmt, 0);
    sqlite3_finalize(stmt);
    return answer;
}

static int run(struct fixture *fixture, const char *sql)
{
    return db_exec(fixture->db, sql, &fixture->err);
}

/* Opens, and commits rows one by one, the WAL being moved into the file between some of them.
 * Returns how many were committed before something failed; *ret_ended: nothing did. */
static int commit_rows(struct fixture *fixture, bool *ret_ended)
{
    char sql[200];
    int rows = 0;
    *ret_ended = false;
    if (open_db(fixture) < 0)
        return 0;
    if (run(fixture, "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, text TEXT)") < 0)
        return 0;
    for (int i = 1; i <= ROWS; i++) {
        (void)snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, hex(zeroblob(%d)))", i,
                       1500 * i);
        if (run(fixture, sql) < 0)
            return rows;
        rows = i;
        if (i % 2 == 0 && db_checkpoint(fixture->db, &fixture->err) < 0)
            return rows;
    }
    *ret_ended = true;
    return rows;
}

static void expect_sound(struct fixture *fixture)
{
    if (open_db(fixture) < 0)
        fail_msg("%s", fixture->err.text);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM pragma_integrity_check"
                                  " WHERE integrity_check <> 'ok'"),
                     0);
}

/* All that was committed is there, at most one row more, and the file is sound. */
static void expect_rows(struct fixture *fixture, int rows)
{
    expect_sound(fixture);
    int there = 0;
    if (ask(fixture, "SELECT count(*) FROM sqlite_schema WHERE name = 't'") != 0) {
        there = (int)ask(fixture, "SELECT count(*) FROM t");
        assert_int_equal(ask(fixture, "SELECT count(*) FROM t WHERE length(text) <> 3000 * n"), 0);
    }
    assert_in_range(there, rows, rows + 1);
}

static uint64_t draw_below(void *rng, uint64_t bound)
{
    return rng_below(rng, bound);
}

/* True when the run was not touched. */
static bool lose_power_at(struct fixture *fixture, int64_t nth, uint64_t seed)
{
    bool ended;
    struct rng rng;
    const struct sim_draw draw = {draw_below, &rng};
    rng_seed(&rng, seed ^ (uint64_t)nth << 32);
    sim_disk_remove(fixture->path);
    sim_disk_fail(fixture->path, SIM_DISK_DEAD, nth);
    int rows = commit_rows(fixture, &ended);
    close_db(fixture);
    sim_disk_fail(fixture->path, SIM_DISK_WELL, 0);
    (void)sim_disk_lose(fixture->path, seed == 0 ? NULL : &draw);
    expect_rows(fixture, rows);
    close_db(fixture);
    return ended;
}

static void test_database__power_lost_at_any_write__keeps_what_was_committed(void **state)
{
    /* However the disk loses what was not flushed: each committed row is there, and sound. */
    int64_t nth = 0;
    bool untouched = false;
    while (!untouched) {
        nth++;
        for (uint64_t seed = 0; seed < DRAWS; seed++)
            untouched = lose_power_at(*state, nth, seed);
    }
    assert_true(nth > 60);
}

static int64_t count_rows(struct fixture *fixture)
{
    if (open_db(fixture) < 0)
        fail_msg("%s", fixture->err.text);
    if (ask(fixture, "SELECT count(*) FROM sqlite_schema WHERE name = 't'") == 0)
        return -1;
    return ask(fixture, "SELECT count(*) FROM t");
}

/* True when the run was not touched. */
static bool start_again_at(struct fixture *fixture, enum sim_disk_fault fault, int64_t nth)
{
    bool ended;
    sim_disk_remove(fixture->path);
    sim_disk_fail(fixture->path, fault, nth);
    (void)commit_rows(fixture, &ended);
    close_db(fixture);
    sim_disk_fail(fixture->path, SIM_DISK_WELL, 0);
    int64_t found = count_rows(fixture);
    close_db(fixture);
    (void)sim_disk_lose(fixture->path, NULL);
    assert_true(count_rows(fixture) >= found);
    close_db(fixture);
    return ended;
}

static void test_database__as_a_start_finds_it__is_there_for_good(void **state)
{
    /* Who died between the write of a commit and its flush finds it committed, and may tell so:
     * then it must be on the disk. After a flush that failed, another one is not enough: it finds
     * nothing to do. */
    int64_t nth = 1;
    while (!start_again_at(*state, SIM_DISK_DEAD, nth))
        nth++;
    assert_true(nth > 60);
    nth = 1;
    while (!start_again_at(*state, SIM_DISK_BROKEN, nth))
        nth++;
}

/* A start that is cut off at its `nth` write or flush. True when it was not touched. */
static bool start_cut_off_at(struct fixture *fixture, int64_t nth)
{
    sim_disk_fail(fixture->path, SIM_DISK_DEAD, nth);
    bool untouched = open_db(fixture) == 0;
    close_db(fixture);
    sim_disk_fail(fixture->path, SIM_DISK_WELL, 0);
    return untouched;
}

/* Two starts are cut off, and behind each the power may fail; behind a third, which is not, it
 * does. True when the first was not touched. */
static bool lose_power_when_starting(struct fixture *fixture, int64_t nth, int64_t second,
                                     uint64_t seed)
{
    bool ended;
    struct rng rng;
    const struct sim_draw draw = {draw_below, &rng};
    rng_seed(&rng, seed ^ (uint64_t)nth << 32 ^ (uint64_t)second << 16);
    sim_disk_remove(fixture->path);
    int rows = commit_rows(fixture, &ended);
    assert_true(ended && run(fixture, "INSERT INTO t VALUES (7, hex(zeroblob(10500)))") == 0);
    close_db(fixture);
    bool untouched = start_cut_off_at(fixture, nth);
    if (rng_below(&rng, 2) == 0)
        (void)sim_disk_lose(fixture->path, &draw);
    (void)start_cut_off_at(fixture, second);
    if (rng_below(&rng, 2) == 0)
        (void)sim_disk_lose(fixture->path, &draw);
    expect_rows(fixture, rows + 1);
    close_db(fixture);
    (void)sim_disk_lose(fixture->path, &draw);
    expect_rows(fixture, rows + 1);
    close_db(fixture);
    return untouched;
}

static void test_start__power_lost_at_any_write__keeps_what_was_committed(void **state)
{
    /* What a start writes again is what was flushed long ago: power loss that destroys what is
     * being written takes nothing of it, however many starts are cut off. */
    bool untouched = false;
    for (int64_t nth = 1; !untouched; nth++)
        for (int64_t second = 1; second <= 8; second++)
            for (uint64_t seed = 0; seed < DRAWS; seed++)
                untouched = lose_power_when_starting(*state, nth, second, seed);
}

static void test_database__commits_without_a_flush__loses_them(void **state)
{
    /* The disk tells a commit that was flushed from one that was not. */
    struct fixture *fixture = *state;
    assert_int_equal(open_db(fixture), 0);
    assert_int_equal(run(fixture, "CREATE TABLE t(n INTEGER)"), 0);
    assert_int_equal(db_relax(fixture->db, &fixture->err), 0);
    assert_int_equal(run(fixture, "INSERT INTO t VALUES (1)"), 0);
    close_db(fixture);
    assert_true(sim_disk_lose(fixture->path, NULL) > 0);
    assert_int_equal(open_db(fixture), 0);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM t"), 0);
}

/* A log of several commits, flushed or not, of a process that will stop in order: the log is then
 * moved into the file. Elsewhere all is left as kill -9 does. */
static void fill_log(struct fixture *fixture, bool relaxed)
{
    char sql[100];
    sim_disk_remove(fixture->path);
    assert_int_equal(open_db(fixture), 0);
    (void)sqlite3_db_config(sim_disk_handle(fixture->path), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
                            NULL);
    if (relaxed)
        assert_int_equal(db_relax(fixture->db, &fixture->err), 0);
    assert_int_equal(run(fixture, "CREATE TABLE t(n INTEGER PRIMARY KEY, text TEXT)"), 0);
    assert_int_equal(db_checkpoint(fixture->db, &fixture->err), 0);
    for (int i = 1; i <= ROWS; i++) {
        (void)snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, hex(zeroblob(%d)))", i,
                       1500 * i);
        assert_int_equal(run(fixture, sql), 0);
    }
}

/* A disk that fails so at the `nth` write or flush of a checkpoint; whether that ends the process
 * or not, it stops in order, and meanwhile the power fails. True when the checkpoint was not
 * touched.
 */
static bool fail_checkpoint_at(struct fixture *fixture, enum sim_disk_fault fault, bool relaxed,
                               int64_t nth, uint64_t seed)
{
    struct rng rng;
    const struct sim_draw draw = {draw_below, &rng};
    rng_seed(&rng, seed ^ (uint64_t)nth << 32);
    fill_log(fixture, relaxed);
    uint64_t felt = sim_disk_felt(fault);
    sim_disk_fail(fixture->path, fault, nth);
    int rc = db_checkpoint(fixture->db, &fixture->err);
    bool untouched = sim_disk_felt(fault) == felt;
    sim_disk_fail(fixture->path, SIM_DISK_WELL, 0);
    if (rc == 0)
        assert_int_equal(db_probe(fixture->db, &fixture->err), 0);
    sim_disk_fail(fixture->path, SIM_DISK_DEAD, 1 + (int64_t)rng_below(&rng, 12));
    close_db(fixture);
    sim_disk_fail(fixture->path, SIM_DISK_WELL, 0);
    (void)sim_disk_lose(fixture->path, &draw);
    expect_sound(fixture);
    if (!relaxed)
        assert_int_equal(ask(fixture, "SELECT count(*) FROM t"), ROWS);
    close_db(fixture);
    return untouched;
}

static void fail_checkpoint_anywhere(struct fixture *fixture, enum sim_disk_fault fault,
                                     bool relaxed)
{
    bool untouched = false;
    int64_t nth = 0;
    while (!untouched) {
        nth++;
        for (uint64_t seed = 0; seed < 3 * (uint64_t)DRAWS; seed++)
            untouched = fail_checkpoint_at(fixture, fault, relaxed, nth, seed);
    }
    assert_true(nth > 10);
}

static void test_disk__full_while_the_log_is_moved__leaves_a_sound_file(void **state)
{
    /* A write that found no room is done again, all of it: power loss leaves a sound file, however
     * late. */
    fail_checkpoint_anywhere(*state, SIM_DISK_FULL, true);
    fail_checkpoint_anywhere(*state, SIM_DISK_FULL, false);
}

static void test_disk__failing_while_the_log_is_moved__leaves_a_sound_file(void **state)
{
    /* Who stops after a flush that failed does not move a log that may not be on the disk. */
    fail_checkpoint_anywhere(*state, SIM_DISK_BROKEN, true);
    fail_checkpoint_anywhere(*state, SIM_DISK_BROKEN, false);
    fail_checkpoint_anywhere(*state, SIM_DISK_DEAD, true);
    fail_checkpoint_anywhere(*state, SIM_DISK_DEAD, false);
}

static void test_database__open__is_held(void **state)
{
    /* The lock of a database keeps a second process out, as on a real disk. */
    struct fixture *fixture = *state;
    struct db *other = NULL;
    assert_int_equal(open_db(fixture), 0);
    assert_int_equal(db_open(fixture->path, &other, &fixture->err), ERR_HELD);
    close_db(fixture);
    assert_int_equal(open_db(fixture), 0);
}

/* The first and the second try after the fault was armed; then once more, being well again. */
static void expect_fault(struct fixture *fixture, enum sim_disk_fault fault, int first, int second)
{
    uint64_t felt = sim_disk_felt(fault);
    sim_disk_fail(fixture->path, fault, 2);
    assert_int_equal(run(fixture, "INSERT INTO t VALUES (1)"), first);
    assert_int_equal(run(fixture, "INSERT INTO t VALUES (2)"), second);
    assert_true(sim_disk_felt(fault) > felt);
    sim_disk_fail(fixture->path, SIM_DISK_WELL, 0);
    close_db(fixture); /* After a failed flush SQLite is not to be trusted. */
    assert_int_equal(open_db(fixture), 0);
    assert_int_equal(run(fixture, "INSERT INTO t VALUES (3)"), 0);
}

static void test_fault__of_writing__is_felt_once_or_until_it_is_well(void **state)
{
    /* From the Nth write on: once, or each time. */
    struct fixture *fixture = *state;
    assert_int_equal(open_db(fixture), 0);
    assert_int_equal(run(fixture, "CREATE TABLE t(n INTEGER)"), 0);
    expect_fault(fixture, SIM_DISK_FULL_ONCE, ERR_FULL, 0);
    expect_fault(fixture, SIM_DISK_FULL, ERR_FULL, ERR_FULL);
    expect_fault(fixture, SIM_DISK_BROKEN, ERR_IO, 0);
    expect_fault(fixture, SIM_DISK_DEAD, ERR_IO, ERR_IO);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM t WHERE n = 3"), 4);
}

static void test_fault__of_reading_or_opening__is_felt_once(void **state)
{
    /* A read fails, or a file does not open: an I/O error, and the next start is well. */
    struct fixture *fixture = *state;
    assert_int_equal(open_db(fixture), 0);
    close_db(fixture);
    static const enum sim_disk_fault faults[] = {SIM_DISK_UNREADABLE, SIM_DISK_UNOPENABLE};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sim_disk_fail(fixture->path, faults[i], 1);
        assert_int_equal(open_db(fixture), ERR_IO);
        assert_int_equal(open_db(fixture), 0);
        close_db(fixture);
        assert_int_equal(sim_disk_felt(faults[i]), 1);
    }
}

static void test_fault__when_the_log_is_settled__is_told_in_its_own_words(void **state)
{
    /* What a start writes and flushes again can fail too: it does not start, and says why. */
    struct fixture *fixture = *state;
    assert_int_equal(open_db(fixture), 0);
    close_db(fixture);
    sim_disk_fail(fixture->path, SIM_DISK_BROKEN, 1);
    assert_int_equal(open_db(fixture), ERR_IO);
    assert_non_null(strstr(fixture->err.text, "bring the log to the disk: disk I/O error"));
    sim_disk_fail(fixture->path, SIM_DISK_FULL_ONCE, 1);
    assert_int_equal(open_db(fixture), ERR_FULL);
    assert_non_null(strstr(fixture->err.text, "the disk is full: make room for "));
}

static void test_copy__of_a_kept_database__is_flushed_and_its_own(void **state)
{
    /* A copy starts as the database was when it was kept, safe from power loss; what happens to
     * one is nothing to the other. */
    struct fixture *fixture = *state;
    char path[sizeof fixture->path];
    assert_int_equal(open_db(fixture), 0);
    assert_int_equal(run(fixture, "CREATE TABLE t(n INTEGER)"), 0);
    assert_int_equal(run(fixture, "INSERT INTO t VALUES (1)"), 0);
    close_db(fixture);
    assert_false(sim_disk_copy("a", fixture->path));
    sim_disk_keep(fixture->path, "a");
    sim_disk_remove(fixture->path);
    (void)snprintf(path, sizeof path, "%s", fixture->path);
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/b.db", fixture->dir);
    for (int i = 0; i < 2; i++) {
        assert_true(sim_disk_copy("a", fixture->path));
        (void)sim_disk_lose(fixture->path, NULL);
        assert_int_equal(open_db(fixture), 0);
        assert_int_equal(ask(fixture, "SELECT count(*) FROM t"), 1);
        assert_int_equal(run(fixture, "INSERT INTO t VALUES (2)"), 0);
        close_db(fixture);
        (void)snprintf(fixture->path, sizeof fixture->path, "%s", path);
    }
}

#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_database__power_lost_at_any_write__keeps_what_was_committed),
        DISK_TEST(test_database__as_a_start_finds_it__is_there_for_good),
        DISK_TEST(test_start__power_lost_at_any_write__keeps_what_was_committed),
        DISK_TEST(test_database__commits_without_a_flush__loses_them),
        DISK_TEST(test_disk__full_while_the_log_is_moved__leaves_a_sound_file),
        DISK_TEST(test_disk__failing_while_the_log_is_moved__leaves_a_sound_file),
        DISK_TEST(test_database__open__is_held),
        DISK_TEST(test_fault__of_writing__is_felt_once_or_until_it_is_well),
        DISK_TEST(test_fault__of_reading_or_opening__is_felt_once),
        DISK_TEST(test_fault__when_the_log_is_settled__is_told_in_its_own_words),
        DISK_TEST(test_copy__of_a_kept_database__is_flushed_and_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
