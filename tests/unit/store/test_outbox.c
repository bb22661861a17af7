#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"
#include "outbox_fixture.h"
#include "store/outbox.h"

static void add(struct outbox_fixture *fixture, const char *type)
{
    outbox_fixture_add(fixture, type, 0);
}

static void print_row(sqlite3_stmt *row, struct buffer *to)
{
    struct bytes packed = db_bytes(row, 2);
    Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, packed.len, packed.data);
    assert_non_null(batch);
    assert_int_equal(batch->n_events, db_int(row, 1));
    for (size_t i = 0; i < batch->n_events; i++) {
        AUTO(freep)
        char *text =
            xprintf("%s%lld %.*s", i == 0 ? "" : ", ", (long long)(db_int(row, 0) + (int64_t)i),
                    (int)batch->events[i]->type.len, (const char *)batch->events[i]->type.data);
        buffer_append_text(to, text);
    }
    buffer_append_text(to, "\n");
    zsaga__event_batch__free_unpacked(batch, NULL);
}

/* The log, a line for each row: numbers and types of its events. */
static void assert_log(struct outbox_fixture *fixture, const char *lines)
{
    struct err err = {0};
    struct buffer log = {0};
    sqlite3_stmt *stmt = NULL;
    const char *sql = "SELECT first_seq, count, events FROM zsaga_outbox ORDER BY first_seq";
    assert_int_equal(db_prepare_engine(fixture->store->db, sql, &stmt, &err), 0);
    while (db_step(fixture->store->db, stmt, &err) == DB_ROW)
        print_row(stmt, &log);
    sqlite3_finalize(stmt);
    buffer_append(&log, "", 1);
    assert_string_equal((const char *)log.data, lines);
    buffer_release(&log);
}

/* The log of a new store is empty, and its first event will have number 1. */
static void test_outbox_open__new_store__head_is_0(void **state)
{
    struct outbox_fixture *fixture = *state;
    assert_int_equal(outbox_head(fixture->outbox), 0);
    outbox_fixture_commit(fixture); /* Nothing was collected: nothing is written. */
    assert_int_equal(outbox_head(fixture->outbox), 0);
    assert_log(fixture, "");
}

/* Events of one commit are one row; numbers are per event all the same, without a gap. */
static void test_outbox_write__commits__numbers_are_contiguous(void **state)
{
    struct outbox_fixture *fixture = *state;
    add(fixture, "A");
    add(fixture, "B");
    add(fixture, "C");
    outbox_fixture_commit(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 3);
    add(fixture, "D");
    outbox_fixture_commit(fixture);
    add(fixture, "E");
    add(fixture, "F");
    outbox_fixture_commit(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 6);
    assert_log(fixture, "1 A, 2 B, 3 C\n4 D\n5 E, 6 F\n");
}

/* An event is stored as it was handed over, and copied: nothing need outlive the call. */
static void test_outbox_add__all_fields__are_stored(void **state)
{
    struct outbox_fixture *fixture = *state;
    char payload[] = "pay\0load";
    const struct id saga = temp_store_id(9);
    const struct outbox_event event = {.id = temp_store_id(8),
                                       .saga = id_view(&saga),
                                       .type = bytes_text("OrderCreated"),
                                       .wall_ms = 1700000000123,
                                       .causation = bytes_text("cause"),
                                       .traceparent = bytes_text("00-1-2-01"),
                                       .payload = bytes_of(payload, sizeof payload)};
    outbox_add(fixture->outbox, &event);
    memset(payload, 0, sizeof payload);
    outbox_fixture_commit(fixture);
    sqlite3_stmt *stmt = NULL;
    struct err err = {0};
    const char *sql = "SELECT events FROM zsaga_outbox";
    assert_int_equal(db_prepare_engine(fixture->store->db, sql, &stmt, &err), 0);
    assert_int_equal(db_step(fixture->store->db, stmt, &err), DB_ROW);
    struct bytes row = db_bytes(stmt, 0);
    Zsaga__EventBatch *batch = zsaga__event_batch__unpack(NULL, row.len, row.data);
    assert_int_equal(batch->n_events, 1);
    const Zsaga__Event *stored = batch->events[0];
    assert_true(bytes_equal(packed_view(stored->id), id_view(&event.id)));
    assert_true(bytes_equal(packed_view(stored->saga), event.saga));
    assert_true(bytes_equal(packed_view(stored->type), event.type));
    assert_int_equal(stored->time_ms, event.wall_ms);
    assert_true(bytes_equal(packed_view(stored->causation), event.causation));
    assert_true(bytes_equal(packed_view(stored->traceparent), event.traceparent));
    assert_true(bytes_equal(packed_view(stored->payload), bytes_of("pay\0load", sizeof payload)));
    zsaga__event_batch__free_unpacked(batch, NULL);
    sqlite3_finalize(stmt);
}

/* Numbers go on across restarts. */
static void test_outbox_open__after_a_restart__numbers_go_on(void **state)
{
    struct outbox_fixture *fixture = *state;
    add(fixture, "A");
    add(fixture, "B");
    outbox_fixture_commit(fixture);
    outbox_fixture_reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    add(fixture, "C");
    outbox_fixture_commit(fixture);
    assert_log(fixture, "1 A, 2 B\n3 C\n");
}

