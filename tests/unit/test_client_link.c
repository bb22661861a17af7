#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "client_link.h"
#include "fake_server.h"
#include "wire/frame.h"

#define DEADLINE_MS 20000

static char dir[64];
static char endpoint[128];

static int set_up(void **state)
{
    (void)state;
    fake_server_forget();
    (void)snprintf(dir, sizeof dir, "/tmp/zsaga-client-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/s.sock", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_server_stop();
    (void)unlink(endpoint + strlen("ipc://"));
    return rmdir(dir);
}

static struct client_link *connect_link(void)
{
    struct client_link *link = NULL;
    struct err err = {0};
    assert_int_equal(client_link_new(endpoint, &link, &err), 0);
    return link;
}

static Zsaga__Status nothing = ZSAGA__STATUS__INIT;

static Zsaga__ClientRequest status_request(uint64_t id)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    request.id = id;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &nothing;
    return request;
}

static void expect_answer(struct client_link *link)
{
    Zsaga__ClientRequest request = status_request(0);
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_link_ask(link, &request, DEADLINE_MS, &answer, &err), 0);
    assert_non_null(answer);
    assert_int_equal(answer->id, request.id);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_DONE);
}

static void expect_timeout(struct client_link *link, int64_t timeout_ms, const char *words)
{
    Zsaga__ClientRequest request = status_request(0);
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_link_ask(link, &request, timeout_ms, &answer, &err), ERR_TIMEOUT);
    assert_null(answer);
    assert_non_null(strstr(err.text, endpoint));
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void queue_one(struct client_link *link, uint64_t id)
{
    Zsaga__ClientRequest request = status_request(id);
    client_link_queue(link, &request);
}

static void flush(struct client_link *link)
{
    struct err err = {0};
    assert_int_equal(client_link_flush(link, &err), 0);
}

static uint64_t take_id(struct client_link *link, int64_t wait_ms)
{
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_link_take(link, wait_ms, &answer, &err), 0);
    return answer == NULL ? 0 : answer->id;
}

/* A question is answered, and the next one too; ids of questions do not meet those of callers. */
static void test_ask__peer_answers__gets_the_answer(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_ANSWERS);
    struct client_link *link = connect_link();
    expect_answer(link);
    expect_answer(link);
    client_link_free(link);
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 2);
    assert_true(fake_server_seen.first_id >= UINT64_C(1) << 63);
    assert_int_equal(fake_server_seen.last_id, fake_server_seen.first_id + 1);
}

/* An owner is asked the same way. */
static void test_ask_owner__peer_answers__gets_the_answer(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_ANSWERS);
    struct client_link *link = connect_link();
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    const Zsaga__OwnerAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_link_ask_owner(link, &request, DEADLINE_MS, &answer, &err), 0);
    assert_int_equal(answer->id, request.id);
    assert_int_equal(answer->health->pid, FAKE_SERVER_PID);
    client_link_free(link);
}

/* Nobody there: the words name the endpoint. As soon as somebody is there, questions are answered.
 */
static void test_ask__peer_comes_later__times_out_then_answers(void **state)
{
    (void)state;
    struct client_link *link = connect_link();
    expect_timeout(link, 30, "did not answer within 30 ms");
    fake_server_start(endpoint, FAKE_ANSWERS);
    expect_answer(link);
    client_link_free(link);
}

/* A question whose answer is lost is asked again, under the same id. */
static void test_ask__answer_lost__asks_again(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_IGNORES_FIRST_FRAME);
    struct client_link *link = connect_link();
    expect_answer(link);
    client_link_free(link);
    fake_server_stop();
    assert_int_equal(fake_server_seen.frames, 2);
    assert_int_equal(fake_server_seen.connections, 1);
    assert_int_equal(fake_server_seen.first_id, fake_server_seen.last_id);
}

/* A peer that stays silent on one connection is asked over another. */
static void test_ask__connection_silent__makes_a_new_one(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_IGNORES_FIRST_CONNECTION);
    struct client_link *link = connect_link();
    expect_answer(link);
    client_link_free(link);
    fake_server_stop();
    assert_int_equal(fake_server_seen.connections, 2);
    assert_int_equal(fake_server_seen.first_id, fake_server_seen.last_id);
}

/* A restart of the peer between two questions is not noticed. */
static void test_ask__peer_restarts__is_not_noticed(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_ANSWERS);
    struct client_link *link = connect_link();
    expect_answer(link);
    fake_server_stop();
    fake_server_start(endpoint, FAKE_ANSWERS);
    expect_answer(link);
    client_link_free(link);
}

/* An answer to an earlier question is passed by. */
static void test_ask__stale_answer__is_ignored(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_STALE_FIRST);
    struct client_link *link = connect_link();
    expect_answer(link);
    client_link_free(link);
}

/* Messages of parts and garbage are counted, and harm no answer. */
static void test_ask__no_frames_between__are_counted(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_IN_PARTS_FIRST);
    struct client_link *link = connect_link();
    expect_answer(link);
    assert_int_equal(client_link_ignored(link), 2);
    client_link_free(link);
}

