#include "participant_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "driver_files.h"
#include "frame.pb-c.h"

#define ARENA_BUDGET ((size_t)64 << 20)

static void start(struct participant_driver *driver)
{
    struct err err = {0};
    const struct participant_options options = {
        .db_path = driver->path,
        .settings = driver->config == NULL ? NULL : config_root(driver->config),
        .random = 1000 + ++driver->starts,
        .keep = {.bytes = UINT64_MAX, .age_ms = INT32_MAX},
    };
    if (participant_node_new(driver->service, &options, &driver->node, &err) < 0)
        fail_msg("%s does not start: %s", driver->service->name, err.text);
}

struct participant_driver *driver_new(const struct participant_service *service,
                                      const char *settings)
{
    struct participant_driver *driver = xcalloc(1, sizeof *driver);
    struct err err = {0};
    driver->service = service;
    if (settings != NULL && config_parse("settings", settings, &driver->config, &err) < 0)
        fail_msg("%s", err.text);
    driver_files_begin(driver->dir, sizeof driver->dir);
    (void)snprintf(driver->path, sizeof driver->path, "%s/0.db", driver->dir);
    driver->now = (struct node_time){.mono_ms = 1000, .wall_ms = 1700000000000};
    driver->sender = (struct frame_header){.name = "orchestrator",
                                           .store = {{7}},
                                           .incarnation = 77,
                                           .has_driver = true,
                                           .driver = {.id = "suite", .epoch = 1, .nonce = 11}};
    arena_init(&driver->arena, ARENA_BUDGET);
    start(driver);
    return driver;
}

static void drop_entries(struct participant_driver *driver)
{
    for (size_t i = 0; i < driver->entry_count; i++)
        buffer_release(&driver->entries[i]);
    driver->entry_count = 0;
}

static void drop_answers(struct participant_driver *driver)
{
    driver->answer_count = 0;
    driver->owner_answer = NULL;
    driver->replay_answer = NULL;
    driver->publication_count = 0;
    arena_reset(&driver->arena);
}

void driver_free(struct participant_driver *driver)
{
    if (driver == NULL)
        return;
    driver->node->ops->free(driver->node);
    driver_files_end(driver->dir);
    config_free(driver->config);
    drop_entries(driver);
    free(driver->entries);
    free(driver->answers);
    free(driver->publications);
    arena_release(&driver->arena);
    free(driver);
}

void driver_crash(struct participant_driver *driver)
{
    char left[sizeof driver->path];
    (void)snprintf(left, sizeof left, "%s/%u.db", driver->dir, driver->starts);
    driver_files_copy(driver->path, left);
    driver->node->ops->free(driver->node);
    (void)snprintf(driver->path, sizeof driver->path, "%s", left);
    drop_answers(driver);
    start(driver);
}

void driver_tamper(struct participant_driver *driver, const char *sql)
{
    driver->node->ops->free(driver->node);
    driver_files_run(driver->path, sql);
    drop_answers(driver);
    start(driver);
}

struct id driver_new_saga(struct participant_driver *driver)
{
    struct id saga = {{1}};
    unsigned int number = ++driver->last_saga;
    for (int i = ID_SIZE - 1; number > 0; i--, number >>= 8)
        saga.bytes[i] = (uint8_t)number;
    driver->sender.driver.last_saga = saga;
    return saga;
}

uint32_t driver_add_bytes(struct participant_driver *driver, struct bytes entry)
{
    driver->entries = xgrow(driver->entries, &driver->entry_capacity, driver->entry_count + 1,
                            sizeof *driver->entries);
    struct buffer *added = &driver->entries[driver->entry_count];
    *added = (struct buffer){0};
    buffer_append(added, entry.data, entry.len);
    return (uint32_t)driver->entry_count++;
}

static uint32_t add_message(struct participant_driver *driver, const ProtobufCMessage *message)
{
    struct buffer packed = {0};
    packed_append(&packed, message);
    uint32_t index = driver_add_bytes(driver, buffer_bytes(&packed));
    buffer_release(&packed);
    return index;
}

uint32_t driver_add_request(struct participant_driver *driver, const Zsaga__Request *request)
{
    return add_message(driver, &request->base);
}

static const char *name_of(const struct participant_driver *driver,
                           const struct driver_command *command)
{
    const struct participant_action *first = &driver->service->actions[0];
    if (command->name != NULL)
        return command->name;
    return command->compensation ? first->compensation : first->name;
}

uint32_t driver_add(struct participant_driver *driver, const struct driver_command *command)
{
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command packed = ZSAGA__COMMAND__INIT;
    packed.saga = packed_borrow(id_view(&command->saga));
    packed.step = command->step;
    packed.direction =
        command->compensation ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    packed.attempt = command->attempt == 0 ? 1 : command->attempt;
    packed.remaining_ms = 60000;
    packed.name = packed_borrow_text(name_of(driver, command));
    packed.input = packed_borrow(command->input);
    packed.retriable = command->retriable;
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &packed;
    return driver_add_request(driver, &request);
}

