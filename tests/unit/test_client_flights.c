#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "flights_world.h"

/* Without waiting, a saga lands with its verdict; in the order in which they came. */
static void test_flights__verdict_wanted__lands_with_it(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    uint64_t b = flights_world_start(&world, "B", 2, 0);
    uint64_t c = flights_world_start(&world, "C", 3, 0);
    flights_world_expect_sent(&world, "submit A\nsubmit B\nsubmit C\n");
    flights_world_answer(&world, b, DUPLICATE, COMPENSATED, "sold_out", 5 * MS);
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 10 * MS);
    flights_world_answer(&world, c, CONFLICT, RUNNING, "", 10 * MS);
    struct client_landing landing = flights_world_expect_landed(&world, 2, FLIGHT_KNOWN);
    assert_string_equal(landing.key, "B");
    assert_string_equal(landing.outcome.reason, "sold_out");
    assert_int_equal(landing.outcome.saga.bytes[0], 7);
    assert_int_equal(landing.took_us, 5 * MS);
    flights_world_expect_outcome(&world, 1, CLIENT_ACCEPTED, CLIENT_RUNNING);
    flights_world_expect_outcome(&world, 3, CLIENT_CONFLICT, CLIENT_RUNNING);
    flights_world_expect_none_landed(&world);
    assert_int_equal(client_flights_count(world.flights), 0);
    assert_int_equal(client_flights_deadline_ms(world.flights), INT64_MAX);
    flights_world_release(&world);
}

/* An answer that is lost is asked for again, with the same id and nonce, and lands once. */
static void test_flights__lost_answer__is_asked_again_with_the_same_nonce(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 7, 0);
    assert_int_equal(world.last_nonce_len, 8);
    client_flights_tick(world.flights, 999 * MS);
    assert_int_equal(client_flights_deadline_ms(world.flights), 1000);
    world.last_nonce[0] = 0;
    client_flights_tick(world.flights, 1000 * MS);
    flights_world_expect_sent(&world, "submit A\nsubmit A\n");
    assert_int_equal(world.last_nonce[0], 7);
    assert_int_equal(world.last_id, a);
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 1100 * MS);
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 1200 * MS);
    flights_world_expect_outcome(&world, 7, CLIENT_ACCEPTED, CLIENT_RUNNING);
    flights_world_expect_none_landed(&world);
    flights_world_release(&world);
}

/* Busy is no verdict: the submit is sent again after what was said. */
static void test_flights__busy__is_sent_again_later(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    flights_world_answer(&world, a, BUSY, RUNNING, "", 10 * MS);
    assert_int_equal(client_flights_deadline_ms(world.flights), 260);
    client_flights_tick(world.flights, 259 * MS);
    flights_world_expect_sent(&world, "submit A\n");
    client_flights_tick(world.flights, 260 * MS);
    flights_world_expect_sent(&world, "submit A\n");
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 300 * MS);
    flights_world_expect_outcome(&world, 1, CLIENT_ACCEPTED, CLIENT_RUNNING);
    flights_world_release(&world);
}

/* Busy for all its time: nothing was stored, and that is what is told. */
static void test_flights__busy_to_the_end__says_so(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    for (int64_t at_ms = 0; at_ms < TIMEOUT_MS; at_ms += 250) {
        flights_world_answer(&world, a, BUSY, RUNNING, "", at_ms * MS);
        client_flights_tick(world.flights, (at_ms + 250) * MS);
    }
    struct client_landing landing = flights_world_expect_landed(&world, 1, FLIGHT_BUSY);
    assert_int_equal(landing.outcome.verdict, CLIENT_UNDECIDED);
    flights_world_release(&world);
}

/* Busy shortly before its end it is not asked again, or it might end unanswered: unknown. */
static void test_flights__busy_shortly_before_the_end__is_not_sent_again(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    flights_world_expect_sent(&world, "submit A\n");
    flights_world_answer(&world, a, BUSY, RUNNING, "", (TIMEOUT_MS - 700) * MS);
    assert_int_equal(client_flights_deadline_ms(world.flights), TIMEOUT_MS);
    client_flights_tick(world.flights, TIMEOUT_MS * MS);
    flights_world_expect_sent(&world, "");
    (void)flights_world_expect_landed(&world, 1, FLIGHT_BUSY);
    flights_world_release(&world);
}

