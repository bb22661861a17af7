#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client_fixture.h"
#include "fake_server.h"

#define DEADLINE_MS 20000

static struct client_batch *batch_of(size_t in_flight, int64_t timeout_ms, bool to_end)
{
    const struct client_batch_options options = {in_flight, timeout_ms, to_end};
    struct client_batch *batch = NULL;
    struct err err = {0};
    assert_int_equal(client_batch_new(fixture.client, &options, &batch, &err), 0);
    return batch;
}

static void start(struct client_batch *batch, uint64_t tag)
{
    char key[32];
    struct err err = {0};
    (void)snprintf(key, sizeof key, "K%d", (int)tag);
    const struct client_saga saga = {.definition = "order", .key = key, .input = bytes_text("one")};
    assert_int_equal(client_batch_start(batch, &saga, tag, &err), 0);
}

static struct client_result take(struct client_batch *batch)
{
    struct client_result result;
    struct err err = {0};
    assert_int_equal(client_batch_take(batch, DEADLINE_MS, &result, &err), CLIENT_BATCH_RESULT);
    return result;
}

/* Many more than there is room for pass through, each with one result under its tag. */
static void test_batch__many__each_has_one_result(void **state)
{
    (void)state;
    enum { COUNT = 1000, ROOM = 64 };
    bool seen[COUNT] = {false};
    uint64_t started = 0;
    fixture.world.push = true;
    client_fixture_serve();
    struct client_batch *batch = batch_of(ROOM, DEADLINE_MS, true);
    for (int taken = 0; taken < COUNT; taken++) {
        while (started < COUNT && client_batch_has_room(batch))
            start(batch, started++);
        assert_in_range(client_batch_in_flight(batch), 1, ROOM);
        struct client_result result = take(batch);
        assert_int_equal(result.code, 0);
        assert_int_equal(result.outcome.verdict, CLIENT_ACCEPTED);
        assert_int_equal(result.outcome.state, CLIENT_COMPLETED);
        assert_in_range(result.tag, 0, COUNT - 1);
        assert_false(seen[result.tag]);
        assert_int_equal(atoi(result.key + 1), result.tag);
        seen[result.tag] = true;
    }
    assert_int_equal(client_batch_in_flight(batch), 0);
    client_batch_free(batch);
}

/* Answers lost, then a restart as another incarnation: no result is missing, none comes twice. */
static void test_batch__lost_answers_and_a_restart__are_not_noticed(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct client_result result;
    struct err err = {0};
    fixture.world.lose = COUNT / 2;
    client_fixture_serve();
    struct client_batch *batch = batch_of(COUNT, DEADLINE_MS, false);
    for (uint64_t tag = 0; tag < COUNT; tag++)
        start(batch, tag);
    for (int i = 0; i < COUNT / 2; i++)
        assert_int_equal(take(batch).outcome.verdict, CLIENT_ACCEPTED);
    fake_server_stop();
    client_fixture_serve();
    for (int i = COUNT / 2; i < COUNT; i++)
        assert_int_equal(take(batch).outcome.verdict, CLIENT_ACCEPTED);
    assert_int_equal(client_batch_take(batch, DEADLINE_MS, &result, &err), CLIENT_BATCH_NONE);
    client_batch_free(batch);
}

/* Nothing in flight: nothing is waited for. Something in flight: so long, and no longer. */
static void test_batch_take__no_result__comes_back(void **state)
{
    (void)state;
    struct client_result result;
    struct err err = {0};
    struct client_batch *batch = batch_of(2, DEADLINE_MS, false);
    assert_int_equal(client_batch_take(batch, INT64_MAX, &result, &err), CLIENT_BATCH_NONE);
    start(batch, 1);
    int64_t before_ms = clock_mono_ms();
    assert_int_equal(client_batch_take(batch, 50, &result, &err), CLIENT_BATCH_NONE);
    assert_in_range(clock_mono_ms() - before_ms, 49, DEADLINE_MS);
    assert_int_equal(client_batch_in_flight(batch), 1);
    client_batch_free(batch);
}

/* One whose end is not known in time has its verdict all the same, and says that it goes on. */
static void test_batch__end_not_known_in_time__tells_the_verdict(void **state)
{
    (void)state;
    client_fixture_serve();
    struct client_batch *batch = batch_of(1, 3000, true);
    start(batch, 1);
    struct client_result result = take(batch);
    assert_int_equal(result.code, ERR_TIMEOUT);
    assert_int_equal(result.outcome.verdict, CLIENT_ACCEPTED);
    assert_int_equal(result.outcome.state, CLIENT_RUNNING);
    assert_string_equal(result.err.text,
                        "accepted and still running after 3000 ms; it goes on by itself");
    client_batch_free(batch);
}

/* Asks the server something, over and over, until then. */
static void ask_until(struct client *asking, int64_t until_ms)
{
    do {
        struct client_status *status = NULL;
        struct err err = {0};
        assert_int_equal(client_status(asking, DEADLINE_MS, &status, &err), 0);
        client_status_free(status);
    } while (clock_mono_ms() < until_ms);
}