/* A refused entry takes back its own events and no others, and leaves no gap. */
static void test_outbox_take_back__one_entry__leaves_no_gap(void **state)
{
    struct outbox_fixture *fixture = *state;
    add(fixture, "A");
    struct outbox_mark mark = outbox_mark(fixture->outbox);
    add(fixture, "taken");
    add(fixture, "back");
    outbox_take_back(fixture->outbox, mark);
    add(fixture, "B");
    outbox_fixture_commit(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    mark = outbox_mark(fixture->outbox);
    add(fixture, "also");
    outbox_take_back(fixture->outbox, mark);
    outbox_fixture_commit(fixture);
    assert_log(fixture, "1 A, 2 B\n");
}

/* A batch that was taken back tells nothing, and its numbers are given to the next one. */
static void test_outbox_forget__batch_rolled_back__numbers_are_given_again(void **state)
{
    struct outbox_fixture *fixture = *state;
    add(fixture, "A");
    outbox_fixture_commit(fixture);
    add(fixture, "lost");
    add(fixture, "too");
    temp_store_begin(fixture->store);
    outbox_fixture_write(fixture);
    db_rollback(fixture->store->db);
    outbox_forget(fixture->outbox);
    assert_int_equal(outbox_head(fixture->outbox), 1);
    assert_log(fixture, "1 A\n");
    add(fixture, "B");
    outbox_fixture_commit(fixture);
    outbox_fixture_reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    assert_log(fixture, "1 A\n2 B\n");
}

/* An event is visible only after the commit: the head is the last committed number. */
static void test_outbox_head__written_but_not_committed__stays(void **state)
{
    struct outbox_fixture *fixture = *state;
    add(fixture, "A");
    temp_store_begin(fixture->store);
    outbox_fixture_write(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 0);
    temp_store_commit(fixture->store);
    outbox_committed(fixture->outbox);
    assert_int_equal(outbox_head(fixture->outbox), 1);
    /* One that was killed between the write and the commit has told nothing. */
    add(fixture, "B");
    temp_store_begin(fixture->store);
    outbox_fixture_write(fixture);
    outbox_fixture_reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 1);
    assert_log(fixture, "1 A\n");
}

/* All rows of the log as they are stored, and then as they are lent. */
static void assert_fresh_is_stored(struct outbox_fixture *fixture, size_t count)
{
    const struct outbox_row *fresh = NULL;
    struct err err = {0};
    sqlite3_stmt *stmt = NULL;
    const char *sql = "SELECT first_seq, count, events FROM zsaga_outbox ORDER BY first_seq";
    assert_int_equal(outbox_fresh(fixture->outbox, &fresh), count);
    assert_int_equal(db_prepare_engine(fixture->store->db, sql, &stmt, &err), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(db_step(fixture->store->db, stmt, &err), DB_ROW);
        assert_int_equal(fresh[i].first, db_int(stmt, 0));
        assert_int_equal(fresh[i].count, db_int(stmt, 1));
        assert_true(bytes_equal(fresh[i].events, db_bytes(stmt, 2)));
    }
    assert_int_equal(db_step(fixture->store->db, stmt, &err), 0);
    sqlite3_finalize(stmt);
}

/* A commit that fills more than a row has several, each small enough for a frame; an event that is
 * larger by itself has its own. */
static void test_outbox_write__more_than_a_row__is_split(void **state)
{
    struct outbox_fixture *fixture = *state;
    for (int i = 0; i < 5; i++)
        outbox_fixture_add(fixture, "A", OUTBOX_ROW_BYTES / 2 - 100);
    outbox_fixture_add(fixture, "large", OUTBOX_PAYLOAD_MAX);
    outbox_fixture_add(fixture, "B", 10);
    outbox_fixture_commit(fixture);
    assert_log(fixture, "1 A, 2 A\n3 A, 4 A\n5 A\n6 large\n7 B\n");
    assert_int_equal(temp_store_ask(fixture->store, "SELECT count(*) FROM zsaga_outbox"
                                                    " WHERE length(events) > 60 * 1024"),
                     1);
    assert_fresh_is_stored(fixture, 5);
    assert_int_equal(outbox_head(fixture->outbox), 7);
    outbox_fixture_reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 7);
}

/* What is taken back may have begun rows of its own: they are gone with it. */
static void test_outbox_take_back__over_rows__leaves_no_gap(void **state)
{
    struct outbox_fixture *fixture = *state;
    add(fixture, "A");
    struct outbox_mark mark = outbox_mark(fixture->outbox);
    for (int i = 0; i < 4; i++)
        outbox_fixture_add(fixture, "taken", OUTBOX_ROW_BYTES / 2);
    outbox_take_back(fixture->outbox, mark);
    add(fixture, "B");
    outbox_fixture_commit(fixture);
    assert_log(fixture, "1 A, 2 B\n");
    mark = outbox_mark(fixture->outbox);
    outbox_fixture_add(fixture, "also", OUTBOX_ROW_BYTES * 2);
    outbox_take_back(fixture->outbox, mark);
    add(fixture, "C");
    outbox_fixture_commit(fixture);
    assert_log(fixture, "1 A, 2 B\n3 C\n");
    assert_fresh_is_stored(fixture, 2);
}

