/* The shell as a process among others: its sockets, signals and locks. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "echo_process.h"
#include "wire/frame.h"

/* Each message of a client is answered, in order. */
static void test_run__many_messages__are_answered_in_order(void **state)
{
    (void)state;
    echo_start();
    echo_connect();
    for (int i = 0; i < 900; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        echo_say(text);
    }
    for (int i = 0; i < 900; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        echo_expect_heard(text);
    }
}

/* A message of several parts is dropped whole and counted; the next one is answered. */
static void test_run__message_of_parts__is_dropped_whole(void **state)
{
    (void)state;
    pid_t pid = echo_start();
    echo_connect();
    assert_int_equal(zmq_send(echo.client, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(zmq_send(echo.client, "one", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(echo.client, "two", 3, 0), 3);
    echo_expect_answer("three");
    assert_int_equal(kill(pid, SIGTERM), 0);
    echo_expect_exit(pid, 0);
    echo_expect_log("event=messages_dropped malformed=1 gone=0 overflow=0 unsent=0");
    assert_int_equal(echo_committed(), 1);
}

/* Says "again" on a connection that may just be cut, until it is heard; the first thing heard. */
static void expect_again(void *sender)
{
    static const int wait_ms = 100;
    char got[16] = "";
    (void)zmq_setsockopt(sender, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    for (int i = 0; got[0] == '\0'; i++) {
        assert_in_range(i, 0, ECHO_DEADLINE_MS / wait_ms);
        assert_int_equal(zmq_send(sender, "again", 5, 0), 5);
        (void)zmq_recv(sender, got, sizeof got - 1, 0);
    }
    assert_string_equal(got, "again");
}

/* A frame of the largest size is served; a larger message cuts its sender, and harms no other. */
static void test_run__oversize_message__cuts_only_its_sender(void **state)
{
    (void)state;
    echo_start();
    echo_connect();
    echo_expect_answer("before");
    uint8_t *large = xcalloc(1, FRAME_SIZE_MAX + 1);
    void *sender = echo_open_socket(ZMQ_DEALER);
    assert_int_equal(zmq_connect(sender, echo.endpoint), 0);
    assert_int_equal(zmq_send(sender, large, FRAME_SIZE_MAX, 0), FRAME_SIZE_MAX);
    assert_int_equal(zmq_recv(sender, large, FRAME_SIZE_MAX, 0), FRAME_SIZE_MAX);
    assert_int_equal(zmq_send(sender, large, FRAME_SIZE_MAX + 1, 0), FRAME_SIZE_MAX + 1);
    echo_expect_answer("after");
    expect_again(sender);
    (void)zmq_close(sender);
    free(large);
}

/* Bytes that are no ZMTP at all disturb nobody. */
static void test_run__garbage_on_the_socket__disturbs_nobody(void **state)
{
    (void)state;
    echo_start();
    echo_connect();
    echo_expect_answer("before");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/echo.sock", echo.dir);
    char garbage[4096];
    memset(garbage, 0xff, sizeof garbage);
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_true(send(fd, garbage, (size_t)(i * 100 + 1), MSG_NOSIGNAL) > 0);
        (void)close(fd);
    }
    echo_expect_answer("after");
}

/* A second process on the same endpoint is refused with words, and the first goes on. */
static void test_run__endpoint_held__is_refused(void **state)
{
    (void)state;
    echo_start();
    echo_connect();
    echo_expect_answer("before");
    echo_disconnect();
    echo_expect_exit(echo_start(), -ERR_HELD);
    echo_expect_log("echo.sock belongs to another process");
    echo_connect();
    echo_expect_answer("after");
}

/* After kill -9 the next start has the endpoint at once. */
static void test_run__killed__endpoint_is_free_again(void **state)
{
    (void)state;
    pid_t pid = echo_start();
    echo_connect();
    echo_expect_answer("before");
    echo_disconnect();
    assert_int_equal(kill(pid, SIGKILL), 0);
    echo_expect_killed(pid);
    echo_start();
    echo_connect();
    echo_expect_answer("after");
}

static void check_clean_stop(int signal)
{
    pid_t pid = echo_start();
    echo_connect();
    echo_expect_answer("first");
    for (int i = 0; i < 900; i++)
        echo_say("more");
    echo_expect_heard("more");
    assert_int_equal(kill(pid, signal), 0);
    echo_expect_exit(pid, 0);
    size_t count = echo_committed();
    assert_in_range(count, 2, 901);
    for (size_t i = 2; i < count; i++)
        echo_expect_heard("more");
}

/* SIGTERM ends the process cleanly, and everything committed is answered before. */
static void test_stop__sigterm__sends_what_was_committed(void **state)
{
    (void)state;
    check_clean_stop(SIGTERM);
    echo_expect_log("event=stopping cause=SIGTERM");
}

/* SIGINT does the same. */
static void test_stop__sigint__sends_what_was_committed(void **state)
{
    (void)state;
    check_clean_stop(SIGINT);
    echo_expect_log("event=stopping cause=SIGINT");
}

/* When the other end of the lifeline is gone, the process ends. */
static void test_stop__lifeline_ends__ends_too(void **state)
{
    (void)state;
    pid_t pid = echo_start();
    echo_connect();
    echo_expect_answer("before");
    assert_int_equal(write(echo.lifelines[0], "still here", 10), 10);
    echo_expect_answer("between");
    assert_int_equal(close(echo.lifelines[0]), 0);
    echo.lifelines[0] = -1;
    echo_expect_exit(pid, 0);
    echo_expect_log("event=stopping cause=lifeline");
}

/* The supervisor is told once, as soon as the node is ready and not before. */
static void test_ready__node_gets_ready__is_told_once(void **state)
{
    (void)state;
    pid_t pid = echo_start();
    echo_connect();
    echo_expect_answer("before");
    struct pollfd ready = {.fd = echo.readies[0], .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 0), 0);
    echo_expect_answer("get ready");
    assert_int_equal(poll(&ready, 1, ECHO_DEADLINE_MS), 1);
    echo_expect_answer("after");
    assert_int_equal(kill(pid, SIGTERM), 0);
    echo_expect_exit(pid, 0);
    char text[32];
    assert_int_equal(read(echo.readies[0], text, sizeof text), 6);
    assert_memory_equal(text, "ready\n", 6);
}

/* A storage error ends the process with its class; what was not committed is not answered. */
static void test_run__storage_fails__ends_with_its_class(void **state)
{
    (void)state;
    pid_t pid = echo_start();
    echo_connect();
    echo_expect_answer("before");
    echo_say("fail");
    echo_expect_exit(pid, -ERR_IO);
    echo_expect_log("told to fail");
    assert_int_equal(echo_committed(), 1);
}

/* A DEALER cut by a message that is too large, which ZeroMQ never connects again, comes back. */
static void test_link__cut_by_a_protocol_error__comes_back(void **state)
{
    (void)state;
    echo_start_caller();
    void *server = echo.client = echo_open_socket(ZMQ_ROUTER);
    assert_int_equal(zmq_bind(server, echo.endpoint), 0);
    uint8_t first[16];
    uint8_t next[16];
    char text[16] = "";
    int first_len = zmq_recv(server, first, sizeof first, 0);
    assert_true(first_len > 0);
    assert_int_equal(zmq_recv(server, text, sizeof text, 0), 5);
    uint8_t *large = xcalloc(1, 2 * FRAME_SIZE_MAX);
    (void)zmq_send(server, first, (size_t)first_len, ZMQ_SNDMORE);
    (void)zmq_send(server, large, 2 * FRAME_SIZE_MAX, 0);
    free(large);
    int next_len;
    do {
        next_len = zmq_recv(server, next, sizeof next, 0);
        assert_true(next_len > 0);
        assert_int_equal(zmq_recv(server, text, sizeof text, 0), 5);
    } while (next_len == first_len && memcmp(first, next, (size_t)first_len) == 0);
}

/* Who publishes needs no listener, and each that comes hears what is said from then on; told to
 * stop, it ends cleanly. */
static void test_publisher__listeners_come__each_hears(void **state)
{
    (void)state;
    pid_t pid = echo_start_publisher();
    for (int i = 0; i < 2; i++) {
        void *listener = echo_open_socket(ZMQ_SUB);
        assert_int_equal(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "", 0), 0);
        assert_int_equal(zmq_connect(listener, echo.endpoint), 0);
        char text[16] = "";
        assert_int_equal(zmq_recv(listener, text, sizeof text, 0), 5);
        assert_string_equal(text, "hello");
        (void)zmq_close(listener);
    }
    assert_int_equal(kill(pid, SIGTERM), 0);
    echo_expect_exit(pid, 0);
}

/* A second publisher on the same endpoint is refused, since it would steal the listeners. */
static void test_publisher__endpoint_held__is_refused(void **state)
{
    (void)state;
    echo_start_publisher();
    void *listener = echo_open_socket(ZMQ_SUB);
    assert_int_equal(zmq_setsockopt(listener, ZMQ_SUBSCRIBE, "", 0), 0);
    assert_int_equal(zmq_connect(listener, echo.endpoint), 0);
    char text[16];
    assert_int_equal(zmq_recv(listener, text, sizeof text, 0), 5);
    (void)zmq_close(listener);
    echo_disconnect();
    echo_expect_exit(echo_start_publisher(), -ERR_HELD);
    echo_expect_log("echo.sock belongs to another process");
}

/* Publishes until the follower has committed more than so much. */
static void publish_beyond(void *publisher, size_t committed)
{
    struct pollfd nothing = {.fd = -1};
    for (int waited = 0; echo_committed() <= committed; waited += 20) {
        assert_in_range(waited, 0, ECHO_DEADLINE_MS);
        assert_int_equal(zmq_send(publisher, "event", 5, 0), 5);
        (void)poll(&nothing, 1, 20);
    }
}

/* A SUB cut by a message that is too large, which ZeroMQ never connects again, comes back though it
 * never asks for anything. */
static void test_follower__cut_by_a_protocol_error__comes_back(void **state)
{
    (void)state;
    echo_start_follower();
    void *publisher = echo.client = echo_open_socket(ZMQ_PUB);
    assert_int_equal(zmq_bind(publisher, echo.endpoint), 0);
    struct pollfd started = {.fd = echo.readies[0], .events = POLLIN};
    (void)poll(&started, 1, 100);
    publish_beyond(publisher, 0);
    uint8_t *large = xcalloc(1, 2 * FRAME_SIZE_MAX);
    assert_int_equal(zmq_send(publisher, large, 2 * FRAME_SIZE_MAX, 0), 2 * FRAME_SIZE_MAX);
    free(large);
    size_t before = echo_committed();
    publish_beyond(publisher, before + 50);
    echo_expect_log("event=reconnecting peer=echo");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, echo_set_up, echo_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_run__many_messages__are_answered_in_order),
        TEST(test_run__message_of_parts__is_dropped_whole),
        TEST(test_run__oversize_message__cuts_only_its_sender),
        TEST(test_run__garbage_on_the_socket__disturbs_nobody),
        TEST(test_run__endpoint_held__is_refused),
        TEST(test_run__killed__endpoint_is_free_again),
        TEST(test_stop__sigterm__sends_what_was_committed),
        TEST(test_stop__sigint__sends_what_was_committed),
        TEST(test_stop__lifeline_ends__ends_too),
        TEST(test_ready__node_gets_ready__is_told_once),
        TEST(test_run__storage_fails__ends_with_its_class),
        TEST(test_link__cut_by_a_protocol_error__comes_back),
        TEST(test_publisher__listeners_come__each_hears),
        TEST(test_publisher__endpoint_held__is_refused),
        TEST(test_follower__cut_by_a_protocol_error__comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
