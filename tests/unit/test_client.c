#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "client_fixture.h"
#include "fake_server.h"
#include "suite.h"

#define DEADLINE_MS 20000

static void expect_words(const struct err *err, const char *words)
{
    if (strstr(err->text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->text, words);
}

static struct client_saga saga_of(const char *key, const char *input)
{
    return (struct client_saga){.definition = "order", .key = key, .input = bytes_text(input)};
}

static void expect_submit(const char *key, const char *input, enum client_verdict verdict)
{
    const struct client_saga saga = saga_of(key, input);
    struct client_outcome outcome = {0};
    struct err err = {0};
    if (client_submit(fixture.client, &saga, DEADLINE_MS, &outcome, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(outcome.verdict, verdict);
    assert_int_equal(outcome.saga.bytes[0], 9);
}

static void expect_no_submit(const struct client_saga *saga, int64_t timeout_ms, int code,
                             const char *words)
{
    struct client_outcome outcome = {0};
    struct err err = {0};
    assert_int_equal(client_submit(fixture.client, saga, timeout_ms, &outcome, &err), code);
    assert_int_equal(outcome.verdict, CLIENT_UNDECIDED);
    expect_words(&err, words);
}

static void expect_wait(const char *key, enum client_state wanted)
{
    struct client_outcome outcome = {0};
    struct err err = {0};
    if (client_wait(fixture.client, key, DEADLINE_MS, &outcome, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(outcome.state, wanted);
}

/* A new key is accepted, the same one again a duplicate, and with other contents a conflict. */
static void test_submit__verdicts__are_told(void **state)
{
    (void)state;
    client_fixture_serve();
    expect_submit("A", "one", CLIENT_ACCEPTED);
    expect_submit("A", "one", CLIENT_DUPLICATE);
    expect_submit("A", "two", CLIENT_CONFLICT);
    expect_submit("B", "", CLIENT_ACCEPTED);
    fake_server_stop();
    assert_int_equal(fixture.world.saga_count, 2);
}

/* A submit whose answer was lost is asked again under the same nonce: it is no duplicate of itself.
 */
static void test_submit__answer_lost__is_still_accepted(void **state)
{
    (void)state;
    fixture.world.lose = 1;
    client_fixture_serve();
    expect_submit("A", "one", CLIENT_ACCEPTED);
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 2);
    assert_true(fixture.world.sagas[0].nonce_len >= 16);
}

/* A nonce of the program's own makes a submit the same one over calls and restarts. */
static void test_submit__own_nonce_again__is_accepted_again(void **state)
{
    (void)state;
    struct client_saga saga = saga_of("A", "one");
    saga.nonce = bytes_text("run 7, line 12");
    client_fixture_serve();
    for (int i = 0; i < 2; i++) {
        struct client_outcome outcome = {0};
        struct err err = {0};
        assert_int_equal(client_submit(fixture.client, &saga, DEADLINE_MS, &outcome, &err), 0);
        assert_int_equal(outcome.verdict, CLIENT_ACCEPTED);
    }
}

/* A restart of the orchestrator in between, as another incarnation, is not noticed. */
static void test_submit__orchestrator_restarts__is_not_noticed(void **state)
{
    (void)state;
    fixture.world.deaf = 1;
    client_fixture_serve();
    const struct client_saga saga = saga_of("A", "one");
    struct client_outcome outcome = {0};
    struct err err = {0};
    assert_int_equal(client_submit(fixture.client, &saga, 50, &outcome, &err), ERR_TIMEOUT);
    fake_server_stop();
    client_fixture_serve();
    expect_submit("A", "one", CLIENT_ACCEPTED);
    fake_server_stop();
    client_fixture_serve();
    expect_submit("A", "one", CLIENT_DUPLICATE);
}

/* A suite that takes no more for a while is asked again, within the timeout. */
static void test_submit__busy__is_accepted_later(void **state)
{
    (void)state;
    fixture.world.busy = 3;
    client_fixture_serve();
    expect_submit("A", "one", CLIENT_ACCEPTED);
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 4);
}

/* Busy for all its time: nothing was stored, and why is told. */
static void test_submit__busy_for_too_long__says_so(void **state)
{
    (void)state;
    const struct client_saga saga = saga_of("A", "one");
    fixture.world.busy = 1000;
    client_fixture_serve();
    expect_no_submit(&saga, 3000, ERR_TIMEOUT, "nothing was stored within 3000 ms");
    fake_server_stop();
    fixture.world.outage = "the disk is full";
    client_fixture_serve();
    expect_no_submit(&saga, 3000, ERR_TIMEOUT, "the disk is full");
    fake_server_stop();
    assert_int_equal(fixture.world.saga_count, 0);
}

/* Nobody there: the words say what is not known, and where nobody was. */
static void test_submit__nobody_there__says_so(void **state)
{
    (void)state;
    const struct client_saga saga = saga_of("A", "one");
    expect_no_submit(&saga, 30, ERR_TIMEOUT, "saga \"A\": it may have been accepted");
    expect_no_submit(&saga, 0, ERR_TIMEOUT, fixture.endpoint);
}

/* What breaks a rule is refused with words, and never sent. */
static void test_submit__breaks_a_rule__is_not_sent(void **state)
{
    (void)state;
    AUTO(freep) uint8_t *large = xcalloc(1, CLIENT_INPUT_MAX + 1);
    struct client_saga saga = saga_of("A", "one");
    client_fixture_serve();
    saga.input = bytes_of(large, CLIENT_INPUT_MAX + 1);
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "262145 bytes");
    saga = saga_of("", "one");
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "key");
    saga = saga_of("two\nlines", "one");
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "key");
    saga = saga_of("A", "one");
    saga.nonce = bytes_of(large, CLIENT_NONCE_MAX + 1);
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "nonce");
    saga = saga_of("A", "one");
    saga.definition = "no such name";
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "definition");
    saga.definition = NULL;
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "definition");
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 0);
}