/* What several commits of one turn have written is told until it was published, each row once; a
 * batch that was taken back adds nothing and takes nothing away. */
static void test_outbox_fresh__several_commits__are_kept_until_published(void **state)
{
    struct outbox_fixture *fixture = *state;
    const struct outbox_row *fresh = NULL;
    add(fixture, "A");
    assert_int_equal(outbox_fresh(fixture->outbox, &fresh), 0); /* Not committed. */
    outbox_fixture_commit(fixture);
    add(fixture, "lost");
    temp_store_begin(fixture->store);
    outbox_fixture_write(fixture);
    db_rollback(fixture->store->db);
    outbox_forget(fixture->outbox);
    assert_fresh_is_stored(fixture, 1);
    outbox_fixture_add(fixture, "B", OUTBOX_ROW_BYTES);
    add(fixture, "C");
    outbox_fixture_commit(fixture);
    outbox_fixture_commit(fixture); /* Nothing more. */
    assert_fresh_is_stored(fixture, 3);
    outbox_published(fixture->outbox);
    assert_int_equal(outbox_fresh(fixture->outbox, &fresh), 0);
    add(fixture, "D");
    outbox_fixture_commit(fixture);
    assert_int_equal(outbox_fresh(fixture->outbox, &fresh), 1);
    assert_int_equal(fresh[0].first, 4);
}

/* New ids go above the last one stored, also after a restart; one of a batch that was taken back is
 * forgotten. */
static void test_outbox_last_id__is_that_of_the_head(void **state)
{
    struct outbox_fixture *fixture = *state;
    assert_true(id_is_zero(outbox_last_id(fixture->outbox)));
    add(fixture, "A");
    add(fixture, "B");
    outbox_fixture_commit(fixture);
    struct id second = temp_store_id(2);
    assert_int_equal(id_compare(outbox_last_id(fixture->outbox), &second), 0);
    add(fixture, "lost");
    temp_store_begin(fixture->store);
    outbox_fixture_write(fixture);
    db_rollback(fixture->store->db);
    outbox_forget(fixture->outbox);
    assert_int_equal(id_compare(outbox_last_id(fixture->outbox), &second), 0);
    outbox_fixture_reopen(fixture);
    assert_int_equal(id_compare(outbox_last_id(fixture->outbox), &second), 0);
}

/* A log that was written before rows had an age goes on, and is of today. */
static void test_outbox_open__first_version_of_the_schema__goes_on(void **state)
{
    struct outbox_fixture *fixture = *state;
    struct err err = {0};
    add(fixture, "A");
    add(fixture, "B");
    outbox_fixture_commit(fixture);
    int64_t bytes = temp_store_ask(fixture->store, "SELECT sum(length(events)) FROM zsaga_outbox");
    int rc = outbox_fixture_tamper(fixture,
                                   "DROP TABLE zsaga_outbox_tail;"
                                   "ALTER TABLE zsaga_outbox DROP COLUMN at_ms;"
                                   "DELETE FROM zsaga_counter WHERE name = 'outbox_bytes';"
                                   "UPDATE zsaga_schema SET version = 1 WHERE part = 'outbox'",
                                   &err);
    assert_int_equal(rc, 0);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    assert_int_equal(outbox_tail(fixture->outbox), 1);
    assert_int_equal(temp_store_ask(fixture->store, "SELECT value FROM zsaga_counter WHERE name ="
                                                    " 'outbox_bytes'"),
                     bytes);
    assert_in_range(temp_store_ask(fixture->store, "SELECT at_ms FROM zsaga_outbox"), 1700000000000,
                    INT64_MAX);
    add(fixture, "C");
    outbox_fixture_commit(fixture);
    assert_log(fixture, "1 A, 2 B\n3 C\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(test_outbox_open__new_store__head_is_0),
        OUTBOX_TEST(test_outbox_write__commits__numbers_are_contiguous),
        OUTBOX_TEST(test_outbox_add__all_fields__are_stored),
        OUTBOX_TEST(test_outbox_open__after_a_restart__numbers_go_on),
        OUTBOX_TEST(test_outbox_take_back__one_entry__leaves_no_gap),
        OUTBOX_TEST(test_outbox_forget__batch_rolled_back__numbers_are_given_again),
        OUTBOX_TEST(test_outbox_head__written_but_not_committed__stays),
        OUTBOX_TEST(test_outbox_write__more_than_a_row__is_split),
        OUTBOX_TEST(test_outbox_take_back__over_rows__leaves_no_gap),
        OUTBOX_TEST(test_outbox_fresh__several_commits__are_kept_until_published),
        OUTBOX_TEST(test_outbox_last_id__is_that_of_the_head),
        OUTBOX_TEST(test_outbox_open__first_version_of_the_schema__goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
