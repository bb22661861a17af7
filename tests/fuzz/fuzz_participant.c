/* Participants: whatever is said on any port, the books stay right, what is no message changes
 * nothing, and the next good message is answered. The first byte says which service it is; steps
 * are:
 *
 *   0 1 2  a message on the command, owner, replay port
 *   3 4 5  an entry there, in a good frame
 *   6      a command: saga, action and direction, attempt, and the input
 *   7      a file to import into table op >> 4, of a stopped service
 *   8      time passes
 *   9      it dies and starts again
 *
 * With 0x40 the turn goes on: the next step is of the same batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/packed.h"
#include "event.pb-c.h"
#include "fuzz_node.h"
#include "inventory/inventory.h"
#include "order/order.h"
#include "participant_internal.h"
#include "payment/payment.h"
#include "replay.pb-c.h"
#include "shipping/shipping.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 1;

#define GOES_ON 0x40
#define SAGAS 8 /* That commands are about. */
#define PASS_MS_MAX 40000

enum { MESSAGE, ENTRY = 3, COMMAND = 6, IMPORT, PASS, RESTART };

static const struct participant_service *const services[] = {&order_service, &inventory_service,
                                                             &payment_service, &shipping_service};

struct world {
    const struct participant_service *service;
    struct fuzz_node fuzz;
    char *path;
    uint64_t starts;
    struct frame_header orchestrator;
    struct frame_header client;
    size_t answers; /* Read since this was last set to 0. */
};

static struct participant_node *self_of(const struct world *world)
{
    return (struct participant_node *)(void *)world->fuzz.node;
}

static void start(struct world *world)
{
    struct node *node = NULL;
    struct err err = {0};
    const struct participant_options options = {
        .db_path = world->path,
        .random = 1000 + ++world->starts,
        .keep = {.bytes = 1 << 16, .age_ms = 60000},
    };
    fuzz_require(participant_node_new(world->service, &options, &node, &err) == 0,
                 "it does not start: %s", err.text);
    fuzz_node_begin(&world->fuzz, node, ((struct participant_node *)(void *)node)->db);
}

static const ProtobufCMessageDescriptor *kind_of(uint8_t port)
{
    static const ProtobufCMessageDescriptor *const kinds[] = {
        [PARTICIPANT_PORT_COMMAND] = &zsaga__answer__descriptor,
        [PARTICIPANT_PORT_OWNER] = &zsaga__owner_answer__descriptor,
        [PARTICIPANT_PORT_EVENTS] = &zsaga__publication__descriptor,
        [PARTICIPANT_PORT_REPLAY] = &zsaga__replay_answer__descriptor,
    };
    return port < PARTICIPANT_PORT_COUNT ? kinds[port] : NULL;
}

static void take(void *self, const struct peer *to, const struct frame_header *header,
                 uint32_t index, const ProtobufCMessage *entry)
{
    struct world *world = self;
    (void)header;
    (void)index;
    world->answers += to->port != PARTICIPANT_PORT_EVENTS;
    if (to->port != PARTICIPANT_PORT_OWNER)
        return;
    const Zsaga__OwnerAnswer *answer = (const Zsaga__OwnerAnswer *)(const void *)entry;
    if (answer->kind_case != ZSAGA__OWNER_ANSWER__KIND_AUDIT)
        return;
    for (size_t i = 0; i < answer->audit->n_checks; i++) {
        const Zsaga__AuditCheck *check = answer->audit->checks[i];
        fuzz_require(check->ok, "the books are wrong: %.*s: %.*s", (int)check->name.len,
                     (const char *)check->name.data, (int)check->detail.len,
                     (const char *)check->detail.data);
    }
}

static void turn(struct world *world)
{
    (void)fuzz_node_turn(&world->fuzz);
    fuzz_node_read(&world->fuzz, world->service->name, kind_of, take, world);
}

/* What is no message changes no row, is counted, and does so alone. */
static void give_message(struct world *world, uint8_t port, struct bytes message)
{
    if (fuzz_node_is_frame(message, PARTICIPANT_DECODE_BUDGET)) {
        fuzz_node_give(&world->fuzz, port, message);
        return;
    }
    turn(world);
    const struct participant_counters *counters = participant_node_counters(world->fuzz.node);
    uint64_t rejected = counters->rejected;
    int64_t writes = fuzz_node_writes(&world->fuzz);
    fuzz_node_give(&world->fuzz, port, message);
    turn(world);
    fuzz_require(fuzz_node_writes(&world->fuzz) == writes, "what is no frame has written");
    fuzz_require(port == PARTICIPANT_PORT_REPLAY || counters->rejected == rejected + 1,
                 "what is no frame was counted %d times", (int)(counters->rejected - rejected));
}

static void say_hello(struct world *world)
{
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    hello.number = 7;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    fuzz_node_give_message(&world->fuzz, PARTICIPANT_PORT_COMMAND, &world->orchestrator,
                           &request.base);
}

static bool is_request(struct bytes entry)
{
    struct arena arena;
    arena_init(&arena, PARTICIPANT_DECODE_BUDGET);
    bool is = zsaga__request__unpack(&arena.allocator, entry.len, entry.data) != NULL;
    arena_release(&arena);
    return is;
}