/* An outage of the orchestrator can be read until it takes a saga again; submits go on. */
static void test_flights_outage__until_it_passes__is_told(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    assert_string_equal(client_flights_outage(world.flights), "");
    flights_world_answer_outage(&world, a, "the disk is full");
    assert_string_equal(client_flights_outage(world.flights), "the disk is full");
    flights_world_expect_none_landed(&world);
    flights_world_expect_sent(&world, "submit A\n");
    client_flights_tick(world.flights, 101 * MS);
    flights_world_expect_sent(&world, "submit A\n");
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 300 * MS);
    assert_string_equal(client_flights_outage(world.flights), "");
    (void)flights_world_expect_landed(&world, 1, FLIGHT_KNOWN);
    uint64_t find = flights_world_follow(&world, "B", 2, 0);
    flights_world_refuse(&world, find, "disk_full", "the disk is full again");
    flights_world_expect_none_landed(&world);
    assert_string_equal(client_flights_outage(world.flights), "the disk is full again");
    flights_world_release(&world);
}

/* One that was busy to its end tells with what. */
static void test_flights_outage__to_the_end__is_in_the_landing(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    for (int64_t at_ms = 0; at_ms < TIMEOUT_MS; at_ms += 100) {
        flights_world_answer_outage(&world, a, "the disk is full");
        client_flights_tick(world.flights, (at_ms + 101) * MS);
    }
    struct client_landing landing = flights_world_expect_landed(&world, 1, FLIGHT_BUSY);
    assert_string_equal(landing.refusal, "the disk is full");
    flights_world_release(&world);
}

/* To the end, a saga keeps its place until it rests; the push is enough. */
static void test_flights__end_wanted__lands_with_the_push(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 2, true);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    uint64_t b = flights_world_start(&world, "B", 2, 0);
    flights_world_expect_sent(&world, "submit A watch\nsubmit B watch\n");
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 1 * MS);
    flights_world_answer(&world, b, DUPLICATE, RUNNING, "", 1 * MS);
    flights_world_found(&world, 0, "B", COMPENSATING, 2 * MS);
    flights_world_expect_none_landed(&world);
    assert_false(client_flights_has_room(world.flights));
    flights_world_found(&world, 0, "B", COMPENSATED, 2 * MS);
    flights_world_found(&world, 0, "B", COMPENSATED, 2 * MS);
    flights_world_found(&world, 0, "A", ATTENTION, 3 * MS);
    flights_world_expect_outcome(&world, 2, CLIENT_DUPLICATE, CLIENT_COMPENSATED);
    assert_true(client_flights_has_room(world.flights));
    flights_world_expect_outcome(&world, 1, CLIENT_ACCEPTED, CLIENT_ATTENTION);
    flights_world_expect_none_landed(&world);
    flights_world_release(&world);
}

/* The end never depends on one pushed message: each second all that rest not yet are asked for. */
static void test_flights__end_wanted__asks_each_second(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    uint64_t b = flights_world_start(&world, "B", 2, 0);
    flights_world_expect_sent(&world, "submit A watch\nsubmit B watch\n");
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 0);
    flights_world_answer(&world, b, ACCEPTED, RUNNING, "", 0);
    client_flights_tick(world.flights, 1 * S);
    flights_world_expect_sent(&world, "find A B\n");
    flights_world_found(&world, world.last_id, "A", COMPLETED, 1 * S);
    client_flights_tick(world.flights, 2 * S);
    flights_world_expect_sent(&world, "find B\n");
    flights_world_found(&world, world.last_id, "B", COMPLETED, 2 * S);
    flights_world_expect_outcome(&world, 1, CLIENT_ACCEPTED, CLIENT_COMPLETED);
    flights_world_expect_outcome(&world, 2, CLIENT_ACCEPTED, CLIENT_COMPLETED);
    flights_world_release(&world);
}

