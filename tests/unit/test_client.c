#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "client.h"
#include "wire/frame.h"

#define DEADLINE_MS 20000
#define PEERS_MAX 8

/* How a server answers a frame of requests. */
enum manner {
    ANSWERS,          /* Each request, all in one frame. */
    STALE_FIRST,      /* An answer to another request, then the right one, in one frame. */
    SPOILS_AN_ENTRY,  /* An entry that does not decode stands before the answers. */
    OTHER_VERSION,    /* Speaks a version that the client does not know. */
    IN_PARTS_FIRST,   /* A message of two parts, then garbage, then the answer. */
    IGNORES_FIRST,    /* The first frame is lost. */
    IGNORES_FIRST_ID, /* All from the first connection is lost. */
};

static struct {
    char dir[64];
    char endpoint[128];
    enum manner manner;
    pthread_t thread;
    bool runs;
    atomic_bool stop;
    /* Written by the server's thread, read after its end. */
    size_t frames;
    size_t requests;
    uint64_t first_id;
    uint64_t last_id;
    uint8_t first_peer[PEER_ID_MAX];
    size_t first_peer_len;
} server;

static void pack_answer(struct frame_writer *writer, uint64_t id, bool owner)
{
    Zsaga__Done done = ZSAGA__DONE__INIT;
    Zsaga__ClientAnswer answer = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__HealthReport health = ZSAGA__HEALTH_REPORT__INIT;
    Zsaga__OwnerAnswer owner_answer = ZSAGA__OWNER_ANSWER__INIT;
    answer.id = owner_answer.id = id;
    answer.kind_case = ZSAGA__CLIENT_ANSWER__KIND_DONE;
    answer.done = &done;
    owner_answer.kind_case = ZSAGA__OWNER_ANSWER__KIND_HEALTH;
    owner_answer.health = &health;
    health.pid = 42;
    frame_writer_add(writer, owner ? &owner_answer.base : &answer.base, NULL);
}

/* Field 1 with a length that goes beyond the entry. */
static void spoil(struct frame_writer *writer)
{
    Zsaga__Done done = ZSAGA__DONE__INIT;
    done.message = (ProtobufCBinaryData){.len = 2, .data = (uint8_t[]){0, 0}};
    frame_writer_add(writer, &done.base, NULL);
    writer->data[writer->len - 3] = 9;
}

static void note(const uint8_t *peer, size_t peer_len, const Zsaga__ClientRequest *request)
{
    if (server.requests++ == 0) {
        server.first_id = request->id;
        memcpy(server.first_peer, peer, peer_len);
        server.first_peer_len = peer_len;
    }
    server.last_id = request->id;
}

static void send_parts(void *socket, const uint8_t *peer, size_t peer_len)
{
    (void)zmq_send(socket, peer, peer_len, ZMQ_SNDMORE);
    (void)zmq_send(socket, "one", 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, "two", 3, 0);
    (void)zmq_send(socket, peer, peer_len, ZMQ_SNDMORE);
    (void)zmq_send(socket, "garbage", 7, 0);
}

static bool is_lost(const uint8_t *peer, size_t peer_len)
{
    if (server.manner == IGNORES_FIRST)
        return server.frames == 1;
    return server.manner == IGNORES_FIRST_ID && peer_len == server.first_peer_len &&
           memcmp(peer, server.first_peer, peer_len) == 0;
}

static void answer_frame(const struct frame *frame, const uint8_t *peer, size_t peer_len,
                         struct frame_writer *writer)
{
    if (server.manner == SPOILS_AN_ENTRY)
        spoil(writer);
    for (size_t i = 0; i < frame->entry_count; i++) {
        Zsaga__ClientRequest *request =
            zsaga__client_request__unpack(NULL, frame->entries[i].len, frame->entries[i].data);
        if (request == NULL)
            abort();
        note(peer, peer_len, request);
        if (server.manner == STALE_FIRST)
            pack_answer(writer, request->id - 1, false);
        /* An OwnerRequest for health reads as a Submit: both are field 2. */
        pack_answer(writer, request->id, request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_SUBMIT);
        zsaga__client_request__free_unpacked(request, NULL);
    }
}

static void serve(void *socket, const uint8_t *peer, size_t peer_len, struct bytes bytes)
{
    struct frame_header sender = {.name = "orchestrator", .incarnation = 1};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    struct arena arena;
    struct frame frame;
    struct err err;
    arena_init(&arena, FRAME_SIZE_MAX * 4);
    if (frame_read(bytes, &arena, &frame, &err) != 0)
        abort();
    server.frames++;
    answer_frame(&frame, peer, peer_len, &writer);
    frame_writer_flush(&writer);
    bool lost = is_lost(peer, peer_len);
    if (server.manner == IN_PARTS_FIRST)
        send_parts(socket, peer, peer_len);
    for (size_t i = 0; i < out.count && !lost; i++) {
        if (server.manner == OTHER_VERSION)
            out.messages[i].data[3] = 2; /* Tag and length of the header, tag of its version. */
        (void)zmq_send(socket, peer, peer_len, ZMQ_SNDMORE);
        (void)zmq_send(socket, out.messages[i].data, out.messages[i].len, 0);
    }
    outbound_release(&out);
    arena_release(&arena);
}

