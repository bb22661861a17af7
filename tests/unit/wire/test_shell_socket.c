#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "wire/frame.h"
#include "wire/shell_socket.h"

#define DEADLINE_MS 20000

static char dir[64];
static char endpoint[128];
static void *context;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/zsaga-socket-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/s", dir);
    context = zmq_ctx_new();
    return context == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)zmq_ctx_term(context);
    AUTO(freep) char *lock = xprintf("%s.lock", endpoint + strlen("ipc://"));
    (void)unlink(endpoint + strlen("ipc://"));
    (void)unlink(lock);
    return rmdir(dir);
}

static void *open_socket(enum shell_socket type)
{
    static const int timeout = DEADLINE_MS;
    void *socket = NULL;
    struct err err = {0};
    assert_int_equal(shell_socket_open(context, type, endpoint, &socket, &err), 0);
    (void)zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    (void)zmq_setsockopt(socket, ZMQ_SNDTIMEO, &timeout, sizeof timeout);
    return socket;
}

static void expect_option(void *socket, int option, int expected)
{
    int value = -1;
    size_t len = sizeof value;
    assert_int_equal(zmq_getsockopt(socket, option, &value, &len), 0);
    assert_int_equal(value, expected);
}

static void expect_common_options(void *socket)
{
    int64_t size_max = 0;
    size_t len = sizeof size_max;
    assert_int_equal(zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, &len), 0);
    assert_int_equal(size_max, FRAME_SIZE_MAX);
    expect_option(socket, ZMQ_LINGER, 0);
    expect_option(socket, ZMQ_HANDSHAKE_IVL, 2000);
    expect_option(socket, ZMQ_TCP_KEEPALIVE, 1);
    expect_option(socket, ZMQ_TCP_KEEPALIVE_IDLE, 15);
    expect_option(socket, ZMQ_TCP_KEEPALIVE_INTVL, 5);
    expect_option(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
}

static void expect_heartbeats(void *socket, bool wanted)
{
    expect_option(socket, ZMQ_HEARTBEAT_IVL, wanted ? 1000 : 0);
    if (wanted) {
        expect_option(socket, ZMQ_HEARTBEAT_TIMEOUT, 3000);
        expect_option(socket, ZMQ_HEARTBEAT_TTL, 3000);
    }
}

static void expect_high_water_marks(void *socket, int expected)
{
    expect_option(socket, ZMQ_SNDHWM, expected);
    expect_option(socket, ZMQ_RCVHWM, expected);
}

static void expect_reconnection(void *socket)
{
    expect_option(socket, ZMQ_RECONNECT_IVL, 100);
    expect_option(socket, ZMQ_RECONNECT_IVL_MAX, 500);
}

/* Every option whose default loses, leaks or hangs is set, on both kinds of a conversation. */
static void test_open__router_and_dealer__have_their_options(void **state)
{
    (void)state;
    void *router = open_socket(SHELL_ROUTER);
    void *dealer = open_socket(SHELL_DEALER);
    expect_common_options(router);
    expect_common_options(dealer);
    expect_high_water_marks(router, 4000);
    expect_high_water_marks(dealer, 4000);
    expect_option(dealer, ZMQ_IMMEDIATE, 1);
    expect_heartbeats(router, false);
    expect_heartbeats(dealer, true);
    expect_reconnection(dealer);
    shell_socket_close(dealer, 0);
    shell_socket_close(router, 0);
}

/* Those of the event plane have them too, and hold little, for what they drop can be fetched. */
static void test_open__pub_and_sub__have_their_options(void **state)
{
    (void)state;
    void *pub = open_socket(SHELL_PUB);
    void *sub = open_socket(SHELL_SUB);
    expect_common_options(pub);
    expect_common_options(sub);
    expect_heartbeats(pub, false);
    expect_heartbeats(sub, false);
    expect_option(pub, ZMQ_SNDHWM, SHELL_SOCKET_EVENTS_HWM);
    expect_option(sub, ZMQ_RCVHWM, SHELL_SOCKET_EVENTS_HWM);
    assert_in_range(SHELL_SOCKET_EVENTS_HWM, 64, 512);
    expect_reconnection(sub);
    shell_socket_close(sub, 0);
    shell_socket_close(pub, 0);
}

/* A ROUTER says when a peer is gone, where ZeroMQ's default drops without a word. */
static void test_router__unknown_peer__is_said(void **state)
{
    (void)state;
    void *router = open_socket(SHELL_ROUTER);
    assert_int_equal(zmq_send(router, "nobody", 6, ZMQ_SNDMORE | ZMQ_DONTWAIT), -1);
    assert_int_equal(zmq_errno(), EHOSTUNREACH);
    shell_socket_close(router, 0);
}