/* Two of one key are told by one answer. */
static void test_flights__same_key_twice__both_land(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    uint64_t again = flights_world_start(&world, "A", 2, 0);
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 0);
    flights_world_answer(&world, again, DUPLICATE, RUNNING, "", 0);
    flights_world_found(&world, 0, "A", COMPLETED, 1 * MS);
    assert_int_equal(client_flights_count(world.flights), 2);
    (void)flights_world_expect_landed(&world, 2, FLIGHT_KNOWN);
    (void)flights_world_expect_landed(&world, 1, FLIGHT_KNOWN);
    flights_world_release(&world);
}

/* What is not known in time is given up, and how far it came is told. */
static void test_flights__timeout__tells_how_far_it_came(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    (void)flights_world_start(&world, "B", 2, 0);
    uint64_t c = flights_world_start(&world, "C", 3, 0);
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 0);
    flights_world_found(&world, 0, "A", COMPENSATING, 0);
    flights_world_answer(&world, c, NO_VERDICT, RUNNING, "", 0);
    for (int64_t s = 1; s < TIMEOUT_MS / 1000; s++)
        client_flights_tick(world.flights, s * S);
    flights_world_expect_none_landed(&world);
    client_flights_tick(world.flights, TIMEOUT_MS * MS);
    struct client_landing landing = flights_world_expect_landed(&world, 2, FLIGHT_UNANSWERED);
    assert_int_equal(landing.outcome.verdict, CLIENT_UNDECIDED);
    (void)flights_world_expect_landed(&world, 3, FLIGHT_STRANGE);
    landing = flights_world_expect_landed(&world, 1, FLIGHT_UNFINISHED);
    assert_int_equal(landing.outcome.verdict, CLIENT_ACCEPTED);
    assert_int_equal(landing.outcome.state, CLIENT_COMPENSATING);
    flights_world_release(&world);
}

/* A refusal lands with its class and words. */
static void test_flights__refusal__is_told(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    flights_world_refuse(&world, flights_world_start(&world, "A", 1, 0), "unknown_definition",
                         "no such definition");
    struct client_landing landing = flights_world_expect_landed(&world, 1, FLIGHT_REFUSED);
    assert_int_equal(landing.refusal_code, ERR_NOT_FOUND);
    assert_string_equal(landing.refusal, "no such definition");
    assert_string_equal(landing.definition, "order");
    flights_world_release(&world);
}

/* A refusal that may pass is no end: the submit is sent again a little later. */
static void test_flights__refusal_that_passes__is_sent_again(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    flights_world_refuse(&world, a, "busy", "too much at once");
    flights_world_expect_none_landed(&world);
    assert_string_equal(client_flights_outage(world.flights), "");
    flights_world_expect_sent(&world, "submit A\n");
    client_flights_tick(world.flights, 100 * MS);
    flights_world_expect_sent(&world, "submit A\n");
    flights_world_answer(&world, a, ACCEPTED, RUNNING, "", 101 * MS);
    flights_world_expect_outcome(&world, 1, CLIENT_ACCEPTED, CLIENT_RUNNING);
    flights_world_release(&world);
}

/* Answers that are for nothing in flight change nothing. */
static void test_flights__stray_answers__are_ignored(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 2, true);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    flights_world_answer(&world, a + 1, ACCEPTED, COMPLETED, "", 0);
    flights_world_answer(&world, a + 65536, ACCEPTED, COMPLETED, "", 0);
    flights_world_answer(&world, 0, ACCEPTED, COMPLETED, "", 0);
    flights_world_answer(&world, a, NO_VERDICT, RUNNING, "", 0);
    flights_world_found(&world, 0, "A", COMPLETED, 0);
    flights_world_found(&world, 0, "B", COMPLETED, 0);
    flights_world_expect_none_landed(&world);
    flights_world_answer(&world, a, ACCEPTED, COMPLETED, "", 0);
    flights_world_expect_outcome(&world, 1, CLIENT_ACCEPTED, CLIENT_COMPLETED);
    flights_world_release(&world);
}

