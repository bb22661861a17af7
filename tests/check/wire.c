#include "wire.h"

#include <string.h>

#include "check_base.h"
#include "client.pb-c.h"
#include "event.pb-c.h"
#include "frame.pb-c.h"

static ProtobufCBinaryData bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static ProtobufCBinaryData text(const char *from)
{
    return bytes(from, strlen(from));
}

struct wire_header wire_header;

static void send(struct world *world, int from, const char *to, enum check_plane plane,
                 const ProtobufCMessage *entry)
{
    static const uint8_t none[CHECK_ID_SIZE];
    uint8_t store[CHECK_ID_SIZE] = {0};
    uint8_t packed[1000];
    uint8_t frame_bytes[1200];
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    Zsaga__Header head = ZSAGA__HEADER__INIT;
    Zsaga__Driver driver = ZSAGA__DRIVER__INIT;
    ProtobufCBinaryData entries[1] = {{protobuf_c_message_pack(entry, packed), packed}};
    store[CHECK_ID_SIZE - 1] =
        (uint8_t)(wire_header.store != 0 ? wire_header.store : 0x50U + (unsigned)from);
    head.version = 1;
    head.number = wire_header.number != 0 ? wire_header.number : ++world->numbers[from];
    head.name = text(wire_header.name != NULL ? wire_header.name : world_names[from]);
    head.store = bytes(store, sizeof store);
    head.incarnation = wire_header.incarnation != 0 ? wire_header.incarnation : 1;
    if (from == WORLD_ORCHESTRATOR && plane == CHECK_PLANE_COMMAND) {
        driver.id = text("suite");
        driver.epoch = wire_header.epoch;
        driver.nonce = wire_header.nonce;
        driver.last_saga = wire_header.last_saga == 0
                               ? bytes(none, sizeof none)
                               : bytes(world_id(wire_header.last_saga), CHECK_ID_SIZE);
        head.driver = &driver;
    }
    frame.header = &head;
    frame.n_entries = 1;
    frame.entries = entries;
    const struct check_frame sent = {
        .at_ms = world->now_ms,
        .from = world_names[from],
        .to = to,
        .plane = plane,
        .bytes = {frame_bytes, zsaga__frame__pack(&frame, frame_bytes)}};
    checker_frame(world->checker, &sent);
}

void wire_command_to(struct world *world, int to, unsigned saga, uint32_t step, bool undo,
                     uint32_t attempt)
{
    static const char *const names[2][2] = {{"do0", "undo0"}, {"do1", "undo1"}};
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command command = ZSAGA__COMMAND__INIT;
    command.saga = bytes(world_id(saga), CHECK_ID_SIZE);
    command.step = step;
    command.direction = undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    command.attempt = attempt;
    command.name = text(names[step & 1][undo]);
    command.input = text("in");
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &command;
    send(world, WORLD_ORCHESTRATOR, world_names[to], CHECK_PLANE_COMMAND, &request.base);
}

void wire_command(struct world *world, unsigned saga, uint32_t step, bool undo, uint32_t attempt)
{
    wire_command_to(world, WORLD_P0 + (int)step, saga, step, undo, attempt);
}

void wire_answer(struct world *world, unsigned saga, uint32_t step, bool undo,
                 Zsaga__Outcome outcome, const char *code)
{
    Zsaga__Answer message = ZSAGA__ANSWER__INIT;
    Zsaga__Reply reply = ZSAGA__REPLY__INIT;
    reply.saga = bytes(world_id(saga), CHECK_ID_SIZE);
    reply.step = step;
    reply.direction = undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    reply.attempt = 1;
    reply.epoch = wire_header.epoch;
    reply.outcome = outcome;
    reply.code = text(code);
    message.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    message.reply = &reply;
    send(world, WORLD_P0 + (int)step, "orchestrator", CHECK_PLANE_COMMAND, &message.base);
}

void wire_welcome(struct world *world, int from, uint64_t head, uint64_t records)
{
    Zsaga__Answer message = ZSAGA__ANSWER__INIT;
    Zsaga__Welcome body = ZSAGA__WELCOME__INIT;
    body.head = head;
    body.records = records;
    message.kind_case = ZSAGA__ANSWER__KIND_WELCOME;
    message.welcome = &body;
    send(world, from, "orchestrator", CHECK_PLANE_COMMAND, &message.base);
}

void wire_hello(struct world *world, unsigned floor)
{
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello body = ZSAGA__HELLO__INIT;
    Zsaga__Floor below = ZSAGA__FLOOR__INIT;
    below.version = 1;
    below.id = bytes(world_id(floor), CHECK_ID_SIZE);
    body.floor = &below;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &body;
    send(world, WORLD_ORCHESTRATOR, "p0", CHECK_PLANE_COMMAND, &request.base);
}

void wire_tell_row(struct world *world, int from, uint64_t first, const char *events)
{
    Zsaga__Publication publication = ZSAGA__PUBLICATION__INIT;
    Zsaga__LogRow row = ZSAGA__LOG_ROW__INIT;
    row.first = first;
    row.count = 1;
    row.events = text(events);
    publication.kind_case = ZSAGA__PUBLICATION__KIND_ROW;
    publication.row = &row;
    send(world, from, "", CHECK_PLANE_LIVE, &publication.base);
}

void wire_tell_range(struct world *world, int from, uint64_t tail, uint64_t head)
{
    Zsaga__Publication publication = ZSAGA__PUBLICATION__INIT;
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    range.tail = tail;
    range.head = head;
    publication.kind_case = ZSAGA__PUBLICATION__KIND_RANGE;
    publication.range = &range;
    send(world, from, "", CHECK_PLANE_LIVE, &publication.base);
}

void wire_tell_client(struct world *world, const char *key, Zsaga__SagaState state)
{
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__Found found = ZSAGA__FOUND__INIT;
    Zsaga__Brief brief = ZSAGA__BRIEF__INIT;
    Zsaga__Brief *pointer = &brief;
    brief.key = text(key);
    brief.state = state;
    found.n_sagas = 1;
    found.sagas = &pointer;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_FOUND;
    message.found = &found;
    send(world, WORLD_ORCHESTRATOR, "client", CHECK_PLANE_CLIENT, &message.base);
}

void wire_accept(struct world *world, unsigned saga)
{
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    submitted.verdict = ZSAGA__VERDICT__ACCEPTED;
    submitted.saga = bytes(world_id(saga), CHECK_ID_SIZE);
    submitted.state = ZSAGA__SAGA_STATE__RUNNING;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED;
    message.submitted = &submitted;
    send(world, WORLD_ORCHESTRATOR, "client", CHECK_PLANE_CLIENT, &message.base);
}

int wire_begin(void **state)
{
    wire_header = (struct wire_header){.epoch = 1, .nonce = 7, .last_saga = 2};
    *state = world_new();
    world_begin(*state, true, false);
    return 0;
}

int wire_end(void **state)
{
    world_free(*state);
    return 0;
}
