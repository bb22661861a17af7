#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "consumer_rig.h"

enum { ORCHESTRATOR, ORDER, PAYMENT };

static int set_up(void **state)
{
    *state = rig_new(CONSUMER_STOPS, 0, RIG_PUBLISHERS);
    return 0;
}

static int set_up_paced(void **state)
{
    *state = rig_new(CONSUMER_STOPS, 200, RIG_PUBLISHERS);
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

/* A late joiner fetches all that is kept before it applies anything that is told live. */
static void test_start__live_before_fetched__waits_for_the_fetch(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 10; i++)
        fake_publisher_add(rig->fakes[ORDER], 3);
    rig_tell(rig, ORDER, 30);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_SYNCING);
    assert_non_null(rig->asked[ORDER]);
    assert_int_equal(rig->asked[ORDER]->fetch->after, 0);
    assert_int_equal(rig->asked[ORDER]->fetch->store.len, 0);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 30);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    rig_go_on(rig, ORDER, 4);
    rig_expect_applied(rig, ORDER, 1, 34);
}

/* What is fetched comes in as many answers as it takes, one question at a time. */
static void test_fetch__more_than_one_answer_holds__goes_on_until_the_head(void **state)
{
    struct rig *rig = *state;
    rig->fakes[ORDER]->answer_bytes = 500;
    for (int i = 0; i < 200; i++)
        fake_publisher_add(rig->fakes[ORDER], 2);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 400);
    assert_true(rig_stream(rig, ORDER)->fetches > 20);
    assert_int_equal(rig_stream(rig, ORDER)->gaps, 0);
}

/* A gap is fetched, and what came behind it is applied after it. */
static void test_gap__row_lost__is_fetched_in_its_place(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    rig_go_on(rig, PAYMENT, 5);
    fake_publisher_add(rig->fakes[PAYMENT], 2);
    rig_go_on(rig, PAYMENT, 3);
    rig_expect_applied(rig, PAYMENT, 1, 5);
    assert_non_null(rig->asked[PAYMENT]);
    assert_int_equal(rig->asked[PAYMENT]->fetch->after, 5);
    rig_settle(rig);
    rig_expect_applied(rig, PAYMENT, 1, 10);
    assert_int_equal(rig_stream(rig, PAYMENT)->gaps, 1);
    assert_int_equal(rig_stream(rig, PAYMENT)->duplicates, 1); /* The last row came both ways. */
}

/* A row that comes again changes nothing and is counted. */
static void test_duplicate__row_told_again__is_applied_once(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    rig_go_on(rig, ORDER, 5);
    rig_go_on(rig, ORDER, 5);
    rig_tell(rig, ORDER, 1);
    rig_tell(rig, ORDER, 10);
    rig_tell(rig, ORDER, 10);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 10);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_int_equal(rig_stream(rig, ORDER)->duplicates, 3);
}

/* Rows told in another order are applied in the log's. */
static void test_order__rows_swapped__are_applied_in_order(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    for (int i = 0; i < 4; i++)
        fake_publisher_add(rig->fakes[ORDER], 2);
    rig_tell(rig, ORDER, 5);
    rig_tell(rig, ORDER, 7);
    rig_tell(rig, ORDER, 3);
    rig_tell(rig, ORDER, 1);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 8);
    assert_null(rig->asked[ORDER]);
}

/* A row that begins at or before the cursor is applied from there on. */
static void test_row__partly_applied__goes_on_behind_the_cursor(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = rig->fakes[ORDER];
    rig_settle(rig);
    rig_go_on(rig, ORDER, 3);
    /* The same events, and three more, in one row. */
    fake->row_count = 0;
    fake->head = 0;
    buffer_release(&fake->rows[0].events);
    rig_go_on(rig, ORDER, 6);
    rig_expect_applied(rig, ORDER, 1, 6);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
}

/* What was lost at the log's end is seen by the range, also when nothing more happens. */
static void test_range__tail_lost__is_fetched(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    rig_go_on(rig, ORDER, 2);
    fake_publisher_add(rig->fakes[ORDER], 4);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    assert_non_null(rig->asked[ORDER]);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 6);
    assert_int_equal(rig_stream(rig, ORDER)->head, 6);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    assert_null(rig->asked[ORDER]);
}

