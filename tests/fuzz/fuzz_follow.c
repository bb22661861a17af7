#include "fuzz_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "event.pb-c.h"
#include "owner.pb-c.h"
#include "replay.pb-c.h"
#include "store/outbox.h"
#include "view.pb-c.h"

#define GOES_ON 0x80
#define OLDER 0x40
#define BUDGET ((size_t)16 << 20)
#define ROWS_MAX FUZZ_STEPS_MAX
#define EVENTS_MAX 20 /* Of a batch. */
#define PASS_MS_MAX 20000
#define TURNS_MAX 8 /* Until fetches are answered. */

enum {
    MESSAGE,
    ENTRY = 4,
    COMMIT = 8,
    TELL,
    EVENT,
    PASS,
    RESTART,
    REBORN,
    ANSWER,
    OPS,
};

static const char *const names[FOLLOW_PUBLISHERS] = {"orchestrator", "order", "payment"};

struct row {
    uint64_t first;
    uint32_t count;
    struct buffer events;
};

struct publisher {
    struct frame_header header;
    uint8_t branch;
    struct row rows[ROWS_MAX];
    size_t row_count;
    uint64_t head;
    uint64_t fetch_id; /* Of its newest one; 0: none. */
    uint64_t fetch_after;
    bool asked; /* It is not answered yet. */
};

struct world {
    const struct follow_subject *subject;
    struct fuzz_node fuzz;
    char *path;
    uint64_t starts;
    bool honest; /* Fetches are answered. */
    struct frame_header client;
    struct publisher publishers[FOLLOW_PUBLISHERS];
    size_t answers; /* On the owner's port, and on that of the view. */
};

static void start(struct world *world)
{
    struct node *node = NULL;
    struct err err = {0};
    const struct consumer_options options = {
        .db_path = world->path,
        .publishers = names,
        .publisher_count = FOLLOW_PUBLISHERS,
        .random = ++world->starts * UINT64_C(0x9e3779b97f4a7c15),
    };
    fuzz_require(world->subject->open(&options, world->fuzz.now, &node, &err) == 0,
                 "it does not start: %s", err.text);
    fuzz_node_begin(&world->fuzz, node, world->subject->db(node));
}

static uint8_t view_port(void)
{
    return 1 + 2 * FOLLOW_PUBLISHERS;
}

static const ProtobufCMessageDescriptor *kind_of(uint8_t port)
{
    if (port == CONSUMER_PORT_OWNER)
        return &zsaga__owner_answer__descriptor;
    if (port == view_port())
        return &zsaga__view_report__descriptor;
    return port % 2 == 0 ? &zsaga__replay_request__descriptor : NULL; /* Nothing leaves by a SUB. */
}

static void take(void *self, const struct peer *to, const struct frame_header *header,
                 uint32_t index, const ProtobufCMessage *entry)
{
    struct world *world = self;
    (void)header;
    (void)index;
    if (to->port == CONSUMER_PORT_OWNER || to->port == view_port()) {
        world->answers++;
        return;
    }
    const Zsaga__ReplayRequest *request = (const Zsaga__ReplayRequest *)(const void *)entry;
    struct publisher *publisher = &world->publishers[(to->port - 2) / 2];
    fuzz_require(request->kind_case == ZSAGA__REPLAY_REQUEST__KIND_FETCH && request->id != 0,
                 "it asks for nothing");
    publisher->fetch_id = request->id;
    publisher->fetch_after = request->fetch->after;
    publisher->asked = true;
}

static Zsaga__LogRange range_of(const struct publisher *publisher)
{
    Zsaga__LogRange range = ZSAGA__LOG_RANGE__INIT;
    range.tail = 1;
    range.head = publisher->head;
    return range;
}

static Zsaga__LogRow pack(const struct row *row)
{
    Zsaga__LogRow packed = ZSAGA__LOG_ROW__INIT;
    packed.first = row->first;
    packed.count = row->count;
    packed.events = packed_borrow(buffer_bytes(&row->events));
    return packed;
}

