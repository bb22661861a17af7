#include "sim_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "sim_disk.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define TURNS_MAX 20 /* Until all hellos are answered. */

static const char *const names[SIM_DRIVER_PARTICIPANTS_MAX] = {"p0", "p1", "p2", "p3"};

static void open_participants(struct sim_driver *driver)
{
    for (size_t i = 0; i < driver->options.participant_count; i++) {
        struct sim_driver_participant *participant = &driver->participants[i];
        participant->sender = (struct frame_header){.incarnation = 100 + i};
        participant->sender.store.bytes[0] = (uint8_t)(1 + i);
        (void)snprintf(participant->sender.name, sizeof participant->sender.name, "%s", names[i]);
        driver->names[i] = names[i];
    }
}

struct sim_driver *sim_driver_new_with(const char *definition, const struct suite_limits *limits)
{
    struct sim_driver *driver = xcalloc(1, sizeof *driver);
    if (definition_parse("test", definition, &driver->definition, &driver->err) < 0)
        fail_msg("%s", driver->err.text);
    sim_disk_begin(driver->dir, sizeof driver->dir);
    (void)snprintf(driver->path, sizeof driver->path, "%s/o.db", driver->dir);
    arena_init(&driver->arena, ARENA_BYTES);
    arena_init(&driver->scratch, ARENA_BYTES);
    driver->now = (struct node_time){.mono_ms = 5000, .wall_ms = 1700000000000};
    driver->client = (struct frame_header){.name = "zsaga", .incarnation = 9};
    driver->definitions[0] = driver->definition;
    driver->options =
        (struct orchestrator_options){.db_path = driver->path,
                                      .id = "suite",
                                      .participants = driver->names,
                                      .definitions = driver->definitions,
                                      .definition_count = 1,
                                      .limits = *limits,
                                      .keep = {.bytes = UINT64_MAX, .age_ms = INT64_MAX}};
    for (size_t i = 0; i < driver->definition->step_count; i++) {
        size_t number = (size_t)(driver->definition->steps[i].participant[1] - '0');
        if (number >= driver->options.participant_count)
            driver->options.participant_count = number + 1;
    }
    open_participants(driver);
    sim_driver_start(driver);
    sim_driver_turn(driver);
    sim_driver_clear(driver);
    return driver;
}

struct sim_driver *sim_driver_new(const char *definition)
{
    static const struct suite_limits limits = {.active_sagas_max = 100,
                                               .active_bytes_max = 1 << 24,
                                               .window_max = 64,
                                               .window_bytes_max = 1 << 24};
    return sim_driver_new_with(definition, &limits);
}

void sim_driver_free(struct sim_driver *driver)
{
    sim_driver_stop(driver);
    definition_free(driver->definition);
    arena_release(&driver->arena);
    arena_release(&driver->scratch);
    free(driver->commands);
    free(driver->answers);
    free(driver->rows);
    sim_disk_end(driver->dir);
    free(driver);
}

void sim_driver_stop(struct sim_driver *driver)
{
    if (driver->node != NULL)
        driver->node->ops->free(driver->node);
    driver->node = NULL;
}

void sim_driver_start(struct sim_driver *driver)
{
    driver->options.random = ++driver->starts * 0x9e3779b97f4a7c15U;
    driver->rc = orchestrator_new(&driver->options, driver->now, &driver->node, &driver->err);
    if (driver->rc == 0)
        node_turn_init(&driver->turn, driver->node);
    else
        driver->node = NULL;
}

void sim_driver_restart(struct sim_driver *driver, int64_t down_ms)
{
    sim_driver_stop(driver);
    sim_driver_sleep(driver, down_ms);
    sim_driver_start(driver);
    assert_int_equal(driver->rc, 0);
    sim_driver_turn(driver);
}

