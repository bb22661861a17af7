/* A program that knows client.h and nothing else, on a real suite. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "order.pb-c.h"
#include "suite_data.h"
#include "suite_process.h"

#define DEADLINE_MS 60000

static void release(void *client)
{
    client_free(client);
}

static struct client *open_client(struct suite_process *suite)
{
    struct client *client = NULL;
    struct err err = {0};
    if (client_open(suite->data, &client, &err) != 0)
        fail_msg("%s", err.text);
    return suite_process_keep(suite, client, release);
}

/* An order's input, of the suite's own definition, packed into `to`. */
static struct bytes input_of(const char *key, const char *sku, uint8_t to[256])
{
    Zsaga__OrderInput order = ZSAGA__ORDER_INPUT__INIT;
    Zsaga__OrderItem item = ZSAGA__ORDER_ITEM__INIT;
    Zsaga__OrderItem *items[] = {&item};
    order.order_id = (ProtobufCBinaryData){strlen(key), (uint8_t *)(uintptr_t)key};
    order.customer_id = (ProtobufCBinaryData){2, (uint8_t[]){'c', '1'}};
    order.country = (ProtobufCBinaryData){8, (uint8_t *)(uintptr_t) "Portugal"};
    item.sku = (ProtobufCBinaryData){strlen(sku), (uint8_t *)(uintptr_t)sku};
    item.quantity = 1;
    item.unit_price_cents = 100;
    order.n_items = 1;
    order.items = items;
    return bytes_of(to, zsaga__order_input__pack(&order, to));
}

static enum client_verdict submit(struct client *client, const char *key, const char *sku)
{
    uint8_t packed[256];
    const struct client_saga saga = {
        .definition = "order", .key = key, .input = input_of(key, sku, packed)};
    struct client_outcome outcome = {0};
    struct err err = {0};
    if (client_submit(client, &saga, DEADLINE_MS, &outcome, &err) != 0)
        fail_msg("%s", err.text);
    assert_false(id_is_zero(&outcome.saga));
    return outcome.verdict;
}

