#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "publisher_fixture.h"

static void assert_range(const Zsaga__LogRange *range, uint64_t tail, uint64_t head)
{
    assert_non_null(range);
    assert_int_equal(range->tail, tail);
    assert_int_equal(range->head, head);
}

static const Zsaga__Fetched *fetched(struct publisher_fixture *self, uint64_t after,
                                     uint32_t after_id)
{
    const Zsaga__ReplayAnswer *answer = publisher_fixture_fetch(
        self, &(struct publisher_cursor){after == 0 ? NULL : &self->sender.store, after, after_id});
    assert_int_equal(answer->kind_case, ZSAGA__REPLAY_ANSWER__KIND_FETCHED);
    return answer->fetched;
}

static void assert_diverged(struct publisher_fixture *self, const struct publisher_cursor *cursor,
                            const char *code)
{
    const Zsaga__ReplayAnswer *answer = publisher_fixture_fetch(self, cursor);
    assert_int_equal(answer->kind_case, ZSAGA__REPLAY_ANSWER__KIND_DIVERGED);
    assert_true(bytes_equal(packed_view(answer->diverged->code), bytes_text(code)));
    assert_non_null(answer->diverged->range);
    assert_true(answer->diverged->message.len > 0);
}

static void assert_refused(const Zsaga__ReplayAnswer *answer, uint64_t id, const char *code)
{
    assert_int_equal(answer->kind_case, ZSAGA__REPLAY_ANSWER__KIND_REFUSAL);
    assert_int_equal(answer->id, id);
    assert_true(bytes_equal(packed_view(answer->refusal->code), bytes_text(code)));
    assert_true(answer->refusal->message.len > 0);
}

/* The range is told in the first turn and then twice a second, also when nothing happens, and
 * whatever else makes the node turn. */
static void test_range__idle__is_told_twice_a_second(void **state)
{
    struct publisher_fixture *self = *state;
    assert_in_range(publisher_deadline(self->publisher), 0, self->now.mono_ms);
    publisher_fixture_turn(self);
    assert_range(self->range, 1, 0);
    int told = 0;
    for (int i = 0; i < 10; i++) { /* Five seconds. */
        int64_t next = publisher_deadline(self->publisher);
        assert_int_equal(next, self->now.mono_ms + PUBLISHER_RANGE_MS);
        self->now.mono_ms += PUBLISHER_RANGE_MS / 2;
        publisher_fixture_turn(self);
        assert_null(self->range);
        self->now.mono_ms = next;
        publisher_fixture_turn(self);
        told += self->range != NULL;
    }
    assert_int_equal(told, 10);
    outbox_fixture_fill(self->log, 3, 0);
    self->now.mono_ms += PUBLISHER_RANGE_MS;
    publisher_fixture_turn(self);
    assert_range(self->range, 1, 3);
}

/* What was committed is told once, in order, as it stands in the log; a reader gets the same bytes
 * under the same numbers later. */
static void test_rows__live_and_replayed__have_the_same_bytes(void **state)
{
    struct publisher_fixture *self = *state;
    for (int i = 0; i < 100; i++) {
        outbox_fixture_add(self->log, "A", 2000);
        outbox_fixture_add(self->log, "B", 50);
        if (i % 10 == 0)
            outbox_fixture_commit(self->log);
    }
    outbox_fixture_commit(self->log);
    publisher_fixture_turn(self);
    size_t count = self->row_count;
    assert_in_range(count, 11, 20);
    uint64_t next = 1;
    struct buffer live = {0};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(self->rows[i]->first, next);
        next += self->rows[i]->count;
        buffer_append(&live, self->rows[i]->events.data, self->rows[i]->events.len);
    }
    assert_int_equal(next, 201);
    const Zsaga__Fetched *answer = fetched(self, 0, 0);
    assert_int_equal(self->row_count, 0); /* Nothing is told twice. */
    assert_int_equal(answer->n_rows, count);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes events = packed_view(answer->rows[i]->events);
        assert_true(bytes_equal(events, bytes_of(live.data + at, events.len)));
        at += events.len;
    }
    assert_int_equal(at, live.len);
    buffer_release(&live);
}

