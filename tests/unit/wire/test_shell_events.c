/* Links of the event plane over real sockets. */
#include <poll.h>
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
#include "wire/shell_link.h"
#include "wire/shell_socket.h"

#define DEADLINE_MS 20000
#define PAUSE_MS 2

static char dir[64];
static char endpoint[128];
static void *context;
static struct shell_port pub_port = {SHELL_PUB, endpoint, "events"};
static struct shell_port sub_port = {SHELL_SUB, endpoint, "somebody"};
static struct shell_link pub;
static struct shell_link sub;
static zmq_msg_t body;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/zsaga-events-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/s", dir);
    context = zmq_ctx_new();
    pub = (struct shell_link){.guard_fd = -1};
    sub = (struct shell_link){.guard_fd = -1};
    return context == NULL ? -1 : zmq_msg_init(&body);
}

static int tear_down(void **state)
{
    (void)state;
    (void)zmq_msg_close(&body);
    shell_link_close(&sub, 0);
    shell_link_close(&pub, 0);
    (void)zmq_ctx_term(context);
    shell_link_unguard(&pub);
    AUTO(freep) char *command = xprintf("rm -rf '%s'", dir);
    return system(command);
}

static void open_link(struct shell_link *link, const struct shell_port *port)
{
    struct err err = {0};
    assert_int_equal(shell_link_open(link, context, port, &err), 0);
}

static void publish(const char *text)
{
    static const struct peer nobody;
    struct err err = {0};
    uint8_t *data = xmemdup(text, strlen(text));
    assert_int_equal(shell_link_send(&pub, &nobody, &data, strlen(text), &err), SHELL_SENT);
    assert_null(data);
}

static int take(struct shell_link *link)
{
    struct err err = {0};
    struct peer from = {.id_len = 9};
    int rc = shell_link_take(link, &from, &body, &err);
    if (rc == SHELL_TAKEN)
        assert_int_equal(from.id_len, 0);
    return rc;
}

