#include "chaos_client.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/packed.h"
#include "base/xalloc.h"
#include "chaos_suite.h"
#include "client.h"
#include "order.pb-c.h"

#define IN_FLIGHT 400
#define ORDERS_MAX 1000000
#define TIMEOUT_MS 15000 /* Then the outcome is unknown, and asked for again. */
#define TAKE_MS 20
#define ASK_AGAIN_MS 500
#define KINDS 10

/* What an order is like, by its number. */
enum { ORDER_UNKNOWN_SKU = 2, ORDER_UNDELIVERABLE = 5, ORDER_OVERSIZE = 8 };

/* A call that is in flight: its tag in the batch is its place. */
struct flight {
    uint64_t op; /* 0: free. */
    uint64_t order;
    bool find;
    bool again;    /* A submit of what was submitted before. */
    bool conflict; /* ... with other contents. */
};

enum order_state { ORDER_NONE, ORDER_ASKED, ORDER_UNKNOWN, ORDER_STORED, ORDER_ENDED, ORDER_NEVER };

struct client_run {
    struct chaos *chaos;
    struct client *client;
    struct client_batch *batch;
    struct rng rng;
    int rate_per_s;
    uint64_t ops;
    uint64_t orders;     /* Numbers given so far. */
    uint8_t *states;     /* Of each order. */
    uint64_t asked_from; /* All orders below have ended. */
    struct flight flights[IN_FLIGHT];
    int64_t next_at_us;
    int64_t ask_at_ms;
};

static void make_input(uint64_t number, bool other, struct buffer *to)
{
    char customer[16];
    char skus[2][16];
    char id[40];
    int kind = (int)(number % KINDS);
    Zsaga__OrderInput input = ZSAGA__ORDER_INPUT__INIT;
    Zsaga__OrderItem items[2] = {ZSAGA__ORDER_ITEM__INIT, ZSAGA__ORDER_ITEM__INIT};
    Zsaga__OrderItem *pointers[2] = {&items[0], &items[1]};
    (void)snprintf(id, sizeof id, "c-%llu", (unsigned long long)number);
    (void)snprintf(customer, sizeof customer, "c%d", (int)(number % CHAOS_CUSTOMERS));
    for (int i = 0; i < 2; i++) {
        (void)snprintf(skus[i], sizeof skus[i], "%s%d",
                       i == 1 && kind == ORDER_UNKNOWN_SKU ? "none" : "s",
                       (int)((number + (uint64_t)i * 7) % CHAOS_SKUS));
        items[i].sku = packed_borrow_text(skus[i]);
        items[i].quantity = i == 1 && kind == ORDER_OVERSIZE ? 801 : 1 + (uint32_t)i;
        items[i].unit_price_cents = (other ? 1000 : 100) + number % 7;
    }
    input.order_id = packed_borrow_text(id);
    input.customer_id = packed_borrow_text(customer);
    input.country = packed_borrow_text(kind == ORDER_UNDELIVERABLE ? "Unspecified" : "Portugal");
    input.n_items = 2;
    input.items = pointers;
    packed_append(to, &input.base);
}

static const char *reason_of(uint64_t number)
{
    switch (number % KINDS) {
    case ORDER_UNKNOWN_SKU:
        return "unknown_sku";
    case ORDER_UNDELIVERABLE:
        return "undeliverable";
    case ORDER_OVERSIZE:
        return "oversize";
    default:
        return "";
    }
}

static void key_of(uint64_t number, char key[40])
{
    (void)snprintf(key, 40, "c-%llu", (unsigned long long)number);
}

static struct flight *free_flight(struct client_run *run)
{
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (run->flights[i].op == 0)
            return &run->flights[i];
    return NULL;
}

static void complain(struct client_run *run, const char *what, uint64_t order)
{
    run->chaos->board->wrong++;
    (void)fprintf(stderr, "chaos: c-%llu: %s\n", (unsigned long long)order, what);
}

static void invoke(struct client_run *run, struct flight *flight, struct bytes nonce,
                   struct bytes input)
{
    static const struct check_bytes definition = {"order", 5};
    char key[40];
    key_of(flight->order, key);
    flight->op = ++run->ops;
    const struct check_bytes body = {input.data, input.len};
    const struct check_invoke asked = {.at_ms = clock_mono_ms(),
                                       .op = flight->op,
                                       .call = flight->find ? CHECK_FIND : CHECK_SUBMIT,
                                       .key = {key, strlen(key)},
                                       .definition =
                                           flight->find ? (struct check_bytes){0} : definition,
                                       .nonce = {nonce.data, nonce.len},
                                       .body = flight->find ? 0 : check_body(definition, body)};
    (void)check_record_invoke(run->chaos->record, &asked);
}