/* Only what is committed is told: a batch that was taken back leaves no trace and no gap. */
static void test_rows__of_a_batch_taken_back__are_not_told(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_add(self->log, "lost", 10);
    temp_store_begin(self->log->store);
    outbox_fixture_write(self->log);
    publisher_fixture_turn(self);
    assert_int_equal(self->row_count, 0);
    assert_range(self->range, 1, 0);
    db_rollback(self->log->store->db);
    outbox_forget(self->log->outbox);
    outbox_fixture_fill(self->log, 1, 10);
    publisher_fixture_turn(self);
    assert_int_equal(self->row_count, 1);
    assert_int_equal(self->rows[0]->first, 1);
    assert_int_equal(self->rows[0]->count, 1);
}

/* A reader catches up in bounded answers without a gap, to an answer without rows at the head; a
 * row may begin before what it asked for, and a large one travels alone. */
static void test_fetch__to_the_head__is_bounded_and_gapless(void **state)
{
    struct publisher_fixture *self = *state;
    for (int i = 0; i < 40; i++)
        outbox_fixture_add(self->log, "A", 20000);
    outbox_fixture_add(self->log, "large", OUTBOX_PAYLOAD_MAX);
    outbox_fixture_add(self->log, "B", 0);
    outbox_fixture_commit(self->log);
    uint64_t after = 1; /* The first row holds it, and more. */
    int answers = 0;
    for (;;) {
        const Zsaga__Fetched *answer = fetched(self, after, (uint32_t)after);
        assert_range(answer->range, 1, 42);
        if (answer->n_rows == 0)
            break;
        size_t bytes = 0;
        for (size_t i = 0; i < answer->n_rows; i++) {
            const Zsaga__LogRow *row = answer->rows[i];
            assert_in_range(row->first, 1, after + 1);
            assert_true(row->first + row->count > after + 1);
            after = row->first + row->count - 1;
            bytes += row->events.len;
        }
        assert_true(bytes <= PUBLISHER_FETCH_BYTES || answer->n_rows == 1);
        assert_in_range(++answers, 1, 10);
    }
    assert_int_equal(after, 42);
    assert_in_range(answers, 5, 8);
}

/* Commits of one small event each make many small rows: they too fit an answer. */
static void test_fetch__many_small_rows__fits_a_frame(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_fill(self->log, 1500, 0);
    const Zsaga__Fetched *answer = fetched(self, 0, 0);
    assert_in_range(answer->n_rows, 500, 1500);
    const Zsaga__LogRow *last = answer->rows[answer->n_rows - 1];
    answer = fetched(self, last->first, (uint32_t)last->first);
    assert_int_equal(answer->rows[answer->n_rows - 1]->first, 1500);
}

/* An empty log has nothing to fetch: that is a valid answer. */
static void test_fetch__of_an_empty_log__has_no_rows(void **state)
{
    struct publisher_fixture *self = *state;
    const Zsaga__Fetched *answer = fetched(self, 0, 0);
    assert_int_equal(answer->n_rows, 0);
    assert_range(answer->range, 1, 0);
    const struct publisher_cursor knows_the_store = {.store = &self->sender.store};
    assert_int_equal(publisher_fixture_fetch(self, &knows_the_store)->kind_case,
                     ZSAGA__REPLAY_ANSWER__KIND_FETCHED);
}

