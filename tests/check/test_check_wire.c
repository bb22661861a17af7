/* Commands and answers as they are sent: what is out of order, or not committed, is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"

/* A saga that goes to its end, and one that is taken back, are no finding. */
static void test_wire__in_order__nothing_is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, DONE, "");
    wire_command(world, 1, 1, false, 1);
    wire_answer(world, 1, 1, false, DONE, "");
    wire_command(world, 2, 0, false, 1);
    wire_answer(world, 2, 0, false, DONE, "");
    wire_command(world, 2, 1, false, 1);
    wire_answer(world, 2, 1, false, REJECTED, "no");
    wire_command(world, 2, 0, true, 1);
    wire_answer(world, 2, 0, true, DONE, "");
    world_expect(world, NULL);
    world_check(world, CHECKER_CAUGHT_UP);
    world_expect(world, NULL);
}

/* Nothing new is done once something is taken back (I5). */
static void test_wire__action_after_compensation__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_command(world, 1, 0, true, 1);
    wire_answer(world, 1, 0, true, DONE, "");
    world_expect(world, NULL);
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I5");
}

/* An action waits for the one before it (I11). */
static void test_wire__action_before_the_last_is_done__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, RETRY, "busy");
    wire_command(world, 1, 1, false, 1);
    world_expect(world, "I11");
}

/* A compensation waits for the one behind it (I11). */
static void test_wire__compensation_out_of_order__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, DONE, "");
    wire_command(world, 1, 1, false, 1);
    wire_command(world, 1, 0, true, 1);
    world_expect(world, "I11");
}

/* A late frame proves nothing where frames may come late. */
static void test_wire__late_frame__proves_nothing_unless_exact(void **state)
{
    struct world *world = *state;
    world_begin(world, false, false);
    world->numbers[WORLD_ORCHESTRATOR] = 10;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, DONE, "");
    wire_command(world, 1, 1, false, 1);
    wire_command(world, 1, 1, true, 1);
    wire_header.number = 5;
    wire_command(world, 1, 1, false, 1);
    world_expect(world, NULL);
}

/* An answer that is recorded is given again as it was (I14). */
static void test_wire__answered_differently__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, REJECTED, "no");
    wire_answer(world, 1, 0, false, REJECTED, "no");
    world_expect(world, NULL);
    wire_answer(world, 1, 0, false, REJECTED, "never");
    world_expect(world, "I14");
}

/* Nothing is done after it was undone (I9). */
static void test_wire__done_after_undone__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_command(world, 1, 0, true, 1);
    wire_answer(world, 1, 0, true, DONE, "nothing_to_undo");
    world_expect(world, NULL);
    wire_answer(world, 1, 0, false, DONE, "");
    world_expect(world, "I9");
}

/* An action is blocked by its compensation, and by nothing else (I9). */
static void test_wire__blocked_by_nothing__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, ZSAGA__OUTCOME__BLOCKED, "blocked");
    world_expect(world, "I9");
}

/* What nobody sent is not answered (I2). */
static void test_wire__answer_to_nothing__is_found(void **state)
{
    struct world *world = *state;
    wire_answer(world, 1, 0, false, DONE, "");
    world_expect(world, "I2");
}

/* A committed outcome may be told, another one not (I14). */
static void test_wire__outcome_not_committed__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, DONE, "");
    world_expect(world, NULL);
    world_sql(world, WORLD_P0, "UPDATE zsaga_inbox SET forward = 0");
    wire_answer(world, 1, 0, false, DONE, "");
    world_expect(world, "I14");
}

/* A command is sent when the journal has come to it, and not before (I4). */
static void test_wire__command_not_committed__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, true, true);
    world_sql(world, WORLD_ORCHESTRATOR,
              "UPDATE zsaga_saga SET state = 0; DELETE FROM zsaga_history");
    wire_command(world, 1, 0, false, 1);
    world_expect(world, NULL);
    wire_answer(world, 1, 0, false, DONE, "");
    wire_command(world, 1, 1, false, 1);
    world_expect(world, "I4");
}