/* The first time, or once more: under another nonce, perhaps with other contents. */
static void submit(struct client_run *run, uint64_t order, bool again, bool conflict)
{
    struct flight *flight = free_flight(run);
    struct buffer input = {0};
    struct err err = {0};
    char key[40];
    uint64_t nonce[2] = {rng_next(&run->rng), rng_next(&run->rng)};
    if (flight == NULL || !client_batch_has_room(run->batch))
        return;
    key_of(order, key);
    make_input(order, conflict, &input);
    *flight = (struct flight){.order = order, .again = again, .conflict = conflict};
    const struct client_saga saga = {.definition = "order",
                                     .key = key,
                                     .input = buffer_bytes(&input),
                                     .nonce = bytes_of(nonce, sizeof nonce)};
    invoke(run, flight, saga.nonce, saga.input);
    if (client_batch_start(run->batch, &saga, (uint64_t)(flight - run->flights), &err) < 0)
        complain(run, err.text, order);
    if (!again)
        run->states[order] = ORDER_ASKED;
    buffer_release(&input);
}

static void follow(struct client_run *run, uint64_t order)
{
    struct flight *flight = free_flight(run);
    struct err err = {0};
    char key[40];
    if (flight == NULL || !client_batch_has_room(run->batch))
        return;
    key_of(order, key);
    *flight = (struct flight){.order = order, .find = true};
    invoke(run, flight, bytes_of(NULL, 0), bytes_of(NULL, 0));
    if (client_batch_follow(run->batch, key, (uint64_t)(flight - run->flights), &err) < 0)
        complain(run, err.text, order);
}

static enum check_state state_of(enum client_state state)
{
    static const enum check_state states[] = {
        [CLIENT_STATE_UNKNOWN] = CHECK_STATE_UNKNOWN, [CLIENT_RUNNING] = CHECK_RUNNING,
        [CLIENT_COMPENSATING] = CHECK_COMPENSATING,   [CLIENT_COMPLETED] = CHECK_COMPLETED,
        [CLIENT_COMPENSATED] = CHECK_COMPENSATED,     [CLIENT_ATTENTION] = CHECK_ATTENTION};
    return states[state];
}

static void answer(struct client_run *run, const struct flight *flight,
                   const struct client_result *result)
{
    static const enum check_verdict verdicts[] = {[CLIENT_UNDECIDED] = CHECK_VERDICT_NONE,
                                                  [CLIENT_ACCEPTED] = CHECK_ACCEPTED,
                                                  [CLIENT_DUPLICATE] = CHECK_DUPLICATE,
                                                  [CLIENT_CONFLICT] = CHECK_CONFLICT};
    const struct client_outcome *outcome = &result->outcome;
    bool known = flight->find
                     ? outcome->state != CLIENT_STATE_UNKNOWN || result->code == ERR_NOT_FOUND
                     : outcome->verdict != CLIENT_UNDECIDED;
    struct check_answer told = {.at_ms = clock_mono_ms(),
                                .op = flight->op,
                                .outcome = known ? CHECK_OK : CHECK_UNKNOWN,
                                .verdict =
                                    flight->find ? CHECK_VERDICT_NONE : verdicts[outcome->verdict],
                                .state = state_of(outcome->state)};
    if (!id_is_zero(&outcome->saga))
        told.saga = (struct check_bytes){outcome->saga.bytes, ID_SIZE};
    (void)check_record_answer(run->chaos->record, &told);
    run->chaos->board->unknown += !known;
}

static void tell_time(struct client_run *run)
{
    struct chaos_board *board = run->chaos->board;
    int64_t healed_ms = board->healed_ms;
    uint64_t place = board->took_count;
    if (healed_ms == 0 || place >= CHAOS_TOOK_MAX)
        return;
    board->took_ms[place] = (int32_t)(clock_mono_ms() - healed_ms);
    board->took_count = place + 1;
}

static void end_order(struct client_run *run, uint64_t order, const struct client_outcome *outcome)
{
    struct chaos_board *board = run->chaos->board;
    const char *wanted = reason_of(order);
    bool unavailable = strcmp(outcome->reason, "unavailable") == 0;
    run->states[order] = ORDER_ENDED;
    board->open--;
    tell_time(run);
    if (outcome->state == CLIENT_ATTENTION) {
        board->attention++;
        complain(run, "rests in attention", order);
    } else if (outcome->state == CLIENT_COMPLETED) {
        board->completed++;
        if (wanted[0] != '\0')
            complain(run, "completed, and must be refused", order);
    } else {
        board->compensated++;
        board->given_up += unavailable;
        if (!unavailable && (wanted[0] == '\0' || strcmp(wanted, outcome->reason) != 0))
            complain(run, outcome->reason, order);
    }
}

