/* Conformance: the checks of `zsaga conformance`, without sockets, on the node itself.
 *
 * Here they see more than over a socket: a check that holds that nothing has changed looks at every
 * row of every table. */
#include "conformance_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "conformance.h"
#include "conformance_words.h"

#define TIMEOUT_MS 2000

/* Messages of a plane, oldest first. */
struct queue {
    struct buffer messages[256];
    size_t first;
    size_t count;
};

struct near_line {
    struct line line;
    struct conformance *conformance;
    struct queue queues[LINE_PLANE_COUNT];
    unsigned int inputs;
};

static const uint8_t ports[LINE_PLANE_COUNT] = {
    [LINE_COMMAND] = PARTICIPANT_PORT_COMMAND,
    [LINE_REPLAY] = PARTICIPANT_PORT_REPLAY,
    [LINE_EVENTS] = PARTICIPANT_PORT_EVENTS,
};

static struct near_line *self_of(struct line *line)
{
    return (struct near_line *)line;
}

static void put(struct queue *queue, const struct message *message)
{
    assert_true(queue->count - queue->first < 256);
    struct buffer *to = &queue->messages[queue->count++ % 256];
    buffer_clear(to);
    buffer_append(to, message->data, message->len);
}

static void sort_out(struct near_line *self, const struct outbound *out)
{
    for (size_t i = 0; i < out->count; i++)
        for (size_t plane = 0; plane < LINE_PLANE_COUNT; plane++)
            if (out->messages[i].to.port == ports[plane])
                put(&self->queues[plane], &out->messages[i]);
}

/* A turn of the node. */
static void turn(struct near_line *self)
{
    struct participant_driver *driver = self->conformance->driver;
    struct outbound out = {0};
    struct err err = {0};
    driver->now.mono_ms += 300; /* So that each second turn has a range to tell. */
    driver->now.wall_ms += 300;
    driver->node->ops->tick(driver->node, driver->now);
    if (driver->node->ops->commit(driver->node, driver->now, &out, &err) < 0)
        fail_msg("commit: %s", err.text);
    sort_out(self, &out);
    outbound_release(&out);
}

static bool send_message(struct line *line, enum line_plane plane, struct bytes message)
{
    struct participant_driver *driver = self_of(line)->conformance->driver;
    struct peer from = {.port = ports[plane], .id_len = 2, .id = "me"};
    driver->node->ops->receive(driver->node, &from, message, driver->now);
    return true;
}

static bool take_message(struct line *line, enum line_plane plane, int wait_ms, struct buffer *to)
{
    struct near_line *self = self_of(line);
    struct queue *queue = &self->queues[plane];
    if (queue->first == queue->count && wait_ms > 0)
        turn(self);
    if (queue->first == queue->count)
        return false;
    const struct buffer *message = &queue->messages[queue->first++ % 256];
    buffer_clear(to);
    buffer_append(to, message->data, message->len);
    return true;
}

static void forget_messages(struct near_line *self)
{
    for (size_t plane = 0; plane < LINE_PLANE_COUNT; plane++)
        self->queues[plane].first = self->queues[plane].count;
}

static int kill_it(struct line *line, struct err *err)
{
    (void)err;
    forget_messages(self_of(line));
    driver_crash(self_of(line)->conformance->driver);
    return 0;
}

static int start_it(struct line *line, struct err *err)
{
    (void)line;
    (void)err;
    return 0;
}

static char *rows(struct line *line)
{
    struct near_line *self = self_of(line);
    char *text = driver_snapshot(self->conformance->driver);
    forget_messages(self);
    return text;
}

static void free_line(struct line *line)
{
    struct near_line *self = self_of(line);
    for (size_t plane = 0; plane < LINE_PLANE_COUNT; plane++)
        for (size_t i = 0; i < 256; i++)
            buffer_release(&self->queues[plane].messages[i]);
    free(self);
}

static const struct line_ops ops = {
    .send = send_message,
    .take = take_message,
    .kill = kill_it,
    .start = start_it,
    .rows = rows,
    .free = free_line,
};

static void make_input(void *maker, bool refused, const char *key, struct buffer *to)
{
    struct near_line *self = maker;
    (void)key;
    if (refused)
        conformance_fixture.refused(to);
    else
        conformance_fixture.good(self->inputs++, to);
}

static void take_result(void *self, const struct run_result *result)
{
    size_t *failed = self;
    if (result->verdict != RUN_FAILED)
        return;
    ++*failed;
    print_error("%s: %s\n  sent: %s\n  came: %s\n  page: %s\n", result->check->name, result->why,
                result->sent, result->came, result->check->page);
}

static void test_page__each_check__is_passed(void **state)
{
    /* Each rule of the protocol's page that can be seen at its sockets holds, and no row moves
     * where nothing may. */
    struct near_line *self = xcalloc(1, sizeof *self);
    self->line = (struct line){.ops = &ops, .has = {true, true, true}, .kills = true};
    self->conformance = *state;
    struct talk_options options = {
        .participant = conformance_fixture.service->name,
        .action = conformance_fixture.service->actions[0].name,
        .compensation = conformance_fixture.service->actions[0].compensation,
        .key_prefix = "key-",
        .timeout_ms = TIMEOUT_MS,
        .make_input = make_input,
        .maker = self,
    };
    const struct run_options run = {.has_good = true, .has_refused = true};
    struct talk talk;
    struct err err = {0};
    size_t failed = 0;
    talk_init(&talk, &self->line, &options);
    if (run_open(&talk, &err) < 0)
        fail_msg("%s", err.text);
    run_checks(&talk, &run, take_result, &failed);
    talk_release(&talk);
    free_line(&self->line);
    assert_int_equal(failed, 0);
}

int conformance_page(void)
{
    const struct CMUnitTest tests[] = {CONFORMANCE_TEST(test_page__each_check__is_passed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