static void deliver(struct participant_driver *driver, uint8_t port, struct bytes frame)
{
    struct peer from = {.port = port, .id_len = 2, .id = "me"};
    driver->node->ops->receive(driver->node, &from, frame, driver->now);
}

void driver_deliver_bytes(struct participant_driver *driver, struct bytes frame)
{
    deliver(driver, PARTICIPANT_PORT_COMMAND, frame);
}

/* Packs the header and the entries, and drops the entries. */
static void make_frame(struct participant_driver *driver, struct buffer *to)
{
    Zsaga__Frame frame = ZSAGA__FRAME__INIT;
    Zsaga__Header header = ZSAGA__HEADER__INIT;
    Zsaga__Driver pair = ZSAGA__DRIVER__INIT;
    const struct frame_header *sender = &driver->sender;
    ProtobufCBinaryData *entries = xcalloc(driver->entry_count, sizeof *entries);
    for (size_t i = 0; i < driver->entry_count; i++)
        entries[i] = packed_borrow(buffer_bytes(&driver->entries[i]));
    header.version = FRAME_VERSION;
    header.number = ++driver->sender.number;
    header.name = packed_borrow_text(sender->name);
    header.store = packed_borrow(id_view(&sender->store));
    header.incarnation = sender->incarnation;
    pair.id = packed_borrow_text(sender->driver.id);
    pair.epoch = sender->driver.epoch;
    pair.nonce = sender->driver.nonce;
    pair.last_saga = packed_borrow(id_view(&sender->driver.last_saga));
    header.driver = sender->has_driver ? &pair : NULL;
    frame.header = &header;
    frame.n_entries = driver->entry_count;
    frame.entries = entries;
    packed_append(to, &frame.base);
    free(entries);
    drop_entries(driver);
}

static void deliver_made(struct participant_driver *driver, uint8_t port)
{
    struct buffer frame = {0};
    make_frame(driver, &frame);
    deliver(driver, port, buffer_bytes(&frame));
    buffer_release(&frame);
}

uint64_t driver_deliver(struct participant_driver *driver)
{
    deliver_made(driver, PARTICIPANT_PORT_COMMAND);
    return driver->sender.number;
}

static void take_answer(struct participant_driver *driver, ProtobufCBinaryData entry)
{
    Zsaga__Answer *answer = zsaga__answer__unpack(&driver->arena.allocator, entry.len, entry.data);
    if (answer == NULL)
        fail_msg("an answer does not decode");
    driver->answers = xgrow(driver->answers, &driver->answer_capacity, driver->answer_count + 1,
                            sizeof(*driver->answers));
    driver->answers[driver->answer_count++] = answer;
}

static void take_owner_answer(struct participant_driver *driver, ProtobufCBinaryData entry)
{
    driver->owner_answer =
        zsaga__owner_answer__unpack(&driver->arena.allocator, entry.len, entry.data);
    assert_non_null(driver->owner_answer);
}

static void take_publication(struct participant_driver *driver, ProtobufCBinaryData entry)
{
    driver->publications = xgrow(driver->publications, &driver->publication_capacity,
                                 driver->publication_count + 1, sizeof(const Zsaga__Publication *));
    const Zsaga__Publication *publication =
        zsaga__publication__unpack(&driver->arena.allocator, entry.len, entry.data);
    assert_non_null(publication);
    driver->publications[driver->publication_count++] = publication;
}

static void take_replay_answer(struct participant_driver *driver, ProtobufCBinaryData entry)
{
    assert_null(driver->replay_answer); /* One a turn. */
    driver->replay_answer =
        zsaga__replay_answer__unpack(&driver->arena.allocator, entry.len, entry.data);
    assert_non_null(driver->replay_answer);
}

static void (*const takers[PARTICIPANT_PORT_COUNT])(struct participant_driver *driver,
                                                    ProtobufCBinaryData entry) = {
    [PARTICIPANT_PORT_COMMAND] = take_answer,
    [PARTICIPANT_PORT_OWNER] = take_owner_answer,
    [PARTICIPANT_PORT_EVENTS] = take_publication,
    [PARTICIPANT_PORT_REPLAY] = take_replay_answer,
};

static void take_message(struct participant_driver *driver, const struct message *message)
{
    struct frame frame;
    struct err err = {0};
    if (frame_read(bytes_of(message->data, message->len), &driver->arena, &frame, &err) < 0)
        fail_msg("the participant's frame is no good: %s", err.text);
    assert_string_equal(frame.header.name, driver->service->name);
    assert_int_equal(message->to.id_len, message->to.port == PARTICIPANT_PORT_EVENTS ? 0 : 2);
    driver->store = frame.header.store;
    for (size_t i = 0; i < frame.entry_count; i++)
        takers[message->to.port](driver, frame.entries[i]);
}