/* Another incarnation: nothing live is applied before a fetch from the cursor was answered. */
static void test_incarnation__another_is_heard__is_fetched_first(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    rig_go_on(rig, ORDER, 2);
    fake_publisher_restart(rig->fakes[ORDER]);
    rig_go_on(rig, ORDER, 2);
    rig_expect_applied(rig, ORDER, 1, 2);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_SYNCING);
    assert_int_equal(rig->asked[ORDER]->fetch->after, 2);
    assert_int_equal(rig->asked[ORDER]->fetch->after_id.len, ID_SIZE);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 4);
    assert_int_equal(rig_stream(rig, ORDER)->gaps, 0);
}

/* The answer to a question that was asked before another incarnation was heard does not count. */
static void test_incarnation__answer_of_the_earlier__does_not_count(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = rig->fakes[ORDER];
    fake_publisher_add(fake, 5);
    assert_int_equal(rig_turn(rig), 0);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    struct buffer late = fake_publisher_answer(fake, rig->asked[ORDER]);
    fake_publisher_restart(fake);
    rig_range(rig, ORDER);
    rig_reply(rig, ORDER, late);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_SYNCING);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 5);
}

/* A late frame of an earlier incarnation costs a fetch and nothing else. */
static void test_incarnation__late_frame_of_the_earlier__is_not_believed(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = rig->fakes[ORDER];
    rig_settle(rig);
    rig_go_on(rig, ORDER, 2);
    fake_publisher_add(fake, 1);
    struct buffer late = fake_publisher_tell(fake, 3);
    fake_publisher_restart(fake);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 3);
    rig_publish(rig, ORDER, late);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_SYNCING);
    rig_settle(rig);
    rig_go_on(rig, ORDER, 2);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 5);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
}

/* A question without an answer is asked again, later each time, at most 5 s apart; one at a time.
 */
static void test_fetch__no_answer__is_asked_again(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig_turn(rig), 0);
    uint64_t id = rig->asked[ORDER]->id;
    rig_wait(rig, 99);
    assert_int_equal(rig->asked_count[ORDER], 1);
    rig_wait(rig, 1);
    assert_int_equal(rig->asked_count[ORDER], 2);
    assert_int_equal(rig->asked[ORDER]->id, id);
    rig_wait(rig, 60000);
    assert_in_range(rig->asked_count[ORDER], 16, 18);
    rig_settle(rig);
    fake_publisher_add(rig->fakes[ORDER], 1);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    unsigned int before = rig->asked_count[ORDER];
    rig_wait(rig, 999);
    assert_int_equal(rig->asked_count[ORDER], before);
    rig_wait(rig, 1);
    assert_int_equal(rig->asked_count[ORDER], before + 1);
}

/* An answer that comes twice, or to another question, is passed by. */
static void test_fetch__answered_twice__counts_once(void **state)
{
    struct rig *rig = *state;
    fake_publisher_add(rig->fakes[ORDER], 3);
    assert_int_equal(rig_turn(rig), 0);
    rig->asked[ORDER]->id += 77;
    rig_reply(rig, ORDER, fake_publisher_answer(rig->fakes[ORDER], rig->asked[ORDER]));
    rig->asked[ORDER]->id -= 77;
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_reply(rig, ORDER, fake_publisher_answer(rig->fakes[ORDER], rig->asked[ORDER]));
    rig_reply(rig, ORDER, fake_publisher_answer(rig->fakes[ORDER], rig->asked[ORDER]));
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 3);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen"), 3);
}

/* What is told while nothing can be applied is held up to a bound; the rest is fetched. */
static void test_queue__flood_while_syncing__is_bounded(void **state)
{
    struct rig *rig = *state;
    rig->fakes[ORDER]->payload_bytes = 1000;
    assert_int_equal(rig_turn(rig), 0);
    for (int i = 0; i < 10000; i++) {
        fake_publisher_add(rig->fakes[ORDER], 1);
        rig_tell(rig, ORDER, rig->fakes[ORDER]->head);
    }
    assert_in_range(consumer_node_counters(rig->node)->dropped, 5000, 7500);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 10000);
}

/* A batch has a bound; what is left follows in the next turn, which is wanted at once. */
static void test_batch__more_rows_than_it_takes__goes_on_next_turn(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    for (int i = 0; i < 5000; i++) {
        fake_publisher_add(rig->fakes[ORDER], 1);
        rig_tell(rig, ORDER, rig->fakes[ORDER]->head);
    }
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 4096);
    assert_true(node_turn_deadline(&rig->turn) <= rig->now.mono_ms);
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 5000);
}

