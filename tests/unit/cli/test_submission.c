#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "submission.h"

#define MS INT64_C(1000)

struct world {
    struct submission *submission;
    struct buffer told; /* "KEY:LINE: words", one a line. */
};

static void take_words(void *self, const char *key, uint64_t line, const char *words)
{
    struct world *world = self;
    char text[32];
    (void)snprintf(text, sizeof text, ":%" PRIu64 ": ", line);
    buffer_append_text(&world->told, key);
    buffer_append_text(&world->told, text);
    buffer_append_text(&world->told, words);
    buffer_append_text(&world->told, "\n");
}

static void world_init(struct world *world, bool ends)
{
    *world = (struct world){0};
    const struct submission_port port = {take_words, world};
    world->submission = submission_new(ends, &port);
}

static void world_release(struct world *world)
{
    submission_free(world->submission);
    buffer_release(&world->told);
}

static void expect_told(struct world *world, const char *expected)
{
    buffer_append(&world->told, "", 1);
    assert_string_equal((char *)world->told.data, expected);
    buffer_clear(&world->told);
}

/* An order of this saga came so far; known in time or not. */
static void take(struct world *world, enum client_verdict verdict, enum client_state saga_state,
                 uint8_t saga, int code, int64_t now_us)
{
    struct client_result result = {
        .tag = 9,
        .key = "A",
        .code = code,
        .err = {.text = "words of the library"},
        .outcome = {.verdict = verdict, .state = saga_state, .saga = {.bytes = {saga}}},
        .took_us = 2 * MS,
    };
    submission_take(world->submission, &result, now_us);
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
        {"attention", counts->attention}, {"unfinished", counts->unfinished},
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

/* Each order is counted by what became of its submission; ends only where they are waited for. */
static void test_submission__no_ends__counts_verdicts(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, false);
    submission_start(world.submission, 1 * MS);
    take(&world, CLIENT_ACCEPTED, CLIENT_RUNNING, 1, 0, 5 * MS);
    take(&world, CLIENT_DUPLICATE, CLIENT_COMPLETED, 2, 0, 6 * MS);
    submission_count_invalid(world.submission);
    assert_false(submission_is_good(world.submission));
    expect_counts(&world, "orders=3 accepted=1 invalid=1 duplicate=1");
    take(&world, CLIENT_CONFLICT, CLIENT_RUNNING, 3, 0, 7 * MS);
    take(&world, CLIENT_UNDECIDED, CLIENT_STATE_UNKNOWN, 0, ERR_TIMEOUT, 8 * MS);
    expect_counts(&world, "orders=5 accepted=1 invalid=1 duplicate=1 conflict=1 failed=1");
    expect_told(&world, "A:9: conflict: this order_id was submitted before, with other contents\n"
                        "A:9: words of the library\n");
    assert_int_equal(submission_elapsed_us(world.submission), 7 * MS);
    world_release(&world);
}

/* Accepted and duplicate orders are what is wanted. */
static void test_submission__accepted_and_duplicate__are_good(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, true);
    take(&world, CLIENT_ACCEPTED, CLIENT_COMPLETED, 1, 0, 0);
    take(&world, CLIENT_DUPLICATE, CLIENT_COMPENSATED, 2, 0, 0);
    assert_true(submission_is_good(world.submission));
    take(&world, CLIENT_ACCEPTED, CLIENT_ATTENTION, 3, 0, 0);
    assert_false(submission_is_good(world.submission));
    expect_counts(&world, "orders=3 accepted=2 duplicate=1 completed=1 compensated=1 attention=1");
    world_release(&world);
}

/* Each saga's end is counted once, though several orders of the file are one saga. */
static void test_submission__same_saga_twice__end_counts_once(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, true);
    take(&world, CLIENT_ACCEPTED, CLIENT_COMPLETED, 1, 0, 0);
    take(&world, CLIENT_DUPLICATE, CLIENT_COMPLETED, 1, 0, 0);
    take(&world, CLIENT_DUPLICATE, CLIENT_COMPLETED, 1, 0, 0);
    expect_counts(&world, "orders=3 accepted=1 duplicate=2 completed=1");
    world_release(&world);
}

/* An order whose verdict is known has not failed when its end is not: it is accepted, is told as
 * still under way, and has no latency. */
static void test_submission__not_ended_in_time__is_unfinished(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, true);
    take(&world, CLIENT_ACCEPTED, CLIENT_COMPENSATING, 1, ERR_TIMEOUT, 0);
    expect_counts(&world, "orders=1 accepted=1 unfinished=1");
    assert_false(submission_is_good(world.submission));
    assert_int_equal(submission_percentile_us(world.submission, 50), -1);
    expect_told(&world, "A:9: accepted, and still compensating after 0 s; it goes on by itself: "
                        "`zsaga show A` tells where it stands\n");
    world_release(&world);
}

/* Where ends are not waited for, an order that is accepted is all right. */
static void test_submission__no_ends__verdict_is_enough(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, false);
    take(&world, CLIENT_ACCEPTED, CLIENT_RUNNING, 1, ERR_TIMEOUT, 0);
    expect_counts(&world, "orders=1 accepted=1");
    assert_true(submission_is_good(world.submission));
    world_release(&world);
}

/* Latencies are those of accepted orders. */
static void test_submission_percentile__duplicates__are_left_out(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, true);
    take(&world, CLIENT_DUPLICATE, CLIENT_COMPLETED, 1, 0, 0);
    assert_int_equal(submission_percentile_us(world.submission, 50), -1);
    take(&world, CLIENT_ACCEPTED, CLIENT_COMPLETED, 2, 0, 0);
    assert_in_range(submission_percentile_us(world.submission, 50), 1980, 2020);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submission__no_ends__counts_verdicts),
        cmocka_unit_test(test_submission__accepted_and_duplicate__are_good),
        cmocka_unit_test(test_submission__same_saga_twice__end_counts_once),
        cmocka_unit_test(test_submission__not_ended_in_time__is_unfinished),
        cmocka_unit_test(test_submission__no_ends__verdict_is_enough),
        cmocka_unit_test(test_submission_percentile__duplicates__are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