static void *server_main(void *unused)
{
    static uint8_t body[FRAME_SIZE_MAX];
    static const int turn_ms = 20;
    static const int linger = 0;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    (void)unused;
    (void)zmq_setsockopt(socket, ZMQ_RCVTIMEO, &turn_ms, sizeof turn_ms);
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(socket, server.endpoint) != 0)
        abort();
    while (!atomic_load(&server.stop)) {
        uint8_t peer[PEER_ID_MAX];
        int peer_len = zmq_recv(socket, peer, sizeof peer, 0);
        if (peer_len <= 0)
            continue;
        int len = zmq_recv(socket, body, sizeof body, 0);
        serve(socket, peer, (size_t)peer_len, bytes_of(body, (size_t)len));
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    return NULL;
}

static void start_server(enum manner manner)
{
    server.manner = manner;
    atomic_store(&server.stop, false);
    assert_int_equal(pthread_create(&server.thread, NULL, server_main, NULL), 0);
    server.runs = true;
}

static void stop_server(void)
{
    if (!server.runs)
        return;
    atomic_store(&server.stop, true);
    (void)pthread_join(server.thread, NULL);
    server.runs = false;
}

static int set_up(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    (void)snprintf(server.dir, sizeof server.dir, "/tmp/zsaga-client-XXXXXX");
    if (mkdtemp(server.dir) == NULL)
        return -1;
    (void)snprintf(server.endpoint, sizeof server.endpoint, "ipc://%s/s.sock", server.dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop_server();
    (void)unlink(server.endpoint + strlen("ipc://"));
    return rmdir(server.dir);
}

static struct client *connect_client(void)
{
    struct client *client = NULL;
    struct err err = {0};
    assert_int_equal(client_new(server.endpoint, &client, &err), 0);
    return client;
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

static void expect_answer(struct client *client)
{
    Zsaga__ClientRequest request = status_request(0);
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_ask(client, &request, DEADLINE_MS, &answer, &err), 0);
    assert_non_null(answer);
    assert_int_equal(answer->id, request.id);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_DONE);
}

static void expect_timeout(struct client *client, int64_t timeout_ms, const char *words)
{
    Zsaga__ClientRequest request = status_request(0);
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_ask(client, &request, timeout_ms, &answer, &err), ERR_TIMEOUT);
    assert_null(answer);
    assert_non_null(strstr(err.text, server.endpoint));
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void queue_one(struct client *client, uint64_t id)
{
    Zsaga__ClientRequest request = status_request(id);
    client_queue(client, &request);
}

static void flush(struct client *client)
{
    struct err err = {0};
    assert_int_equal(client_flush(client, &err), 0);
}

static uint64_t take_id(struct client *client, int64_t wait_ms)
{
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_take(client, wait_ms, &answer, &err), 0);
    return answer == NULL ? 0 : answer->id;
}

/* A question is answered, and the next one too; ids of questions do not meet those of callers. */
static void test_ask__peer_answers__gets_the_answer(void **state)
{
    (void)state;
    start_server(ANSWERS);
    struct client *client = connect_client();
    expect_answer(client);
    expect_answer(client);
    client_free(client);
    stop_server();
    assert_int_equal(server.requests, 2);
    assert_true(server.first_id >= UINT64_C(1) << 63);
    assert_int_equal(server.last_id, server.first_id + 1);
}

/* An owner is asked the same way. */
static void test_ask_owner__peer_answers__gets_the_answer(void **state)
{
    (void)state;
    start_server(ANSWERS);
    struct client *client = connect_client();
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    const Zsaga__OwnerAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_ask_owner(client, &request, DEADLINE_MS, &answer, &err), 0);
    assert_int_equal(answer->id, request.id);
    assert_int_equal(answer->health->pid, 42);
    client_free(client);
}

/* Nobody there: the words name the endpoint. As soon as somebody is there, questions are answered.
 */
static void test_ask__peer_comes_later__times_out_then_answers(void **state)
{
    (void)state;
    struct client *client = connect_client();
    expect_timeout(client, 30, "did not answer within 30 ms");
    start_server(ANSWERS);
    expect_answer(client);
    client_free(client);
}

/* A question whose answer is lost is asked again, under the same id. */
static void test_ask__answer_lost__asks_again(void **state)
{
    (void)state;
    start_server(IGNORES_FIRST);
    struct client *client = connect_client();
    expect_answer(client);
    client_free(client);
    stop_server();
    assert_int_equal(server.frames, 2);
    assert_int_equal(server.first_id, server.last_id);
}

/* A peer that stays silent on one connection is asked over another. */
static void test_ask__connection_silent__makes_a_new_one(void **state)
{
    (void)state;
    start_server(IGNORES_FIRST_ID);
    struct client *client = connect_client();
    expect_answer(client);
    client_free(client);
    stop_server();
    assert_int_equal(server.first_id, server.last_id);
}