/* A program that comes back when the time is over finds the answer that came within it. */
static void test_batch__answer_lies_there__is_taken_before_giving_up(void **state)
{
    (void)state;
    struct client *other = NULL;
    struct client_result result;
    struct err err = {0};
    client_fixture_serve();
    ask_until(fixture.client, 0); /* It is connected. */
    assert_int_equal(client_open_endpoint(fixture.endpoint, &other, &err), 0);
    struct client_batch *batch = batch_of(1, 500, false);
    start(batch, 1);
    if (client_batch_take(batch, 0, &result, &err) == CLIENT_BATCH_NONE) {
        ask_until(other, clock_mono_ms() + 600);
        result = take(batch);
    }
    assert_int_equal(result.outcome.verdict, CLIENT_ACCEPTED);
    client_batch_free(batch);
    client_free(other);
}

/* Sagas that are there can be followed beside those that are started. */
static void test_batch_follow__there_or_not__is_told(void **state)
{
    (void)state;
    struct err err = {0};
    (void)fake_orchestrator_add(&fixture.world, "there", ZSAGA__SAGA_STATE__COMPENSATED);
    client_fixture_serve();
    struct client_batch *batch = batch_of(4, DEADLINE_MS, true);
    assert_int_equal(client_batch_follow(batch, "there", 1, &err), 0);
    assert_int_equal(client_batch_follow(batch, "not there", 2, &err), 0);
    assert_int_equal(client_batch_follow(batch, "", 3, &err), ERR_INVALID);
    assert_int_equal(client_batch_in_flight(batch), 2);
    for (int i = 0; i < 2; i++) {
        struct client_result result = take(batch);
        assert_int_equal(result.code, result.tag == 1 ? 0 : ERR_NOT_FOUND);
        assert_int_equal(result.outcome.state,
                         result.tag == 1 ? CLIENT_COMPENSATED : CLIENT_STATE_UNKNOWN);
    }
    client_batch_free(batch);
}

/* What breaks a rule is refused when it is started, and takes no room. */
static void test_batch_start__breaks_a_rule__takes_no_room(void **state)
{
    (void)state;
    const struct client_saga saga = {.definition = "order", .key = ""};
    struct err err = {0};
    struct client_batch *batch = batch_of(1, DEADLINE_MS, false);
    assert_int_equal(client_batch_start(batch, &saga, 1, &err), ERR_INVALID);
    assert_true(client_batch_has_room(batch));
    client_batch_free(batch);
}

/* A batch is bounded. */
static void test_batch_new__out_of_range__is_refused(void **state)
{
    (void)state;
    struct client_batch *batch = NULL;
    struct client_batch_options options = {.in_flight = 0};
    struct err err = {0};
    assert_int_equal(client_batch_new(fixture.client, &options, &batch, &err), ERR_INVALID);
    options.in_flight = CLIENT_BATCH_MAX + 1;
    assert_int_equal(client_batch_new(fixture.client, &options, &batch, &err), ERR_INVALID);
    assert_null(batch);
}

/* What keeps the suite from taking sagas can be read while the batch goes on to try. */
static void test_batch_trouble__full_disk__until_one_is_taken(void **state)
{
    (void)state;
    struct client_result result;
    struct err err = {0};
    fixture.world.busy = 5;
    fixture.world.outage = "the disk is full";
    client_fixture_serve();
    struct client_batch *batch = batch_of(1, DEADLINE_MS, false);
    assert_string_equal(client_batch_trouble(batch), "");
    start(batch, 1);
    while (client_batch_trouble(batch)[0] == '\0')
        assert_int_equal(client_batch_take(batch, 1, &result, &err), CLIENT_BATCH_NONE);
    assert_string_equal(client_batch_trouble(batch), "the disk is full");
    assert_int_equal(take(batch).outcome.verdict, CLIENT_ACCEPTED);
    assert_string_equal(client_batch_trouble(batch), "");
    client_batch_free(batch);
}

/* Other calls on the client while a batch is under way are right, and so is the batch. */
static void test_batch__other_calls_between__both_are_right(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    struct client_outcome outcome = {0};
    struct err err = {0};
    const struct client_saga other = {.definition = "order", .key = "other"};
    client_fixture_serve();
    struct client_batch *batch = batch_of(COUNT, DEADLINE_MS, false);
    for (uint64_t tag = 0; tag < COUNT; tag++)
        start(batch, tag);
    assert_int_equal(client_submit(fixture.client, &other, DEADLINE_MS, &outcome, &err), 0);
    assert_int_equal(outcome.verdict, CLIENT_ACCEPTED);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(take(batch).outcome.verdict, CLIENT_ACCEPTED);
    client_batch_free(batch);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_batch__many__each_has_one_result),
        TEST(test_batch__lost_answers_and_a_restart__are_not_noticed),
        TEST(test_batch_take__no_result__comes_back),
        TEST(test_batch__end_not_known_in_time__tells_the_verdict),
        TEST(test_batch__answer_lies_there__is_taken_before_giving_up),
        TEST(test_batch_follow__there_or_not__is_told),
        TEST(test_batch_start__breaks_a_rule__takes_no_room),
        TEST(test_batch_new__out_of_range__is_refused),
        TEST(test_batch_trouble__full_disk__until_one_is_taken),
        TEST(test_batch__other_calls_between__both_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
