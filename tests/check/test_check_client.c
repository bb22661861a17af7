/* What clients asked and were told, against itself and against the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check_base.h"
#include "world.h"

static int begin(void **state)
{
    *state = world_new();
    world_begin(*state, false, false);
    return 0;
}

static int end(void **state)
{
    world_free(*state);
    return 0;
}

static uint64_t ask(struct world *world, enum check_call call, const char *key, const char *input,
                    const char *nonce)
{
    const struct check_invoke invoke = {.at_ms = ++world->now_ms,
                                        .op = (uint64_t)world->now_ms,
                                        .call = call,
                                        .key = check_text(key),
                                        .definition = check_text("pair"),
                                        .nonce = check_text(nonce),
                                        .body = check_body(check_text("pair"), check_text(input))};
    checker_invoke(world->checker, &invoke);
    return invoke.op;
}

static void told(struct world *world, uint64_t op, enum check_verdict verdict, unsigned saga,
                 enum check_state state)
{
    const struct check_answer answer = {.at_ms = ++world->now_ms,
                                        .op = op,
                                        .verdict = verdict,
                                        .state = state,
                                        .saga = {world_id(saga), saga == 0 ? 0 : CHECK_ID_SIZE}};
    checker_answer(world->checker, &answer);
}

static void unknown(struct world *world, uint64_t op)
{
    const struct check_answer answer = {.op = op, .outcome = CHECK_UNKNOWN};
    checker_answer(world->checker, &answer);
}

static void submit(struct world *world, const char *key, const char *input, const char *nonce,
                   enum check_verdict verdict, unsigned saga)
{
    told(world, ask(world, CHECK_SUBMIT, key, input, nonce), verdict, saga, CHECK_RUNNING);
}

static void find(struct world *world, const char *key, enum check_state state)
{
    told(world, ask(world, CHECK_FIND, key, "", ""), CHECK_VERDICT_NONE, 0, state);
}

/* What a well-behaved suite answers is no finding. */
static void test_client__in_order__nothing_is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "in", "n2", CHECK_DUPLICATE, 1);
    submit(world, "one", "other", "n3", CHECK_CONFLICT, 1);
    find(world, "one", CHECK_RUNNING);
    find(world, "one", CHECK_COMPLETED);
    find(world, "three", CHECK_STATE_UNKNOWN);
    submit(world, "two", "in", "n4", CHECK_ACCEPTED, 2);
    find(world, "two", CHECK_COMPENSATED);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, NULL);
}

/* What was not answered may have happened, and may not. */
static void test_client__unknown_outcome__is_allowed_both_ways(void **state)
{
    struct world *world = *state;
    unknown(world, ask(world, CHECK_SUBMIT, "one", "in", "n1"));
    unknown(world, ask(world, CHECK_SUBMIT, "two", "in", "n2"));
    unknown(world, ask(world, CHECK_SUBMIT, "three", "in", "n3"));
    (void)ask(world, CHECK_SUBMIT, "four", "in", "n4");
    world_check(world, CHECKER_SETTLED);
    world_expect(world, NULL);
}

/* What is told as accepted is stored (I1). */
static void test_client__accepted_and_not_stored__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "two", "in", "n2", CHECK_ACCEPTED, 2);
    submit(world, "three", "in", "n3", CHECK_ACCEPTED, 3);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I1");
}

/* Nothing is stored that nobody submitted, in no other body (I2). */
static void test_client__stored_and_not_submitted__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I2");
    world_begin(world, false, false);
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    unknown(world, ask(world, CHECK_SUBMIT, "two", "other", "n2"));
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I2");
}

/* A key has one saga (I3). */
static void test_client__two_sagas_of_a_key__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    world_expect(world, NULL);
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 2);
    world_expect(world, "I3");
}

/* Another body is a conflict, the same body is none (I3). */
static void test_client__conflict_untold_or_untrue__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "other", "n2", CHECK_DUPLICATE, 1);
    world_expect(world, "I3");
    world_begin(world, false, false);
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "in", "n2", CHECK_CONFLICT, 1);
    world_expect(world, "I3");
}

