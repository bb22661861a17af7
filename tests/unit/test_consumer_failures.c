#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "consumer_rig.h"
#include "sim_disk.h"

enum { ORCHESTRATOR, ORDER, PAYMENT };

static int set_up(void **state)
{
    *state = rig_new(CONSUMER_STOPS, 0, RIG_PUBLISHERS);
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

static void set_fault(struct rig *rig, enum recorder_fault fault, uint64_t seq)
{
    struct recorder *recorder = rig_recorder(rig);
    recorder->fault = fault;
    recorder->fault_at = seq;
    (void)snprintf(recorder->fault_publisher, sizeof recorder->fault_publisher, "order");
}

/* One turn with ten events of each publisher, in rows of two, one of them poisoned. */
static void tell_poisoned(struct rig *rig, enum recorder_fault fault)
{
    rig_settle(rig);
    set_fault(rig, fault, 6);
    for (size_t i = 0; i < RIG_PUBLISHERS; i++)
        for (int j = 0; j < 5; j++) {
            fake_publisher_add(rig->fakes[i], 2);
            rig_tell(rig, i, rig->fakes[i]->head);
        }
    assert_int_equal(rig_turn(rig), 0);
}

/* The event that fails stops its own stream, right before it; the others are applied, and so is
 * what came before. Once the handler is well the stream goes on. */
static void expect_only_its_stream(struct rig *rig, enum recorder_fault fault, const char *words)
{
    tell_poisoned(rig, fault);
    rig_expect_applied(rig, ORCHESTRATOR, 1, 10);
    rig_expect_applied(rig, PAYMENT, 1, 10);
    rig_expect_applied(rig, ORDER, 1, 5);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    assert_non_null(strstr(rig_stream(rig, ORDER)->detail, "event 6: "));
    assert_non_null(strstr(rig_stream(rig, ORDER)->detail, words));
    assert_int_equal(rig_ask(rig, "SELECT count(*) FROM parent"), 0);
    rig_go_on(rig, PAYMENT, 2);
    rig_go_on(rig, ORDER, 2);
    rig_expect_applied(rig, PAYMENT, 1, 12);
    rig_expect_applied(rig, ORDER, 1, 5);
    set_fault(rig, RECORDER_WELL, 0);
    rig_wait(rig, 60000);
    rig_expect_applied(rig, ORDER, 1, 12);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FOLLOWING);
    assert_non_null(strstr(rig->news, "stream_recovered publisher=order"));
    assert_string_equal(rig_stream(rig, ORDER)->detail, "");
}

/* An error of the handler. */
static void test_poison__handler_fails__stops_its_stream(void **state)
{
    expect_only_its_stream(*state, RECORDER_FAILS, "the mail server is away");
}

/* A statement that ends the transaction behind the library's back. */
static void test_poison__handler_ends_the_transaction__stops_its_stream(void **state)
{
    expect_only_its_stream(*state, RECORDER_ROLLS, "ended the transaction");
}

/* An event that fails only when what is remembered is written. */
static void test_poison__flush_fails__stops_its_stream(void **state)
{
    expect_only_its_stream(*state, RECORDER_BAD_FLUSH, "it cannot be written");
}

/* An event that breaks a constraint which is checked at the commit. */
static void test_poison__commit_fails__stops_its_stream(void **state)
{
    expect_only_its_stream(*state, RECORDER_BAD_COMMIT, "FOREIGN KEY");
}

/* The failing event is tried alone after 100 ms, doubling to 30 s, and the log is told once. */
static void test_poison__goes_on_failing__is_tried_later_and_later(void **state)
{
    struct rig *rig = *state;
    tell_poisoned(rig, RECORDER_FAILS);
    unsigned int calls = rig_recorder(rig)->calls;
    rig_wait(rig, 99);
    assert_int_equal(rig_recorder(rig)->calls, calls);
    rig_wait(rig, 1);
    assert_int_equal(rig_recorder(rig)->calls, calls + 1);
    rig_wait(rig, 199);
    assert_int_equal(rig_recorder(rig)->calls, calls + 1);
    rig_wait(rig, 1);
    assert_int_equal(rig_recorder(rig)->calls, calls + 2);
    rig_wait(rig, 60000);
    calls = rig_recorder(rig)->calls;
    rig_wait(rig, 300000);
    assert_in_range(rig_recorder(rig)->calls - calls, 9, 11);
    assert_null(strstr(strstr(rig->news, "stream_failing") + 1, "stream_failing"));
    uint64_t commits = consumer_node_counters(rig->node)->commits;
    rig_go_on(rig, PAYMENT, 1);
    assert_int_equal(consumer_node_counters(rig->node)->commits, commits + 1);
}