static void expect_end(struct client *client, const char *key, enum client_state end,
                       const char *reason)
{
    struct client_outcome outcome = {0};
    struct err err = {0};
    if (client_wait(client, key, DEADLINE_MS, &outcome, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(outcome.state, end);
    assert_string_equal(outcome.reason, reason);
}

static void expect_words(const struct err *err, const char *words)
{
    if (strstr(err->text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->text, words);
}

/* A saga is accepted once and comes to its end; the same again is a duplicate, another body under
 * its key a conflict, and an unknown definition nothing. */
static void test_submit__verdicts_and_ends__are_told(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    struct client *client = open_client(suite);
    assert_int_equal(submit(client, "good", "s1"), CLIENT_ACCEPTED);
    assert_int_equal(submit(client, "bad", "nope"), CLIENT_ACCEPTED);
    expect_end(client, "good", CLIENT_COMPLETED, "");
    expect_end(client, "bad", CLIENT_COMPENSATED, "unknown_sku");
    assert_int_equal(submit(client, "good", "s1"), CLIENT_DUPLICATE);
    assert_int_equal(submit(client, "good", "s2"), CLIENT_CONFLICT);
    const struct client_saga other = {.definition = "nothing", .key = "other"};
    struct client_outcome outcome = {0};
    struct err err = {0};
    assert_int_equal(client_submit(client, &other, DEADLINE_MS, &outcome, &err), ERR_NOT_FOUND);
    expect_words(&err, "no saga definition \"nothing\"");
    assert_int_equal(client_wait(client, "other", DEADLINE_MS, &outcome, &err), ERR_NOT_FOUND);
    expect_words(&err, "there is no saga \"other\"");
}

static bool append_key(void *self, const struct client_row *row)
{
    char *keys = self;
    (void)snprintf(keys + strlen(keys), 200 - strlen(keys), "%s:%s ", row->key,
                   client_state_name(row->state));
    return true;
}

static void expect_list(struct client *client, const struct client_filter *filter,
                        const char *expected)
{
    char keys[200] = "";
    struct err err = {0};
    assert_int_equal(client_list(client, filter, DEADLINE_MS, append_key, keys, &err), 0);
    assert_string_equal(keys, expected);
}

/* What a suite holds is listed, newest first, found by keys, shown one by one, and counted. */
static void test_questions__about_sagas__are_answered(void **state)
{
    struct suite_process *suite = *state;
    const enum client_state compensated[] = {CLIENT_COMPENSATED};
    const struct client_filter all = {0};
    const struct client_filter some = {compensated, 1, 0};
    const char *const keys[] = {"bad", "nobody", "good"};
    struct client_outcome found[3];
    struct client_shown *shown = NULL;
    struct client_status *status = NULL;
    struct err err = {0};
    suite_data_up_plenty(suite);
    struct client *client = open_client(suite);
    (void)submit(client, "good", "s1");
    expect_end(client, "good", CLIENT_COMPLETED, "");
    (void)submit(client, "bad", "nope");
    expect_end(client, "bad", CLIENT_COMPENSATED, "unknown_sku");
    expect_list(client, &all, "bad:compensated good:completed ");
    expect_list(client, &some, "bad:compensated ");
    assert_int_equal(client_find(client, keys, 3, DEADLINE_MS, found, &err), 0);
    assert_int_equal(found[0].state, CLIENT_COMPENSATED);
    assert_string_equal(found[0].reason, "unknown_sku");
    assert_int_equal(found[1].state, CLIENT_STATE_UNKNOWN);
    assert_int_equal(found[2].state, CLIENT_COMPLETED);
    assert_int_equal(client_show(client, "bad", DEADLINE_MS, &shown, &err), 0);
    assert_string_equal(shown->row.definition, "order");
    assert_string_equal(shown->steps[1].name, "reserve");
    assert_string_equal(shown->steps[1].reason, "unknown_sku");
    assert_string_equal(shown->history[0].what, "accepted");
    assert_string_equal(shown->history[shown->history_count - 1].what, "compensated");
    client_shown_free(shown);
    assert_int_equal(client_status(client, DEADLINE_MS, &status, &err), 0);
    assert_int_equal(status->sagas[CLIENT_COMPLETED], 1);
    assert_int_equal(status->sagas[CLIENT_COMPENSATED], 1);
    assert_int_equal(status->channel_count, 4);
    client_status_free(status);
    assert_int_equal(client_retry(client, "bad", "me", "why", DEADLINE_MS, &err), CLIENT_REFUSED);
    expect_words(&err, "attention");
    assert_int_equal(client_trust(client, "payment", "me", "why", DEADLINE_MS, &err),
                     CLIENT_REFUSED);
}

/* A saga that does not come to its end in time is told with where it stands; it goes on. */
static void test_wait__participant_frozen__tells_the_last_state(void **state)
{
    struct suite_process *suite = *state;
    struct client_outcome outcome = {0};
    struct err err = {0};
    suite_data_up_plenty(suite);
    struct client *client = open_client(suite);
    pid_t pid = suite_process_pid(suite, "payment");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(submit(client, "A", "s1"), CLIENT_ACCEPTED);
    assert_int_equal(client_wait(client, "A", 500, &outcome, &err), ERR_TIMEOUT);
    assert_int_equal(outcome.state, CLIENT_RUNNING);
    expect_words(&err, "saga \"A\": still running after 500 ms");
    assert_int_equal(kill(pid, SIGCONT), 0);
    expect_end(client, "A", CLIENT_COMPLETED, "");
}

/* Kills and restarts in between, of the orchestrator and of all at once, are not noticed by one
 * that goes on with the same client. */
static void test_client__suite_is_killed__goes_on(void **state)
{
    struct suite_process *suite = *state;
    suite_data_up_plenty(suite);
    struct client *client = open_client(suite);
    assert_int_equal(submit(client, "A", "s1"), CLIENT_ACCEPTED);
    suite_process_kill(suite, "orchestrator");
    expect_end(client, "A", CLIENT_COMPLETED, "");
    suite_process_kill(suite, "orchestrator");
    assert_int_equal(submit(client, "B", "s1"), CLIENT_ACCEPTED);
    suite_process_kill_all(suite);
    suite_process_up(suite, NULL);
    expect_end(client, "B", CLIENT_COMPLETED, "");
    assert_int_equal(submit(client, "A", "s1"), CLIENT_DUPLICATE);
}

/* A stopped suite is told with how to start it, and a directory without one with how to make it. */
static void test_client__suite_not_running__says_what_to_do(void **state)
{
    struct suite_process *suite = *state;
    struct client *none = NULL;
    struct client_outcome outcome = {0};
    struct err err = {0};
    assert_int_equal(client_open(suite->root, &none, &err), ERR_NOT_FOUND);
    expect_words(&err, "zsaga up --data");
    suite_data_up_plenty(suite);
    struct client *client = open_client(suite);
    assert_int_equal(submit(client, "A", "s1"), CLIENT_ACCEPTED);
    expect_end(client, "A", CLIENT_COMPLETED, "");
    assert_int_equal(suite_process_down(suite), 0);
    const struct client_saga saga = {.definition = "order", .key = "B"};
    assert_int_equal(client_submit(client, &saga, 300, &outcome, &err), ERR_TIMEOUT);
    expect_words(&err, "is not running; start it: zsaga up --data");
    assert_int_equal(client_wait(client, "A", 300, &outcome, &err), ERR_TIMEOUT);
    expect_words(&err, suite->data);
    suite_process_up(suite, NULL);
    expect_end(client, "A", CLIENT_COMPLETED, "");
}

static void start_one(struct client_batch *batch, int number)
{
    char key[32];
    uint8_t packed[256];
    struct err err = {0};
    (void)snprintf(key, sizeof key, "K%d", number);
    const struct client_saga saga = {.definition = "order",
                                     .key = key,
                                     .input =
                                         input_of(key, number % 5 == 0 ? "nope" : "s1", packed)};
    assert_int_equal(client_batch_start(batch, &saga, (uint64_t)number, &err), 0);
}

/* Many at once, with a kill -9 of the orchestrator in the middle: each has one result, the right
 * one. */
static void test_batch__orchestrator_is_killed__each_ends_once(void **state)
{
    enum { COUNT = 400 };
    static int results[COUNT];
    struct suite_process *suite = *state;
    const struct client_batch_options options = {64, DEADLINE_MS, true};
    struct client_batch *batch = NULL;
    struct client_result result;
    struct err err = {0};
    int count = suite_process_scale(COUNT);
    int next = 0;
    memset(results, 0, sizeof results);
    suite_data_up_plenty(suite);
    assert_int_equal(client_batch_new(open_client(suite), &options, &batch, &err), 0);
    for (int taken = 0; taken < count; taken++) {
        while (next < count && client_batch_has_room(batch))
            start_one(batch, next++);
        assert_int_equal(client_batch_take(batch, DEADLINE_MS, &result, &err), CLIENT_BATCH_RESULT);
        assert_int_equal(result.code, 0);
        assert_int_equal(result.outcome.verdict, CLIENT_ACCEPTED);
        assert_int_equal(result.outcome.state,
                         result.tag % 5 == 0 ? CLIENT_COMPENSATED : CLIENT_COMPLETED);
        assert_int_equal(results[result.tag]++, 0);
        if (taken == count / 3)
            suite_process_kill(suite, "orchestrator");
    }
    client_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_submit__verdicts_and_ends__are_told),
        SUITE_TEST(test_questions__about_sagas__are_answered),
        SUITE_TEST(test_wait__participant_frozen__tells_the_last_state),
        SUITE_TEST(test_client__suite_is_killed__goes_on),
        SUITE_TEST(test_client__suite_not_running__says_what_to_do),
        SUITE_TEST(test_batch__orchestrator_is_killed__each_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
