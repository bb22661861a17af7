/* Sagas in flight at a client: whatever the orchestrator answers, each saga lands once, in time,
 * with an outcome that has a name. Steps:
 *
 *   0  a saga is started: its key    1  ... is followed
 *   2  an answer, as it is           3  an answer to the newest question
 *   4  one to the question op >> 4 before it
 *   5  time passes */
#include <string.h>

#include "base/packed.h"
#include "base/text.h"
#include "client_flights.h"
#include "fuzz.h"
#include "wire/arena.h"

const enum fuzz_shape fuzz_shape = FUZZ_STORY;
const size_t fuzz_shape_skip = 1;

#define BUDGET ((size_t)16 << 20)
#define PLACES 4
#define PAST 16 /* Questions that are remembered. */
#define TIMEOUT_MS 10000
#define PASS_MS_MAX 4000

enum { START, FOLLOW, ANSWER_RAW, ANSWER_NEWEST, ANSWER_OLDER, PASS, OPS };

struct world {
    struct client_flights *flights;
    uint64_t ids[PAST];
    size_t asked;
    int64_t now_us;
    uint64_t started;
    uint64_t landed;
};

static void send(void *self, const Zsaga__ClientRequest *request)
{
    struct world *world = self;
    fuzz_require(request->id != 0, "a question without a number");
    world->ids[world->asked++ % PAST] = request->id;
}

static void take_landings(struct world *world)
{
    struct client_landing landing;
    while (client_flights_next(world->flights, &landing)) {
        const struct client_outcome *outcome = &landing.outcome;
        fuzz_require(landing.tag >= 1 && landing.tag <= world->started, "an unknown saga lands");
        fuzz_require(outcome->state <= CLIENT_ATTENTION && outcome->verdict <= CLIENT_CONFLICT,
                     "an outcome without a name: %d, %d", (int)outcome->state,
                     (int)outcome->verdict);
        fuzz_require(client_state_name(outcome->state)[0] != '\0', "a state without a name");
        fuzz_require(text_is_utf8(bytes_text(outcome->reason)), "a reason that is no UTF-8");
        fuzz_require(landing.took_us >= 0, "it took %lld us", (long long)landing.took_us);
        if (landing.end == FLIGHT_REFUSED)
            fuzz_require(landing.refusal_code < 0 && landing.refusal[0] != '\0',
                         "refused without words");
        world->landed++;
    }
}

static void begin(struct world *world, bool follow, struct bytes payload)
{
    static const char *const keys[] = {"k0", "k1", "k2"};
    const char *key = keys[payload.len == 0 ? 0 : payload.data[0] % 3];
    const struct client_saga saga = {.definition = "toy",
                                     .key = key,
                                     .input = bytes_text("input"),
                                     .nonce = bytes_text("nonce")};
    if (!client_flights_has_room(world->flights))
        return;
    if (follow)
        client_flights_follow(world->flights, key, ++world->started, world->now_us);
    else
        client_flights_start(world->flights, &saga, ++world->started, world->now_us);
}

static void give(struct world *world, struct bytes packed, bool mend, size_t back)
{
    struct arena arena;
    arena_init(&arena, BUDGET);
    Zsaga__ClientAnswer *answer =
        zsaga__client_answer__unpack(&arena.allocator, packed.len, packed.data);
    if (answer != NULL && mend && world->asked > back)
        answer->id = world->ids[(world->asked - 1 - back) % PAST];
    if (answer != NULL)
        client_flights_take(world->flights, answer, world->now_us);
    arena_release(&arena);
    fuzz_require(text_is_utf8(bytes_text(client_flights_outage(world->flights))),
                 "an outage in words that are no UTF-8");
}

static void do_step(struct world *world, const struct fuzz_step *step)
{
    struct fuzz_input input = {step->payload.data, step->payload.len};
    switch ((step->op & 0x0f) % OPS) {
    case START:
    case FOLLOW:
        begin(world, (step->op & 0x0f) % OPS == FOLLOW, step->payload);
        break;
    case ANSWER_RAW:
        give(world, step->payload, false, 0);
        break;
    case ANSWER_NEWEST:
        give(world, step->payload, true, 0);
        break;
    case ANSWER_OLDER:
        give(world, step->payload, true, 1U + (step->op >> 4));
        break;
    default:
        world->now_us += 1000 * (int64_t)(fuzz_u16(&input) % PASS_MS_MAX);
        break;
    }
    client_flights_tick(world->flights, world->now_us);
    (void)client_flights_is_silent(world->flights, world->now_us);
    take_landings(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_step step;
    struct world world = {.now_us = 1000000};
    uint64_t serial = 0;
    const struct client_flights_options options = {
        .count = PLACES, .timeout_ms = TIMEOUT_MS, .to_end = (fuzz_u8(&input) & 1) != 0};
    const struct client_flights_port port = {send, &world};
    world.flights = client_flights_new(&options, &port, &serial);
    for (int i = 0; i < FUZZ_STEPS_MAX && fuzz_next_step(&input, &step); i++)
        do_step(&world, &step);
    for (int i = 0; i < 4 && client_flights_count(world.flights) > 0; i++) {
        world.now_us += 1000 * (int64_t)TIMEOUT_MS;
        client_flights_tick(world.flights, world.now_us);
        take_landings(&world);
    }
    fuzz_require(world.landed == world.started, "%llu of %llu sagas have landed",
                 (unsigned long long)world.landed, (unsigned long long)world.started);
    client_flights_free(world.flights);
    return 0;
}