/* A batch has a bound in bytes as well. */
static void test_batch__more_bytes_than_it_takes__goes_on_next_turn(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    for (size_t i = 0; i < RIG_PUBLISHERS; i++) {
        rig->fakes[i]->payload_bytes = (size_t)250 << 10;
        for (int j = 0; j < 12; j++) {
            fake_publisher_add(rig->fakes[i], 1);
            rig_tell(rig, i, rig->fakes[i]->head);
        }
    }
    assert_int_equal(rig_turn(rig), 0);
    assert_in_range(rig_ask(rig, "SELECT count(*) FROM seen"), 12, 20);
    rig_wait(rig, 0);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen"), 36);
}

/* One transaction takes what all publishers have told. */
static void test_batch__several_publishers__is_one_transaction(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    uint64_t before = consumer_node_counters(rig->node)->commits;
    for (size_t i = 0; i < RIG_PUBLISHERS; i++)
        for (int j = 0; j < 10; j++) {
            fake_publisher_add(rig->fakes[i], 2);
            rig_tell(rig, i, rig->fakes[i]->head);
        }
    assert_int_equal(rig_turn(rig), 0);
    assert_int_equal(consumer_node_counters(rig->node)->commits, before + 1);
    for (size_t i = 0; i < RIG_PUBLISHERS; i++)
        rig_expect_applied(rig, i, 1, 20);
}

/* With a pace it waits for more before it commits, counted from the first row; a lot is enough. */
static void test_pace__rows_wait__until_time_or_bytes(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    rig_wait(rig, 5000);
    rig_go_on(rig, ORDER, 1);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_wait(rig, 150);
    rig_go_on(rig, ORDER, 1);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_wait(rig, 49);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_wait(rig, 1);
    rig_expect_applied(rig, ORDER, 1, 2);
    rig->fakes[ORDER]->payload_bytes = (size_t)250 << 10;
    for (int i = 0; i < 8; i++) {
        fake_publisher_add(rig->fakes[ORDER], 1);
        rig_tell(rig, ORDER, rig->fakes[ORDER]->head);
    }
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 2);
    rig->fakes[ORCHESTRATOR]->payload_bytes = (size_t)250 << 10;
    for (int i = 0; i < 9; i++) {
        fake_publisher_add(rig->fakes[ORCHESTRATOR], 1);
        rig_tell(rig, ORCHESTRATOR, rig->fakes[ORCHESTRATOR]->head);
    }
    assert_int_equal(rig_turn(rig), 0);
    rig_expect_applied(rig, ORDER, 1, 10);
}

/* With a pace a catch-up fetches on while it waits. */
static void test_pace__catching_up__fetches_ahead(void **state)
{
    struct rig *rig = *state;
    rig->fakes[ORDER]->answer_bytes = 2000;
    for (int i = 0; i < 100; i++)
        fake_publisher_add(rig->fakes[ORDER], 2);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 0);
    assert_int_equal(rig_stream(rig, ORDER)->head, 200);
    rig_wait(rig, 200);
    rig_expect_applied(rig, ORDER, 1, 200);
    assert_int_equal(rig_stream(rig, ORDER)->duplicates, 0);
}

/* An answer that continues what another incarnation has told does not count. */
static void test_pace__other_incarnation_answers__asks_from_the_cursor(void **state)
{
    struct rig *rig = *state;
    rig->fakes[ORDER]->answer_bytes = 500;
    for (int i = 0; i < 20; i++)
        fake_publisher_add(rig->fakes[ORDER], 2);
    assert_int_equal(rig_turn(rig), 0);
    rig_reply(rig, ORDER, fake_publisher_answer(rig->fakes[ORDER], rig->asked[ORDER]));
    assert_int_equal(rig_turn(rig), 0);
    assert_true(rig->asked[ORDER]->fetch->after > 0);
    fake_publisher_restart(rig->fakes[ORDER]);
    rig_reply(rig, ORDER, fake_publisher_answer(rig->fakes[ORDER], rig->asked[ORDER]));
    assert_int_equal(rig_turn(rig), 0);
    assert_int_equal(rig->asked[ORDER]->fetch->after, 0);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_SYNCING);
    rig_settle(rig);
    rig_wait(rig, 200);
    rig_settle(rig);
    rig_wait(rig, 200);
    rig_expect_applied(rig, ORDER, 1, 40);
}

/* Ready means that each publisher has answered; an absent one is waited for two seconds. */
static void test_ready__publisher_absent__is_ready_after_two_seconds(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig_turn(rig), 0);
    for (size_t i = 0; i < PAYMENT; i++)
        rig_reply(rig, i, fake_publisher_answer(rig->fakes[i], rig->asked[i]));
    assert_int_equal(rig_turn(rig), 0);
    assert_false(rig->node->ops->ready(rig->node));
    rig_wait(rig, 1999);
    assert_false(rig->node->ops->ready(rig->node));
    rig_wait(rig, 1);
    assert_true(rig->node->ops->ready(rig->node));
}