/* The largest input that keeps the rule travels. */
static void test_submit__largest_input__is_accepted(void **state)
{
    (void)state;
    AUTO(freep) uint8_t *large = xcalloc(1, CLIENT_INPUT_MAX);
    struct client_saga saga = saga_of("A", "");
    struct client_outcome outcome = {0};
    struct err err = {0};
    saga.input = bytes_of(large, CLIENT_INPUT_MAX);
    client_fixture_serve();
    assert_int_equal(client_submit(fixture.client, &saga, DEADLINE_MS, &outcome, &err), 0);
}

/* A refusal is told as its class, by its words. */
static void test_submit__refused__tells_why(void **state)
{
    (void)state;
    const struct client_saga saga = saga_of("A", "one");
    fixture.world.refusal = "unknown_definition";
    client_fixture_serve();
    expect_no_submit(&saga, DEADLINE_MS, ERR_NOT_FOUND, "no saga definition \"order\"");
    fake_server_stop();
    fixture.world.refusal = "malformed";
    client_fixture_serve();
    expect_no_submit(&saga, DEADLINE_MS, ERR_INVALID, "words of the orchestrator");
    fake_server_stop();
    fixture.world.refusal = "of_a_newer_version";
    client_fixture_serve();
    expect_no_submit(&saga, DEADLINE_MS, ERR_SYSTEM, "words of the orchestrator");
}

/* A verdict, or an answer, that is not known here is no verdict: it is told as such. */
static void test_submit__strange_answer__says_so(void **state)
{
    (void)state;
    const struct client_saga saga = saga_of("A", "one");
    fixture.world.other_verdict = true;
    client_fixture_serve();
    expect_no_submit(&saga, 3000, ERR_SYSTEM, "than this program knows");
    fake_server_stop();
    fixture.world.other_verdict = false;
    fixture.world.other_kind = true;
    client_fixture_serve();
    expect_no_submit(&saga, 3000, ERR_SYSTEM, "than this program knows");
}

/* An orchestrator of another version is named as such when the time is over. */
static void test_submit__other_protocol_version__says_so(void **state)
{
    (void)state;
    const struct client_saga saga = saga_of("A", "one");
    fake_server_start(fixture.endpoint, FAKE_OTHER_VERSION);
    expect_no_submit(&saga, 3000, ERR_TIMEOUT, "protocol version 2");
}

/* Waiting looks again until the saga rests, though nothing is pushed. */
static void test_wait__nothing_pushed__looks_again(void **state)
{
    (void)state;
    fixture.world.rest_after = 2;
    fixture.world.rest = ZSAGA__SAGA_STATE__COMPENSATED;
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__RUNNING);
    client_fixture_serve();
    struct client_outcome outcome = {0};
    struct err err = {0};
    assert_int_equal(client_wait(fixture.client, "A", DEADLINE_MS, &outcome, &err), 0);
    assert_int_equal(outcome.state, CLIENT_COMPENSATED);
    assert_string_equal(outcome.reason, "sold_out");
    fake_server_stop();
    assert_int_equal(fixture.world.sagas[0].finds, 2);
}

/* One that rests already is known at once; attention is a rest as well. */
static void test_wait__rests_already__answers_at_once(void **state)
{
    (void)state;
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__ATTENTION);
    client_fixture_serve();
    expect_wait("A", CLIENT_ATTENTION);
    fake_server_stop();
    assert_int_equal(fixture.world.sagas[0].finds, 1);
}

/* An answer that is lost, and a restart, hold the waiting up and do not end it. */
static void test_wait__answer_lost__looks_again(void **state)
{
    (void)state;
    fixture.world.deaf = 1;
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__COMPLETED);
    client_fixture_serve();
    expect_wait("A", CLIENT_COMPLETED);
    fake_server_stop();
    client_fixture_serve();
    expect_wait("A", CLIENT_COMPLETED);
}