/* What waits behind a failing event is bounded, and fetched when it is its turn. */
static void test_poison__much_waits_behind__is_bounded(void **state)
{
    struct rig *rig = *state;
    tell_poisoned(rig, RECORDER_FAILS);
    rig->fakes[ORDER]->payload_bytes = (size_t)100 << 10;
    for (int i = 0; i < 200; i++) {
        rig_go_on(rig, ORDER, 1);
        rig_settle(rig);
    }
    assert_true(consumer_node_counters(rig->node)->dropped > 100);
    set_fault(rig, RECORDER_WELL, 0);
    rig_wait(rig, 30000);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 210);
}

/* ... also what is fetched while it waits. */
static void test_poison__much_to_fetch_behind__is_bounded(void **state)
{
    struct rig *rig = *state;
    tell_poisoned(rig, RECORDER_FAILS);
    rig->fakes[ORDER]->payload_bytes = (size_t)100 << 10;
    for (int i = 0; i < 200; i++)
        fake_publisher_add(rig->fakes[ORDER], 1);
    rig_range(rig, ORDER);
    rig_settle(rig);
    assert_true(rig_stream(rig, ORDER)->fetches < 30);
    set_fault(rig, RECORDER_WELL, 0);
    rig_wait(rig, 30000);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 210);
}

/* A failing stream survives a restart of its publisher and of the consumer. */
static void test_poison__restarts__fails_on_and_recovers(void **state)
{
    struct rig *rig = *state;
    tell_poisoned(rig, RECORDER_FAILS);
    fake_publisher_restart(rig->fakes[ORDER]);
    rig_range(rig, ORDER);
    rig_settle(rig);
    rig_wait(rig, 30000);
    rig_expect_applied(rig, ORDER, 1, 5);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    rig_crash(rig);
    set_fault(rig, RECORDER_FAILS, 6);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 5);
    rig_expect_state(rig, ORDER, CONSUMER_STREAM_FAILING);
    set_fault(rig, RECORDER_WELL, 0);
    rig_wait(rig, 30000);
    rig_expect_applied(rig, ORDER, 1, 10);
}

/* Poison in two streams at once stops both, and the third goes on. */
static void test_poison__first_event_of_all__stops_each(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    set_fault(rig, RECORDER_BAD_COMMIT, 1);
    rig_go_on(rig, ORDER, 3);
    rig_expect_applied(rig, ORDER, 1, 0);
    (void)snprintf(rig_recorder(rig)->fault_publisher, 32, "payment");
    rig_go_on(rig, PAYMENT, 3);
    rig_expect_applied(rig, PAYMENT, 1, 0);
    rig_go_on(rig, ORCHESTRATOR, 3);
    rig_expect_applied(rig, ORCHESTRATOR, 1, 3);
    const Zsaga__HealthReport *report = rig_health(rig);
    assert_true(bytes_equal(packed_view(report->state), bytes_text("failing")));
    assert_non_null(strstr((const char *)report->detail.data, "(and 1 more)"));
}

/* A crash before the commit leaves nothing of the batch, after it all. */
static void test_crash__between_batches__each_event_once(void **state)
{
    struct rig *rig = *state;
    rig_settle(rig);
    for (int i = 0; i < 20; i++) {
        fake_publisher_add(rig->fakes[ORDER], 3);
        rig_tell(rig, ORDER, rig->fakes[ORDER]->head);
        if (i % 3 == 0)
            rig_crash(rig); /* What was told and not committed is gone. */
        else
            assert_int_equal(rig_turn(rig), 0);
        if (i % 4 == 0)
            rig_settle(rig);
    }
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 60);
}

