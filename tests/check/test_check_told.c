/* What is told of logs and of ends, and when: what is not so, or too early, is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"

/* A log never goes back, and what is told of it is committed (I16). */
static void test_wire__head_falls__is_found(void **state)
{
    struct world *world = *state;
    wire_welcome(world, WORLD_P0, 3, 2);
    wire_welcome(world, WORLD_P0, 3, 2);
    wire_tell_range(world, WORLD_P0, 1, 3);
    world_expect(world, NULL);
    wire_tell_range(world, WORLD_P0, 1, 2);
    world_expect(world, "I16");
    world_begin(world, true, false);
    wire_welcome(world, WORLD_P0, 3, 2);
    wire_welcome(world, WORLD_P0, 3, 1);
    world_expect(world, "I16");
}

/* A database that was replaced on purpose may have forgotten. */
static void test_wire__head_falls_after_a_backup__is_no_finding(void **state)
{
    struct world *world = *state;
    const struct check_life_event restored = {0, "p0", CHECK_RESTORED};
    wire_welcome(world, WORLD_P0, 3, 2);
    checker_life(world->checker, &restored);
    wire_welcome(world, WORLD_P0, 2, 1);
    world_expect(world, NULL);
}

/* A head is told as it is committed (I16). */
static void test_wire__head_not_committed__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_welcome(world, WORLD_P0, 3, 2);
    world_expect(world, NULL);
    wire_welcome(world, WORLD_P0, 4, 2);
    world_expect(world, "I16");
}

/* All who read a row read the same (I16). */
static void test_wire__row_differs__is_found(void **state)
{
    struct world *world = *state;
    wire_tell_row(world, WORLD_P0, 1, "x");
    wire_tell_row(world, WORLD_P0, 1, "x");
    world_expect(world, NULL);
    wire_tell_row(world, WORLD_P0, 1, "y");
    world_expect(world, "I16");
}

/* A row that was told is in the database at the end (I16). */
static void test_wire__row_is_another_at_the_end__is_found(void **state)
{
    struct world *world = *state;
    wire_tell_row(world, WORLD_P0, 1, "x");
    world_expect(world, NULL);
    world_check(world, CHECKER_SETTLED);
    world_expect(world, "I16");
}

/* Two databases have two uuids (I16). */
static void test_wire__same_store_twice__is_found(void **state)
{
    struct world *world = *state;
    wire_welcome(world, WORLD_P0, 0, 0);
    wire_header.store = 0x51;
    wire_welcome(world, WORLD_P1, 0, 0);
    world_expect(world, "I16");
}

/* Below the floor all is final but what is listed. */
static void test_wire__open_saga_below_the_floor__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_hello(world, 2);
    world_expect(world, NULL);
    world_sql(world, WORLD_ORCHESTRATOR, "UPDATE zsaga_saga SET state = 0");
    wire_hello(world, 2);
    world_expect(world, "floor");
}

/* A client is told what is committed (I1). */
static void test_wire__told_and_not_committed__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_accept(world, 1);
    wire_tell_client(world, "one", ZSAGA__SAGA_STATE__COMPLETED);
    wire_tell_client(world, "none", ZSAGA__SAGA_STATE__STATE_UNKNOWN);
    world_expect(world, NULL);
    wire_tell_client(world, "two", ZSAGA__SAGA_STATE__COMPLETED);
    world_expect(world, "I1");
    world_begin(world, false, true);
    wire_tell_client(world, "one", ZSAGA__SAGA_STATE__STATE_UNKNOWN);
    world_expect(world, "I1");
    world_begin(world, false, true);
    wire_accept(world, 9);
    world_expect(world, "I1");
}

/* When a saga's end is told, nothing of it is open anywhere (I10). */
static void test_wire__open_when_its_end_is_told__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, DONE, "");
    wire_command(world, 1, 1, false, 1);
    world_sql(world, WORLD_P1, "DELETE FROM zsaga_inbox");
    world_expect(world, NULL);
    wire_tell_client(world, "one", ZSAGA__SAGA_STATE__COMPLETED);
    world_expect(world, "I10");
}

/* Nothing is sent about a saga whose end was told (I5). */
static void test_wire__command_after_the_end__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_command(world, 1, 0, false, 1);
    wire_tell_client(world, "one", ZSAGA__SAGA_STATE__COMPLETED);
    world_expect(world, NULL);
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I5");
}

static void open_saga(struct world *world)
{
    world_sql(world, WORLD_ORCHESTRATOR,
              "UPDATE zsaga_saga SET state = 0; DELETE FROM zsaga_history");
    world_begin(world, true, true);
}