/* Below the tail the answer is `truncated`, with the range; at the tail it goes on. */
static void test_fetch__below_the_tail__is_truncated(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_fill(self->log, 10, 0);
    outbox_fixture_trim(self->log, 0, INT64_MAX);
    outbox_fixture_fill(self->log, 2, 0);
    const struct publisher_cursor gone[] = {{NULL, 0, 0}, {&self->sender.store, 8, 8}};
    for (size_t i = 0; i < 2; i++) {
        const Zsaga__ReplayAnswer *answer = publisher_fixture_fetch(self, &gone[i]);
        assert_int_equal(answer->kind_case, ZSAGA__REPLAY_ANSWER__KIND_TRUNCATED);
        assert_range(answer->truncated->range, 10, 12);
    }
    const Zsaga__Fetched *answer = fetched(self, 9, 9); /* Its id outlived its event. */
    assert_int_equal(answer->n_rows, 3);
    assert_int_equal(answer->rows[0]->first, 10);
}

/* Another database is another log, whatever its numbers are. */
static void test_fetch__of_another_store__is_diverged(void **state)
{
    struct publisher_fixture *self = *state;
    struct id other = temp_store_id(78);
    outbox_fixture_fill(self->log, 3, 0);
    assert_diverged(self, &(struct publisher_cursor){&other, 2, 2}, "other_store");
    assert_diverged(self, &(struct publisher_cursor){&other, 0, 0}, "other_store");
    assert_diverged(self, &(struct publisher_cursor){&other, 9, 9}, "other_store");
}

/* A log that ends before what was read is a restored backup. */
static void test_fetch__above_the_head__is_diverged(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_fill(self->log, 3, 0);
    assert_diverged(self, &(struct publisher_cursor){&self->sender.store, 4, 4}, "behind");
    assert_int_equal(fetched(self, 3, 3)->n_rows, 0);
}

/* Another event under the number read last is a restored backup that has gone on: also where that
 * number is just below the tail. */
static void test_fetch__with_another_event__is_diverged(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_fill(self->log, 5, 0);
    assert_diverged(self, &(struct publisher_cursor){&self->sender.store, 3, 99}, "other_event");
    assert_diverged(self, &(struct publisher_cursor){&self->sender.store, 5, 99}, "other_event");
    outbox_fixture_trim(self->log, 0, INT64_MAX);
    assert_diverged(self, &(struct publisher_cursor){&self->sender.store, 4, 99}, "other_event");
    assert_int_equal(fetched(self, 4, 4)->n_rows, 1);
}

/* Whoever began reading at a number by decision does not know its event: nothing is compared. */
static void test_fetch__without_an_event_id__is_not_compared(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_fill(self->log, 5, 0);
    assert_int_equal(fetched(self, 3, 0)->n_rows, 2);
}

static void give_bad(struct publisher_fixture *self, uint64_t id, size_t store, uint64_t after,
                     size_t after_id)
{
    static uint8_t bytes[100];
    Zsaga__ReplayRequest request = ZSAGA__REPLAY_REQUEST__INIT;
    Zsaga__Fetch message = ZSAGA__FETCH__INIT;
    message.store = packed_borrow(bytes_of(bytes, store));
    message.after = after;
    message.after_id = packed_borrow(bytes_of(bytes, after_id));
    request.id = id;
    request.kind_case = ZSAGA__REPLAY_REQUEST__KIND_FETCH;
    request.fetch = &message;
    publisher_fixture_give_request(self, "reader", &request);
}

