#include "publisher_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"

#define EVENTS_PORT 2
#define REPLAY_PORT 3
#define ARENA_BYTES ((size_t)64 << 20)

static void open_publisher(struct publisher_fixture *self)
{
    self->publisher =
        publisher_new(self->log->outbox, &self->sender, EVENTS_PORT, REPLAY_PORT, &self->keep);
}

int publisher_fixture_set_up(void **state)
{
    struct publisher_fixture *self = xcalloc(1, sizeof *self);
    void *log = NULL;
    (void)outbox_fixture_set_up(&log);
    self->log = log;
    self->sender = (struct frame_header){.name = "shop", .incarnation = 5};
    self->sender.store = temp_store_id(77);
    self->sender.has_driver = true; /* As the orchestrator's is. */
    self->keep = (struct publisher_keep){.bytes = UINT64_MAX, .age_ms = INT32_MAX};
    self->now = (struct node_time){.mono_ms = 5000, .wall_ms = self->log->wall_ms};
    arena_init(&self->arena, ARENA_BYTES);
    open_publisher(self);
    *state = self;
    return 0;
}

int publisher_fixture_tear_down(void **state)
{
    struct publisher_fixture *self = *state;
    void *log = self->log;
    publisher_free(self->publisher);
    outbound_release(&self->out);
    arena_release(&self->arena);
    (void)outbox_fixture_tear_down(&log);
    free(self);
    return 0;
}

static void take_publication(struct publisher_fixture *self, ProtobufCBinaryData entry)
{
    const Zsaga__Publication *told =
        zsaga__publication__unpack(&self->arena.allocator, entry.len, entry.data);
    assert_non_null(told);
    if (told->kind_case == ZSAGA__PUBLICATION__KIND_ROW) {
        assert_in_range(self->row_count, 0, sizeof self->rows / sizeof self->rows[0] - 1);
        self->rows[self->row_count++] = told->row;
    } else {
        assert_int_equal(told->kind_case, ZSAGA__PUBLICATION__KIND_RANGE);
        assert_null(self->range);
        self->range = told->range;
    }
}

static void take_message(struct publisher_fixture *self, const struct message *message)
{
    struct frame frame;
    struct err err = {0};
    if (frame_read(bytes_of(message->data, message->len), &self->arena, &frame, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(frame.header.name, "shop");
    assert_int_equal(id_compare(&frame.header.store, &self->sender.store), 0);
    assert_false(frame.header.has_driver); /* That is told on the command plane only. */
    for (size_t i = 0; i < frame.entry_count; i++) {
        if (message->to.port == EVENTS_PORT) {
            assert_int_equal(message->to.id_len, 0);
            take_publication(self, frame.entries[i]);
            continue;
        }
        assert_int_equal(message->to.port, REPLAY_PORT);
        self->to[self->answer_count] = message->to;
        self->answers[self->answer_count] = zsaga__replay_answer__unpack(
            &self->arena.allocator, frame.entries[i].len, frame.entries[i].data);
        assert_non_null(self->answers[self->answer_count]);
        self->answer_count++;
    }
}

void publisher_fixture_turn(struct publisher_fixture *self)
{
    struct err err = {0};
    arena_reset(&self->arena);
    self->row_count = 0;
    self->range = NULL;
    self->answer_count = 0;
    if (publisher_turn(self->publisher, self->now, &self->out, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < self->out.count; i++)
        take_message(self, &self->out.messages[i]);
    outbound_clear(&self->out);
}

void publisher_fixture_give(struct publisher_fixture *self, const char *peer, struct bytes frame)
{
    struct peer from = {.port = REPLAY_PORT, .id_len = (uint8_t)strlen(peer)};
    memcpy(from.id, peer, strlen(peer));
    publisher_receive(self->publisher, &from, frame);
}

void publisher_fixture_give_request(struct publisher_fixture *self, const char *peer,
                                    const Zsaga__ReplayRequest *request)
{
    struct frame_header sender = {.name = "reader", .incarnation = 9};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    frame_writer_add(&writer, &request->base, NULL);
    frame_writer_flush(&writer);
    publisher_fixture_give(self, peer, bytes_of(out.messages[0].data, out.messages[0].len));
    outbound_release(&out);
}

void publisher_fixture_give_fetch(struct publisher_fixture *self, const char *peer,
                                  const struct publisher_cursor *cursor)
{
    Zsaga__ReplayRequest request = ZSAGA__REPLAY_REQUEST__INIT;
    Zsaga__Fetch fetch = ZSAGA__FETCH__INIT;
    struct id after_id = temp_store_id(cursor->after_id);
    if (cursor->store != NULL)
        fetch.store = packed_borrow(id_view(cursor->store));
    fetch.after = cursor->after;
    if (cursor->after_id != 0)
        fetch.after_id = packed_borrow(id_view(&after_id));
    request.id = ++self->last_request;
    request.kind_case = ZSAGA__REPLAY_REQUEST__KIND_FETCH;
    request.fetch = &fetch;
    publisher_fixture_give_request(self, peer, &request);
}

const Zsaga__ReplayAnswer *publisher_fixture_fetch(struct publisher_fixture *self,
                                                   const struct publisher_cursor *cursor)
{
    publisher_fixture_give_fetch(self, "reader", cursor);
    publisher_fixture_turn(self);
    assert_int_equal(self->answer_count, 1);
    assert_int_equal(self->answers[0]->id, self->last_request);
    return self->answers[0];
}

void publisher_fixture_renew(struct publisher_fixture *self)
{
    publisher_free(self->publisher);
    open_publisher(self);
}
