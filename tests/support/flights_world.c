#include "flights_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"

static void note_submit(struct flights_world *world, const Zsaga__ClientRequest *request)
{
    char text[128];
    const Zsaga__Submit *submit = request->submit;
    (void)snprintf(text, sizeof text, "submit %.*s%s\n", (int)submit->key.len,
                   (const char *)submit->key.data, submit->watch ? " watch" : "");
    buffer_append_text(&world->sent, text);
    world->last_nonce_len = submit->nonce.len;
    memcpy(world->last_nonce, submit->nonce.data, submit->nonce.len);
    assert_true(bytes_equal(packed_view(submit->input), bytes_text("body")));
    assert_true(bytes_equal(packed_view(submit->definition), bytes_text("order")));
}

static void take_request(void *self, const Zsaga__ClientRequest *request)
{
    struct flights_world *world = self;
    assert_true(request->id != 0);
    world->last_id = request->id;
    if (request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_SUBMIT) {
        note_submit(world, request);
        return;
    }
    assert_int_equal(request->kind_case, ZSAGA__CLIENT_REQUEST__KIND_FIND);
    assert_true(request->find->watch);
    buffer_append_text(&world->sent, "find");
    for (size_t i = 0; i < request->find->n_keys; i++) {
        buffer_append_text(&world->sent, " ");
        buffer_append(&world->sent, request->find->keys[i].data, request->find->keys[i].len);
    }
    buffer_append_text(&world->sent, "\n");
}

void flights_world_init(struct flights_world *world, size_t count, bool to_end)
{
    *world = (struct flights_world){0};
    const struct client_flights_port port = {take_request, world};
    const struct client_flights_options options = {
        .count = count, .timeout_ms = TIMEOUT_MS, .to_end = to_end};
    world->flights = client_flights_new(&options, &port, &world->serial);
}

void flights_world_release(struct flights_world *world)
{
    client_flights_free(world->flights);
    buffer_release(&world->sent);
}

uint64_t flights_world_start(struct flights_world *world, const char *key, uint64_t tag,
                             int64_t now_us)
{
    const struct client_saga saga = {.definition = "order",
                                     .key = key,
                                     .input = bytes_text("body"),
                                     .nonce = bytes_of(&tag, sizeof tag)};
    client_flights_start(world->flights, &saga, tag, now_us);
    return world->last_id;
}

uint64_t flights_world_follow(struct flights_world *world, const char *key, uint64_t tag,
                              int64_t now_us)
{
    client_flights_follow(world->flights, key, tag, now_us);
    client_flights_tick(world->flights, now_us);
    return world->last_id;
}

void flights_world_expect_sent(struct flights_world *world, const char *expected)
{
    buffer_append(&world->sent, "", 1);
    assert_string_equal((char *)world->sent.data, expected);
    buffer_clear(&world->sent);
}

void flights_world_answer(struct flights_world *world, uint64_t id, Zsaga__Verdict verdict,
                          Zsaga__SagaState saga_state, const char *reason, int64_t now_us)
{
    static uint8_t saga_id[16] = {7};
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    submitted.verdict = verdict;
    submitted.state = saga_state;
    submitted.saga = packed_borrow(bytes_of(saga_id, sizeof saga_id));
    submitted.reason = packed_borrow_text(reason);
    submitted.retry_after_ms = 250;
    message.id = id;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED;
    message.submitted = &submitted;
    client_flights_take(world->flights, &message, now_us);
}

void flights_world_refuse(struct flights_world *world, uint64_t id, const char *code,
                          const char *words)
{
    Zsaga__Refusal refusal = ZSAGA__REFUSAL__INIT;
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    refusal.code = packed_borrow_text(code);
    refusal.message = packed_borrow_text(words);
    message.id = id;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_REFUSAL;
    message.refusal = &refusal;
    client_flights_take(world->flights, &message, 0);
}

void flights_world_found(struct flights_world *world, uint64_t id, const char *key,
                         Zsaga__SagaState saga_state, int64_t now_us)
{
    Zsaga__Brief brief = ZSAGA__BRIEF__INIT;
    Zsaga__Brief *briefs[] = {&brief};
    Zsaga__Found message_found = ZSAGA__FOUND__INIT;
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    brief.key = packed_borrow_text(key);
    brief.state = saga_state;
    message_found.n_sagas = 1;
    message_found.sagas = briefs;
    message.id = id;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_FOUND;
    message.found = &message_found;
    client_flights_take(world->flights, &message, now_us);
}

struct client_landing flights_world_expect_landed(struct flights_world *world, uint64_t tag,
                                                  enum client_flights_end end)
{
    struct client_landing landing;
    assert_true(client_flights_next(world->flights, &landing));
    assert_int_equal(landing.tag, tag);
    assert_int_equal(landing.end, end);
    return landing;
}

void flights_world_expect_outcome(struct flights_world *world, uint64_t tag,
                                  enum client_verdict verdict, enum client_state saga_state)
{
    struct client_landing landing = flights_world_expect_landed(world, tag, FLIGHT_KNOWN);
    assert_int_equal(landing.outcome.verdict, verdict);
    assert_int_equal(landing.outcome.state, saga_state);
}

void flights_world_expect_none_landed(struct flights_world *world)
{
    struct client_landing landing;
    assert_false(client_flights_next(world->flights, &landing));
}

void flights_world_answer_outage(struct flights_world *world, uint64_t id, const char *words)
{
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    submitted.verdict = BUSY;
    submitted.retry_after_ms = 100;
    submitted.code = packed_borrow_text("disk_full");
    submitted.message = packed_borrow_text(words);
    message.id = id;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED;
    message.submitted = &submitted;
    client_flights_take(world->flights, &message, 1 * MS);
}
