#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "event.pb-c.h"
#include "outbox_fixture.h"

#define PIECE 256 /* Rows removed in one transaction. */
#define FOR_EVER INT64_MIN

static struct outbox_row find(struct outbox_fixture *fixture, uint64_t seq)
{
    struct outbox_row row;
    struct err err = {0};
    assert_int_equal(outbox_find(fixture->outbox, seq, &row, &err), OUTBOX_FOUND);
    return row;
}

static void assert_id_at(struct outbox_fixture *fixture, uint64_t seq, uint32_t number)
{
    struct err err = {0};
    struct id id;
    struct id expected = temp_store_id(number);
    assert_int_equal(outbox_id_at(fixture->outbox, seq, &id, &err), OUTBOX_FOUND);
    assert_int_equal(id_compare(&id, &expected), 0);
}

/* A number is found in the row that holds it, wherever in it; the rows behind follow one another
 * up to the head. */
static void test_outbox_find__each_number__is_in_its_row(void **state)
{
    struct outbox_fixture *fixture = *state;
    struct outbox_row row;
    struct err err = {0};
    assert_int_equal(outbox_find(fixture->outbox, 1, &row, &err), OUTBOX_BEYOND);
    for (int i = 0; i < 5; i++)
        outbox_fixture_add(fixture, "A", OUTBOX_ROW_BYTES / 2 - 100);
    outbox_fixture_commit(fixture);
    outbox_fixture_fill(fixture, 1, 0);
    assert_int_equal(find(fixture, 1).first, 1);
    assert_int_equal(find(fixture, 4).first, 3);
    assert_int_equal(find(fixture, 6).first, 6);
    row = find(fixture, 2);
    assert_int_equal(row.count, 2);
    assert_int_equal(outbox_next(fixture->outbox, &row, &err), OUTBOX_FOUND);
    assert_int_equal(row.first, 3);
    assert_int_equal(outbox_next(fixture->outbox, &row, &err), OUTBOX_FOUND);
    assert_int_equal(row.first, 5);
    assert_int_equal(row.count, 1);
    assert_int_equal(outbox_next(fixture->outbox, &row, &err), OUTBOX_FOUND);
    assert_int_equal(row.first, 6);
    assert_int_equal(outbox_next(fixture->outbox, &row, &err), OUTBOX_BEYOND);
    assert_int_equal(outbox_find(fixture->outbox, 7, &row, &err), OUTBOX_BEYOND);
    outbox_rest(fixture->outbox);
}

/* What is read are the bytes that were told when it was committed. */
static void test_outbox_find__a_row__has_the_bytes_told(void **state)
{
    struct outbox_fixture *fixture = *state;
    const struct outbox_row *fresh = NULL;
    outbox_fixture_add(fixture, "A", 100);
    outbox_fixture_add(fixture, "B", OUTBOX_ROW_BYTES);
    outbox_fixture_commit(fixture);
    assert_int_equal(outbox_fresh(fixture->outbox, &fresh), 2);
    for (size_t i = 0; i < 2; i++) {
        struct outbox_row row = find(fixture, fresh[i].first);
        assert_int_equal(row.count, fresh[i].count);
        assert_true(bytes_equal(row.events, fresh[i].events));
    }
    outbox_rest(fixture->outbox);
}

/* Each event's id is known by its number, in whichever place of its row it stands. */
static void test_outbox_id_at__each_number__is_its_id(void **state)
{
    struct outbox_fixture *fixture = *state;
    struct err err = {0};
    struct id id;
    for (int i = 0; i < 5; i++)
        outbox_fixture_add(fixture, "A", OUTBOX_ROW_BYTES / 2 - 100);
    outbox_fixture_commit(fixture);
    assert_int_equal(outbox_id_at(fixture->outbox, 0, &id, &err), OUTBOX_FOUND);
    assert_true(id_is_zero(&id));
    for (uint32_t i = 1; i <= 5; i++)
        assert_id_at(fixture, i, i);
    assert_int_equal(outbox_id_at(fixture->outbox, 6, &id, &err), OUTBOX_BEYOND);
}

/* Beyond its bytes the log is cut from its tail; what stays is found, what is gone is told as such,
 * and the event just below the tail is still known by its id. */