/* Publishes until something comes: a subscription takes a moment to be known. */
static void publish_until_heard(const char *text)
{
    for (int waited = 0; take(&sub) != SHELL_TAKEN; waited += PAUSE_MS) {
        assert_in_range(waited, 0, DEADLINE_MS);
        publish(text);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    assert_int_equal(zmq_msg_size(&body), strlen(text));
    assert_memory_equal(zmq_msg_data(&body), text, strlen(text));
}

/* Next message that is not `text`. */
static int take_other_than(const char *text)
{
    for (int waited = 0; waited < DEADLINE_MS; waited += PAUSE_MS) {
        int rc = take(&sub);
        if (rc == SHELL_EMPTY)
            (void)poll(NULL, 0, PAUSE_MS);
        else if (rc != SHELL_TAKEN || zmq_msg_size(&body) != strlen(text))
            return rc;
    }
    return SHELL_EMPTY;
}

/* What is published comes to who listens, as it was, from nobody in particular. */
static void test_pub__listener__hears_whole_messages(void **state)
{
    (void)state;
    open_link(&pub, &pub_port);
    open_link(&sub, &sub_port);
    publish_until_heard("warm");
    publish("an event");
    assert_int_equal(take_other_than("warm"), SHELL_TAKEN);
    assert_memory_equal(zmq_msg_data(&body), "an event", 8);
}

/* Who listens before there is anybody to hear gets what is said once there is. */
static void test_sub__publisher_comes_later__is_heard(void **state)
{
    (void)state;
    open_link(&sub, &sub_port);
    assert_int_equal(take(&sub), SHELL_EMPTY);
    open_link(&pub, &pub_port);
    publish_until_heard("at last");
}

/* To publish costs no wait and no error, however many messages nobody reads; a reader that was too
 * slow has lost some, which is why the log can be fetched. */
static void test_pub__nobody_reads__never_blocks(void **state)
{
    (void)state;
    enum { COUNT = 40 * SHELL_SOCKET_EVENTS_HWM };
    static char large[4097];
    memset(large, 'x', sizeof large - 1);
    open_link(&pub, &pub_port);
    for (int i = 0; i < COUNT; i++)
        publish(large);
    open_link(&sub, &sub_port);
    publish_until_heard("warm");
    for (int i = 0; i < COUNT; i++)
        publish(large);
    int heard = 0;
    while (take_other_than("warm") == SHELL_TAKEN && heard < COUNT) {
        heard++;
        if (heard == SHELL_SOCKET_EVENTS_HWM / 2)
            break;
    }
    assert_int_equal(heard, SHELL_SOCKET_EVENTS_HWM / 2);
}

/* A PUB never brings a message, also not when listeners come and go. */
static void test_pub__listeners_come_and_go__nothing_arrives(void **state)
{
    (void)state;
    open_link(&pub, &pub_port);
    open_link(&sub, &sub_port);
    assert_int_equal(take(&pub), SHELL_EMPTY);
    publish_until_heard("warm");
    shell_link_close(&sub, 0);
    assert_int_equal(take(&pub), SHELL_EMPTY);
    publish("to nobody");
}

/* A message of several parts is none of ours: it is dropped whole. */
static void test_sub__message_of_parts__is_malformed(void **state)
{
    (void)state;
    open_link(&pub, &pub_port);
    open_link(&sub, &sub_port);
    publish_until_heard("warm");
    assert_int_equal(zmq_send(pub.socket, "one", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(pub.socket, "two", 3, 0), 3);
    publish("whole");
    assert_int_equal(take_other_than("warm"), SHELL_MALFORMED);
    assert_int_equal(take_other_than("warm"), SHELL_TAKEN);
    assert_memory_equal(zmq_msg_data(&body), "whole", 5);
}

/* Who asks and never reads holds a few answers in memory, and not as many as commands may wait. */
static void test_replay__nobody_reads__few_answers_wait(void **state)
{
    (void)state;
    static const struct shell_port port = {SHELL_REPLAY, endpoint, "replay"};
    enum { ANSWER = 256 << 10, MANY = 200 };
    static const int few = 1;
    struct err err = {0};
    struct peer from;
    open_link(&pub, &port);
    void *reader = zmq_socket(context, ZMQ_DEALER);
    assert_int_equal(zmq_setsockopt(reader, ZMQ_RCVHWM, &few, sizeof few), 0);
    assert_int_equal(zmq_setsockopt(reader, ZMQ_LINGER, &(int){0}, sizeof(int)), 0);
    assert_int_equal(zmq_connect(reader, endpoint), 0);
    assert_int_equal(zmq_send(reader, "ask", 3, 0), 3);
    for (int waited = 0; shell_link_take(&pub, &from, &body, &err) != SHELL_TAKEN;
         waited += PAUSE_MS) {
        assert_in_range(waited, 0, DEADLINE_MS);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    int sent = 0;
    int refused = 0; /* In a row: ZeroMQ's thread takes a moment to move what it can. */
    while (refused < 50 && sent < MANY) {
        uint8_t *data = xcalloc(1, ANSWER);
        bool taken = shell_link_send(&pub, &from, &data, ANSWER, &err) == SHELL_SENT;
        free(data);
        sent += taken;
        refused = taken ? 0 : refused + 1;
        if (!taken)
            (void)poll(NULL, 0, PAUSE_MS);
    }
    (void)zmq_close(reader);
    assert_in_range(sent, SHELL_SOCKET_REPLAY_HWM, 4 * SHELL_SOCKET_REPLAY_HWM);
}

/* An endpoint is one publisher's. */
static void test_pub__endpoint_held__is_refused(void **state)
{
    (void)state;
    struct shell_link second;
    struct err err = {0};
    open_link(&pub, &pub_port);
    assert_int_equal(shell_link_open(&second, context, &pub_port, &err), ERR_HELD);
    assert_non_null(strstr(err.text, "belongs to another process"));
}

/* A SUB counts as deaf when nothing came for ten seconds since it was first asked; other sockets
 * have no such time. */
static void test_sub__silence__has_an_end(void **state)
{
    (void)state;
    open_link(&pub, &pub_port);
    open_link(&sub, &sub_port);
    assert_int_equal(shell_link_deaf_at(&sub), INT64_MAX);
    assert_false(shell_link_is_deaf(&sub, 1000));
    assert_int_equal(shell_link_deaf_at(&sub), 11000);
    assert_false(shell_link_is_deaf(&sub, 10999));
    assert_true(shell_link_is_deaf(&sub, 11000));
    assert_int_equal(shell_link_deaf_at(&pub), INT64_MAX);
    publish_until_heard("warm");
    assert_int_equal(shell_link_deaf_at(&sub), INT64_MAX);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pub__listener__hears_whole_messages),
        TEST(test_sub__publisher_comes_later__is_heard),
        TEST(test_pub__nobody_reads__never_blocks),
        TEST(test_pub__listeners_come_and_go__nothing_arrives),
        TEST(test_sub__message_of_parts__is_malformed),
        TEST(test_replay__nobody_reads__few_answers_wait),
        TEST(test_pub__endpoint_held__is_refused),
        TEST(test_sub__silence__has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
