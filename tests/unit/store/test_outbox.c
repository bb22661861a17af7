#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "event.pb-c.h"
#include "store/outbox.h"
#include "temp_store.h"

struct fixture {
    struct temp_store *store;
    struct outbox *outbox;
};

static void open_outbox(struct fixture *fixture)
{
    struct err err = {0};
    if (outbox_open(fixture->store->db, &fixture->outbox, &err) != 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->store = temp_store_new();
    open_outbox(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    outbox_close(fixture->outbox);
    temp_store_free(fixture->store);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    outbox_close(fixture->outbox);
    temp_store_close(fixture->store);
    temp_store_open(fixture->store);
    open_outbox(fixture);
}

static void add(struct fixture *fixture, const char *type)
{
    const struct outbox_event event = {
        .id = temp_store_id(1), .type = bytes_text(type), .wall_ms = 1};
    outbox_add(fixture->outbox, &event);
}

static void write_all(struct fixture *fixture)
{
    struct err err = {0};
    if (outbox_write(fixture->outbox, &err) != 0)
        fail_msg("%s", err.text);
}

static void commit(struct fixture *fixture)
{
    temp_store_begin(fixture->store);
    write_all(fixture);
    temp_store_commit(fixture->store);
    outbox_committed(fixture->outbox);
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
static void assert_log(struct fixture *fixture, const char *lines)
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
    struct fixture *fixture = *state;
    assert_int_equal(outbox_head(fixture->outbox), 0);
    commit(fixture); /* Nothing was collected: nothing is written. */
    assert_int_equal(outbox_head(fixture->outbox), 0);
    assert_log(fixture, "");
}

/* All events of one commit are one row; numbers are per event all the same, without a gap. */
static void test_outbox_write__commits__numbers_are_contiguous(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "A");
    add(fixture, "B");
    add(fixture, "C");
    commit(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 3);
    add(fixture, "D");
    commit(fixture);
    add(fixture, "E");
    add(fixture, "F");
    commit(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 6);
    assert_log(fixture, "1 A, 2 B, 3 C\n4 D\n5 E, 6 F\n");
}

/* An event is stored as it was handed over, and copied: nothing need outlive the call. */
static void test_outbox_add__all_fields__are_stored(void **state)
{
    struct fixture *fixture = *state;
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
    commit(fixture);
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
    struct fixture *fixture = *state;
    add(fixture, "A");
    add(fixture, "B");
    commit(fixture);
    reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    add(fixture, "C");
    commit(fixture);
    assert_log(fixture, "1 A, 2 B\n3 C\n");
}

/* The counter is a row of its own: forgetting the oldest, or even all, never gives a number twice.
 */
static void test_outbox_open__log_was_forgotten__the_counter_survives(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    add(fixture, "A");
    add(fixture, "B");
    commit(fixture);
    assert_int_equal(db_exec(fixture->store->db, "DELETE FROM zsaga_outbox", &err), 0);
    reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    add(fixture, "C");
    commit(fixture);
    assert_log(fixture, "3 C\n");
}

/* A refused entry takes back its own events and no others, and leaves no gap. */
static void test_outbox_take_back__one_entry__leaves_no_gap(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "A");
    struct outbox_mark mark = outbox_mark(fixture->outbox);
    add(fixture, "taken");
    add(fixture, "back");
    outbox_take_back(fixture->outbox, mark);
    add(fixture, "B");
    commit(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    mark = outbox_mark(fixture->outbox);
    add(fixture, "also");
    outbox_take_back(fixture->outbox, mark);
    commit(fixture);
    assert_log(fixture, "1 A, 2 B\n");
}

/* A batch that was taken back tells nothing, and its numbers are given to the next one. */
static void test_outbox_forget__batch_rolled_back__numbers_are_given_again(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "A");
    commit(fixture);
    add(fixture, "lost");
    add(fixture, "too");
    temp_store_begin(fixture->store);
    write_all(fixture);
    db_rollback(fixture->store->db);
    outbox_forget(fixture->outbox);
    assert_int_equal(outbox_head(fixture->outbox), 1);
    assert_log(fixture, "1 A\n");
    add(fixture, "B");
    commit(fixture);
    reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 2);
    assert_log(fixture, "1 A\n2 B\n");
}

/* An event is visible only after the commit: the head is the last committed number. */
static void test_outbox_head__written_but_not_committed__stays(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "A");
    temp_store_begin(fixture->store);
    write_all(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 0);
    temp_store_commit(fixture->store);
    outbox_committed(fixture->outbox);
    assert_int_equal(outbox_head(fixture->outbox), 1);
    /* One that was killed between the write and the commit has told nothing. */
    add(fixture, "B");
    temp_store_begin(fixture->store);
    write_all(fixture);
    reopen(fixture);
    assert_int_equal(outbox_head(fixture->outbox), 1);
    assert_log(fixture, "1 A\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_outbox_open__new_store__head_is_0),
        TEST(test_outbox_write__commits__numbers_are_contiguous),
        TEST(test_outbox_add__all_fields__are_stored),
        TEST(test_outbox_open__after_a_restart__numbers_go_on),
        TEST(test_outbox_open__log_was_forgotten__the_counter_survives),
        TEST(test_outbox_take_back__one_entry__leaves_no_gap),
        TEST(test_outbox_forget__batch_rolled_back__numbers_are_given_again),
        TEST(test_outbox_head__written_but_not_committed__stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
