#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "consumer_rig.h"

enum { ORCHESTRATOR, ORDER, PAYMENT };

static int set_up_stopping(void **state)
{
    *state = rig_new(CONSUMER_STOPS, 0, RIG_PUBLISHERS);
    return 0;
}

static int set_up_rebuilding(void **state)
{
    *state = rig_new(CONSUMER_REBUILDS, 0, RIG_PUBLISHERS);
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

/* Order has told ten events and all of them are applied. */
static struct fake_publisher *begin(struct rig *rig)
{
    rig_settle(rig);
    for (int i = 0; i < 5; i++)
        rig_go_on(rig, ORDER, 2);
    rig_go_on(rig, PAYMENT, 3);
    rig_expect_applied(rig, ORDER, 1, 10);
    return rig->fakes[ORDER];
}

static void expect_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static char *health_text(struct rig *rig)
{
    static char text[400];
    const Zsaga__HealthReport *report = rig_health(rig);
    (void)snprintf(text, sizeof text, "%.*s: %.*s", (int)report->state.len,
                   (const char *)report->state.data, (int)report->detail.len,
                   (const char *)report->detail.data);
    return text;
}

/* It has stopped, says so in its health, told the log once, and the others go on; a restart changes
 * nothing of that. */
static void expect_stopped(struct rig *rig, enum consumer_stream_state stopped, const char *words)
{
    rig_expect_state(rig, ORDER, stopped);
    expect_contains(rig->news, "stream_stopped publisher=order");
    assert_null(strstr(strstr(rig->news, "stream_stopped") + 1, "stream_stopped"));
    for (int start = 0; start < 2; start++) {
        rig_go_on(rig, ORDER, 1);
        rig_range(rig, ORDER);
        rig_go_on(rig, PAYMENT, 2);
        rig_settle(rig);
        rig_expect_applied(rig, ORDER, 1, 10);
        rig_expect_applied(rig, PAYMENT, 1, rig->fakes[PAYMENT]->head);
        rig_expect_state(rig, ORDER, stopped);
        expect_contains(health_text(rig), consumer_stream_state_name(stopped));
        expect_contains(health_text(rig), "order: ");
        expect_contains(health_text(rig), words);
        expect_contains(health_text(rig),
                        "; compare, then: zsaga resync mailer order --from tail --reason TEXT");
        rig_crash(rig);
        rig_settle(rig);
    }
    unsigned int asked = rig->asked_count[ORDER];
    rig_wait(rig, 20000);
    assert_int_equal(rig->asked_count[ORDER], asked);
}

/* Events behind the cursor are gone: a consumer with effects of its own stops there. */
static void test_truncated__stops__until_a_word(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    for (int i = 0; i < 5; i++)
        fake_publisher_add(fake, 2);
    fake_publisher_trim(fake, 15);
    rig_range(rig, ORDER);
    rig_settle(rig);
    expect_stopped(rig, CONSUMER_STREAM_TRUNCATED, "events 11 to 14 are gone");
}

/* One that can be built anew goes on from the tail, forgets nothing, and says so. */
static void test_truncated__rebuilds__goes_on_from_the_tail(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    for (int i = 0; i < 5; i++)
        fake_publisher_add(fake, 2);
    fake_publisher_trim(fake, 15);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_int_equal(rig_stream(rig, ORDER)->applied, 20);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen WHERE publisher = 'order'"), 16);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen WHERE publisher = 'order' AND"
                                  " seq BETWEEN 11 AND 14"),
                     0);
    assert_int_equal(rig_recorder(rig)->resets, 0);
    expect_contains(rig->news, "stream_truncated publisher=order");
    rig_go_on(rig, ORDER, 1);
    assert_int_equal(rig_stream(rig, ORDER)->applied, 21);
}

/* A log that ends before the cursor is another log. */
static void test_diverged__behind__stops(void **state)
{
    struct rig *rig = *state;
    fake_publisher_restore(begin(rig), 6);
    rig_range(rig, ORDER);
    rig_settle(rig);
    expect_stopped(rig, CONSUMER_STREAM_DIVERGED, "behind at 10");
}

/* A log that has another event at the cursor is another log. */
static void test_diverged__other_event__stops(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    fake_publisher_restore(fake, 6);
    for (int i = 0; i < 5; i++)
        fake_publisher_add(fake, 2);
    rig_range(rig, ORDER);
    rig_settle(rig);
    expect_stopped(rig, CONSUMER_STREAM_DIVERGED, "other_event at 10");
}

/* Another database under the publisher's name is another log. */
static void test_diverged__other_store__stops(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    fake->header.store.bytes[5] = 9;
    fake_publisher_restart(fake);
    rig_range(rig, ORDER);
    rig_settle(rig);
    expect_stopped(rig, CONSUMER_STREAM_DIVERGED, "other_store at 10");
}

/* The same when the publisher itself does not notice. */
static void test_diverged__answer_from_another_store__stops(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    struct id store = fake->header.store;
    fake->header.store.bytes[5] = 9;
    fake_publisher_restart(fake);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    rig->asked[ORDER]->fetch->store.data[5] = 9;
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_DIVERGED);
    assert_int_equal(id_compare(&rig_stream(rig, ORDER)->store, &store), 0);
}