/* A saga's commands carry what was submitted (I2). */
static void test_wire__saga_not_stored__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_command(world, 1, 0, false, 1);
    world_expect(world, NULL);
    wire_command(world, 9, 0, false, 1);
    world_expect(world, "I2");
}

/* A command is the one of the saga's definition. */
static void test_wire__command_of_another_participant__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_command_to(world, WORLD_P1, 1, 0, false, 1);
    world_expect(world, "protocol");
}

/* The same start keeps its epoch, the next one has a higher one (I20). */
static void test_wire__epoch_does_not_rise__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_header.incarnation = 2;
    wire_header.epoch = 2;
    world->numbers[WORLD_ORCHESTRATOR] = 0;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, NULL);
    wire_header.incarnation = 3;
    world->numbers[WORLD_ORCHESTRATOR] = 0;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I20");
}

/* Another nonce under the same epoch is another start (I20). */
static void test_wire__nonce_changes__is_found(void **state)
{
    struct world *world = *state;
    wire_command(world, 1, 0, false, 1);
    wire_header.nonce = 8;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I20");
}

/* Whom a participant has answered, it answers nobody lower (I20). */
static void test_wire__lower_epoch_answered__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, false);
    wire_header.epoch = 5;
    wire_command(world, 1, 0, false, 1);
    wire_answer(world, 1, 0, false, RETRY, "busy");
    wire_header.epoch = 4;
    wire_answer(world, 1, 0, false, RETRY, "busy");
    world_expect(world, "I20");
}

/* An epoch, and the last saga, are committed before they are told (I20). */
static void test_wire__epoch_or_saga_not_committed__is_found(void **state)
{
    struct world *world = *state;
    world_begin(world, false, true);
    wire_command(world, 1, 0, false, 1);
    world_expect(world, NULL);
    wire_header.last_saga = 1;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I20");
    world_begin(world, false, true);
    wire_header.last_saga = 2;
    wire_header.epoch = 2;
    wire_command(world, 1, 0, false, 1);
    world_expect(world, "I20");
}

/* A sender calls itself by its name, and numbers its frames upwards. */
static void test_wire__wrong_name_or_number__is_found(void **state)
{
    struct world *world = *state;
    wire_header.name = "somebody";
    wire_welcome(world, WORLD_P0, 0, 0);
    world_expect(world, "protocol");
    world_begin(world, true, false);
    wire_header.name = NULL;
    wire_header.number = 5;
    wire_welcome(world, WORLD_P0, 0, 0);
    world_expect(world, NULL);
    wire_welcome(world, WORLD_P0, 0, 0);
    world_expect(world, "protocol");
}

/* What is no frame is found, whatever it is. */
static void test_wire__no_frame__is_found(void **state)
{
    struct world *world = *state;
    const struct check_frame noise = {
        .from = "p0", .to = "orchestrator", .bytes = {"\xff\xff\xff", 3}};
    checker_frame(world->checker, &noise);
    world_expect(world, "protocol");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, wire_begin, wire_end)
    const struct CMUnitTest tests[] = {
        TEST(test_wire__in_order__nothing_is_found),
        TEST(test_wire__action_after_compensation__is_found),
        TEST(test_wire__action_before_the_last_is_done__is_found),
        TEST(test_wire__compensation_out_of_order__is_found),
        TEST(test_wire__late_frame__proves_nothing_unless_exact),
        TEST(test_wire__answered_differently__is_found),
        TEST(test_wire__done_after_undone__is_found),
        TEST(test_wire__blocked_by_nothing__is_found),
        TEST(test_wire__answer_to_nothing__is_found),
        TEST(test_wire__outcome_not_committed__is_found),
        TEST(test_wire__command_not_committed__is_found),
        TEST(test_wire__saga_not_stored__is_found),
        TEST(test_wire__command_of_another_participant__is_found),
        TEST(test_wire__epoch_does_not_rise__is_found),
        TEST(test_wire__nonce_changes__is_found),
        TEST(test_wire__lower_epoch_answered__is_found),
        TEST(test_wire__epoch_or_saga_not_committed__is_found),
        TEST(test_wire__wrong_name_or_number__is_found),
        TEST(test_wire__no_frame__is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