static void *connect_named(const char *name)
{
    static const int timeout = DEADLINE_MS;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    assert_non_null(socket);
    (void)zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name));
    (void)zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

static void expect_part(void *socket, const char *text)
{
    char got[16] = "";
    assert_true(zmq_recv(socket, got, sizeof got - 1, 0) >= 0);
    assert_string_equal(got, text);
}

/* A peer that comes again under its routing id takes over from its former connection. */
static void test_router__same_id_again__takes_over(void **state)
{
    (void)state;
    void *router = open_socket(SHELL_ROUTER);
    void *first = connect_named("peer");
    assert_int_equal(zmq_send(first, "one", 3, 0), 3);
    expect_part(router, "peer");
    expect_part(router, "one");
    void *second = connect_named("peer");
    assert_int_equal(zmq_send(second, "two", 3, 0), 3);
    expect_part(router, "peer");
    expect_part(router, "two");
    assert_int_equal(zmq_send(router, "peer", 4, ZMQ_SNDMORE | ZMQ_DONTWAIT), 4);
    assert_int_equal(zmq_send(router, "three", 5, ZMQ_DONTWAIT), 5);
    expect_part(second, "three");
    shell_socket_close(second, 0);
    shell_socket_close(first, 0);
    shell_socket_close(router, 0);
}

/* What is no endpoint is a matter of configuration; one in use belongs to somebody. */
static void test_open__bad_endpoints__have_their_class(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "nowhere", "carrier-pigeon://x", "tcp://127.0.0.1"};
    void *socket = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err err = {0};
        assert_int_equal(shell_socket_open(context, SHELL_ROUTER, wrong[i], &socket, &err),
                         ERR_INVALID);
        assert_non_null(strstr(err.text, wrong[i]));
    }
    AUTO(freep) char *nowhere = xprintf("%s/no/such/directory", endpoint);
    struct err err = {0};
    assert_int_equal(shell_socket_open(context, SHELL_ROUTER, nowhere, &socket, &err), ERR_SYSTEM);
    assert_null(socket);
}

/* A tcp port that is in use belongs to somebody. */
static void test_open__port_in_use__is_held(void **state)
{
    (void)state;
    char last[64];
    size_t len = sizeof last;
    void *first = NULL;
    void *second = NULL;
    struct err err = {0};
    assert_int_equal(shell_socket_open(context, SHELL_ROUTER, "tcp://127.0.0.1:*", &first, &err),
                     0);
    assert_int_equal(zmq_getsockopt(first, ZMQ_LAST_ENDPOINT, last, &len), 0);
    assert_int_equal(shell_socket_open(context, SHELL_ROUTER, last, &second, &err), ERR_HELD);
    assert_non_null(strstr(err.text, last));
    shell_socket_close(first, 0);
}

/* The lock beside an ipc path is one process's, and free again when it lets go. */
static void test_guard__ipc_path__is_held_by_one(void **state)
{
    (void)state;
    int first = -1;
    int second = -1;
    struct err err = {0};
    assert_int_equal(shell_socket_guard(endpoint, &first, &err), 0);
    assert_true(first >= 0);
    assert_int_equal(shell_socket_guard(endpoint, &second, &err), ERR_HELD);
    assert_int_equal(second, -1);
    assert_non_null(strstr(err.text, endpoint));
    (void)close(first);
    assert_int_equal(shell_socket_guard(endpoint, &second, &err), 0);
    (void)close(second);
}

/* Where there is no path there is no lock; where the directory is missing, words say so. */
static void test_guard__no_path__needs_none(void **state)
{
    (void)state;
    static const char *const pathless[] = {"tcp://127.0.0.1:5571", "ipc://@name", "ipc://*"};
    for (size_t i = 0; i < sizeof pathless / sizeof *pathless; i++) {
        int fd = 0;
        struct err err = {0};
        assert_int_equal(shell_socket_guard(pathless[i], &fd, &err), 0);
        assert_int_equal(fd, -1);
    }
    AUTO(freep) char *nowhere = xprintf("%s/no/such/directory", endpoint);
    int fd = 0;
    struct err err = {0};
    assert_int_equal(shell_socket_guard(nowhere, &fd, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "no/such/directory.lock"));
    assert_non_null(strstr(err.text, "make its directory, or choose another endpoint"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open__router_and_dealer__have_their_options),
        TEST(test_open__pub_and_sub__have_their_options),
        TEST(test_router__unknown_peer__is_said),
        TEST(test_router__same_id_again__takes_over),
        TEST(test_open__bad_endpoints__have_their_class),
        TEST(test_open__port_in_use__is_held),
        TEST(test_guard__ipc_path__is_held_by_one),
        TEST(test_guard__no_path__needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
