#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/xalloc.h"
#include "suite.h"
#include "suite_zpl.h"

/* Sockets lie in the suite's own directory unless the file says otherwise. */
static void test_suite_endpoint__default_and_configured__are_given(void **state)
{
    AUTO(suite_freep)
    struct suite *suite =
        suite_zpl_load_lines(*state, "orchestrator\n    client = tcp://127.0.0.1:5570\n"
                                     "    replay = tcp://127.0.0.1:5571\n"
                                     "participant\n    name = a\n    owner = ipc:///somewhere/a\n"
                                     "    events = ipc:///somewhere/e\n"
                                     "observer\n    view = ipc:///somewhere/v\n"
                                     "consumer\n    name = c\n    owner = ipc:///somewhere/c\n");
    static const struct {
        const char *name;
        const char *socket;
        const char *expected; /* NULL: in the directory. */
    } rows[] = {
        {"orchestrator", "client", "tcp://127.0.0.1:5570"},
        {"orchestrator", "owner", NULL},
        {"orchestrator", "events", NULL},
        {"orchestrator", "replay", "tcp://127.0.0.1:5571"},
        {"a", "command", NULL},
        {"a", "owner", "ipc:///somewhere/a"},
        {"a", "events", "ipc:///somewhere/e"},
        {"a", "replay", NULL},
        {"observer", "owner", NULL},
        {"observer", "view", "ipc:///somewhere/v"},
        {"c", "owner", "ipc:///somewhere/c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(freep)
        char *otherwise =
            xprintf("ipc://%s/run/%s-%s.sock", (char *)*state, rows[i].name, rows[i].socket);
        suite_zpl_expect_endpoint(suite, rows[i].name, rows[i].socket,
                                  rows[i].expected != NULL ? rows[i].expected : otherwise);
    }
}

static void expect_none(struct suite *suite, const char *name, const char *socket,
                        const char *words)
{
    struct err err;
    char *endpoint;
    assert_int_equal(suite_endpoint(suite, name, socket, &endpoint, &err), ERR_NOT_FOUND);
    if (strstr(err.text, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, words);
}

/* Who is not in the suite has no endpoint, nor has a process one for what it does not do. */
static void test_suite_endpoint__no_such_socket__is_not_found(void **state)
{
    AUTO(suite_freep)
    struct suite *suite = suite_zpl_load_lines(
        *state, "consumer\n    name = c\nobserver\n    run = no\nparticipant\n    name = a\n");
    expect_none(suite, "nobody", "owner", "has no participant or consumer 'nobody'");
    expect_none(suite, "c", "events", "'c' has no socket for events");
    expect_none(suite, "c", "view", "'c' has no socket for view");
    expect_none(suite, "a", "client", "'a' has no socket for client");
    expect_none(suite, "orchestrator", "command", "'orchestrator' has no socket for command");
    expect_none(suite, "observer", "view", "the observer does not run here");
}

/* A data directory with a long path works like any other: its sockets are reached by descriptor. */
static void test_suite_endpoint__long_path__can_be_bound_and_reached(void **state)
{
    AUTO(freep) char *below = xprintf("%0120d", 1);
    AUTO(freep) char *dir = suite_path(*state, below);
    struct err err;
    assert_int_equal(suite_create(dir, &err), 0);
    AUTO(suite_freep) struct suite *server = suite_zpl_load(dir);
    AUTO(suite_freep) struct suite *client = suite_zpl_load(dir);
    AUTO(freep) char *bound = NULL;
    AUTO(freep) char *reached = NULL;
    assert_int_equal(suite_endpoint(server, "order", "command", &bound, &err), 0);
    assert_int_equal(suite_endpoint(client, "order", "command", &reached, &err), 0);
    assert_string_not_equal(bound, reached);
    void *context = zmq_ctx_new();
    void *pull = zmq_socket(context, ZMQ_PULL);
    void *push = zmq_socket(context, ZMQ_PUSH);
    const int limit_ms = 5000;
    assert_int_equal(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms), 0);
    assert_int_equal(zmq_bind(pull, bound), 0);
    assert_int_equal(zmq_connect(push, reached), 0);
    assert_int_equal(zmq_send(push, "x", 1, 0), 1);
    char got[2];
    assert_int_equal(zmq_recv(pull, got, sizeof got, 0), 1);
    AUTO(freep) char *socket_path = suite_path(dir, "run/order-command.sock");
    assert_int_equal(access(socket_path, F_OK), 0);
    assert_int_equal(zmq_close(push), 0);
    assert_int_equal(zmq_close(pull), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, suite_zpl_set_up, suite_zpl_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_suite_endpoint__default_and_configured__are_given),
        TEST(test_suite_endpoint__no_such_socket__is_not_found),
        TEST(test_suite_endpoint__long_path__can_be_bound_and_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