/* A conflict changes nothing: what is stored is what was accepted (I3). */
static void test_client__conflicting_body_stored__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "two", "in", "n2", CHECK_ACCEPTED, 2);
    submit(world, "one", "old", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "in", "n3", CHECK_CONFLICT, 1);
    world_expect(world, NULL);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I3");
}

/* One submit is accepted, however often it is asked; all others are duplicates (I3). */
static void test_client__accepted_twice__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "in", "n2", CHECK_ACCEPTED, 1);
    world_expect(world, "I3");
    world_begin(world, false, false);
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "one", "in", "n1", CHECK_DUPLICATE, 1);
    world_expect(world, "I3");
}

/* What was told as stored is never told as unknown to who asks later (I1). */
static void test_client__known_then_unknown__is_found(void **state)
{
    struct world *world = *state;
    uint64_t before = ask(world, CHECK_FIND, "one", "", "");
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    told(world, before, CHECK_VERDICT_NONE, 0, CHECK_STATE_UNKNOWN);
    world_expect(world, NULL);
    find(world, "one", CHECK_STATE_UNKNOWN);
    world_expect(world, "I1");
}

/* What is final stays so to who asks later; who asked before may be told late (I4). */
static void test_client__final_then_another__is_found(void **state)
{
    struct world *world = *state;
    uint64_t before = ask(world, CHECK_FIND, "one", "", "");
    find(world, "one", CHECK_COMPLETED);
    told(world, before, CHECK_VERDICT_NONE, 0, CHECK_RUNNING);
    world_expect(world, NULL);
    find(world, "one", CHECK_RUNNING);
    world_expect(world, "I4");
    world_begin(world, false, false);
    before = ask(world, CHECK_FIND, "one", "", "");
    find(world, "one", CHECK_COMPLETED);
    told(world, before, CHECK_VERDICT_NONE, 0, CHECK_COMPENSATED);
    world_expect(world, "I4");
}

/* An end that was pushed is the one that is stored (I1). */
static void test_client__pushed_end_not_stored__is_found(void **state)
{
    struct world *world = *state;
    const struct check_answer push = {.key = check_text("one"), .state = CHECK_COMPENSATED};
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "two", "in", "n2", CHECK_ACCEPTED, 2);
    checker_answer(world->checker, &push);
    world_expect(world, NULL);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I1");
}

/* A saga goes on by an operator's word, and by nothing else (I2); his word is kept (I1). */
static void test_client__resumed_by_nobody_or_in_vain__is_found(void **state)
{
    struct world *world = *state;
    submit(world, "one", "in", "n1", CHECK_ACCEPTED, 1);
    submit(world, "two", "in", "n2", CHECK_ACCEPTED, 2);
    told(world, ask(world, CHECK_RESUME, "one", "", ""), CHECK_VERDICT_NONE, 0, 0);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I1");
}

/* A history that cannot be is told as such. */
static void test_client__answer_without_a_call__is_found(void **state)
{
    struct world *world = *state;
    told(world, 99, CHECK_ACCEPTED, 1, CHECK_RUNNING);
    world_expect(world, "protocol");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_client__in_order__nothing_is_found),
        TEST(test_client__unknown_outcome__is_allowed_both_ways),
        TEST(test_client__accepted_and_not_stored__is_found),
        TEST(test_client__stored_and_not_submitted__is_found),
        TEST(test_client__two_sagas_of_a_key__is_found),
        TEST(test_client__conflict_untold_or_untrue__is_found),
        TEST(test_client__conflicting_body_stored__is_found),
        TEST(test_client__accepted_twice__is_found),
        TEST(test_client__known_then_unknown__is_found),
        TEST(test_client__final_then_another__is_found),
        TEST(test_client__pushed_end_not_stored__is_found),
        TEST(test_client__resumed_by_nobody_or_in_vain__is_found),
        TEST(test_client__answer_without_a_call__is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