/* What is no entry is rejected by itself, and changes nothing. */
static void give_entry(struct world *world, uint8_t port, struct bytes entry)
{
    if (port != PARTICIPANT_PORT_COMMAND || is_request(entry)) {
        fuzz_node_give_entry(
            &world->fuzz, port,
            port == PARTICIPANT_PORT_COMMAND ? &world->orchestrator : &world->client, entry);
        return;
    }
    say_hello(world); /* So that the fence knows the sender. */
    turn(world);
    const struct participant_counters *counters = participant_node_counters(world->fuzz.node);
    uint64_t rejected = counters->rejected;
    int64_t writes = fuzz_node_writes(&world->fuzz);
    fuzz_node_give_entry(&world->fuzz, port, &world->orchestrator, entry);
    turn(world);
    fuzz_require(fuzz_node_writes(&world->fuzz) == writes, "what is no entry has written");
    fuzz_require(counters->rejected == rejected + 1, "what is no entry was counted %d times",
                 (int)(counters->rejected - rejected));
}

static void give_command(struct world *world, struct bytes payload)
{
    struct fuzz_input input = {payload.data, payload.len};
    uint8_t number = (uint8_t)(fuzz_u8(&input) % SAGAS);
    uint8_t which = fuzz_u8(&input);
    const struct participant_action *action =
        &world->service->actions[(which >> 2) % world->service->action_count];
    struct id saga = {{1}};
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Command command = ZSAGA__COMMAND__INIT;
    bool undo = (which & 1) != 0 && action->compensation != NULL;
    saga.bytes[ID_SIZE - 1] = number;
    command.saga = packed_borrow(id_view(&saga));
    command.step = (uint32_t)(action - world->service->actions);
    command.direction = undo ? ZSAGA__DIRECTION__COMPENSATION : ZSAGA__DIRECTION__ACTION;
    command.retriable = (which & 2) != 0;
    command.attempt = 1U + fuzz_u8(&input);
    command.name = packed_borrow_text(undo ? action->compensation : action->name);
    command.input = packed_borrow(fuzz_rest(&input));
    request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
    request.command = &command;
    fuzz_node_give_message(&world->fuzz, PARTICIPANT_PORT_COMMAND, &world->orchestrator,
                           &request.base);
}

static void import_file(struct world *world, size_t table, struct bytes file)
{
    struct err err = {0};
    struct participant_node *self = self_of(world);
    if (world->service->table_count == 0)
        return;
    turn(world); /* Nothing waits for a commit any more. */
    int fd = memfd_create("import", MFD_CLOEXEC);
    fuzz_require(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len &&
                     lseek(fd, 0, SEEK_SET) == 0,
                 "no file in memory");
    int rc = owner_import_csv(
        self->owner, world->service->tables[table % world->service->table_count].name, fd, &err);
    (void)close(fd);
    fuzz_require(rc >= 0 || err.text[0] != '\0', "refused without words");
    fuzz_require(!db_in_transaction(self->db), "a transaction is left open");
}

static void restart(struct world *world)
{
    turn(world);
    fuzz_node_end(&world->fuzz);
    start(world);
}

static void do_step(struct world *world, const struct fuzz_step *step)
{
    static const uint8_t ports[] = {PARTICIPANT_PORT_COMMAND, PARTICIPANT_PORT_OWNER,
                                    PARTICIPANT_PORT_REPLAY};
    struct fuzz_input input = {step->payload.data, step->payload.len};
    uint8_t what = (step->op & 0x0f) % (RESTART + 1);
    if (what < ENTRY)
        give_message(world, ports[what], step->payload);
    else if (what < COMMAND)
        give_entry(world, ports[what - ENTRY], step->payload);
    else if (what == COMMAND)
        give_command(world, step->payload);
    else if (what == IMPORT)
        import_file(world, step->op >> 4 & 3, step->payload);
    else if (what == PASS)
        fuzz_node_pass(&world->fuzz, fuzz_u16(&input) % PASS_MS_MAX);
    else
        restart(world);
    if ((step->op & GOES_ON) == 0)
        turn(world);
}

/* It still does its work: a hello is answered, and the books are right. */
static void check_end(struct world *world)
{
    Zsaga__Audit audit = ZSAGA__AUDIT__INIT;
    Zsaga__OwnerRequest question = ZSAGA__OWNER_REQUEST__INIT;
    turn(world);
    world->answers = 0;
    say_hello(world);
    question.id = 1;
    question.kind_case = ZSAGA__OWNER_REQUEST__KIND_AUDIT;
    question.audit = &audit;
    fuzz_node_give_message(&world->fuzz, PARTICIPANT_PORT_OWNER, &world->client, &question.base);
    turn(world);
    fuzz_require(world->answers == 2, "%zu answers to a hello and an audit", world->answers);
}

/* An empty database of each service, made once. */
static struct bytes image_of(size_t which)
{
    static struct buffer images[sizeof services / sizeof services[0]];
    if (images[which].len == 0) {
        struct world world = {.service = services[which],
                              .path = fuzz_node_database("image", bytes_of("", 0)),
                              .fuzz = {.now = {1000, FUZZ_START_WALL_MS}}};
        start(&world);
        fuzz_node_end(&world.fuzz);
        images[which] = fuzz_node_image(world.path);
        free(world.path);
    }
    return buffer_bytes(&images[which]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_step step;
    size_t which = fuzz_u8(&input) % (sizeof services / sizeof services[0]);
    struct world world = {
        .service = services[which],
        .path = fuzz_node_database("participant", image_of(which)),
        .fuzz = {.now = {1000, FUZZ_START_WALL_MS}},
        .orchestrator = {.name = "orchestrator",
                         .store = {{7}},
                         .incarnation = 77,
                         .has_driver = true,
                         .driver = {.id = "suite", .epoch = 1, .nonce = 11}},
        .client = {.name = "zsaga", .incarnation = 9},
    };
    start(&world);
    for (int i = 0; i < FUZZ_STEPS_MAX && fuzz_next_step(&input, &step); i++)
        do_step(&world, &step);
    check_end(&world);
    fuzz_node_end(&world.fuzz);
    free(world.path);
    return 0;
}
