/* The orchestrator: whatever clients, owners, consumers and participants say, each saga stays where
 * its history says, nothing stands still for ever, and the next good question is answered. Steps:
 *
 *   0 1 2 3  a message on the client, owner, replay port, or of participant op >> 4
 *   4 5 6 7  an entry there, in a good frame
 *   8        a submit: which key, and the input
 *   9        a reply to the command last sent to the participant: all but what names it
 *   10       its last command is done
 *   11       time passes
 *   12       the orchestrator dies and starts again
 *   13       the participant does
 *   14       an operator lets a saga go on
 *
 * With 0x80 the turn goes on: the next step is of the same batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "event.pb-c.h"
#include "fuzz_node.h"
#include "orchestrator_internal.h"
#include "replay.pb-c.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 0;

#define GOES_ON 0x80
#define PARTICIPANTS 3
#define KEYS 6
#define PASS_MS_MAX 60000
#define TURNS_MAX 6 /* Until hellos are answered. */

enum { MESSAGE, ENTRY = 4, SUBMIT = 8, REPLY, DONE, PASS, RESTART, REBORN, RESUME, OPS };

static const char *const names[PARTICIPANTS] = {"p0", "p1", "p2"};
static const char *const texts[] = {
    "saga\n    name = toy\n"
    "    step\n        name = s0\n        participant = p0\n        action = a0\n"
    "        compensation = c0\n        timeout = 1s\n        patience = 20s\n"
    "    step\n        name = s1\n        participant = p1\n        action = a1\n"
    "        compensation = c1\n"
    "    step\n        name = s2\n        participant = p2\n        action = a2\n"
    "        kind = retriable\n",
    "saga\n    name = one\n"
    "    step\n        name = s0\n        participant = p1\n        action = a1\n"
    "        compensation = c1\n"};
#define DEFINITIONS (sizeof texts / sizeof texts[0])
static const struct definition *definitions[DEFINITIONS];

/* What was sent last to a participant. */
struct sent {
    bool is;
    struct id saga;
    uint32_t step;
    Zsaga__Direction direction;
    uint32_t attempt;
    uint64_t epoch;
};

/* A saga as it was told before a restart. */
struct told {
    Zsaga__SagaState state;
    uint64_t history; /* A digest. */
};

struct world {
    struct fuzz_node fuzz;
    char *path;
    uint64_t starts;
    struct frame_header client;
    struct frame_header participants[PARTICIPANTS];
    uint64_t hellos[PARTICIPANTS]; /* Numbers of those to be answered; 0: none. */
    struct sent sent[PARTICIPANTS];
    uint64_t next_id;
    uint64_t answered_id; /* By a client's answer. */
    size_t owner_answers;
    struct told *told; /* Where the answer to a Show goes. */
};

static struct orchestrator *self_of(const struct world *world)
{
    return (struct orchestrator *)(void *)world->fuzz.node;
}

static void start(struct world *world)
{
    struct node *node = NULL;
    struct err err = {0};
    const struct orchestrator_options options = {
        .db_path = world->path,
        .id = "suite",
        .participants = names,
        .participant_count = PARTICIPANTS,
        .definitions = definitions,
        .definition_count = DEFINITIONS,
        .limits = {.active_sagas_max = 5,
                   .active_bytes_max = 1 << 20,
                   .window_max = 3,
                   .window_bytes_max = 1 << 20},
        .keep = {.bytes = 1 << 16, .age_ms = 60000},
        .random = ++world->starts * UINT64_C(0x9e3779b97f4a7c15),
        .adopt = true,
    };
    fuzz_require(orchestrator_new(&options, world->fuzz.now, &node, &err) == 0,
                 "it does not start: %s", err.text);
    fuzz_node_begin(&world->fuzz, node, ((struct orchestrator *)(void *)node)->db);
}

static const ProtobufCMessageDescriptor *kind_of(uint8_t port)
{
    static const ProtobufCMessageDescriptor *const kinds[] = {
        [ORCHESTRATOR_PORT_CLIENT] = &zsaga__client_answer__descriptor,
        [ORCHESTRATOR_PORT_OWNER] = &zsaga__owner_answer__descriptor,
        [ORCHESTRATOR_PORT_EVENTS] = &zsaga__publication__descriptor,
        [ORCHESTRATOR_PORT_REPLAY] = &zsaga__replay_answer__descriptor,
    };
    if (port < ORCHESTRATOR_PORT_FIRST_PARTICIPANT)
        return kinds[port];
    return port < ORCHESTRATOR_PORT_FIRST_PARTICIPANT + PARTICIPANTS ? &zsaga__request__descriptor
                                                                     : NULL;
}