/* The same attempt is sent again after its timeout, two seconds where nothing is said (I21). */
static void test_wire__sent_again_too_early__is_found(void **state)
{
    struct world *world = *state;
    open_saga(world);
    wire_command(world, 1, 0, false, 1);
    world->now_ms = 2000;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, NULL);
    world->now_ms = 3999;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I21");
}

/* A new start of either side excuses that it is sent again (I21). */
static void test_wire__sent_again_after_a_start__is_no_finding(void **state)
{
    struct world *world = *state;
    const struct check_life_event started = {0, "p0", CHECK_STARTED};
    const struct check_life_event reloaded = {0, "orchestrator", CHECK_RELOADED};
    open_saga(world);
    checker_life(world->checker, &started);
    wire_command(world, 1, 0, false, 1);
    checker_life(world->checker, &started);
    wire_command(world, 1, 0, false, 1);
    checker_life(world->checker, &reloaded);
    wire_command(world, 1, 0, false, 1);
    /* The start of before the first sending may be noticed only now. */
    wire_command(world, 1, 0, false, 1);
    world_expect(world, NULL);
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I21");
}

/* Only an answer leads to the next attempt: silence does not (I21). */
static void test_wire__attempt_that_nobody_asked_for__is_found(void **state)
{
    struct world *world = *state;
    open_saga(world);
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, RETRY, "busy");
    world->now_ms = 100;
    world_sql(world, WORLD_ORCHESTRATOR,
              "INSERT INTO zsaga_history VALUES"
              " (x'01010101010101010101010101010101', 2, 6, 0, 0, 2, NULL)");
    wire_command(world, 1, 0, false, 2);
    world_expect(world, NULL);
    world->now_ms = 10000;
    world_sql(world, WORLD_ORCHESTRATOR, "UPDATE zsaga_history SET attempt = 3");
    wire_command(world, 1, 0, false, 3);
    world_expect(world, "I21");
}

/* After a crash all that was told is there: accepted sagas (I1), answers (I14), heads (I16). */
static void test_crash__told_and_forgotten__is_found(void **state)
{
    struct world *world = *state;
    wire_accept(world, 1);
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, DONE, "");
    wire_welcome(world, WORLD_P0, 3, 2);
    for (int i = 0; i < WORLD_COUNT; i++)
        checker_crash(world->checker, world_names[i], world->db[i], true);
    world_expect(world, NULL);
    world_sql(world, WORLD_P0, "UPDATE zsaga_counter SET value = value - 1");
    checker_crash(world->checker, "p0", world->db[WORLD_P0], false);
    world_expect(world, "I16");
    world_sql(world, WORLD_P0, "DELETE FROM zsaga_inbox");
    checker_crash(world->checker, "p0", world->db[WORLD_P0], false);
    world_expect(world, "I14");
    world_sql(world, WORLD_P0, "UPDATE zsaga_driver SET epoch = 0");
    checker_crash(world->checker, "p0", world->db[WORLD_P0], false);
    world_expect(world, "I20");
    world_sql(world, WORLD_P0, "UPDATE toy_stock SET free = 0");
    checker_crash(world->checker, "p0", world->db[WORLD_P0], false);
    world_expect(world, "I13");
    world_sql(world, WORLD_ORCHESTRATOR, "DELETE FROM zsaga_saga");
    checker_crash(world->checker, "orchestrator", world->db[WORLD_ORCHESTRATOR], false);
    world_expect(world, "I1");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, wire_begin, wire_end)
    const struct CMUnitTest tests[] = {
        TEST(test_wire__head_falls__is_found),
        TEST(test_wire__head_falls_after_a_backup__is_no_finding),
        TEST(test_wire__head_not_committed__is_found),
        TEST(test_wire__row_differs__is_found),
        TEST(test_wire__row_is_another_at_the_end__is_found),
        TEST(test_wire__same_store_twice__is_found),
        TEST(test_wire__open_saga_below_the_floor__is_found),
        TEST(test_wire__told_and_not_committed__is_found),
        TEST(test_wire__open_when_its_end_is_told__is_found),
        TEST(test_wire__command_after_the_end__is_found),
        TEST(test_wire__sent_again_too_early__is_found),
        TEST(test_wire__sent_again_after_a_start__is_no_finding),
        TEST(test_wire__attempt_that_nobody_asked_for__is_found),
        TEST(test_crash__told_and_forgotten__is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