/* A late answer to one that was given up is not taken for the next one in its place. */
static void test_flights__late_answer__is_not_the_next_ones(void **state)
{
    (void)state;
    struct flights_world world;
    struct flights_world next;
    flights_world_init(&world, 1, false);
    uint64_t a = flights_world_start(&world, "A", 1, 0);
    flights_world_init(&next, 1, false);
    next.serial = world.serial;
    uint64_t b = flights_world_start(&next, "B", 2, 0);
    flights_world_answer(&next, a, ACCEPTED, RUNNING, "", 0);
    flights_world_expect_none_landed(&next);
    flights_world_answer(&next, b, CONFLICT, RUNNING, "", 0);
    flights_world_expect_outcome(&next, 2, CLIENT_CONFLICT, CLIENT_RUNNING);
    flights_world_release(&next);
    flights_world_release(&world);
}

/* Following asks at once, for many in one question, and lands where the saga rests. */
static void test_flights_follow__many__are_asked_together(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    client_flights_follow(world.flights, "A", 1, 0);
    uint64_t find = flights_world_follow(&world, "B", 2, 0);
    flights_world_expect_sent(&world, "find A B\n");
    flights_world_found(&world, find, "A", COMPENSATED, 1 * MS);
    flights_world_found(&world, find, "B", RUNNING, 1 * MS);
    flights_world_expect_outcome(&world, 1, CLIENT_UNDECIDED, CLIENT_COMPENSATED);
    flights_world_found(&world, 0, "B", COMPLETED, 2 * MS);
    flights_world_expect_outcome(&world, 2, CLIENT_UNDECIDED, CLIENT_COMPLETED);
    flights_world_release(&world);
}

/* One that is followed and not there is missing; one that was accepted is asked for again. */
static void test_flights_follow__unknown_key__is_missing(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    uint64_t b = flights_world_start(&world, "B", 2, 0);
    flights_world_answer(&world, b, ACCEPTED, RUNNING, "", 0);
    uint64_t find = flights_world_follow(&world, "A", 1, 0);
    flights_world_found(&world, find, "A", NONE, 1 * MS);
    flights_world_found(&world, find, "B", NONE, 1 * MS);
    (void)flights_world_expect_landed(&world, 1, FLIGHT_MISSING);
    flights_world_expect_none_landed(&world);
    flights_world_release(&world);
}

/* A push that waited since an earlier watch is no news: the saga may have been moved on since. */
static void test_flights_follow__push_from_before__is_ignored(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    uint64_t before = flights_world_follow(&world, "B", 2, 0);
    uint64_t find = flights_world_follow(&world, "A", 1, 0);
    flights_world_found(&world, 0, "A", ATTENTION, 1 * MS);
    flights_world_found(&world, before, "A", ATTENTION, 1 * MS);
    flights_world_expect_none_landed(&world);
    flights_world_found(&world, find, "A", RUNNING, 2 * MS);
    flights_world_expect_none_landed(&world);
    flights_world_found(&world, 0, "A", ATTENTION, 3 * MS);
    flights_world_expect_outcome(&world, 1, CLIENT_UNDECIDED, CLIENT_ATTENTION);
    flights_world_release(&world);
}

/* A state that only a newer suite knows is no end, and no sign that the saga is missing. */
static void test_flights_follow__state_of_a_newer_version__is_waited_for(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 4, true);
    uint64_t find = flights_world_follow(&world, "A", 1, 0);
    flights_world_found(&world, find, "A", (Zsaga__SagaState)99, 1 * MS);
    flights_world_expect_none_landed(&world);
    client_flights_tick(world.flights, TIMEOUT_MS * MS);
    struct client_landing landing = flights_world_expect_landed(&world, 1, FLIGHT_UNFINISHED);
    assert_int_equal(landing.outcome.state, CLIENT_STATE_UNKNOWN);
    flights_world_release(&world);
}

