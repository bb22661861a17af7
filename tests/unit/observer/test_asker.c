/* Questions to the observer: an answer counts, however late it is, and none counts twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "asker.h"
#include "suite_files.h"
#include "wire/frame.h"

#define DEADLINE_MS 20000

/* An observer that answers what and when the test wants. */
struct fixture {
    char root[256];
    char endpoint[300];
    void *context;
    void *observer;
    struct asker *asker;
    uint8_t peer[64];
    size_t peer_len;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct err err = {0};
    const int no_linger = 0;
    suite_files_begin(fixture->root, sizeof fixture->root);
    (void)snprintf(fixture->endpoint, sizeof fixture->endpoint, "ipc://%s/view.sock",
                   fixture->root);
    fixture->context = zmq_ctx_new();
    fixture->observer = zmq_socket(fixture->context, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(fixture->observer, ZMQ_LINGER, &no_linger, sizeof no_linger),
                     0);
    assert_int_equal(zmq_bind(fixture->observer, fixture->endpoint), 0);
    if (asker_new(fixture->endpoint, &fixture->asker, &err) < 0)
        fail_msg("%s", err.text);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    asker_free(fixture->asker);
    (void)zmq_close(fixture->observer);
    (void)zmq_ctx_term(fixture->context);
    suite_files_end(fixture->root);
    free(fixture);
    return 0;
}

static void await(void *socket, short events)
{
    zmq_pollitem_t item = {.socket = socket, .events = events};
    assert_int_equal(zmq_poll(&item, 1, DEADLINE_MS), 1);
}

/* Asks, until the question has reached the observer. */
static void ask(struct fixture *fixture)
{
    struct err err = {0};
    char question[1024];
    await(asker_socket(fixture->asker), ZMQ_POLLOUT);
    assert_int_equal(asker_ask(fixture->asker, 1, &err), 0);
    await(fixture->observer, ZMQ_POLLIN);
    int len = zmq_recv(fixture->observer, fixture->peer, sizeof fixture->peer, 0);
    assert_true(len > 0 && len <= (int)sizeof fixture->peer);
    fixture->peer_len = (size_t)len;
    assert_true(zmq_recv(fixture->observer, question, sizeof question, 0) > 0);
}

static void answer(struct fixture *fixture, uint64_t id)
{
    Zsaga__ViewReport report = ZSAGA__VIEW_REPORT__INIT;
    struct frame_header sender = {.name = "observer", .incarnation = 3};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    report.id = id;
    frame_writer_add(&writer, &report.base, NULL);
    frame_writer_flush(&writer);
    assert_true(zmq_send(fixture->observer, fixture->peer, fixture->peer_len, ZMQ_SNDMORE) > 0);
    assert_true(zmq_send(fixture->observer, out.messages[0].data, out.messages[0].len, 0) > 0);
    outbound_release(&out);
}

/* The id of the answer that came; 0: what came counts for nothing. */
static uint64_t take(struct fixture *fixture)
{
    struct err err = {0};
    const Zsaga__ViewReport *report;
    await(asker_socket(fixture->asker), ZMQ_POLLIN);
    assert_int_equal(asker_take(fixture->asker, &report, &err), 0);
    return report == NULL ? 0 : report->id;
}

/* An observer that always answers after the next question is heard all the same. */
static void test_take__late_answer__counts(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture);
    ask(fixture);
    answer(fixture, 1);
    assert_int_equal(take(fixture), 1);
    ask(fixture);
    answer(fixture, 2);
    assert_int_equal(take(fixture), 2);
}

/* An answer that is older than the one before, comes again, or answers nothing asked is none. */
static void test_take__old_or_foreign_answer__is_none(void **state)
{
    static const uint64_t ids[] = {2, 1, 0, 3};
    struct fixture *fixture = *state;
    ask(fixture);
    ask(fixture);
    answer(fixture, 2);
    assert_int_equal(take(fixture), 2);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        answer(fixture, ids[i]);
        assert_int_equal(take(fixture), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take__late_answer__counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_take__old_or_foreign_answer__is_none, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