/* A restart of the peer between two questions is not noticed. */
static void test_ask__peer_restarts__is_not_noticed(void **state)
{
    (void)state;
    start_server(ANSWERS);
    struct client *client = connect_client();
    expect_answer(client);
    stop_server();
    start_server(ANSWERS);
    expect_answer(client);
    client_free(client);
}

/* An answer to an earlier question is passed by. */
static void test_ask__stale_answer__is_ignored(void **state)
{
    (void)state;
    start_server(STALE_FIRST);
    struct client *client = connect_client();
    expect_answer(client);
    client_free(client);
}

/* Messages of parts and garbage are counted, and harm no answer. */
static void test_ask__no_frames_between__are_counted(void **state)
{
    (void)state;
    start_server(IN_PARTS_FIRST);
    struct client *client = connect_client();
    expect_answer(client);
    assert_int_equal(client_ignored(client), 2);
    client_free(client);
}

/* A peer of another version is not waited for without saying so. */
static void test_ask__peer_of_another_version__says_so(void **state)
{
    (void)state;
    start_server(OTHER_VERSION);
    struct client *client = connect_client();
    expect_timeout(client, 1500, "protocol version 2: this side speaks version 1");
    assert_true(client_ignored(client) > 0);
    client_free(client);
}

/* A request that no frame can hold is refused before it is sent. */
static void test_ask__too_large__is_refused(void **state)
{
    (void)state;
    struct client *client = connect_client();
    uint8_t *input = xcalloc(1, FRAME_SIZE_MAX);
    Zsaga__Submit submit = ZSAGA__SUBMIT__INIT;
    submit.input = (ProtobufCBinaryData){.len = FRAME_SIZE_MAX, .data = input};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &submit;
    const Zsaga__ClientAnswer *answer = NULL;
    struct err err = {0};
    assert_int_equal(client_ask(client, &request, DEADLINE_MS, &answer, &err), ERR_INVALID);
    client_free(client);
    free(input);
}

/* What is no endpoint is refused at once. */
static void test_new__no_endpoint__is_refused(void **state)
{
    (void)state;
    struct client *client = NULL;
    struct err err = {0};
    assert_int_equal(client_new("nowhere", &client, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_null(client);
    client_freep(&client);
}

/* Many requests travel in few frames, and each is answered under its id. */
static void test_queue__many_requests__are_all_answered(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    bool seen[COUNT + 1] = {false};
    start_server(ANSWERS);
    struct client *client = connect_client();
    for (uint64_t id = 1; id <= COUNT; id++)
        queue_one(client, id);
    flush(client);
    for (int i = 0; i < COUNT; i++) {
        uint64_t id = take_id(client, DEADLINE_MS);
        assert_in_range(id, 1, COUNT);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(take_id(client, 0), 0);
    client_free(client);
    stop_server();
    assert_int_equal(server.frames, (COUNT + 31) / 32);
}

/* An entry that does not decode costs its frame nothing but itself. */
static void test_take__spoilt_entry__others_are_taken(void **state)
{
    (void)state;
    start_server(SPOILS_AN_ENTRY);
    struct client *client = connect_client();
    for (uint64_t id = 1; id <= 3; id++)
        queue_one(client, id);
    flush(client);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(take_id(client, DEADLINE_MS), id);
    assert_int_equal(client_ignored(client), 1);
    client_free(client);
}

/* What a peer could not be sent for a second is not sent to it later. */
static void test_queue__peer_away__is_dropped_after_a_second(void **state)
{
    (void)state;
    struct client *client = connect_client();
    queue_one(client, 1);
    flush(client);
    assert_int_equal(take_id(client, 1100), 0);
    start_server(ANSWERS);
    for (uint64_t id = 0; id == 0;) {
        queue_one(client, 2);
        flush(client);
        id = take_id(client, 500);
        assert_in_range(id, 0, 2);
        assert_int_not_equal(id, 1);
    }
    client_free(client);
    stop_server();
    assert_int_equal(server.first_id, 2);
}

/* A request that found no connection yet is sent as soon as there is one. */
static void test_queue__not_connected_yet__is_sent_when_it_is(void **state)
{
    (void)state;
    start_server(ANSWERS);
    struct client *client = connect_client();
    queue_one(client, 7);
    flush(client);
    assert_int_equal(take_id(client, DEADLINE_MS), 7);
    client_free(client);
}

/* A new connection forgets what was not sent, and works as the old one did. */
static void test_reconnect__with_unsent_requests__starts_afresh(void **state)
{
    (void)state;
    struct client *client = connect_client();
    queue_one(client, 1);
    flush(client);
    struct err err = {0};
    assert_int_equal(client_reconnect(client, &err), 0);
    start_server(ANSWERS);
    expect_answer(client);
    client_free(client);
    stop_server();
    assert_int_equal(server.requests, 1);
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
