#include "suite_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "wire/shell_socket.h"

#define ARENA_BUDGET ((size_t)16 << 20)
#define ANSWER_MS 10000
#define AGAIN_MS 500 /* What was sent to a dead process is sent again after so much silence. */

static void close_wire(void *wire_p)
{
    struct suite_wire *wire = wire_p;
    shell_socket_close(wire->socket, 0);
    while (zmq_ctx_term(wire->context) != 0 && zmq_errno() == EINTR)
        continue;
    arena_release(&wire->arena);
    buffer_release(&wire->input);
    free(wire);
}

struct suite_wire *suite_wire_open(struct suite_process *suite, const char *participant)
{
    struct err err = {0};
    struct suite_wire *wire = xcalloc(1, sizeof *wire);
    const char *endpoint =
        suite_process_text(suite, "ipc://%s/run/%s-command.sock", suite->data, participant);
    int again_ms = AGAIN_MS;
    wire->participant = participant;
    wire->attempt = 1;
    wire->context = zmq_ctx_new();
    arena_init(&wire->arena, ARENA_BUDGET);
    wire->sender = (struct frame_header){.name = "orchestrator",
                                         .store = {{1}},
                                         .incarnation = 1,
                                         .has_driver = true,
                                         .driver = {.epoch = 1, .nonce = 1}};
    (void)snprintf(wire->sender.driver.id, sizeof wire->sender.driver.id, "of-the-test");
    (void)suite_process_keep(suite, wire, close_wire);
    if (shell_socket_open(wire->context, SHELL_DEALER, endpoint, &wire->socket, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(zmq_setsockopt(wire->socket, ZMQ_RCVTIMEO, &again_ms, sizeof again_ms), 0);
    assert_int_equal(zmq_setsockopt(wire->socket, ZMQ_SNDTIMEO, &again_ms, sizeof again_ms), 0);
    return wire;
}

void suite_wire_begin(struct suite_wire *wire, const struct order_fixture *order)
{
    wire->saga.bytes[0] = 1;
    wire->saga.bytes[ID_SIZE - 1]++;
    wire->sender.driver.last_saga = wire->saga;
    buffer_clear(&wire->input);
    (void)order_fixture_pack(order, &wire->input);
}

static void send_commands(struct suite_wire *wire, const char *action, bool undo, uint32_t copies)
{
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &wire->sender, .out = &out};
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command command = ZSAGA__COMMAND__INIT;
    command.saga = packed_borrow(id_view(&wire->saga));
    command.direction = undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    command.remaining_ms = 60000;
    command.name = packed_borrow_text(action);
    command.input = packed_borrow(buffer_bytes(&wire->input));
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &command;
    for (uint32_t i = 0; i < copies; i++) {
        command.attempt = wire->attempt + i;
        frame_writer_add(&writer, &request.base, NULL);
    }
    frame_writer_flush(&writer);
    for (size_t i = 0; i < out.count; i++) {
        /* Not taken: nobody is connected just now. */
        const struct message *message = &out.messages[i];
        (void)zmq_send(wire->socket, message->data, message->len, 0);
    }
    outbound_release(&out);
}

/* False: nothing comes for a while. */
static bool take_frame(struct suite_wire *wire, struct frame *ret)
{
    struct err err = {0};
    zmq_msg_t message;
    assert_int_equal(zmq_msg_init(&message), 0);
    if (zmq_msg_recv(&message, wire->socket, 0) < 0)
        return false;
    size_t len = zmq_msg_size(&message);
    void *copy = arena_alloc(&wire->arena, len);
    assert_non_null(copy);
    memcpy(copy, zmq_msg_data(&message), len);
    (void)zmq_msg_close(&message);
    if (frame_read(bytes_of(copy, len), &wire->arena, ret, &err) < 0)
        fail_msg("%s", err.text);
    return true;
}

static const Zsaga__Reply *read_reply(struct suite_wire *wire, ProtobufCBinaryData entry)
{
    const Zsaga__Answer *answer =
        zsaga__answer__unpack(&wire->arena.allocator, entry.len, entry.data);
    assert_non_null(answer);
    assert_int_equal(answer->kind_case, ZSAGA__ANSWER__KIND_REPLY);
    return answer->reply;
}

static void expect_agreement(const Zsaga__Reply *a, const Zsaga__Reply *b)
{
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->direction, b->direction);
    assert_true(bytes_equal(packed_view(a->code), packed_view(b->code)));
    assert_true(bytes_equal(packed_view(a->message), packed_view(b->message)));
    assert_true(bytes_equal(packed_view(a->output), packed_view(b->output)));
}

/* Answers to what was sent now, not to what was sent before; all of them, or NULL. */
static const Zsaga__Reply *take_replies(struct suite_wire *wire, uint32_t copies)
{
    const Zsaga__Reply *reply = NULL;
    uint32_t taken = 0;
    struct frame frame;
    while (taken < copies && take_frame(wire, &frame)) {
        for (size_t i = 0; i < frame.entry_count; i++) {
            const Zsaga__Reply *next = read_reply(wire, frame.entries[i]);
            if (next->attempt < wire->attempt)
                continue;
            assert_true(bytes_equal(packed_view(next->saga), id_view(&wire->saga)));
            if (reply != NULL)
                expect_agreement(reply, next);
            reply = next;
            taken++;
        }
    }
    return taken < copies ? NULL : reply;
}

const Zsaga__Reply *suite_wire_ask(struct suite_wire *wire, const char *action, bool undo,
                                   uint32_t copies)
{
    const Zsaga__Reply *reply = NULL;
    int64_t until_ms = suite_process_now_ms() + ANSWER_MS;
    while (reply == NULL) {
        if (suite_process_now_ms() >= until_ms)
            fail_msg("%s does not answer", wire->participant);
        wire->attempt += wire->copies;
        wire->copies = copies;
        arena_reset(&wire->arena);
        send_commands(wire, action, undo, copies);
        reply = take_replies(wire, copies);
    }
    return reply;
}

void suite_wire_expect(struct suite_wire *wire, const char *action, bool undo,
                       Zsaga__Outcome outcome)
{
    const Zsaga__Reply *reply = suite_wire_ask(wire, action, undo, 1);
    if (reply->outcome != outcome)
        fail_msg("%s %s was answered %d instead of %d: %.*s", wire->participant, action,
                 (int)reply->outcome, (int)outcome, (int)reply->message.len,
                 (const char *)reply->message.data);
}