static void answer_fetch(struct world *world, size_t place)
{
    struct publisher *publisher = &world->publishers[place];
    Zsaga__ReplayAnswer answer = ZSAGA__REPLAY_ANSWER__INIT;
    Zsaga__Fetched fetched = ZSAGA__FETCHED__INIT;
    Zsaga__LogRange range = range_of(publisher);
    Zsaga__LogRow rows[ROWS_MAX];
    Zsaga__LogRow *pointers[ROWS_MAX];
    for (size_t i = 0; i < publisher->row_count; i++) {
        const struct row *row = &publisher->rows[i];
        if (row->first + row->count <= publisher->fetch_after + 1)
            continue;
        rows[i] = pack(row);
        pointers[fetched.n_rows++] = &rows[i];
    }
    fetched.rows = pointers;
    fetched.range = &range;
    answer.id = publisher->fetch_id;
    answer.kind_case = ZSAGA__REPLAY_ANSWER__KIND_FETCHED;
    answer.fetched = &fetched;
    publisher->asked = false;
    if (publisher->fetch_after <= publisher->head)
        fuzz_node_give_message(&world->fuzz, CONSUMER_PORT_REPLAY(place), &publisher->header,
                               &answer.base);
}

static bool answer_fetches(struct world *world)
{
    bool any = false;
    for (size_t i = 0; world->honest && i < FOLLOW_PUBLISHERS; i++)
        if (world->publishers[i].asked) {
            answer_fetch(world, i);
            any = true;
        }
    return any;
}

static void turn(struct world *world)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        (void)fuzz_node_turn(&world->fuzz);
        fuzz_node_read(&world->fuzz, world->subject->name, kind_of, take, world);
        if (!answer_fetches(world))
            return;
    }
}

static void give_message(struct world *world, uint8_t port, struct bytes message)
{
    if (fuzz_node_is_frame(message, BUDGET)) {
        fuzz_node_give(&world->fuzz, port, message);
        return;
    }
    turn(world);
    const struct consumer_counters *counters =
        consumer_node_counters(world->subject->consumer(world->fuzz.node));
    uint64_t malformed = counters->malformed;
    int64_t writes = fuzz_node_writes(&world->fuzz);
    fuzz_node_give(&world->fuzz, port, message);
    turn(world);
    fuzz_require(fuzz_node_writes(&world->fuzz) == writes, "what is no frame has written");
    fuzz_require(counters->malformed == malformed + 1, "what is no frame was counted %d times",
                 (int)(counters->malformed - malformed));
}

static void give_answer(struct world *world, size_t place, struct bytes entry)
{
    struct publisher *publisher = &world->publishers[place];
    struct arena arena;
    arena_init(&arena, BUDGET);
    Zsaga__ReplayAnswer *answer =
        zsaga__replay_answer__unpack(&arena.allocator, entry.len, entry.data);
    if (answer == NULL) {
        fuzz_node_give_entry(&world->fuzz, CONSUMER_PORT_REPLAY(place), &publisher->header, entry);
    } else {
        answer->id = publisher->fetch_id;
        fuzz_node_give_message(&world->fuzz, CONSUMER_PORT_REPLAY(place), &publisher->header,
                               &answer->base);
    }
    arena_release(&arena);
}

static void tell(struct world *world, size_t place, const struct row *row)
{
    struct publisher *publisher = &world->publishers[place];
    Zsaga__Publication publication = ZSAGA__PUBLICATION__INIT;
    Zsaga__LogRow packed = pack(row);
    publication.kind_case = ZSAGA__PUBLICATION__KIND_ROW;
    publication.row = &packed;
    fuzz_node_give_message(&world->fuzz, CONSUMER_PORT_EVENTS(place), &publisher->header,
                           &publication.base);
}

static void mend(struct publisher *publisher, uint64_t seq, Zsaga__Event *event, uint8_t *id)
{
    id[0] = 1;
    id[1] = publisher->branch;
    for (unsigned i = 0; i < 8; i++)
        id[ID_SIZE - 1 - i] = (uint8_t)(seq >> (8 * i));
    event->id = packed_borrow(bytes_of(id, ID_SIZE));
    if (event->saga.len != ID_SIZE)
        event->saga.len = 0;
    if (!text_is_name(packed_view(event->type)))
        event->type = packed_borrow_text("Something");
    if (event->time_ms > INT64_MAX)
        event->time_ms = INT64_MAX;
    if (event->causation.len != ID_SIZE + 2)
        event->causation.len = 0;
    if (event->traceparent.len > TEXT_NAME_MAX)
        event->traceparent.len = 0;
}