static void take_request(struct sim_driver *driver, size_t participant,
                         const struct frame_header *header, uint32_t index,
                         ProtobufCBinaryData entry)
{
    const Zsaga__Request *request =
        zsaga__request__unpack(&driver->arena.allocator, entry.len, entry.data);
    assert_non_null(request);
    if (request->kind_case == ZSAGA__REQUEST__KIND_HELLO) {
        driver->participants[participant].hello = request->hello->number;
        driver->participants[participant].last_hello = request->hello;
        driver->hello_count++;
        return;
    }
    assert_int_equal(request->kind_case, ZSAGA__REQUEST__KIND_COMMAND);
    driver->commands = xgrow(driver->commands, &driver->command_capacity, driver->command_count + 1,
                             sizeof *driver->commands);
    driver->commands[driver->command_count++] = (struct sim_driver_command){
        .participant = participant, .header = *header, .index = index, .command = request->command};
}

static void take_answer(struct sim_driver *driver, ProtobufCBinaryData entry)
{
    driver->answers = xgrow(driver->answers, &driver->answer_capacity, driver->answer_count + 1,
                            sizeof(const Zsaga__ClientAnswer *));
    driver->answers[driver->answer_count] =
        zsaga__client_answer__unpack(&driver->arena.allocator, entry.len, entry.data);
    assert_non_null(driver->answers[driver->answer_count]);
    driver->answer_count++;
}

/* Only rows are kept: ranges come twice a second, and some tests last for days. */
static void take_publication(struct sim_driver *driver, ProtobufCBinaryData entry)
{
    const Zsaga__Publication *told =
        zsaga__publication__unpack(&driver->scratch.allocator, entry.len, entry.data);
    assert_non_null(told);
    if (told->kind_case == ZSAGA__PUBLICATION__KIND_RANGE) {
        driver->range_count++;
        return;
    }
    told = zsaga__publication__unpack(&driver->arena.allocator, entry.len, entry.data);
    assert_non_null(told);
    assert_int_equal(told->kind_case, ZSAGA__PUBLICATION__KIND_ROW);
    driver->rows = xgrow(driver->rows, &driver->row_capacity, driver->row_count + 1,
                         sizeof(const Zsaga__LogRow *));
    driver->rows[driver->row_count++] = told->row;
}

static void take_entry(struct sim_driver *driver, uint8_t port, const struct frame_header *header,
                       uint32_t index, ProtobufCBinaryData entry)
{
    switch (port) {
    case ORCHESTRATOR_PORT_CLIENT:
        take_answer(driver, entry);
        return;
    case ORCHESTRATOR_PORT_EVENTS:
        take_publication(driver, entry);
        return;
    case ORCHESTRATOR_PORT_REPLAY:
        driver->replayed =
            zsaga__replay_answer__unpack(&driver->arena.allocator, entry.len, entry.data);
        assert_non_null(driver->replayed);
        return;
    default:
        take_request(driver, port - ORCHESTRATOR_PORT_FIRST_PARTICIPANT, header, index, entry);
    }
}

static void take_message(struct sim_driver *driver, const struct message *message)
{
    struct frame frame;
    struct err err = {0};
    bool log = message->to.port == ORCHESTRATOR_PORT_EVENTS;
    arena_reset(&driver->scratch);
    if (frame_read(bytes_of(message->data, message->len), log ? &driver->scratch : &driver->arena,
                   &frame, &err) < 0)
        fail_msg("%s", err.text);
    bool commands = message->to.port >= ORCHESTRATOR_PORT_FIRST_PARTICIPANT;
    assert_int_equal(frame.header.has_driver, commands);
    for (size_t i = 0; i < frame.entry_count; i++)
        take_entry(driver, message->to.port, &frame.header, (uint32_t)i, frame.entries[i]);
}

static void turn_once(struct sim_driver *driver)
{
    struct outbound out = {0};
    driver->rc = node_turn_end(&driver->turn, driver->now, true, &out, &driver->err);
    for (size_t i = 0; i < out.count; i++)
        take_message(driver, &out.messages[i]);
    outbound_release(&out);
    if (driver->rc < 0)
        sim_driver_stop(driver);
    else if (!driver->turn.broken)
        assert_int_equal(orchestrator_stalled(driver->node), 0);
}

