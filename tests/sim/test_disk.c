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

/* Draws that are written down beforehand. */
struct script {
    const uint64_t *values;
    size_t count;
    size_t at;
};

static uint64_t next_of(void *context, uint64_t bound)
{
    struct script *script = context;
    assert_true(script->at < script->count);
    uint64_t value = script->values[script->at++];
    assert_true(value < bound);
    return value;
}

/* A file of 4 sectors of 'a', flushed, and 'b' from the middle of the second to its end. */
static struct sim_file half_flushed(void)
{
    struct sim_file file = {0};
    char bytes[4 * SIM_SECTOR];
    memset(bytes, 'a', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 0);
    sim_file_flush(&file);
    memset(bytes, 'b', sizeof bytes);
    sim_file_write(&file, bytes, 5 * SIM_SECTOR / 2, 3 * SIM_SECTOR / 2);
    return file;
}

/* What stands in the file, a letter for each half of a sector; '?' where it differs within. */
static void expect(struct sim_file *file, const char *halves)
{
    size_t half = SIM_SECTOR / 2;
    char seen[32] = "";
    assert_true(file->bytes.len % half == 0);
    for (size_t i = 0; i < file->bytes.len / half; i++) {
        const uint8_t *at = file->bytes.data + i * half;
        seen[i] = memcmp(at, at + 1, half - 1) == 0 ? (char)*at : '?';
    }
    assert_string_equal(seen, halves);
    sim_file_release(file);
}

static void lose(struct sim_file *file, const uint64_t *draws, size_t count, unsigned lost)
{
    struct script script = {draws, count, 0};
    const struct sim_draw draw = {next_of, &script};
    assert_int_equal(sim_file_lose(file, &draw), lost);
    assert_int_equal(script.at, count);
}

static void test_power__after_a_flush__takes_nothing(void **state)
{
    /* What was flushed stays. */
    (void)state;
    struct sim_file file = half_flushed();
    sim_file_flush(&file);
    assert_int_equal(sim_file_lose(&file, NULL), 0);
    expect(&file, "aaabbbbb");
}

static void test_power__before_a_flush__takes_all_but_what_was_flushed(void **state)
{
    /* What was not flushed goes, and what stood there before is back. */
    (void)state;
    struct sim_file file = half_flushed();
    sim_file_write(&file, "more", 4, 9999);
    assert_int_equal(sim_file_lose(&file, NULL), 2);
    expect(&file, "aaaaaaaa");
}

static void test_power__when_writing__tears_at_a_sector(void **state)
{
    /* A write may have got through up to the end of any of its sectors. */
    (void)state;
    static const uint64_t last[] = {0, 1, 0};
    static const uint64_t two[] = {0, 1, 1};
    static const uint64_t none[] = {0, 1, 2};
    struct sim_file file = half_flushed();
    lose(&file, last, 3, 1);
    expect(&file, "aaabbbaa");
    file = half_flushed();
    lose(&file, two, 3, 1);
    expect(&file, "aaabaaaa");
    file = half_flushed();
    lose(&file, none, 3, 1);
    expect(&file, "aaaaaaaa");
}

static void test_power__when_writing__trashes_the_write_alone(void **state)
{
    /* Sectors that were being written may hold anything; what is beside the write stays, also in
     * its sector. */
    (void)state;
    static const uint64_t first[] = {1, 3, 0, 0, 'x'};
    static const uint64_t rest[] = {1, 3, 1, 1, 'x'};
    struct sim_file file = half_flushed();
    lose(&file, first, 5, 1);
    expect(&file, "aaaxbbbb");
    file = half_flushed();
    lose(&file, rest, 5, 1);
    expect(&file, "aaabxxxx");
}

static void test_power__several_writes__each_on_its_own(void **state)
{
    /* A disk writes in its own order: a later write may be there without an earlier one, also at
     * the same place, and behind what is lost there are zeros. */
    (void)state;
    static const uint64_t second_only[] = {1, 1, 0};
    struct sim_file file = half_flushed();
    char bytes[SIM_SECTOR];
    memset(bytes, 'c', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 2 * SIM_SECTOR);
    lose(&file, second_only, 3, 1);
    expect(&file, "aaaaccaa");
    static const uint64_t third_only[] = {1, 1, 1, 0};
    file = half_flushed();
    memset(bytes, '0', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 4 * SIM_SECTOR);
    sim_file_write(&file, bytes, sizeof bytes / 2, 5 * SIM_SECTOR);
    lose(&file, third_only, 4, 2);
    assert_int_equal(file.bytes.data[4 * SIM_SECTOR], 0);
    memset(file.bytes.data + 4 * SIM_SECTOR, '-', SIM_SECTOR);
    expect(&file, "aaaaaaaa--0");
}