/* A peer of another version is not waited for without saying so. */
static void test_ask__peer_of_another_version__says_so(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_OTHER_VERSION);
    struct client_link *link = connect_link();
    expect_timeout(link, 3000, "protocol version 2: this side speaks version 1");
    assert_true(client_link_ignored(link) > 0);
    client_link_free(link);
}

/* A request that no frame can hold is refused before it is sent. */
static void test_ask__too_large__is_refused(void **state)
{
    (void)state;
    struct client_link *link = connect_link();
    uint8_t *input = xcalloc(1, FRAME_SIZE_MAX);
    Zsaga__Submit submit = ZSAGA__SUBMIT__INIT;
    submit.input = (ProtobufCBinaryData){.len = FRAME_SIZE_MAX, .data = input};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &submit;
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_link_ask(link, &request, DEADLINE_MS, &answer, &err), ERR_INVALID);
    client_link_free(link);
    free(input);
}

/* What is no endpoint is refused at once. */
static void test_new__no_endpoint__is_refused(void **state)
{
    (void)state;
    struct client_link *link = NULL;
    struct err err = {0};
    assert_int_equal(client_link_new("nowhere", &link, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_null(link);
    client_link_freep(&link);
}

/* Many requests travel in few frames, and each is answered under its id. */
static void test_queue__many_requests__are_all_answered(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    bool seen[COUNT + 1] = {false};
    fake_server_start(endpoint, FAKE_ANSWERS);
    struct client_link *link = connect_link();
    for (uint64_t id = 1; id <= COUNT; id++)
        queue_one(link, id);
    flush(link);
    for (int i = 0; i < COUNT; i++) {
        uint64_t id = take_id(link, DEADLINE_MS);
        assert_in_range(id, 1, COUNT);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(take_id(link, 0), 0);
    client_link_free(link);
    fake_server_stop();
    assert_int_equal(fake_server_seen.frames, (COUNT + 31) / 32);
}

/* An entry that does not decode costs its frame nothing but itself. */
static void test_take__spoilt_entry__others_are_taken(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_SPOILS_AN_ENTRY);
    struct client_link *link = connect_link();
    for (uint64_t id = 1; id <= 3; id++)
        queue_one(link, id);
    flush(link);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(take_id(link, DEADLINE_MS), id);
    assert_int_equal(client_link_ignored(link), 1);
    client_link_free(link);
}

/* What a peer could not be sent for a second is not sent to it later. */
static void test_queue__peer_away__is_dropped_after_a_second(void **state)
{
    (void)state;
    struct client_link *link = connect_link();
    queue_one(link, 1);
    flush(link);
    assert_int_equal(take_id(link, 1100), 0);
    fake_server_start(endpoint, FAKE_ANSWERS);
    for (uint64_t id = 0; id == 0;) {
        queue_one(link, 2);
        flush(link);
        id = take_id(link, 500);
        assert_in_range(id, 0, 2);
        assert_int_not_equal(id, 1);
    }
    client_link_free(link);
    fake_server_stop();
    assert_int_equal(fake_server_seen.first_id, 2);
}

/* A request that found no connection yet is sent as soon as there is one. */
static void test_queue__not_connected_yet__is_sent_when_it_is(void **state)
{
    (void)state;
    fake_server_start(endpoint, FAKE_ANSWERS);
    struct client_link *link = connect_link();
    queue_one(link, 7);
    flush(link);
    assert_int_equal(take_id(link, DEADLINE_MS), 7);
    client_link_free(link);
}

/* A new connection forgets what was not sent, and works as the old one did. */
static void test_reconnect__with_unsent_requests__starts_afresh(void **state)
{
    (void)state;
    struct client_link *link = connect_link();
    queue_one(link, 1);
    flush(link);
    struct err err = {0};
    assert_int_equal(client_link_reconnect(link, &err), 0);
    fake_server_start(endpoint, FAKE_ANSWERS);
    expect_answer(link);
    client_link_free(link);
    fake_server_stop();
    assert_int_equal(fake_server_seen.requests, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ask__peer_answers__gets_the_answer),
        TEST(test_ask_owner__peer_answers__gets_the_answer),
        TEST(test_ask__peer_comes_later__times_out_then_answers),
        TEST(test_ask__answer_lost__asks_again),
        TEST(test_ask__connection_silent__makes_a_new_one),
        TEST(test_ask__peer_restarts__is_not_noticed),
        TEST(test_ask__stale_answer__is_ignored),
        TEST(test_ask__no_frames_between__are_counted),
        TEST(test_ask__peer_of_another_version__says_so),
        TEST(test_ask__too_large__is_refused),
        TEST(test_new__no_endpoint__is_refused),
        TEST(test_queue__many_requests__are_all_answered),
        TEST(test_take__spoilt_entry__others_are_taken),
        TEST(test_queue__peer_away__is_dropped_after_a_second),
        TEST(test_queue__not_connected_yet__is_sent_when_it_is),
        TEST(test_reconnect__with_unsent_requests__starts_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