/* True when there was a hello to answer. */
static bool answer_hellos(struct sim_driver *driver)
{
    bool any = false;
    for (size_t i = 0; i < driver->options.participant_count; i++) {
        struct sim_driver_participant *participant = &driver->participants[i];
        if (participant->hello == 0 || participant->silent)
            continue;
        sim_driver_welcome(driver, i, participant->hello);
        participant->hello = 0;
        any = true;
    }
    return any;
}

void sim_driver_turn(struct sim_driver *driver)
{
    int turns = 0;
    turn_once(driver);
    while (driver->node != NULL && !driver->turn.broken && answer_hellos(driver)) {
        assert_true(++turns < TURNS_MAX);
        turn_once(driver);
    }
}

void sim_driver_sleep(struct sim_driver *driver, int64_t ms)
{
    driver->now.mono_ms += ms;
    driver->now.wall_ms += ms;
}

void sim_driver_wait(struct sim_driver *driver, int64_t ms)
{
    int64_t end = driver->now.mono_ms + ms;
    while (driver->node != NULL && driver->now.mono_ms < end) {
        int64_t next = node_turn_deadline(&driver->turn);
        next = next > end ? end : next;
        sim_driver_sleep(driver, next > driver->now.mono_ms ? next - driver->now.mono_ms : 0);
        sim_driver_turn(driver);
    }
}

void sim_driver_clear(struct sim_driver *driver)
{
    driver->command_count = 0;
    driver->answer_count = 0;
    driver->row_count = 0;
    driver->range_count = 0;
    driver->replayed = NULL;
    driver->hello_count = 0;
    for (size_t i = 0; i < driver->options.participant_count; i++)
        driver->participants[i].last_hello = NULL;
    arena_reset(&driver->arena);
}

void sim_driver_give(struct sim_driver *driver, uint8_t port, struct bytes frame)
{
    struct peer from = {.port = port};
    if (port < ORCHESTRATOR_PORT_FIRST_PARTICIPANT) {
        from.id_len = 1;
        from.id[0] = 'c';
    }
    node_turn_receive(&driver->turn, &from, frame, driver->now);
}

static void give(struct sim_driver *driver, uint8_t port, struct frame_header *sender,
                 const ProtobufCMessage *const *entries, size_t count)
{
    struct outbound out = {0};
    struct frame_writer writer = {.sender = sender, .out = &out};
    for (size_t i = 0; i < count; i++)
        frame_writer_add(&writer, entries[i], NULL);
    frame_writer_flush(&writer);
    for (size_t i = 0; i < out.count; i++)
        sim_driver_give(driver, port, bytes_of(out.messages[i].data, out.messages[i].len));
    outbound_release(&out);
}

void sim_driver_give_answers(struct sim_driver *driver, size_t participant,
                             const Zsaga__Answer *const *answers, size_t count)
{
    give(driver, (uint8_t)(ORCHESTRATOR_PORT_FIRST_PARTICIPANT + participant),
         &driver->participants[participant].sender, (const ProtobufCMessage *const *)answers,
         count);
}

void sim_driver_give_requests(struct sim_driver *driver,
                              const Zsaga__ClientRequest *const *requests, size_t count)
{
    give(driver, ORCHESTRATOR_PORT_CLIENT, &driver->client,
         (const ProtobufCMessage *const *)requests, count);
}

void sim_driver_welcome(struct sim_driver *driver, size_t participant, uint64_t number)
{
    const struct sim_driver_participant *from = &driver->participants[participant];
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Welcome welcome = ZSAGA__WELCOME__INIT;
    const Zsaga__Answer *answers[] = {&answer};
    welcome.number = number;
    welcome.head = from->head;
    welcome.records = from->records;
    welcome.floor_epoch = from->floor_epoch;
    welcome.floor_version = from->floor_version;
    answer.kind_case = ZSAGA__ANSWER__KIND_WELCOME;
    answer.welcome = &welcome;
    sim_driver_give_answers(driver, participant, answers, 1);
}

void sim_driver_reborn(struct sim_driver *driver, size_t participant)
{
    driver->participants[participant].sender.incarnation += 1000;
    driver->participants[participant].sender.number = 0;
}