void driver_commit(struct participant_driver *driver)
{
    struct outbound out = {0};
    struct err err = {0};
    drop_answers(driver);
    if (driver->outage != NULL)
        driver->node->ops->refuse(driver->node, driver->now, driver->outage, &out);
    else if (driver->node->ops->commit(driver->node, driver->now, &out, &err) < 0)
        fail_msg("commit: %s", err.text);
    for (size_t i = 0; i < out.count; i++)
        take_message(driver, &out.messages[i]);
    outbound_release(&out);
    driver->now.mono_ms++;
    driver->now.wall_ms++;
}

const Zsaga__Reply *driver_ask(struct participant_driver *driver,
                               const struct driver_command *command)
{
    (void)driver_add(driver, command);
    (void)driver_deliver(driver);
    driver_commit(driver);
    assert_int_equal(driver->answer_count, 1);
    assert_int_equal(driver->answers[0]->kind_case, ZSAGA__ANSWER__KIND_REPLY);
    const Zsaga__Reply *reply = driver->answers[0]->reply;
    assert_true(bytes_equal(packed_view(reply->saga), id_view(&command->saga)));
    assert_int_equal(reply->step, command->step);
    assert_int_equal(reply->direction, command->compensation ? ZSAGA__DIRECTION__COMPENSATION
                                                             : ZSAGA__DIRECTION__ACTION);
    assert_int_equal(reply->attempt, command->attempt == 0 ? 1 : command->attempt);
    assert_int_equal(reply->epoch, driver->sender.driver.epoch);
    return reply;
}

char *driver_reply_text(const Zsaga__Reply *reply)
{
    const ProtobufCEnumValue *outcome =
        protobuf_c_enum_descriptor_get_value(&zsaga__outcome__descriptor, (int)reply->outcome);
    assert_non_null(outcome);
    struct buffer text = {0};
    buffer_append_text(&text, outcome->name);
    buffer_append_text(&text, " code=");
    buffer_append(&text, reply->code.data, reply->code.len);
    buffer_append_text(&text, " message=");
    buffer_append(&text, reply->message.data, reply->message.len);
    buffer_append_text(&text, " output=");
    buffer_append(&text, reply->output.data, reply->output.len);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

void driver_expect(struct participant_driver *driver, const struct driver_command *command,
                   Zsaga__Outcome outcome, const char *code)
{
    const Zsaga__Reply *reply = driver_ask(driver, command);
    bool as_told = reply->outcome == outcome &&
                   (code == NULL || bytes_equal(packed_view(reply->code), bytes_text(code)));
    if (as_told)
        return;
    char *text = driver_reply_text(reply);
    fail_msg("%s was answered: %s", name_of(driver, command), text);
}

uint64_t driver_head(struct participant_driver *driver)
{
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    hello.number = ++driver->last_hello;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    (void)driver_add_request(driver, &request);
    (void)driver_deliver(driver);
    driver_commit(driver);
    assert_int_equal(driver->answer_count, 1);
    assert_int_equal(driver->answers[0]->kind_case, ZSAGA__ANSWER__KIND_WELCOME);
    assert_int_equal(driver->answers[0]->welcome->number, hello.number);
    return driver->answers[0]->welcome->head;
}

char *driver_events(struct participant_driver *driver)
{
    char copy[sizeof driver->path];
    (void)snprintf(copy, sizeof copy, "%s/events.db", driver->dir);
    driver_files_copy(driver->path, copy);
    char *events = driver_files_events(copy);
    driver_files_remove(copy);
    return events;
}

const Zsaga__ReplayAnswer *driver_fetch_bytes(struct participant_driver *driver, struct bytes entry)
{
    bool drives = driver->sender.has_driver;
    (void)driver_add_bytes(driver, entry);
    driver->sender.has_driver = false;
    deliver_made(driver, PARTICIPANT_PORT_REPLAY);
    driver->sender.has_driver = drives;
    driver_commit(driver);
    return driver->replay_answer;
}

const Zsaga__ReplayAnswer *driver_fetch(struct participant_driver *driver,
                                        const Zsaga__Fetch *fetch)
{
    Zsaga__ReplayRequest request = ZSAGA__REPLAY_REQUEST__INIT;
    struct buffer packed = {0};
    request.id = ++driver->last_hello;
    request.kind_case = ZSAGA__REPLAY_REQUEST__KIND_FETCH;
    request.fetch = (Zsaga__Fetch *)(uintptr_t)fetch;
    packed_append(&packed, &request.base);
    const Zsaga__ReplayAnswer *answer = driver_fetch_bytes(driver, buffer_bytes(&packed));
    buffer_release(&packed);
    if (answer == NULL)
        fail_msg("the fetch is not answered");
    assert_int_equal(answer->id, driver->last_hello);
    return answer;
}

const Zsaga__OwnerAnswer *driver_ask_owner(struct participant_driver *driver,
                                           Zsaga__OwnerRequest *request)
{
    assert_int_equal(driver->entry_count, 0);
    request->id = 42;
    (void)add_message(driver, &request->base);
    deliver_made(driver, PARTICIPANT_PORT_OWNER);
    driver_commit(driver);
    assert_non_null(driver->owner_answer);
    assert_int_equal(driver->owner_answer->id, request->id);
    return driver->owner_answer;
}