/* Adds the events to the publisher's log, as good ones, and tells them. */
static void commit(struct world *world, size_t place, Zsaga__EventBatch *batch)
{
    struct publisher *publisher = &world->publishers[place];
    uint8_t ids[EVENTS_MAX][ID_SIZE];
    memset(ids, 0, sizeof ids);
    if (batch->n_events == 0 || publisher->row_count == ROWS_MAX)
        return;
    if (batch->n_events > EVENTS_MAX)
        batch->n_events = EVENTS_MAX;
    struct row *row = &publisher->rows[publisher->row_count++];
    *row = (struct row){.first = publisher->head + 1, .count = (uint32_t)batch->n_events};
    for (size_t i = 0; i < batch->n_events; i++)
        mend(publisher, row->first + i, batch->events[i], ids[i]);
    packed_append(&row->events, &batch->base);
    publisher->head += row->count;
    tell(world, place, row);
}

static void commit_packed(struct world *world, size_t place, struct bytes packed)
{
    struct arena arena;
    arena_init(&arena, BUDGET);
    Zsaga__EventBatch *batch =
        zsaga__event_batch__unpack(&arena.allocator, packed.len, packed.data);
    if (batch != NULL)
        commit(world, place, batch);
    arena_release(&arena);
}

static void commit_event(struct world *world, size_t place, struct bytes payload)
{
    struct fuzz_input input = {payload.data, payload.len};
    Zsaga__EventBatch batch = ZSAGA__EVENT_BATCH__INIT;
    Zsaga__Event event = ZSAGA__EVENT__INIT;
    Zsaga__Event *pointer = &event;
    size_t types = 0;
    uint8_t which = fuzz_u8(&input);
    struct id saga = {{2}};
    while (world->subject->types[types] != NULL)
        types++;
    event.type = packed_borrow_text(world->subject->types[which % types]);
    saga.bytes[ID_SIZE - 1] = which >> 6;
    event.saga = packed_borrow(id_view(&saga));
    event.time_ms = (uint64_t)world->fuzz.now.wall_ms;
    event.payload = packed_borrow(fuzz_rest(&input));
    batch.events = &pointer;
    batch.n_events = 1;
    commit(world, place, &batch);
}

/* Says that these bytes are its next row, whatever they are. */
static void tell_packed(struct world *world, size_t place, struct bytes packed)
{
    struct row row = {.first = world->publishers[place].head + 1, .count = 1};
    buffer_append(&row.events, packed.data, packed.len);
    tell(world, place, &row);
    buffer_release(&row.events);
}

static void reborn(struct publisher *publisher, bool older)
{
    publisher->header.incarnation++;
    if (!older || publisher->row_count == 0)
        return;
    publisher->row_count--;
    publisher->head -= publisher->rows[publisher->row_count].count;
    buffer_release(&publisher->rows[publisher->row_count].events);
    publisher->branch++;
}

static uint64_t digest_of(struct world *world)
{
    turn(world);
    return world->subject->digest == NULL ? 0 : world->subject->digest(world->fuzz.node);
}

static void restart(struct world *world)
{
    uint64_t before = digest_of(world);
    fuzz_node_end(&world->fuzz);
    start(world);
    if (world->subject->digest != NULL)
        fuzz_require(world->subject->digest(world->fuzz.node) == before,
                     "after a restart it knows something else");
    for (size_t i = 0; i < FOLLOW_PUBLISHERS; i++)
        world->publishers[i].asked = false;
}

static uint8_t port_of(const struct world *world, uint8_t which, size_t place)
{
    const uint8_t ports[] = {CONSUMER_PORT_EVENTS(place), CONSUMER_PORT_REPLAY(place),
                             CONSUMER_PORT_OWNER,
                             world->subject->has_view ? view_port() : CONSUMER_PORT_OWNER};
    return ports[which];
}