/* One run under a fault of the disk at its `nth` write: true when it was felt. */
static bool run_with_fault(enum sim_disk_fault fault, int64_t nth)
{
    struct rig *rig = rig_new(CONSUMER_STOPS, 0, RIG_PUBLISHERS);
    uint64_t before = sim_disk_felt(fault);
    rig_settle(rig);
    rig_go_on(rig, ORDER, 2);
    sim_disk_fail(rig->path, fault, nth);
    for (int i = 0; i < 4; i++) {
        for (size_t j = 0; j < RIG_PUBLISHERS; j++) {
            fake_publisher_add(rig->fakes[j], 2);
            rig_tell(rig, j, rig->fakes[j]->head);
        }
        int rc = rig_turn(rig);
        if (rc < 0) {
            assert_int_equal(rc, ERR_IO);
            rig_crash(rig);
        }
    }
    bool felt = sim_disk_felt(fault) > before;
    sim_disk_fail(rig->path, SIM_DISK_WELL, 0);
    rig_wait(rig, 10000);
    for (size_t j = 0; j < RIG_PUBLISHERS; j++)
        rig_range(rig, j);
    rig_settle(rig);
    rig_expect_applied(rig, ORCHESTRATOR, 1, 8);
    rig_expect_applied(rig, ORDER, 1, 10);
    rig_expect_applied(rig, PAYMENT, 1, 8);
    rig_free(rig);
    return felt;
}

static void expect_exactly_once(enum sim_disk_fault fault)
{
    char dir[200];
    sim_disk_begin(dir, sizeof dir);
    int64_t nth = 1;
    while (run_with_fault(fault, nth))
        nth++;
    sim_disk_end(dir);
    assert_true(nth > 10);
}

/* A disk that is full once, at any write: the batch is taken back, and done after the reload. */
static void test_disk__full_at_any_write__each_event_once(void **state)
{
    (void)state;
    expect_exactly_once(SIM_DISK_FULL_ONCE);
}

/* A write that fails ends the process; the next start goes on from what is committed. */
static void test_disk__broken_at_any_write__each_event_once(void **state)
{
    (void)state;
    expect_exactly_once(SIM_DISK_BROKEN);
}

/* While the disk is full the owner is told so, and what is told live waits or is fetched later. */
static void test_disk__full__says_so(void **state)
{
    char dir[200];
    (void)state;
    sim_disk_begin(dir, sizeof dir);
    struct rig *rig = rig_new(CONSUMER_STOPS, 0, RIG_PUBLISHERS);
    rig_settle(rig);
    sim_disk_fail(rig->path, SIM_DISK_FULL, 1);
    rig_go_on(rig, ORDER, 2);
    rig_go_on(rig, ORDER, 2);
    rig_expect_applied(rig, ORDER, 1, 0);
    rig_wait(rig, 20000);
    const Zsaga__HealthReport *report = rig_health(rig);
    assert_true(bytes_equal(packed_view(report->state), bytes_text("disk_full")));
    sim_disk_fail(rig->path, SIM_DISK_WELL, 0);
    rig_wait(rig, 10000);
    rig_settle(rig);
    rig_expect_applied(rig, ORDER, 1, 4);
    rig_free(rig);
    sim_disk_end(dir);
}

int main(void)
{
#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_poison__handler_fails__stops_its_stream),
        RIG_TEST(test_poison__handler_ends_the_transaction__stops_its_stream),
        RIG_TEST(test_poison__flush_fails__stops_its_stream),
        RIG_TEST(test_poison__commit_fails__stops_its_stream),
        RIG_TEST(test_poison__goes_on_failing__is_tried_later_and_later),
        RIG_TEST(test_poison__much_waits_behind__is_bounded),
        RIG_TEST(test_poison__much_to_fetch_behind__is_bounded),
        RIG_TEST(test_poison__restarts__fails_on_and_recovers),
        RIG_TEST(test_poison__first_event_of_all__stops_each),
        RIG_TEST(test_crash__between_batches__each_event_once),
        cmocka_unit_test(test_disk__full_at_any_write__each_event_once),
        cmocka_unit_test(test_disk__broken_at_any_write__each_event_once),
        cmocka_unit_test(test_disk__full__says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
