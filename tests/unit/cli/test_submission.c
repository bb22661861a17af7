#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "submission.h"

#define MS INT64_C(1000)
#define S (1000 * MS)

/* An orchestrator of paper: requests are written down, answers made up by the test. */
struct world {
    struct submission *submission;
    struct buffer sent; /* "submit KEY#ID", "find KEY KEY", one a line. */
    struct buffer told;
    uint64_t last_id;
    uint8_t last_nonce[32];
    size_t last_nonce_len;
};

static void note_submit(struct world *world, const Zsaga__ClientRequest *request)
{
    char text[128];
    const Zsaga__Submit *submit = request->submit;
    (void)snprintf(text, sizeof text, "submit %.*s%s\n", (int)submit->key.len,
                   (const char *)submit->key.data, submit->watch ? " watch" : "");
    buffer_append_text(&world->sent, text);
    world->last_id = request->id;
    world->last_nonce_len = submit->nonce.len;
    memcpy(world->last_nonce, submit->nonce.data, submit->nonce.len);
    assert_true(submit->input.len > 0);
}

static void take_request(void *self, const Zsaga__ClientRequest *request)
{
    struct world *world = self;
    assert_true(request->id != 0);
    if (request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_SUBMIT) {
        note_submit(world, request);
        return;
    }
    assert_int_equal(request->kind_case, ZSAGA__CLIENT_REQUEST__KIND_FIND);
    buffer_append_text(&world->sent, "find");
    for (size_t i = 0; i < request->find->n_keys; i++) {
        buffer_append_text(&world->sent, " ");
        buffer_append(&world->sent, request->find->keys[i].data, request->find->keys[i].len);
    }
    buffer_append_text(&world->sent, "\n");
}

static void take_words(void *self, const struct order *order, const char *words)
{
    struct world *world = self;
    buffer_append_text(&world->told, order->key);
    buffer_append_text(&world->told, ": ");
    buffer_append_text(&world->told, words);
    buffer_append_text(&world->told, "\n");
}

static void world_init(struct world *world, size_t concurrency, bool wait)
{
    *world = (struct world){0};
    const struct submission_port port = {take_request, take_words, world};
    const struct submission_options options = {
        .concurrency = concurrency,
        .timeout_ms = 60000,
        .to_end = wait,
        .count_ends = wait,
        .run = "0123456789abcde",
    };
    world->submission = submission_new(&options, &port);
}

static void world_release(struct world *world)
{
    submission_free(world->submission);
    buffer_release(&world->sent);
    buffer_release(&world->told);
}

/* Starts an order; returns the id of its request. */
static uint64_t start(struct world *world, const char *key, uint64_t place, int64_t now_us)
{
    struct order order = {.place = place, .line = place + 1};
    (void)snprintf(order.key, sizeof order.key, "%s", key);
    order.input = xmemdup("body", 4);
    order.input_len = 4;
    submission_start(world->submission, &order, now_us);
    assert_null(order.input);
    return world->last_id;
}

static void expect_sent(struct world *world, const char *expected)
{
    buffer_append(&world->sent, "", 1);
    assert_string_equal((char *)world->sent.data, expected);
    buffer_clear(&world->sent);
}

static void expect_told(struct world *world, const char *expected)
{
    buffer_append(&world->told, "", 1);
    assert_string_equal((char *)world->told.data, expected);
    buffer_clear(&world->told);
}

static void answer(struct world *world, uint64_t id, Zsaga__Verdict verdict,
                   Zsaga__SagaState saga_state, uint8_t saga, int64_t now_us)
{
    uint8_t saga_id[16] = {saga};
    Zsaga__Submitted submitted = ZSAGA__SUBMITTED__INIT;
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    submitted.verdict = verdict;
    submitted.state = saga_state;
    submitted.saga = packed_borrow(bytes_of(saga_id, sizeof saga_id));
    submitted.retry_after_ms = 250;
    message.id = id;
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED;
    message.submitted = &submitted;
    submission_take(world->submission, &message, now_us);
}

static void found(struct world *world, uint64_t id, const char *key, Zsaga__SagaState saga_state,
                  int64_t now_us)
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
    submission_take(world->submission, &message, now_us);
}