/* A key that no saga has is missing, at once. */
static void test_wait__unknown_key__is_missing(void **state)
{
    (void)state;
    struct client_outcome outcome = {0};
    struct err err = {0};
    client_fixture_serve();
    assert_int_equal(client_wait(fixture.client, "nobody", DEADLINE_MS, &outcome, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.text, "there is no saga \"nobody\"");
    assert_int_equal(client_wait(fixture.client, "", DEADLINE_MS, &outcome, &err), ERR_INVALID);
}

/* Out of time, the last state that was told is told, in the words as well. */
static void test_wait__timeout__tells_the_last_state(void **state)
{
    (void)state;
    struct client_outcome outcome = {0};
    struct err err = {0};
    (void)fake_orchestrator_add(&fixture.world, "A", ZSAGA__SAGA_STATE__COMPENSATING);
    client_fixture_serve();
    assert_int_equal(client_wait(fixture.client, "A", 3000, &outcome, &err), ERR_TIMEOUT);
    assert_int_equal(outcome.state, CLIENT_COMPENSATING);
    expect_words(&err, "saga \"A\": still compensating after 3000 ms");
}

/* A directory without a suite is told with what makes one. */
static void test_open__no_suite__says_how_to_make_one(void **state)
{
    (void)state;
    struct client *other = NULL;
    struct err err = {0};
    assert_int_equal(client_open(fixture.dir, &other, &err), ERR_NOT_FOUND);
    assert_null(other);
    expect_words(&err, "zsaga up --data");
}

/* What is no endpoint is refused at once. */
static void test_open__no_endpoint__is_refused(void **state)
{
    (void)state;
    struct client *other = NULL;
    struct err err = {0};
    assert_int_equal(client_open_endpoint("nowhere", &other, &err), ERR_INVALID);
    assert_null(other);
}

/* A suite that does not run can be opened; what is asked of it then says how to start it. */
static void test_open__suite_not_running__says_how_to_start_it(void **state)
{
    (void)state;
    AUTO(freep) char *data = xprintf("%s/data", fixture.dir);
    AUTO(client_freep) struct client *stopped = NULL;
    struct client_status *status = NULL;
    struct err err = {0};
    assert_int_equal(suite_create(data, &err), 0);
    assert_int_equal(setenv("ZSAGA_DATA", data, 1), 0);
    assert_int_equal(client_open(NULL, &stopped, &err), 0);
    assert_int_equal(client_status(stopped, 30, &status, &err), ERR_TIMEOUT);
    expect_words(&err, "is not running; start it: zsaga up --data");
    expect_words(&err, data);
    AUTO(freep) char *command = xprintf("rm -r '%s'", data);
    assert_int_equal(system(command), 0);
}

/* The states have their names, and are found by them; three of them are rests. */
static void test_state__names__both_ways(void **state)
{
    (void)state;
    static const char *const names[CLIENT_STATE_COUNT] = {
        "unknown", "running", "compensating", "completed", "compensated", "attention"};
    enum client_state found;
    for (int i = CLIENT_RUNNING; i < CLIENT_STATE_COUNT; i++) {
        assert_string_equal(client_state_name((enum client_state)i), names[i]);
        assert_true(client_state_parse(names[i], &found));
        assert_int_equal(found, i);
        assert_int_equal(client_state_rests(found), i >= CLIENT_COMPLETED);
    }
    assert_false(client_state_parse("unknown", &found));
    assert_false(client_state_parse("Running", &found));
    assert_string_equal(client_state_name((enum client_state)99), "unknown");
    assert_false(client_state_rests((enum client_state)99));
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_submit__verdicts__are_told),
        TEST(test_submit__answer_lost__is_still_accepted),
        TEST(test_submit__own_nonce_again__is_accepted_again),
        TEST(test_submit__orchestrator_restarts__is_not_noticed),
        TEST(test_submit__busy__is_accepted_later),
        TEST(test_submit__busy_for_too_long__says_so),
        TEST(test_submit__nobody_there__says_so),
        TEST(test_submit__breaks_a_rule__is_not_sent),
        TEST(test_submit__largest_input__is_accepted),
        TEST(test_submit__refused__tells_why),
        TEST(test_submit__strange_answer__says_so),
        TEST(test_submit__other_protocol_version__says_so),
        TEST(test_wait__nothing_pushed__looks_again),
        TEST(test_wait__rests_already__answers_at_once),
        TEST(test_wait__answer_lost__looks_again),
        TEST(test_wait__unknown_key__is_missing),
        TEST(test_wait__timeout__tells_the_last_state),
        TEST(test_open__no_suite__says_how_to_make_one),
        TEST(test_open__no_endpoint__is_refused),
        TEST(test_open__suite_not_running__says_how_to_start_it),
        TEST(test_state__names__both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