static void test_power__in_order__keeps_what_came_first(void **state)
{
    /* A disk may also write in order: then what is lost is the end. */
    (void)state;
    static const uint64_t one[] = {0, 1, 0};
    struct sim_file file = half_flushed();
    char bytes[SIM_SECTOR];
    memset(bytes, 'c', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 0);
    lose(&file, one, 3, 1);
    expect(&file, "aaabbbbb");
}

static void test_power__file_was_cut__may_be_long_again(void **state)
{
    /* To be cut off is a write like any other. */
    (void)state;
    static const uint64_t kept[] = {1, 0, 0};
    struct sim_file file = half_flushed();
    sim_file_cut(&file, SIM_SECTOR);
    assert_int_equal(sim_file_lose(&file, NULL), 2);
    expect(&file, "aaaaaaaa");
    file = half_flushed();
    sim_file_cut(&file, SIM_SECTOR);
    lose(&file, kept, 3, 0);
    expect(&file, "aa");
}

static void test_power__after_a_failed_flush__takes_what_it_was_to_flush(void **state)
{
    /* A later flush brings only what is written later to the disk: what a failed one was to flush
     * can be read, and is not there. To write it once more helps. */
    (void)state;
    struct sim_file file = half_flushed();
    char bytes[SIM_SECTOR];
    sim_file_fail_to_flush(&file);
    memset(bytes, 'c', sizeof bytes);
    sim_file_write(&file, bytes, sizeof bytes, 2 * SIM_SECTOR);
    sim_file_flush(&file);
    assert_int_equal(file.bytes.data[3 * SIM_SECTOR], 'b');
    assert_int_equal(sim_file_lose(&file, NULL), 1);
    expect(&file, "aaaaccaa");
    file = half_flushed();
    sim_file_fail_to_flush(&file);
    memset(bytes, 'b', sizeof bytes);
    for (size_t i = 0; i < 5; i++)
        sim_file_write(&file, bytes, sizeof bytes / 2, (3 + i) * sizeof bytes / 2);
    sim_file_flush(&file);
    assert_int_equal(sim_file_lose(&file, NULL), 0);
    expect(&file, "aaabbbbb");
}

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

/* All that was committed is there, at most one row more, and the file is sound. */
static void expect_rows(struct fixture *fixture, int rows)
{
    if (open_db(fixture) < 0)
        fail_msg("%s", fixture->err.text);
    assert_int_equal(ask(fixture, "SELECT count(*) FROM pragma_integrity_check"
                                  " WHERE integrity_check <> 'ok'"),
                     0);
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
        cmocka_unit_test(test_power__after_a_flush__takes_nothing),
        cmocka_unit_test(test_power__before_a_flush__takes_all_but_what_was_flushed),
        cmocka_unit_test(test_power__when_writing__tears_at_a_sector),
        cmocka_unit_test(test_power__when_writing__trashes_the_write_alone),
        cmocka_unit_test(test_power__several_writes__each_on_its_own),
        cmocka_unit_test(test_power__in_order__keeps_what_came_first),
        cmocka_unit_test(test_power__file_was_cut__may_be_long_again),
        cmocka_unit_test(test_power__after_a_failed_flush__takes_what_it_was_to_flush),
        DISK_TEST(test_database__power_lost_at_any_write__keeps_what_was_committed),
        DISK_TEST(test_database__as_a_start_finds_it__is_there_for_good),
        DISK_TEST(test_database__commits_without_a_flush__loses_them),
        DISK_TEST(test_database__open__is_held),
        DISK_TEST(test_fault__of_writing__is_felt_once_or_until_it_is_well),
        DISK_TEST(test_fault__of_reading_or_opening__is_felt_once),
        DISK_TEST(test_copy__of_a_kept_database__is_flushed_and_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