static void learn(struct client_run *run, const struct flight *flight,
                  const struct client_result *result)
{
    struct chaos_board *board = run->chaos->board;
    const struct client_outcome *outcome = &result->outcome;
    uint8_t *state = &run->states[flight->order];
    if (flight->again) {
        bool right = flight->conflict ? outcome->verdict == CLIENT_CONFLICT
                                      : outcome->verdict == CLIENT_DUPLICATE;
        if (outcome->verdict != CLIENT_UNDECIDED && !right)
            complain(run, flight->conflict ? "other contents are no conflict" : "is no duplicate",
                     flight->order);
        return;
    }
    if (*state == ORDER_ENDED || *state == ORDER_NEVER)
        return;
    bool stored = outcome->verdict == CLIENT_ACCEPTED || outcome->verdict == CLIENT_DUPLICATE ||
                  outcome->state != CLIENT_STATE_UNKNOWN;
    if (stored && *state != ORDER_STORED) {
        board->accepted++;
        *state = ORDER_STORED;
    }
    if (client_state_rests(outcome->state)) {
        end_order(run, flight->order, outcome);
    } else if (result->code == ERR_NOT_FOUND && *state == ORDER_STORED) {
        complain(run, "was accepted, and is not there", flight->order);
        *state = ORDER_NEVER;
        board->open--;
    } else if (result->code == ERR_NOT_FOUND) {
        /* A submit of it may still be on its way: it is asked for again. */
        *state = ORDER_UNKNOWN;
    } else if (*state == ORDER_ASKED) {
        *state = ORDER_UNKNOWN;
    }
}

static void take_results(struct client_run *run)
{
    struct client_result result;
    struct err err = {0};
    int64_t wait_ms = TAKE_MS;
    int rc;
    while ((rc = client_batch_take(run->batch, wait_ms, &result, &err)) == CLIENT_BATCH_RESULT) {
        struct flight *flight = &run->flights[result.tag];
        answer(run, flight, &result);
        learn(run, flight, &result);
        flight->op = 0;
        wait_ms = 0;
    }
    if (rc < 0)
        complain(run, err.text, run->orders);
    if (rc == CLIENT_BATCH_NONE && client_batch_in_flight(run->batch) == 0)
        (void)poll(NULL, 0, TAKE_MS);
}

static bool is_in_flight(const struct client_run *run, uint64_t order)
{
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (run->flights[i].op != 0 && !run->flights[i].again && run->flights[i].order == order)
            return true;
    return false;
}

/* Those whose end is not known: asked for again. What was never answered at all is submitted once
 * more when all is well, for only then it is certain what became of it. */
static void ask_again(struct client_run *run)
{
    bool calm = run->chaos->board->healed_ms != 0;
    if (clock_mono_ms() < run->ask_at_ms)
        return;
    run->ask_at_ms = clock_mono_ms() + ASK_AGAIN_MS;
    while (run->asked_from < run->orders && run->states[run->asked_from] >= ORDER_ENDED)
        run->asked_from++;
    for (uint64_t order = run->asked_from; order < run->orders; order++) {
        enum order_state state = run->states[order];
        if ((state != ORDER_UNKNOWN && state != ORDER_STORED) || is_in_flight(run, order))
            continue;
        if (state == ORDER_UNKNOWN && calm)
            submit(run, order, false, false);
        else
            follow(run, order);
    }
}

static void submit_new(struct client_run *run)
{
    int64_t now_us = clock_mono_us();
    bool wanted = run->chaos->board->submitting != 0;
    if (!wanted || run->next_at_us < now_us - 1000000)
        run->next_at_us = now_us;
    while (wanted && run->next_at_us <= now_us && run->orders < ORDERS_MAX) {
        run->next_at_us += 1000000 / run->rate_per_s;
        if (free_flight(run) == NULL || !client_batch_has_room(run->batch))
            return;
        run->chaos->board->open++;
        submit(run, run->orders++, false, false);
        if (rng_below(&run->rng, 20) == 0 && run->orders > 1) {
            uint64_t order = rng_below(&run->rng, run->orders - 1);
            if (run->states[order] == ORDER_STORED || run->states[order] == ORDER_ENDED)
                submit(run, order, true, rng_below(&run->rng, 2) == 0);
        }
    }
}

static _Noreturn void serve(struct client_run *run, const char *endpoint)
{
    struct err err = {0};
    const struct client_batch_options options = {
        .in_flight = IN_FLIGHT, .timeout_ms = TIMEOUT_MS, .to_end = true};
    run->states = xcalloc(ORDERS_MAX, 1);
    if (client_open_endpoint(endpoint, &run->client, &err) < 0 ||
        client_batch_new(run->client, &options, &run->batch, &err) < 0) {
        (void)fprintf(stderr, "chaos: the client: %s\n", err.text);
        _exit(1);
    }
    while (run->chaos->board->stop == 0) {
        submit_new(run);
        ask_again(run);
        take_results(run);
        run->chaos->board->idle = run->chaos->board->submitting == 0;
    }
    _exit(0);
}

pid_t chaos_client_start(struct chaos *chaos, int rate_per_s, uint64_t seed)
{
    char endpoint[CHAOS_ENDPOINT_SIZE];
    struct client_run run = {.chaos = chaos, .rate_per_s = rate_per_s};
    pid_t parent = getpid();
    rng_seed(&run.rng, seed);
    (void)chaos_suite_via(chaos, CHAOS_ORCHESTRATOR, CHAOS_CLIENT, endpoint);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? 0 : pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    serve(&run, endpoint);
}

int64_t chaos_client_open(const struct chaos *chaos)
{
    return chaos->board->open;
}