static void take_request(struct world *world, size_t participant, const struct frame_header *header,
                         const Zsaga__Request *request)
{
    struct sent *sent = &world->sent[participant];
    if (request->kind_case == ZSAGA__REQUEST__KIND_HELLO) {
        world->hellos[participant] = request->hello->number;
        return;
    }
    fuzz_require(request->kind_case == ZSAGA__REQUEST__KIND_COMMAND, "neither command nor hello");
    fuzz_require(id_from_bytes(packed_view(request->command->saga), &sent->saga), "no saga's id");
    sent->is = true;
    sent->step = request->command->step;
    sent->direction = request->command->direction;
    sent->attempt = request->command->attempt;
    sent->epoch = header->driver.epoch;
}

static uint64_t digest_of(const Zsaga__Shown *shown)
{
    uint64_t digest = FUZZ_DIGEST_FIRST;
    for (size_t i = 0; i < shown->n_history; i++) {
        digest = fuzz_digest(digest, packed_view(shown->history[i]->what));
        digest = fuzz_digest(digest, packed_view(shown->history[i]->step));
        digest = fuzz_digest(digest, packed_view(shown->history[i]->detail));
    }
    return digest;
}

static void take(void *context, const struct peer *to, const struct frame_header *header,
                 uint32_t index, const ProtobufCMessage *entry)
{
    struct world *world = context;
    (void)index;
    if (to->port >= ORCHESTRATOR_PORT_FIRST_PARTICIPANT) {
        take_request(world, (size_t)to->port - ORCHESTRATOR_PORT_FIRST_PARTICIPANT, header,
                     (const Zsaga__Request *)(const void *)entry);
        return;
    }
    world->owner_answers += to->port == ORCHESTRATOR_PORT_OWNER;
    if (to->port != ORCHESTRATOR_PORT_CLIENT)
        return;
    const Zsaga__ClientAnswer *answer = (const Zsaga__ClientAnswer *)(const void *)entry;
    world->answered_id = answer->id;
    if (world->told != NULL && answer->kind_case == ZSAGA__CLIENT_ANSWER__KIND_SHOWN) {
        world->told->state = answer->shown->row->state;
        world->told->history = digest_of(answer->shown);
    }
}

static void read_sent(struct world *world)
{
    fuzz_node_read(&world->fuzz, "orchestrator", kind_of, take, world);
}

static void answer_hellos(struct world *world)
{
    for (size_t i = 0; i < PARTICIPANTS; i++) {
        Zsaga__Welcome welcome = ZSAGA__WELCOME__INIT;
        Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
        if (world->hellos[i] == 0)
            continue;
        welcome.number = world->hellos[i];
        welcome.head = 1;
        answer.kind_case = ZSAGA__ANSWER__KIND_WELCOME;
        answer.welcome = &welcome;
        world->hellos[i] = 0;
        fuzz_node_give_message(&world->fuzz, (uint8_t)(ORCHESTRATOR_PORT_FIRST_PARTICIPANT + i),
                               &world->participants[i], &answer.base);
    }
}

static bool has_hello(const struct world *world)
{
    for (size_t i = 0; i < PARTICIPANTS; i++)
        if (world->hellos[i] != 0)
            return true;
    return false;
}

/* False: it has been fenced. */
static bool turn(struct world *world)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (fuzz_node_turn(&world->fuzz) < 0)
            return false;
        fuzz_require(orchestrator_stalled(world->fuzz.node) == 0,
                     "sagas that nothing would ever wake");
        read_sent(world);
        if (!has_hello(world))
            return true;
        answer_hellos(world);
    }
    return true;
}

static void give_message(struct world *world, uint8_t port, struct bytes message)
{
    if (port == ORCHESTRATOR_PORT_REPLAY ||
        fuzz_node_is_frame(message, ORCHESTRATOR_DECODE_BUDGET)) {
        fuzz_node_give(&world->fuzz, port, message);
        return;
    }
    if (!turn(world))
        return;
    const struct orchestrator_counters *counters = orchestrator_counters(world->fuzz.node);
    uint64_t malformed = counters->malformed;
    int64_t writes = fuzz_node_writes(&world->fuzz);
    fuzz_node_give(&world->fuzz, port, message);
    (void)turn(world);
    fuzz_require(fuzz_node_writes(&world->fuzz) == writes, "what is no frame has written");
    fuzz_require(counters->malformed == malformed + 1, "what is no frame was counted %d times",
                 (int)(counters->malformed - malformed));
}