/* What is malformed is refused with words, and does no harm to a fetch that waits. */
static void test_fetch__malformed__is_refused(void **state)
{
    struct publisher_fixture *self = *state;
    Zsaga__ReplayRequest nothing = ZSAGA__REPLAY_REQUEST__INIT;
    nothing.id = 6;
    outbox_fixture_fill(self->log, 3, 0);
    publisher_fixture_give_fetch(self, "reader", &(struct publisher_cursor){0});
    give_bad(self, 0, 16, 2, 16);
    give_bad(self, 1, 15, 2, 16);
    give_bad(self, 2, 0, 2, 16);
    give_bad(self, 3, 16, 0, 16);
    give_bad(self, 4, 16, 2, 17);
    give_bad(self, 5, 16, (uint64_t)INT64_MAX + 1, 16);
    publisher_fixture_give_request(self, "reader", &nothing);
    publisher_fixture_give(self, "reader", bytes_text("no frame at all"));
    publisher_fixture_give(self, "reader", bytes_of(NULL, 0));
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 10);
    for (uint64_t i = 0; i < 7; i++)
        assert_refused(self->answers[i], i, "malformed");
    assert_refused(self->answers[7], 0, "malformed");
    assert_refused(self->answers[8], 0, "malformed");
    assert_int_equal(self->answers[9]->kind_case, ZSAGA__REPLAY_ANSWER__KIND_FETCHED);
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 0);
}

/* A flood of nonsense is not answered without end. */
static void test_fetch__flood_of_nonsense__is_bounded(void **state)
{
    struct publisher_fixture *self = *state;
    for (int i = 0; i < 5000; i++)
        publisher_fixture_give(self, "reader", bytes_text("x"));
    publisher_fixture_turn(self);
    assert_in_range(self->answer_count, 1, 64);
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 0);
}

/* One fetch of a peer waits, its newest; one is answered a turn, in the order in which the peers
 * came, and while one waits the next turn is wanted at once. */
static void test_fetch__of_several_peers__are_answered_one_a_turn(void **state)
{
    struct publisher_fixture *self = *state;
    outbox_fixture_fill(self->log, 3, 0);
    publisher_fixture_turn(self);
    assert_true(publisher_deadline(self->publisher) > self->now.mono_ms);
    publisher_fixture_give_fetch(self, "a", &(struct publisher_cursor){0});
    publisher_fixture_give_fetch(self, "b", &(struct publisher_cursor){0});
    publisher_fixture_give_fetch(self, "a", &(struct publisher_cursor){&self->sender.store, 1, 1});
    assert_true(publisher_deadline(self->publisher) <= self->now.mono_ms);
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 1);
    assert_memory_equal(self->to[0].id, "a", 1);
    assert_int_equal(self->answers[0]->id, 3);
    assert_int_equal(self->answers[0]->fetched->n_rows, 2);
    assert_true(publisher_deadline(self->publisher) <= self->now.mono_ms);
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 1);
    assert_memory_equal(self->to[0].id, "b", 1);
    assert_int_equal(self->answers[0]->id, 2);
    assert_true(publisher_deadline(self->publisher) > self->now.mono_ms);
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 0);
}

/* Beyond so many waiting peers a fetch is refused as busy, and those that wait are answered. */
static void test_fetch__flood_of_peers__is_bounded(void **state)
{
    struct publisher_fixture *self = *state;
    char peer[16];
    outbox_fixture_fill(self->log, 1, 0);
    for (int i = 0; i < PUBLISHER_FETCHES_MAX + 10; i++) {
        (void)snprintf(peer, sizeof peer, "peer%d", i);
        publisher_fixture_give_fetch(self, peer, &(struct publisher_cursor){0});
    }
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 11);
    for (size_t i = 0; i < 10; i++)
        assert_refused(self->answers[i], PUBLISHER_FETCHES_MAX + 1 + i, "busy");
    for (int i = 1; i < PUBLISHER_FETCHES_MAX; i++) {
        publisher_fixture_turn(self);
        assert_int_equal(self->answer_count, 1);
        assert_int_equal(self->answers[0]->id, i + 1);
    }
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 0);
}