static void give_entry(struct world *world, uint8_t which, size_t place, struct bytes entry)
{
    if (which == 1)
        give_answer(world, place, entry);
    else
        fuzz_node_give_entry(&world->fuzz, port_of(world, which, place),
                             which == 0 ? &world->publishers[place].header : &world->client, entry);
}

static void do_step(struct world *world, const struct fuzz_step *step)
{
    struct fuzz_input input = {step->payload.data, step->payload.len};
    uint8_t what = (step->op & 0x0f) % OPS;
    size_t place = (step->op >> 4 & 3) % FOLLOW_PUBLISHERS;
    if (what < ENTRY)
        give_message(world, port_of(world, what, place), step->payload);
    else if (what < COMMIT)
        give_entry(world, (uint8_t)(what - ENTRY), place, step->payload);
    else if (what == COMMIT)
        commit_packed(world, place, step->payload);
    else if (what == TELL)
        tell_packed(world, place, step->payload);
    else if (what == EVENT)
        commit_event(world, place, step->payload);
    else if (what == PASS)
        fuzz_node_pass(&world->fuzz, fuzz_u16(&input) % PASS_MS_MAX);
    else if (what == RESTART)
        restart(world);
    else if (what == REBORN)
        reborn(&world->publishers[place], (step->op & OLDER) != 0);
    else
        world->honest = !world->honest;
    if ((step->op & GOES_ON) == 0)
        turn(world);
}

/* It still does its work: it tells its health, and what it knows. */
static void check_end(struct world *world)
{
    Zsaga__OwnerRequest question = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    Zsaga__ViewRequest look = ZSAGA__VIEW_REQUEST__INIT;
    restart(world);
    turn(world);
    world->answers = 0;
    question.id = 1;
    question.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    question.health = &health;
    fuzz_node_give_message(&world->fuzz, CONSUMER_PORT_OWNER, &world->client, &question.base);
    look.id = 2;
    if (world->subject->has_view)
        fuzz_node_give_message(&world->fuzz, view_port(), &world->client, &look.base);
    turn(world);
    fuzz_require(world->answers == (world->subject->has_view ? 2 : 1), "no answer");
}

/* An empty database, made once for a subject. */
static struct bytes image_of(const struct follow_subject *subject)
{
    static const struct follow_subject *known;
    static struct buffer image;
    if (known != subject) {
        struct world *world = calloc(1, sizeof *world);
        fuzz_require(world != NULL, "no memory");
        world->subject = subject;
        world->path = fuzz_node_database("image", bytes_of("", 0));
        world->fuzz.now = (struct node_time){1000, FUZZ_START_WALL_MS};
        start(world);
        fuzz_node_end(&world->fuzz);
        buffer_release(&image);
        image = fuzz_node_image(world->path);
        known = subject;
        free(world->path);
        free(world);
    }
    return buffer_bytes(&image);
}

static void close_world(struct world *world)
{
    fuzz_node_end(&world->fuzz);
    for (size_t i = 0; i < FOLLOW_PUBLISHERS; i++)
        for (size_t j = 0; j < world->publishers[i].row_count; j++)
            buffer_release(&world->publishers[i].rows[j].events);
    free(world->path);
    free(world);
}

void follow_run(const struct follow_subject *subject, struct fuzz_input *input)
{
    struct fuzz_step step;
    struct bytes image = image_of(subject);
    struct world *world = calloc(1, sizeof *world);
    fuzz_require(world != NULL, "no memory");
    world->subject = subject;
    world->path = fuzz_node_database(subject->name, image);
    world->fuzz.now = (struct node_time){1000, FUZZ_START_WALL_MS};
    world->client = (struct frame_header){.name = "zsaga", .incarnation = 9};
    world->honest = true;
    for (size_t i = 0; i < FOLLOW_PUBLISHERS; i++) {
        struct frame_header *header = &world->publishers[i].header;
        header->incarnation = 100 + i;
        header->store.bytes[0] = (uint8_t)(1 + i);
        (void)snprintf(header->name, sizeof header->name, "%s", names[i]);
    }
    start(world);
    turn(world);
    for (int i = 0; i < FUZZ_STEPS_MAX && fuzz_next_step(input, &step); i++)
        do_step(world, &step);
    check_end(world);
    close_world(world);
}