static struct frame_header *sender_of(struct world *world, uint8_t port)
{
    return port < ORCHESTRATOR_PORT_FIRST_PARTICIPANT
               ? &world->client
               : &world->participants[port - ORCHESTRATOR_PORT_FIRST_PARTICIPANT];
}

static void give_request(struct world *world, Zsaga__ClientRequest *request)
{
    request->id = ++world->next_id;
    fuzz_node_give_message(&world->fuzz, ORCHESTRATOR_PORT_CLIENT, &world->client, &request->base);
}

static bool is_answer(struct bytes entry)
{
    struct arena arena;
    arena_init(&arena, ORCHESTRATOR_DECODE_BUDGET);
    bool is = zsaga__answer__unpack(&arena.allocator, entry.len, entry.data) != NULL;
    arena_release(&arena);
    return is;
}

/* What is no answer of a participant is counted, and changes nothing. */
static void give_entry(struct world *world, uint8_t port, struct bytes entry)
{
    if (port < ORCHESTRATOR_PORT_FIRST_PARTICIPANT || is_answer(entry)) {
        fuzz_node_give_entry(&world->fuzz, port, sender_of(world, port), entry);
        return;
    }
    if (!turn(world))
        return;
    const struct orchestrator_counters *counters = orchestrator_counters(world->fuzz.node);
    uint64_t malformed = counters->malformed;
    int64_t writes = fuzz_node_writes(&world->fuzz);
    fuzz_node_give_entry(&world->fuzz, port, sender_of(world, port), entry);
    (void)turn(world);
    fuzz_require(fuzz_node_writes(&world->fuzz) == writes, "what is no answer has written");
    fuzz_require(counters->malformed == malformed + 1, "what is no answer was counted %d times",
                 (int)(counters->malformed - malformed));
}

static const char *key_of(uint8_t number)
{
    static const char *const keys[KEYS] = {"k0", "k1", "k2", "k3", "k4", "k5"};
    return keys[number % KEYS];
}

static void submit(struct world *world, struct bytes payload)
{
    struct fuzz_input input = {payload.data, payload.len};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Submit submitted = ZSAGA__SUBMIT__INIT;
    uint8_t which = fuzz_u8(&input);
    submitted.definition = packed_borrow_text((which & 0x80) != 0 ? "one" : "toy");
    submitted.key = packed_borrow_text(key_of(which));
    submitted.watch = (which & 0x40) != 0;
    submitted.input = packed_borrow(fuzz_rest(&input));
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SUBMIT;
    request.submit = &submitted;
    give_request(world, &request);
}

static void resume(struct world *world, struct bytes payload)
{
    struct fuzz_input input = {payload.data, payload.len};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Resume resumed = ZSAGA__RESUME__INIT;
    resumed.key = packed_borrow_text(key_of(fuzz_u8(&input)));
    resumed.who = packed_borrow_text("somebody");
    resumed.reason = packed_borrow_text("mended");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_RESUME;
    request.resume = &resumed;
    give_request(world, &request);
}

static void reply(struct world *world, size_t participant, Zsaga__Reply *reply)
{
    const struct sent *sent = &world->sent[participant];
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    reply->saga = packed_borrow(id_view(&sent->saga));
    reply->step = sent->step;
    reply->direction = sent->direction;
    reply->attempt = sent->attempt;
    reply->epoch = sent->epoch;
    answer.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    answer.reply = reply;
    if (sent->is)
        fuzz_node_give_message(&world->fuzz,
                               (uint8_t)(ORCHESTRATOR_PORT_FIRST_PARTICIPANT + participant),
                               &world->participants[participant], &answer.base);
}

static void give_reply(struct world *world, size_t participant, struct bytes payload)
{
    struct arena arena;
    arena_init(&arena, ORCHESTRATOR_DECODE_BUDGET);
    Zsaga__Reply *said = zsaga__reply__unpack(&arena.allocator, payload.len, payload.data);
    if (said != NULL)
        reply(world, participant, said);
    arena_release(&arena);
}

static void give_done(struct world *world, size_t participant, struct bytes output)
{
    Zsaga__Reply done = ZSAGA__REPLY__INIT;
    done.outcome = ZSAGA__OUTCOME__DONE;
    done.output = packed_borrow(output);
    reply(world, participant, &done);
}

static struct told show(struct world *world, uint8_t number)
{
    struct told told = {0};
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Show shown = ZSAGA__SHOW__INIT;
    shown.key = packed_borrow_text(key_of(number));
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
    request.show = &shown;
    world->told = &told;
    give_request(world, &request);
    (void)fuzz_node_turn(&world->fuzz);
    read_sent(world);
    world->told = NULL;
    return told;
}