/* ... also when that answers that events are gone: going on at its tail would mix two logs. */
static void test_diverged__truncation_of_another_store__starts_anew(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    fake->header.store.bytes[5] = 9;
    fake_publisher_restart(fake);
    for (int i = 0; i < 5; i++)
        fake_publisher_add(fake, 2);
    fake_publisher_trim(fake, 15);
    rig_range(rig, ORDER);
    assert_int_equal(rig_turn(rig), 0);
    rig->asked[ORDER]->fetch->store.data[5] = 9;
    rig_settle(rig);
    assert_int_equal(rig_recorder(rig)->resets, 1);
    rig_expect_applied(rig, ORDER, 15, 20);
}

/* A failing stream that must stop has not recovered. */
static void test_diverged__while_it_fails__stops_and_has_not_recovered(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    struct recorder *recorder = rig_recorder(rig);
    recorder->fault = RECORDER_FAILS;
    recorder->fault_at = 11;
    (void)snprintf(recorder->fault_publisher, sizeof recorder->fault_publisher, "order");
    rig_go_on(rig, ORDER, 2);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    fake_publisher_restore(fake, 6);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_wait(rig, 60000);
    assert_null(strstr(rig->news, "stream_recovered"));
    recorder->fault = RECORDER_WELL;
    expect_stopped(rig, CONSUMER_STREAM_DIVERGED, "behind at 10");
}

/* A live event at the cursor with another id: seen at once, without any question. */
static void test_diverged__live_event_at_the_cursor__stops(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    uint64_t incarnation = fake->header.incarnation;
    fake_publisher_restore(fake, 8);
    fake->header.incarnation = incarnation;
    fake_publisher_add(fake, 2);
    rig_tell(rig, ORDER, 10);
    assert_int_equal(rig_turn(rig), 0);
    expect_stopped(rig, CONSUMER_STREAM_DIVERGED, "event 10 of its log is another one");
}

/* ... also where its row goes on behind the cursor. */
static void test_diverged__row_across_the_cursor__stops(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    uint64_t incarnation = fake->header.incarnation;
    fake_publisher_restore(fake, 8);
    fake->header.incarnation = incarnation;
    fake_publisher_add(fake, 4);
    rig_tell(rig, ORDER, 10);
    assert_int_equal(rig_turn(rig), 0);
    assert_int_equal(rig_turn(rig), 0);
    expect_stopped(rig, CONSUMER_STREAM_DIVERGED, "event 10 of its log is another one");
}

/* A range that ends before the cursor may just be late: the publisher is asked, not suspected. */
static void test_range__below_the_cursor__is_asked_about(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    uint64_t head = fake->head;
    fake->head = 4;
    rig_range(rig, ORDER);
    fake->head = head;
    assert_int_equal(rig_turn(rig), 0);
    assert_int_equal(rig_stream(rig, ORDER)->head, 10);
    assert_non_null(rig->asked[ORDER]);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_int_equal(rig_stream(rig, ORDER)->head, 10);
    rig_go_on(rig, ORDER, 2);
    rig_expect_applied(rig, ORDER, 1, 12);
}

/* One that can be built anew forgets that publisher and reads the other log from its start. */
static void test_diverged__rebuilds__reads_from_the_start(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    fake_publisher_restore(fake, 6);
    fake_publisher_add(fake, 1);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    rig_expect_applied(rig, ORDER, 1, 7);
    rig_expect_applied(rig, PAYMENT, 1, 3);
    assert_int_equal(rig_recorder(rig)->resets, 1);
    assert_int_equal(rig_stream(rig, ORDER)->resyncs, 1);
    expect_contains(rig->news, "stream_rebuilt publisher=order");
}

/* A reset that fails is tried again, later and later; the others go on meanwhile. */
static void test_diverged__reset_fails__is_tried_again(void **state)
{
    struct rig *rig = *state;
    struct fake_publisher *fake = begin(rig);
    fake_publisher_restore(fake, 6);
    rig_recorder(rig)->reset_fails = true;
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    rig_expect_applied(rig, ORDER, 1, 10);
    rig_go_on(rig, PAYMENT, 1);
    rig_expect_applied(rig, PAYMENT, 1, 4);
    rig_wait(rig, 10000);
    assert_in_range(rig_recorder(rig)->resets, 6, 9);
    rig_recorder(rig)->reset_fails = false;
    rig_wait(rig, 30000);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 6);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
}

static void stop_order(struct rig *rig)
{
    struct fake_publisher *fake = begin(rig);
    fake_publisher_restore(fake, 6);
    fake_publisher_add(fake, 1);
    fake_publisher_add(fake, 1);
    fake_publisher_trim(fake, 5);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_DIVERGED);
}