/* The counts that are not 0, as "accepted=1 completed=1". */
static void expect_counts(const struct world *world, const char *expected)
{
    const struct submission_counts *counts = submission_counts(world->submission);
    const struct number {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"orders", counts->orders},       {"accepted", counts->accepted},
        {"invalid", counts->invalid},     {"duplicate", counts->duplicate},
        {"conflict", counts->conflict},   {"failed", counts->failed},
        {"completed", counts->completed}, {"compensated", counts->compensated},
        {"attention", counts->attention},
    };
    char text[300] = "";
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        size_t len = strlen(text);
        if (numbers[i].value != 0)
            (void)snprintf(text + len, sizeof text - len, "%s%s=%" PRIu64, len == 0 ? "" : " ",
                           numbers[i].name, numbers[i].value);
    }
    assert_string_equal(text, expected);
}

#define ACCEPTED ZSAGA__VERDICT__ACCEPTED
#define DUPLICATE ZSAGA__VERDICT__DUPLICATE
#define CONFLICT ZSAGA__VERDICT__CONFLICT
#define BUSY ZSAGA__VERDICT__BUSY
#define RUNNING ZSAGA__SAGA_STATE__RUNNING
#define COMPLETED ZSAGA__SAGA_STATE__COMPLETED
#define COMPENSATED ZSAGA__SAGA_STATE__COMPENSATED
#define ATTENTION ZSAGA__SAGA_STATE__ATTENTION

/* Without waiting, an order is done with its verdict. */
static void test_submission__no_wait__ends_with_the_verdict(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, false);
    uint64_t a = start(&world, "A", 1, 0);
    uint64_t b = start(&world, "B", 2, 0);
    uint64_t c = start(&world, "C", 3, 0);
    expect_sent(&world, "submit A\nsubmit B\nsubmit C\n");
    answer(&world, b, DUPLICATE, COMPLETED, 2, 5 * MS);
    answer(&world, a, ACCEPTED, RUNNING, 1, 10 * MS);
    answer(&world, c, CONFLICT, RUNNING, 3, 10 * MS);
    submission_count_invalid(world.submission);
    expect_counts(&world, "orders=4 accepted=1 invalid=1 duplicate=1 conflict=1");
    expect_told(&world, "C: conflict: this order_id was submitted before, with other contents\n");
    assert_int_equal(submission_under_way(world.submission), 0);
    assert_int_equal(submission_elapsed_us(world.submission), 10 * MS);
    assert_int_equal(submission_deadline_ms(world.submission), INT64_MAX);
    world_release(&world);
}

/* An answer that is lost is asked for again, with the same nonce, and counts once. */
static void test_submission__lost_answer__is_asked_again_with_the_same_nonce(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, false);
    uint64_t a = start(&world, "A", 7, 0);
    uint8_t nonce[32];
    assert_int_equal(world.last_nonce_len, 24);
    memcpy(nonce, world.last_nonce, 24);
    assert_int_equal(nonce[23], 7);
    submission_tick(world.submission, 999 * MS);
    assert_int_equal(submission_deadline_ms(world.submission), 1000);
    submission_tick(world.submission, 1000 * MS);
    expect_sent(&world, "submit A\nsubmit A\n");
    assert_memory_equal(world.last_nonce, nonce, 24);
    assert_int_equal(world.last_id, a);
    answer(&world, a, ACCEPTED, RUNNING, 1, 1100 * MS);
    answer(&world, a, ACCEPTED, RUNNING, 1, 1200 * MS);
    expect_counts(&world, "orders=1 accepted=1");
    assert_int_equal(submission_percentile_us(world.submission, 50) / 10000, 1100 * MS / 10000);
    world_release(&world);
}

/* Busy is no verdict: the order is sent again after what was said. */
static void test_submission__busy__is_sent_again_later(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, false);
    uint64_t a = start(&world, "A", 1, 0);
    answer(&world, a, BUSY, RUNNING, 0, 10 * MS);
    assert_int_equal(submission_deadline_ms(world.submission), 260);
    submission_tick(world.submission, 259 * MS);
    expect_sent(&world, "submit A\n");
    submission_tick(world.submission, 260 * MS);
    expect_sent(&world, "submit A\n");
    answer(&world, a, ACCEPTED, RUNNING, 1, 300 * MS);
    expect_counts(&world, "orders=1 accepted=1");
    world_release(&world);
}