static void test_ready__all_have_answered__is_ready_at_once(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    assert_true(rig->node->ops->ready(rig->node));
}

/* The cursor survives: after a restart it asks behind the last event, by its id. */
static void test_restart__cursor_kept__asks_behind_it(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig_turn(rig), 0);
    uint64_t id_before = rig->asked[ORDER]->id;
    rig_settle(rig);
    rig_go_on(rig, ORDER, 7);
    rig_crash(rig);
    assert_int_equal(rig_turn(rig), 0);
    assert_int_not_equal(rig->asked[ORDER]->id, id_before);
    const Zsaga__Fetch *fetch = rig->asked[ORDER]->fetch;
    struct id id = fake_publisher_id(rig->fakes[ORDER], 7);
    assert_int_equal(fetch->after, 7);
    assert_true(bytes_equal(packed_view(fetch->after_id), id_view(&id)));
    assert_true(bytes_equal(packed_view(fetch->store), id_view(&rig->fakes[ORDER]->header.store)));
    fake_publisher_add(rig->fakes[ORDER], 2);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 9);
    assert_int_equal(rig_stream(rig, ORDER)->applied_wall_ms, 1700000000009);
}

/* An idle stream asks nothing, and nothing wakes the process. */
static void test_idle__nothing_told__asks_nothing(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    rig_wait(rig, 10000);
    unsigned int before = rig->asked_count[ORDER];
    uint64_t commits = consumer_node_counters(rig->node)->commits;
    for (int i = 0; i < 20; i++) {
        rig_range(rig, ORDER);
        rig_wait(rig, 500);
    }
    assert_int_equal(rig->asked_count[ORDER], before);
    assert_int_equal(consumer_node_counters(rig->node)->commits, commits);
    assert_true(node_turn_deadline(&rig->turn) == INT64_MAX);
}

/* Effects of its own wait for the disk; what can be built anew does not. */
static void test_database__by_what_it_holds__waits_for_the_disk(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig_ask(rig, "PRAGMA synchronous"), 2);
    struct rig *other = rig_new(CONSUMER_REBUILDS, 0, 1);
    int64_t synchronous = rig_ask(other, "PRAGMA synchronous");
    rig_free(other);
    assert_int_equal(synchronous, 1);
}

int main(void)
{
#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define PACED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_paced, tear_down)
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_start__live_before_fetched__waits_for_the_fetch),
        RIG_TEST(test_fetch__more_than_one_answer_holds__goes_on_until_the_head),
        RIG_TEST(test_gap__row_lost__is_fetched_in_its_place),
        RIG_TEST(test_duplicate__row_told_again__is_applied_once),
        RIG_TEST(test_order__rows_swapped__are_applied_in_order),
        RIG_TEST(test_row__partly_applied__goes_on_behind_the_cursor),
        RIG_TEST(test_range__tail_lost__is_fetched),
        RIG_TEST(test_incarnation__another_is_heard__is_fetched_first),
        RIG_TEST(test_incarnation__answer_of_the_earlier__does_not_count),
        RIG_TEST(test_incarnation__late_frame_of_the_earlier__is_not_believed),
        RIG_TEST(test_fetch__no_answer__is_asked_again),
        RIG_TEST(test_fetch__answered_twice__counts_once),
        RIG_TEST(test_queue__flood_while_syncing__is_bounded),
        RIG_TEST(test_batch__more_rows_than_it_takes__goes_on_next_turn),
        RIG_TEST(test_batch__more_bytes_than_it_takes__goes_on_next_turn),
        RIG_TEST(test_batch__several_publishers__is_one_transaction),
        PACED_TEST(test_pace__rows_wait__until_time_or_bytes),
        PACED_TEST(test_pace__catching_up__fetches_ahead),
        PACED_TEST(test_pace__other_incarnation_answers__asks_from_the_cursor),
        RIG_TEST(test_ready__publisher_absent__is_ready_after_two_seconds),
        RIG_TEST(test_ready__all_have_answered__is_ready_at_once),
        RIG_TEST(test_restart__cursor_kept__asks_behind_it),
        RIG_TEST(test_idle__nothing_told__asks_nothing),
        RIG_TEST(test_database__by_what_it_holds__waits_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