/* An operator's word: from the tail on, all that the log still has is applied. */
static void test_resync__from_tail__applies_what_there_is(void **state)
{
    struct rig *rig = *state;
    stop_order(rig);
    const Zsaga__OwnerAnswer *answer = rig_resync(rig, "order", true, "compared");
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_RESYNCED);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen WHERE publisher = 'order'"), 10 + 4);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM zsaga_resync WHERE publisher = 'order' AND"
                                  " CAST(who AS TEXT) = 'ops@desk' AND seq_before = 10 AND"
                                  " CAST(reason AS TEXT) = 'compared' AND seq_after = 4"),
                     1);
    expect_contains(rig->news, "stream_resynced publisher=order");
    expect_contains(rig->news, "ops@desk: compared");
    rig_crash(rig);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_string_equal(health_text(rig), "ok: ");
}

/* ... from the head on, only what comes now. */
static void test_resync__from_head__applies_what_comes(void **state)
{
    struct rig *rig = *state;
    stop_order(rig);
    const Zsaga__OwnerAnswer *answer = rig_resync(rig, "order", false, "compared");
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_RESYNCED);
    rig_settle(rig);
    assert_int_equal(rig_stream(rig, ORDER)->applied, 8);
    rig_go_on(rig, ORDER, 3);
    assert_int_equal(rig_stream(rig, ORDER)->applied, 11);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen WHERE publisher = 'order'"), 10 + 3);
}

static void expect_refused(const Zsaga__OwnerAnswer *answer, const char *words)
{
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_REFUSAL);
    assert_true(bytes_equal(packed_view(answer->refusal->code), bytes_text("refused")));
    char text[200];
    bytes_copy_text(packed_view(answer->refusal->message), text, sizeof text);
    expect_contains(text, words);
}

/* Only a stream that has stopped can be resynced, and only with a reason. */
static void test_resync__not_stopped__is_refused(void **state)
{
    struct rig *rig = *state;
    stop_order(rig);
    expect_refused(rig_resync(rig, "payment", true, "compared"), "only a stream that has stopped");
    expect_refused(rig_resync(rig, "nobody", true, "compared"), "does not follow");
    expect_refused(rig_resync(rig, "order", true, ""), "reason");
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_DIVERGED);
}

/* A publisher that has said nothing yet cannot be believed. */
static void test_resync__publisher_silent__is_refused(void **state)
{
    struct rig *rig = *state;
    stop_order(rig);
    rig_crash(rig);
    expect_refused(rig_resync(rig, "order", true, "compared"), "has told nothing");
    rig_range(rig, ORDER);
    const Zsaga__OwnerAnswer *answer = rig_resync(rig, "order", true, "compared");
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_RESYNCED);
}

/* Said again, because the answer was lost, it is answered the same and done once. */
static void test_resync__repeated__is_done_once(void **state)
{
    struct rig *rig = *state;
    stop_order(rig);
    (void)rig_resync(rig, "order", true, "compared");
    rig_settle(rig);
    const Zsaga__OwnerAnswer *answer = rig_resync(rig, "order", true, "compared");
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_RESYNCED);
    rig_settle(rig);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM zsaga_resync"), 1);
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM seen WHERE publisher = 'order'"), 10 + 4);
    expect_refused(rig_resync(rig, "order", false, "compared"), "only a stream that has stopped");
}

/* A new consumer of a log whose beginning is gone has missed events: it stops, too. */
static void test_truncated__never_read__stops(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 5; i++)
        fake_publisher_add(rig->fakes[ORDER], 2);
    fake_publisher_trim(rig->fakes[ORDER], 5);
    rig_settle(rig);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_TRUNCATED);
    rig_range(rig, ORDER);
    (void)rig_resync(rig, "order", true, "it may begin there");
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 5, 10);
}

int main(void)
{
#define STOPS(test) cmocka_unit_test_setup_teardown(test, set_up_stopping, tear_down)
#define REBUILDS(test) cmocka_unit_test_setup_teardown(test, set_up_rebuilding, tear_down)
    const struct CMUnitTest tests[] = {
        STOPS(test_truncated__stops__until_a_word),
        REBUILDS(test_truncated__rebuilds__goes_on_from_the_tail),
        STOPS(test_diverged__behind__stops),
        STOPS(test_diverged__other_event__stops),
        STOPS(test_diverged__other_store__stops),
        STOPS(test_diverged__answer_from_another_store__stops),
        REBUILDS(test_diverged__truncation_of_another_store__starts_anew),
        STOPS(test_diverged__while_it_fails__stops_and_has_not_recovered),
        STOPS(test_diverged__live_event_at_the_cursor__stops),
        STOPS(test_diverged__row_across_the_cursor__stops),
        STOPS(test_range__below_the_cursor__is_asked_about),
        REBUILDS(test_diverged__rebuilds__reads_from_the_start),
        REBUILDS(test_diverged__reset_fails__is_tried_again),
        STOPS(test_resync__from_tail__applies_what_there_is),
        STOPS(test_resync__from_head__applies_what_comes),
        STOPS(test_resync__not_stopped__is_refused),
        STOPS(test_resync__publisher_silent__is_refused),
        STOPS(test_resync__repeated__is_done_once),
        STOPS(test_truncated__never_read__stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