/* Waiting, an order keeps its place until its saga rests; the push is enough. */
static void test_submission__wait__ends_with_the_push(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, true);
    uint64_t a = start(&world, "A", 1, 0);
    uint64_t b = start(&world, "B", 2, 0);
    expect_sent(&world, "submit A watch\nsubmit B watch\n");
    answer(&world, a, ACCEPTED, RUNNING, 1, 1 * MS);
    answer(&world, b, ACCEPTED, RUNNING, 2, 1 * MS);
    assert_false(submission_has_room(world.submission));
    found(&world, 0, "B", RUNNING, 2 * MS);
    assert_false(submission_has_room(world.submission));
    found(&world, 0, "B", COMPENSATED, 2 * MS);
    assert_true(submission_has_room(world.submission));
    found(&world, 0, "B", COMPENSATED, 2 * MS);
    found(&world, 0, "A", ATTENTION, 3 * MS);
    expect_counts(&world, "orders=2 accepted=2 compensated=1 attention=1");
    world_release(&world);
}

/* Waiting never depends on one pushed message: each second all that rest not yet are asked for. */
static void test_submission__wait__asks_each_second(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, true);
    uint64_t a = start(&world, "A", 1, 0);
    uint64_t b = start(&world, "B", 2, 0);
    expect_sent(&world, "submit A watch\nsubmit B watch\n");
    answer(&world, a, ACCEPTED, RUNNING, 1, 0);
    answer(&world, b, ACCEPTED, RUNNING, 2, 0);
    submission_tick(world.submission, 1 * S);
    expect_sent(&world, "find A B\n");
    found(&world, 1, "A", COMPLETED, 1 * S);
    submission_tick(world.submission, 2 * S);
    expect_sent(&world, "find B\n");
    found(&world, 2, "B", COMPLETED, 2 * S);
    expect_counts(&world, "orders=2 accepted=2 completed=2");
    world_release(&world);
}

/* Each saga's end is counted once, though two orders of the file are one saga. */
static void test_submission__same_saga_twice__end_counts_once(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, true);
    uint64_t a = start(&world, "A", 1, 0);
    uint64_t again = start(&world, "A", 2, 0);
    answer(&world, a, ACCEPTED, RUNNING, 1, 0);
    answer(&world, again, DUPLICATE, RUNNING, 1, 0);
    found(&world, 0, "A", COMPLETED, 1 * MS);
    uint64_t later = start(&world, "A", 3, 2 * MS);
    answer(&world, later, DUPLICATE, COMPLETED, 1, 3 * MS);
    expect_counts(&world, "orders=3 accepted=1 duplicate=2 completed=1");
    world_release(&world);
}

/* What is not known within the timeout is failed, and the words tell how far it came. */
static void test_submission__timeout__is_failed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, true);
    uint64_t a = start(&world, "A", 1, 0);
    (void)start(&world, "B", 2, 0);
    answer(&world, a, ACCEPTED, RUNNING, 1, 0);
    for (int64_t s = 1; s < 60; s++)
        submission_tick(world.submission, s * S);
    assert_int_equal(submission_under_way(world.submission), 2);
    submission_tick(world.submission, 60 * S);
    expect_counts(&world, "orders=2 failed=2");
    expect_told(&world, "B: no answer within 60 s; submit the file again, what was accepted is "
                        "then a duplicate\n"
                        "A: accepted, but not at its end after 60 s\n");
    assert_int_equal(submission_percentile_us(world.submission, 50), -1);
    world_release(&world);
}

/* One after another without waiting: the pace is kept to the end, the verdict counts. */
static void test_submission__to_end_only__timeout_counts_the_verdict(void **state)
{
    (void)state;
    struct world world = {.submission = NULL};
    const struct submission_port port = {take_request, take_words, &world};
    const struct submission_options options = {
        .concurrency = 1, .timeout_ms = 3000, .to_end = true};
    world.submission = submission_new(&options, &port);
    uint64_t a = start(&world, "A", 1, 0);
    answer(&world, a, ACCEPTED, RUNNING, 1, 0);
    assert_false(submission_has_room(world.submission));
    submission_tick(world.submission, 3 * S);
    expect_counts(&world, "orders=1 accepted=1");
    world_release(&world);
}