/* Whether to trim is asked once a second; while more is left than a piece, sooner. */
static void test_trim__is_wanted_once_a_second(void **state)
{
    struct publisher_fixture *self = *state;
    struct err err = {0};
    self->keep = (struct publisher_keep){.bytes = 0, .age_ms = 1000};
    publisher_fixture_renew(self);
    outbox_fixture_fill(self->log, 1, 10);
    assert_false(publisher_wants_trim(self->publisher, self->now)); /* The last row stays. */
    outbox_fixture_fill(self->log, 300, 10);
    assert_false(publisher_wants_trim(self->publisher, self->now)); /* Not again so soon. */
    self->now.mono_ms += 1000;
    assert_true(publisher_wants_trim(self->publisher, self->now));
    temp_store_begin(self->log->store);
    assert_int_equal(publisher_trim(self->publisher, self->now, &err), 0);
    outbox_fixture_write(self->log);
    temp_store_commit(self->log->store);
    outbox_committed(self->log->outbox);
    assert_int_equal(outbox_tail(self->log->outbox), 257);
    assert_false(publisher_wants_trim(self->publisher, self->now));
    self->now.mono_ms += 100;
    assert_true(publisher_wants_trim(self->publisher, self->now));
}

static void write_one(struct publisher_fixture *self)
{
    self->log->wall_ms = publisher_log_ms(self->publisher, self->now); /* What its rows are of. */
    outbox_fixture_fill(self->log, 1, 10);
}

/* Rows age by the time that their publisher ran: neither a jump of the wall clock nor a restart in
 * which the monotonic one begins anew makes them old, and running does. */
static void test_trim__wall_clock_jumps__removes_nothing(void **state)
{
    struct publisher_fixture *self = *state;
    self->keep.age_ms = 60000;
    publisher_fixture_renew(self);
    write_one(self);
    self->now.mono_ms += 30000;
    write_one(self);
    self->now.wall_ms += 400 * INT64_C(86400000);
    assert_false(publisher_wants_trim(self->publisher, self->now));
    publisher_fixture_renew(self);
    self->now.mono_ms = 7;
    write_one(self);
    self->now.mono_ms += 29999;
    assert_false(publisher_wants_trim(self->publisher, self->now));
    self->now.mono_ms += 1001;
    assert_true(publisher_wants_trim(self->publisher, self->now));
}

/* What is kept is said in bytes and days. */
static void test_keep__of_the_suite__is_in_milliseconds(void **state)
{
    (void)state;
    const struct suite_keep keep = {.bytes = 1000, .days = 7};
    struct publisher_keep own = publisher_keep_of(&keep);
    assert_int_equal(own.bytes, 1000);
    assert_int_equal(own.age_ms, 7 * 24 * 3600 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISHER_TEST(test_range__idle__is_told_twice_a_second),
        PUBLISHER_TEST(test_rows__live_and_replayed__have_the_same_bytes),
        PUBLISHER_TEST(test_rows__of_a_batch_taken_back__are_not_told),
        PUBLISHER_TEST(test_fetch__to_the_head__is_bounded_and_gapless),
        PUBLISHER_TEST(test_fetch__many_small_rows__fits_a_frame),
        PUBLISHER_TEST(test_fetch__of_an_empty_log__has_no_rows),
        PUBLISHER_TEST(test_fetch__below_the_tail__is_truncated),
        PUBLISHER_TEST(test_fetch__of_another_store__is_diverged),
        PUBLISHER_TEST(test_fetch__above_the_head__is_diverged),
        PUBLISHER_TEST(test_fetch__with_another_event__is_diverged),
        PUBLISHER_TEST(test_fetch__without_an_event_id__is_not_compared),
        PUBLISHER_TEST(test_fetch__malformed__is_refused),
        PUBLISHER_TEST(test_fetch__flood_of_nonsense__is_bounded),
        PUBLISHER_TEST(test_fetch__of_several_peers__are_answered_one_a_turn),
        PUBLISHER_TEST(test_fetch__flood_of_peers__is_bounded),
        PUBLISHER_TEST(test_trim__is_wanted_once_a_second),
        PUBLISHER_TEST(test_trim__wall_clock_jumps__removes_nothing),
        PUBLISHER_TEST(test_keep__of_the_suite__is_in_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