static void test_outbox_trim__over_its_bytes__cuts_the_oldest(void **state)
{
    struct outbox_fixture *fixture = *state;
    struct outbox_row row;
    struct err err = {0};
    struct id id;
    outbox_fixture_fill(fixture, 10, 1000);
    uint64_t keep = 3 * find(fixture, 1).events.len;
    assert_true(outbox_wants_trim(fixture->outbox, keep, FOR_EVER));
    outbox_fixture_trim(fixture, keep, FOR_EVER);
    assert_false(outbox_wants_trim(fixture->outbox, keep, FOR_EVER));
    assert_int_equal(outbox_tail(fixture->outbox), 8);
    assert_int_equal(outbox_head(fixture->outbox), 10);
    assert_int_equal(outbox_find(fixture->outbox, 7, &row, &err), OUTBOX_TRUNCATED);
    assert_int_equal(find(fixture, 8).first, 8);
    outbox_rest(fixture->outbox);
    assert_int_equal(outbox_id_at(fixture->outbox, 6, &id, &err), OUTBOX_TRUNCATED);
    assert_id_at(fixture, 7, 7);
    outbox_fixture_reopen(fixture);
    assert_int_equal(outbox_tail(fixture->outbox), 8);
    assert_int_equal(outbox_head(fixture->outbox), 10);
    assert_id_at(fixture, 7, 7);
    assert_false(outbox_wants_trim(fixture->outbox, keep, FOR_EVER));
    outbox_fixture_fill(fixture, 1, 1000);
    assert_true(outbox_wants_trim(fixture->outbox, keep, FOR_EVER));
}

/* What is older than is kept goes, whatever its size. */
static void test_outbox_trim__by_age__cuts_what_is_older(void **state)
{
    struct outbox_fixture *fixture = *state;
    int64_t start = fixture->wall_ms;
    for (int i = 0; i < 10; i++) {
        outbox_fixture_fill(fixture, 1, 0);
        fixture->wall_ms += 1000;
    }
    assert_false(outbox_wants_trim(fixture->outbox, UINT64_MAX, start));
    assert_true(outbox_wants_trim(fixture->outbox, UINT64_MAX, start + 1));
    outbox_fixture_trim(fixture, UINT64_MAX, start + 4000);
    assert_int_equal(outbox_tail(fixture->outbox), 5);
    assert_false(outbox_wants_trim(fixture->outbox, UINT64_MAX, start + 4000));
    outbox_fixture_reopen(fixture);
    assert_true(outbox_wants_trim(fixture->outbox, UINT64_MAX, start + 4001));
}

/* The last row always stays: it holds the head and the last id. */
static void test_outbox_trim__everything__keeps_the_last_row(void **state)
{
    struct outbox_fixture *fixture = *state;
    assert_false(outbox_wants_trim(fixture->outbox, 0, INT64_MAX));
    for (int i = 0; i < 3; i++) { /* Rows are removed whole, */
        outbox_fixture_add(fixture, "A", 10);
        outbox_fixture_fill(fixture, 1, 10);
    }
    outbox_fixture_trim(fixture, 0, INT64_MAX);
    assert_false(outbox_wants_trim(fixture->outbox, 0, INT64_MAX));
    assert_int_equal(outbox_tail(fixture->outbox), 5);
    assert_id_at(fixture, 4, 4); /* and the last event of the last of them is known. */
    outbox_fixture_trim(fixture, 0, INT64_MAX);
    assert_int_equal(outbox_tail(fixture->outbox), 5);
    outbox_fixture_reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 6);
    outbox_fixture_fill(fixture, 1, 10);
    assert_int_equal(outbox_head(fixture->outbox), 7);
}

/* One transaction removes a bounded piece, however much there is. */
static void test_outbox_trim__much__goes_in_pieces(void **state)
{
    struct outbox_fixture *fixture = *state;
    outbox_fixture_fill(fixture, 2 * PIECE + 10, 0);
    outbox_fixture_trim(fixture, 0, INT64_MAX);
    assert_int_equal(outbox_tail(fixture->outbox), PIECE + 1);
    assert_true(outbox_wants_trim(fixture->outbox, 0, INT64_MAX));
    assert_id_at(fixture, PIECE, PIECE);
    outbox_fixture_trim(fixture, 0, INT64_MAX);
    outbox_fixture_trim(fixture, 0, INT64_MAX);
    assert_int_equal(outbox_tail(fixture->outbox), 2 * PIECE + 10);
}

/* A batch that dies takes its trimming back: the log reaches as far down as before, also in the
 * eyes of the next trim. */
static void test_outbox_forget__a_trim__is_taken_back(void **state)
{
    struct outbox_fixture *fixture = *state;
    struct err err = {0};
    outbox_fixture_fill(fixture, 5, 1000);
    uint64_t keep = 2 * find(fixture, 1).events.len;
    outbox_rest(fixture->outbox);
    temp_store_begin(fixture->store);
    assert_int_equal(outbox_trim(fixture->outbox, keep, FOR_EVER, &err), 0);
    outbox_fixture_add(fixture, "lost", 1000);
    outbox_fixture_write(fixture);
    db_rollback(fixture->store->db);
    outbox_forget(fixture->outbox);
    assert_int_equal(outbox_tail(fixture->outbox), 1);
    assert_int_equal(find(fixture, 1).first, 1);
    outbox_rest(fixture->outbox);
    outbox_fixture_trim(fixture, keep, FOR_EVER);
    assert_int_equal(outbox_tail(fixture->outbox), 4);
    assert_id_at(fixture, 3, 3);
}