/* A refusal by the orchestrator is told with its words. */
static void test_submission__refusal__is_failed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 4, false);
    Zsaga__Refusal refusal = ZSAGA__REFUSAL__INIT;
    Zsaga__ClientAnswer message = ZSAGA__CLIENT_ANSWER__INIT;
    refusal.message = packed_borrow_text("there is no definition order");
    message.id = start(&world, "A", 1, 0);
    message.kind_case = ZSAGA__CLIENT_ANSWER__KIND_REFUSAL;
    message.refusal = &refusal;
    submission_take(world.submission, &message, 0);
    expect_counts(&world, "orders=1 failed=1");
    expect_told(&world, "A: there is no definition order\n");
    world_release(&world);
}

/* Answers that are for nothing under way change nothing. */
static void test_submission__stray_answers__are_ignored(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, true);
    uint64_t a = start(&world, "A", 1, 0);
    answer(&world, a + 1, ACCEPTED, COMPLETED, 1, 0);
    answer(&world, a + 65536, ACCEPTED, COMPLETED, 1, 0);
    answer(&world, 0, ACCEPTED, COMPLETED, 1, 0);
    answer(&world, a, ZSAGA__VERDICT__VERDICT_UNKNOWN, RUNNING, 1, 0);
    found(&world, 0, "A", COMPLETED, 0);
    found(&world, 0, "B", COMPLETED, 0);
    expect_counts(&world, "");
    assert_int_equal(submission_under_way(world.submission), 1);
    answer(&world, a, ACCEPTED, COMPLETED, 1, 0);
    expect_counts(&world, "orders=1 accepted=1 completed=1");
    world_release(&world);
}

/* Only when requests are out and nothing at all comes back is the connection given up. */
static void test_submission_is_silent__no_answer__after_a_while(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, false);
    assert_false(submission_is_silent(world.submission, 100 * S));
    (void)start(&world, "A", 1, 100 * S);
    uint64_t b = start(&world, "B", 2, 100 * S + 500 * MS);
    assert_false(submission_is_silent(world.submission, 101 * S));
    answer(&world, b, ACCEPTED, RUNNING, 1, 101 * S);
    assert_false(submission_is_silent(world.submission, 102 * S));
    submission_tick(world.submission, 102 * S);
    assert_false(submission_is_silent(world.submission, 103 * S));
    assert_true(submission_is_silent(world.submission, 103 * S + 500 * MS));
    assert_false(submission_is_silent(world.submission, 103 * S + 500 * MS));
    world_release(&world);
}

/* Thousands under way: each answer finds its order, each place is used again. */
static void test_submission__thousands__each_finds_its_own(void **state)
{
    (void)state;
    enum { COUNT = 3000, ROUNDS = 3 };
    static uint64_t ids[COUNT];
    struct world world;
    world_init(&world, COUNT, true);
    for (int round = 0; round < ROUNDS; round++) {
        char key[32];
        for (int i = 0; i < COUNT; i++) {
            (void)snprintf(key, sizeof key, "%d-%d", round, i);
            ids[i] = start(&world, key, 1, 0);
        }
        assert_false(submission_has_room(world.submission));
        for (int i = COUNT; i-- > 0;)
            answer(&world, ids[i], ACCEPTED, RUNNING, 0, 0);
        submission_tick(world.submission, 1 * S);
        for (int i = 0; i < COUNT; i++) {
            (void)snprintf(key, sizeof key, "%d-%d", round, i);
            found(&world, 0, key, COMPLETED, 0);
        }
        assert_int_equal(submission_under_way(world.submission), 0);
    }
    assert_int_equal(submission_counts(world.submission)->accepted, ROUNDS * COUNT);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submission__no_wait__ends_with_the_verdict),
        cmocka_unit_test(test_submission__lost_answer__is_asked_again_with_the_same_nonce),
        cmocka_unit_test(test_submission__busy__is_sent_again_later),
        cmocka_unit_test(test_submission__wait__ends_with_the_push),
        cmocka_unit_test(test_submission__wait__asks_each_second),
        cmocka_unit_test(test_submission__same_saga_twice__end_counts_once),
        cmocka_unit_test(test_submission__timeout__is_failed),
        cmocka_unit_test(test_submission__to_end_only__timeout_counts_the_verdict),
        cmocka_unit_test(test_submission__refusal__is_failed),
        cmocka_unit_test(test_submission__stray_answers__are_ignored),
        cmocka_unit_test(test_submission_is_silent__no_answer__after_a_while),
        cmocka_unit_test(test_submission__thousands__each_finds_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
