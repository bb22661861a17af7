/* The observer's node answers on its view port, and says nothing else to anybody but publishers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "observer_node.h"
#include "suite_files.h"
#include "view.pb-c.h"
#include "wire/frame.h"

struct fixture {
    char root[256];
    char path[300];
    struct node *node;
    struct node_turn turn;
    struct outbound out;
    struct arena arena;
    struct frame frame;
};

static const char *const publishers[] = {"orchestrator", "order"};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct err err = {0};
    suite_files_begin(fixture->root, sizeof fixture->root);
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/observer.db", fixture->root);
    const struct consumer_options options = {
        .db_path = fixture->path, .publishers = publishers, .publisher_count = 2, .random = 7};
    if (observer_node_new(&options, (struct node_time){1000, 5000}, &fixture->node, &err) < 0)
        fail_msg("%s", err.text);
    node_turn_init(&fixture->turn, fixture->node);
    arena_init(&fixture->arena, (size_t)8 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fixture->node->ops->free(fixture->node);
    outbound_release(&fixture->out);
    arena_release(&fixture->arena);
    suite_files_end(fixture->root);
    free(fixture);
    return 0;
}

static struct peer asker(void)
{
    return (struct peer){.port = OBSERVER_PORT_VIEW(2), .id_len = 2, .id = "me"};
}

static void give(struct fixture *fixture, struct bytes bytes)
{
    const struct peer from = asker();
    node_turn_receive(&fixture->turn, &from, bytes, (struct node_time){1000, 5000});
}

static void ask(struct fixture *fixture, uint64_t id)
{
    Zsaga__ViewRequest request = ZSAGA__VIEW_REQUEST__INIT;
    struct frame_header sender = {.name = "test", .incarnation = 3};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    request.id = id;
    frame_writer_add(&writer, &request.base, NULL);
    frame_writer_flush(&writer);
    give(fixture, bytes_of(out.messages[0].data, out.messages[0].len));
    outbound_release(&out);
}

static void end_turn(struct fixture *fixture)
{
    struct err err = {0};
    outbound_clear(&fixture->out);
    if (node_turn_end(&fixture->turn, (struct node_time){1000, 5000}, true, &fixture->out, &err) <
        0)
        fail_msg("%s", err.text);
}

static size_t answers(const struct fixture *fixture)
{
    size_t count = 0;
    for (size_t i = 0; i < fixture->out.count; i++)
        count += fixture->out.messages[i].to.port == OBSERVER_PORT_VIEW(2);
    return count;
}

/* The n-th answer. */
static const Zsaga__ViewReport *answer(struct fixture *fixture, size_t nth)
{
    struct err err = {0};
    for (size_t i = 0; i < fixture->out.count; i++) {
        const struct message *message = &fixture->out.messages[i];
        if (message->to.port != OBSERVER_PORT_VIEW(2) || nth-- != 0)
            continue;
        if (frame_read(bytes_of(message->data, message->len), &fixture->arena, &fixture->frame,
                       &err) < 0)
            fail_msg("%s", err.text);
        return zsaga__view_report__unpack(&fixture->arena.allocator, fixture->frame.entries[0].len,
                                          fixture->frame.entries[0].data);
    }
    return NULL;
}

/* A question is answered to who asked, with its number and both streams. */
static void test_view__question__is_answered(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, 41);
    ask(fixture, 42);
    end_turn(fixture);
    assert_int_equal(answers(fixture), 2);
    const Zsaga__ViewReport *report = answer(fixture, 1);
    assert_non_null(report);
    assert_int_equal(report->id, 42);
    assert_int_equal(report->now_ms, 5000);
    assert_int_equal(report->as_of_ms, 0);
    assert_int_equal(report->n_counts, 5);
    assert_int_equal(report->n_streams, 2);
    assert_true(bytes_equal(packed_view(report->streams[1]->publisher), bytes_text("order")));
    assert_int_equal(report->streams[1]->lag_ms, -1);
    assert_string_equal(fixture->frame.header.name, "observer");
    const struct message *last = &fixture->out.messages[fixture->out.count - 1];
    assert_memory_equal(last->to.id, "me", 2);
    end_turn(fixture);
    assert_int_equal(answers(fixture), 0);
}

/* What is no question is dropped; the next one is answered. */
static void test_view__nonsense__is_dropped(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, bytes_of("", 0));
    give(fixture, bytes_of("\xff\xff\xff\xff\xff", 5));
    ask(fixture, 0);
    end_turn(fixture);
    assert_int_equal(answers(fixture), 0);
    ask(fixture, 1);
    end_turn(fixture);
    assert_int_equal(answers(fixture), 1);
}

/* A flood of questions costs so many answers a turn and no more. */
static void test_view__flood__is_bounded(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 1; i < 1000; i++)
        ask(fixture, i);
    end_turn(fixture);
    assert_int_equal(answers(fixture), OBSERVER_ASKS_MAX);
}

/* While it can store nothing, a question is answered with why; afterwards with the model again. */
static void test_view__disk_full__says_why(void **state)
{
    struct fixture *fixture = *state;
    const struct node_outage why = {.disk_full = true, .words = "the disk is full", .retry_ms = 1};
    ask(fixture, 7);
    fixture->node->ops->refuse(fixture->node, (struct node_time){1000, 5000}, &why, &fixture->out);
    assert_int_equal(answers(fixture), 1);
    const Zsaga__ViewReport *report = answer(fixture, 0);
    assert_int_equal(report->id, 7);
    assert_int_equal(report->now_ms, 5000);
    assert_true(bytes_equal(packed_view(report->trouble), bytes_text("the disk is full")));
    assert_int_equal(report->n_counts + report->n_streams, 0);
    ask(fixture, 8);
    end_turn(fixture);
    assert_int_equal(answers(fixture), 1);
    assert_int_equal(answer(fixture, 0)->trouble.len, 0);
    assert_int_equal(answer(fixture, 0)->n_counts, 5);
}

/* Beside answers it sends fetches to publishers: there is nobody else it could speak to. */
static void test_ports__only_replay_and_answers(void **state)
{
    struct fixture *fixture = *state;
    for (int64_t ms = 0; ms < 10000; ms += 100) {
        struct err err = {0};
        outbound_clear(&fixture->out);
        assert_int_equal(node_turn_end(&fixture->turn, (struct node_time){1000 + ms, 5000 + ms},
                                       true, &fixture->out, &err),
                         0);
        for (size_t i = 0; i < fixture->out.count; i++) {
            uint8_t port = fixture->out.messages[i].to.port;
            assert_true(port == CONSUMER_PORT_REPLAY(0) || port == CONSUMER_PORT_REPLAY(1));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_view__question__is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_view__nonsense__is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_view__flood__is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_view__disk_full__says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ports__only_replay_and_answers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