/* Only when requests are out and nothing at all comes back is the connection given up. */
static void test_flights_is_silent__no_answer__after_a_while(void **state)
{
    (void)state;
    struct flights_world world;
    flights_world_init(&world, 2, false);
    assert_false(client_flights_is_silent(world.flights, 100 * S));
    (void)flights_world_start(&world, "A", 1, 100 * S);
    uint64_t b = flights_world_start(&world, "B", 2, 100 * S + 500 * MS);
    assert_false(client_flights_is_silent(world.flights, 101 * S));
    flights_world_answer(&world, b, ACCEPTED, RUNNING, "", 101 * S);
    assert_false(client_flights_is_silent(world.flights, 102 * S));
    client_flights_tick(world.flights, 102 * S);
    assert_false(client_flights_is_silent(world.flights, 103 * S));
    assert_true(client_flights_is_silent(world.flights, 103 * S + 500 * MS));
    assert_false(client_flights_is_silent(world.flights, 103 * S + 500 * MS));
    flights_world_release(&world);
}

/* Thousands in flight: each answer finds its saga, each place is used again. */
static void test_flights__thousands__each_finds_its_own(void **state)
{
    (void)state;
    enum { COUNT = 3000, ROUNDS = 3 };
    static uint64_t ids[COUNT];
    struct flights_world world;
    struct client_landing landing;
    flights_world_init(&world, COUNT, true);
    for (int round = 0; round < ROUNDS; round++) {
        char key[32];
        for (int i = 0; i < COUNT; i++) {
            (void)snprintf(key, sizeof key, "%d-%d", round, i);
            ids[i] = flights_world_start(&world, key, (uint64_t)i, 0);
        }
        assert_false(client_flights_has_room(world.flights));
        for (int i = COUNT; i-- > 0;)
            flights_world_answer(&world, ids[i], ACCEPTED, RUNNING, "", 0);
        client_flights_tick(world.flights, 1 * S);
        for (int i = 0; i < COUNT; i++) {
            (void)snprintf(key, sizeof key, "%d-%d", round, i);
            flights_world_found(&world, 0, key, COMPLETED, 0);
            assert_true(client_flights_next(world.flights, &landing));
            assert_string_equal(landing.key, key);
        }
        assert_int_equal(client_flights_count(world.flights), 0);
    }
    flights_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flights__verdict_wanted__lands_with_it),
        cmocka_unit_test(test_flights__lost_answer__is_asked_again_with_the_same_nonce),
        cmocka_unit_test(test_flights__busy__is_sent_again_later),
        cmocka_unit_test(test_flights__busy_to_the_end__says_so),
        cmocka_unit_test(test_flights__busy_shortly_before_the_end__is_not_sent_again),
        cmocka_unit_test(test_flights_outage__until_it_passes__is_told),
        cmocka_unit_test(test_flights_outage__to_the_end__is_in_the_landing),
        cmocka_unit_test(test_flights__end_wanted__lands_with_the_push),
        cmocka_unit_test(test_flights__end_wanted__asks_each_second),
        cmocka_unit_test(test_flights__same_key_twice__both_land),
        cmocka_unit_test(test_flights__timeout__tells_how_far_it_came),
        cmocka_unit_test(test_flights__refusal__is_told),
        cmocka_unit_test(test_flights__refusal_that_passes__is_sent_again),
        cmocka_unit_test(test_flights__stray_answers__are_ignored),
        cmocka_unit_test(test_flights__late_answer__is_not_the_next_ones),
        cmocka_unit_test(test_flights_follow__many__are_asked_together),
        cmocka_unit_test(test_flights_follow__unknown_key__is_missing),
        cmocka_unit_test(test_flights_follow__push_from_before__is_ignored),
        cmocka_unit_test(test_flights_follow__state_of_a_newer_version__is_waited_for),
        cmocka_unit_test(test_flights_is_silent__no_answer__after_a_while),
        cmocka_unit_test(test_flights__thousands__each_finds_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