/* What it remembers after a start is what it knew before: memory is the journal's. */
static void restart(struct world *world)
{
    struct told before[KEYS];
    if (!turn(world))
        return;
    for (uint8_t i = 0; i < KEYS; i++)
        before[i] = show(world, i);
    fuzz_node_end(&world->fuzz);
    start(world);
    memset(world->sent, 0, sizeof world->sent);
    memset(world->hellos, 0, sizeof world->hellos);
    for (uint8_t i = 0; i < KEYS; i++) {
        struct told after = show(world, i);
        fuzz_require(after.state == before[i].state && after.history == before[i].history,
                     "saga %s is another one after a restart", key_of(i));
    }
}

static void do_step(struct world *world, const struct fuzz_step *step)
{
    struct fuzz_input input = {step->payload.data, step->payload.len};
    uint8_t what = (step->op & 0x0f) % OPS;
    size_t participant = (step->op >> 4 & 7) % PARTICIPANTS;
    const uint8_t ports[] = {ORCHESTRATOR_PORT_CLIENT, ORCHESTRATOR_PORT_OWNER,
                             ORCHESTRATOR_PORT_REPLAY,
                             (uint8_t)(ORCHESTRATOR_PORT_FIRST_PARTICIPANT + participant)};
    if (what < ENTRY)
        give_message(world, ports[what], step->payload);
    else if (what < SUBMIT)
        give_entry(world, ports[what - ENTRY], step->payload);
    else if (what == SUBMIT)
        submit(world, step->payload);
    else if (what == REPLY)
        give_reply(world, participant, step->payload);
    else if (what == DONE)
        give_done(world, participant, step->payload);
    else if (what == PASS)
        fuzz_node_pass(&world->fuzz, fuzz_u16(&input) % PASS_MS_MAX);
    else if (what == RESTART)
        restart(world);
    else if (what == REBORN)
        world->participants[participant].incarnation++;
    else
        resume(world, step->payload);
    if ((step->op & GOES_ON) == 0)
        (void)turn(world);
}

/* It still does its work: it tells its status and its health. */
static void check_end(struct world *world)
{
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    Zsaga__Status status = ZSAGA__STATUS__INIT;
    Zsaga__OwnerRequest question = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    restart(world);
    if (world->fuzz.node == NULL || !turn(world))
        return; /* Fenced. */
    world->next_id = 12345678;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &status;
    give_request(world, &request);
    question.id = 1;
    question.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    question.health = &health;
    world->owner_answers = 0;
    fuzz_node_give_message(&world->fuzz, ORCHESTRATOR_PORT_OWNER, &world->client, &question.base);
    (void)turn(world);
    fuzz_require(world->answered_id == world->next_id, "no answer to a good question");
    fuzz_require(world->owner_answers == 1, "no health");
    fuzz_require(self_of(world)->arena.used == 0 || self_of(world)->work_count == 0,
                 "a batch is left over");
}

static void open_world(struct world *world, struct bytes image)
{
    *world = (struct world){
        .path = fuzz_node_database("orchestrator", image),
        .fuzz = {.now = {5000, FUZZ_START_WALL_MS}},
        .client = {.name = "zsaga", .incarnation = 9},
    };
    for (size_t i = 0; i < PARTICIPANTS; i++) {
        world->participants[i].incarnation = 100 + i;
        world->participants[i].store.bytes[0] = (uint8_t)(1 + i);
        (void)snprintf(world->participants[i].name, sizeof world->participants[i].name, "%s",
                       names[i]);
    }
    start(world);
}

static struct bytes image_of(void)
{
    static struct buffer image;
    if (image.len == 0) {
        struct world world;
        struct err err = {0};
        for (size_t i = 0; i < DEFINITIONS; i++) {
            struct definition *definition = NULL;
            fuzz_require(definition_parse("it", texts[i], &definition, &err) == 0, "%s", err.text);
            definitions[i] = definition;
        }
        open_world(&world, bytes_of("", 0));
        fuzz_node_end(&world.fuzz);
        image = fuzz_node_image(world.path);
        free(world.path);
    }
    return buffer_bytes(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_step step;
    struct world world;
    open_world(&world, image_of());
    (void)turn(&world);
    for (int i = 0; i < FUZZ_STEPS_MAX && world.fuzz.node != NULL; i++) {
        if (!fuzz_next_step(&input, &step))
            break;
        do_step(&world, &step);
    }
    if (world.fuzz.node != NULL)
        check_end(&world);
    fuzz_node_end(&world.fuzz);
    free(world.path);
    return 0;
}