/* The bytes of all rows are counted in a row of their own, which agrees with them. */
static void test_outbox_trim__bytes__are_those_of_the_rows(void **state)
{
    struct outbox_fixture *fixture = *state;
    static const char sql[] =
        "SELECT value - (SELECT sum(length(events)) FROM zsaga_outbox) FROM zsaga_counter"
        " WHERE name = 'outbox_bytes'";
    outbox_fixture_fill(fixture, 5, 1000);
    assert_int_equal(temp_store_ask(fixture->store, sql), 0);
    outbox_fixture_trim(fixture, 3000, FOR_EVER);
    assert_int_equal(temp_store_ask(fixture->store, sql), 0);
}

/* A log that does not add up is refused when it is opened. */
static void test_outbox_open__damaged__is_corrupt(void **state)
{
    struct outbox_fixture *fixture = *state;
    static const char *const harms[] = {
        "UPDATE zsaga_outbox SET events = x'00' WHERE first_seq = 3",
        "UPDATE zsaga_outbox SET events = zeroblob(0) WHERE first_seq = 3",
        "UPDATE zsaga_outbox SET events = x'0a05' WHERE first_seq = 3",
        "UPDATE zsaga_outbox SET count = 2 WHERE first_seq = 3",
        "UPDATE zsaga_outbox SET count = 0 WHERE first_seq = 3",
        "DELETE FROM zsaga_outbox WHERE first_seq = 3",
        "DELETE FROM zsaga_outbox WHERE first_seq = 1",
        "DELETE FROM zsaga_outbox",
        "DELETE FROM zsaga_outbox_tail",
        "UPDATE zsaga_outbox_tail SET tail = 9",
        "UPDATE zsaga_outbox_tail SET below = x'00'",
        "UPDATE zsaga_counter SET value = 9 WHERE name = 'outbox_head'",
        "DELETE FROM zsaga_counter WHERE name = 'outbox_head'",
        "DELETE FROM zsaga_counter WHERE name = 'outbox_bytes'",
    };
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        struct err err = {0};
        outbox_fixture_fill(fixture, 3, 0);
        int rc = outbox_fixture_tamper(fixture, harms[i], &err);
        if (rc != ERR_CORRUPT)
            fail_msg("%s: %d %s", harms[i], rc, err.text);
        (void)outbox_fixture_tear_down(state);
        (void)outbox_fixture_set_up(state);
        fixture = *state;
    }
}

/* A gap in the middle is no reason to skip: whoever reads over it is told of the damage. */
static void test_outbox_find__damaged__is_corrupt(void **state)
{
    struct outbox_fixture *fixture = *state;
    struct outbox_row row;
    struct id id;
    struct err err = {0};
    outbox_fixture_fill(fixture, 5, 0);
    assert_int_equal(
        outbox_fixture_tamper(fixture,
                              "DELETE FROM zsaga_outbox WHERE first_seq = 3;"
                              "UPDATE zsaga_outbox SET events = x'0a01ff' WHERE first_seq = 4",
                              &err),
        0);
    assert_int_equal(outbox_find(fixture->outbox, 3, &row, &err), ERR_CORRUPT);
    row = find(fixture, 2);
    assert_int_equal(outbox_next(fixture->outbox, &row, &err), ERR_CORRUPT);
    assert_int_equal(outbox_id_at(fixture->outbox, 4, &id, &err), ERR_CORRUPT);
    temp_store_begin(fixture->store);
    assert_int_equal(outbox_trim(fixture->outbox, 0, INT64_MAX, &err), ERR_CORRUPT);
    db_rollback(fixture->store->db);
    outbox_forget(fixture->outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(test_outbox_find__each_number__is_in_its_row),
        OUTBOX_TEST(test_outbox_find__a_row__has_the_bytes_told),
        OUTBOX_TEST(test_outbox_id_at__each_number__is_its_id),
        OUTBOX_TEST(test_outbox_trim__over_its_bytes__cuts_the_oldest),
        OUTBOX_TEST(test_outbox_trim__by_age__cuts_what_is_older),
        OUTBOX_TEST(test_outbox_trim__everything__keeps_the_last_row),
        OUTBOX_TEST(test_outbox_trim__much__goes_in_pieces),
        OUTBOX_TEST(test_outbox_forget__a_trim__is_taken_back),
        OUTBOX_TEST(test_outbox_trim__bytes__are_those_of_the_rows),
        OUTBOX_TEST(test_outbox_open__damaged__is_corrupt),
        OUTBOX_TEST(test_outbox_find__damaged__is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
