/* Scenarios: one saga on a virtual clock, each message 5 ms under way, a process 50 ms down when it
 * dies. The trace is the assertion: what was sent with which attempt, what was answered, what the
 * saga's history says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"

#define STEP(n)                                                                                    \
    "    step\n"                                                                                   \
    "        name = s" n "\n"                                                                      \
    "        participant = p" n "\n"                                                               \
    "        action = do" n "\n"
#define UNDO(n) "        compensation = undo" n "\n"
#define RETRIABLE "        kind = retriable\n"
#define HEAD "saga\n    name = story\n"

static const char two[] = HEAD STEP("0") UNDO("0") STEP("1") UNDO("1");
static const char three[] = HEAD STEP("0") UNDO("0") STEP("1") UNDO("1") STEP("2") UNDO("2");
static const char retriable[] = HEAD STEP("0") UNDO("0") STEP("1") RETRIABLE;
static const char impatient[] =
    HEAD STEP("0") UNDO("0") STEP("1") UNDO("1") "        patience = 1s\n";

/* Runs the saga, and compares what happened. */
static void expect(struct sim *sim, const char *story)
{
    sim_run_plain(sim);
    buffer_append(&sim->trace, "", 1);
    const char *trace = (const char *)sim->trace.data;
    assert_string_equal(trace, story);
    sim_free(sim);
}

static struct sim *tell(const char *definition)
{
    static struct sim_counts counts;
    return sim_new_plain(definition, NULL, &counts);
}

static void test_saga__all_done__is_completed(void **state)
{
    /* Each step's action is sent once the one before it is known done. */
    (void)state;
    expect(tell(three), "[    5] saga         accepted\n"
                        "[   10] orchestrator > p0 do0 #1\n"
                        "[   15] p0           do0 done\n"
                        "[   20] saga         done 0\n"
                        "[   20] orchestrator > p1 do1 #1\n"
                        "[   25] p1           do1 done\n"
                        "[   30] saga         done 1\n"
                        "[   30] orchestrator > p2 do2 #1\n"
                        "[   35] p2           do2 done\n"
                        "[   40] saga         done 2\n"
                        "[   40] saga         completed\n");
}

static void test_saga__third_step_refused__is_undone_in_reverse(void **state)
{
    /* A refusal undoes the steps before it, the last one first, and not the refused one. */
    (void)state;
    struct sim *sim = tell(three);
    sim_script(sim)->action[2].refuses = true;
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 done\n"
                "[   30] saga         done 1\n"
                "[   30] orchestrator > p2 do2 #1\n"
                "[   35] p2           do2 rejected no\n"
                "[   40] saga         rejected 2 no\n"
                "[   40] orchestrator > p1 undo1 #1\n"
                "[   45] p1           undo1 done\n"
                "[   50] saga         undone 1\n"
                "[   50] orchestrator > p0 undo0 #1\n"
                "[   55] p0           undo0 done\n"
                "[   60] saga         undone 0\n"
                "[   60] saga         compensated\n");
}

static void test_action__retried__waits_longer_each_time(void **state)
{
    /* An answer of `retry` is asked again after 100 ms, doubling, each time as the next attempt. */
    (void)state;
    struct sim *sim = tell(two);
    sim_script(sim)->action[1] = (struct toy_line){.trouble = TOY_RETRY, .times = 3};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 retry busy\n"
                "[   30] saga         trouble 1 busy\n"
                "[  130] orchestrator > p1 do1 #2\n"
                "[  135] p1           do1 retry busy\n"
                "[  340] orchestrator > p1 do1 #3\n"
                "[  345] p1           do1 retry busy\n"
                "[  750] orchestrator > p1 do1 #4\n"
                "[  755] p1           do1 done\n"
                "[  760] saga         done 1\n"
                "[  760] saga         completed\n");
}

static void test_action__that_says_when__is_asked_then(void **state)
{
    /* A `retry_after` longer than the backoff is kept to. */
    (void)state;
    struct sim *sim = tell(two);
    sim_script(sim)->action[0] = (struct toy_line){.trouble = TOY_RETRY_LATER, .times = 1};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 retry busy\n"
                "[   20] saga         trouble 0 busy\n"
                "[  320] orchestrator > p0 do0 #2\n"
                "[  325] p0           do0 done\n"
                "[  330] saga         done 0\n"
                "[  330] orchestrator > p1 do1 #1\n"
                "[  335] p1           do1 done\n"
                "[  340] saga         done 1\n"
                "[  340] saga         completed\n");
}

static void test_action__retried_too_often__is_given_up_and_undone_too(void **state)
{
    /* What is given up without a refusal is compensated as well: its tombstone stops a late action.
     */
    (void)state;
    struct sim *sim = tell(two);
    sim_script(sim)->action[1] = (struct toy_line){.trouble = TOY_ERROR, .times = 100};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 retry error\n"
                "[   30] saga         trouble 1 error\n"
                "[  130] orchestrator > p1 do1 #2\n"
                "[  135] p1           do1 retry error\n"
                "[  340] orchestrator > p1 do1 #3\n"
                "[  345] p1           do1 retry error\n"
                "[  750] orchestrator > p1 do1 #4\n"
                "[  755] p1           do1 retry error\n"
                "[ 1560] orchestrator > p1 do1 #5\n"
                "[ 1565] p1           do1 retry error\n"
                "[ 1570] saga         gave up 1 error\n"
                "[ 1570] orchestrator > p1 undo1 #1\n"
                "[ 1575] p1           undo1 done nothing_to_undo\n"
                "[ 1580] saga         undone 1 nothing_to_undo\n"
                "[ 1580] orchestrator > p0 undo0 #1\n"
                "[ 1585] p0           undo0 done\n"
                "[ 1590] saga         undone 0\n"
                "[ 1590] saga         compensated\n");
}

static void test_retriable__in_trouble__is_never_given_up(void **state)
{
    /* Attempts do not end a retriable step. */
    (void)state;
    struct sim *sim = tell(retriable);
    sim_script(sim)->action[1] = (struct toy_line){.trouble = TOY_RETRY, .times = 7};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 retry busy\n"
                "[   30] saga         trouble 1 busy\n"
                "[  130] orchestrator > p1 do1 #2\n"
                "[  135] p1           do1 retry busy\n"
                "[  340] orchestrator > p1 do1 #3\n"
                "[  345] p1           do1 retry busy\n"
                "[  750] orchestrator > p1 do1 #4\n"
                "[  755] p1           do1 retry busy\n"
                "[ 1560] orchestrator > p1 do1 #5\n"
                "[ 1565] p1           do1 retry busy\n"
                "[ 3170] orchestrator > p1 do1 #6\n"
                "[ 3175] p1           do1 retry busy\n"
                "[ 6380] orchestrator > p1 do1 #7\n"
                "[ 6385] p1           do1 retry busy\n"
                "[11390] orchestrator > p1 do1 #8\n"
                "[11395] p1           do1 done\n"
                "[11400] saga         done 1\n"
                "[11400] saga         completed\n");
}

static void test_action__pending__is_asked_again_until_it_knows(void **state)
{
    /* `pending` is asked again with the same command, and is no attempt that could be used up. */
    (void)state;
    struct sim *sim = tell(two);
    sim_script(sim)->action[1] = (struct toy_line){.trouble = TOY_PENDING, .times = 6};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 pending\n"
                "[   30] saga         trouble 1 pending\n"
                "[  130] orchestrator > p1 do1 #2\n"
                "[  135] p1           do1 pending\n"
                "[  340] orchestrator > p1 do1 #3\n"
                "[  345] p1           do1 pending\n"
                "[  750] orchestrator > p1 do1 #4\n"
                "[  755] p1           do1 pending\n"
                "[ 1560] orchestrator > p1 do1 #5\n"
                "[ 1565] p1           do1 pending\n"
                "[ 3170] orchestrator > p1 do1 #6\n"
                "[ 3175] p1           do1 pending\n"
                "[ 6380] orchestrator > p1 do1 #7\n"
                "[ 6385] p1           do1 done\n"
                "[ 6390] saga         done 1\n"
                "[ 6390] saga         completed\n");
}

static void test_pending__beyond_patience__is_undone_once_it_is_known(void **state)
{
    /* A compensation that meets a pending action answers `pending` until the effect is known. */
    (void)state;
    struct sim *sim = tell(impatient);
    sim_script(sim)->action[1] = (struct toy_line){.trouble = TOY_PENDING, .times = 8};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 pending\n"
                "[   30] saga         trouble 1 pending\n"
                "[  130] orchestrator > p1 do1 #2\n"
                "[  135] p1           do1 pending\n"
                "[  340] orchestrator > p1 do1 #3\n"
                "[  345] p1           do1 pending\n"
                "[  750] orchestrator > p1 do1 #4\n"
                "[  755] p1           do1 pending\n"
                "[ 1020] saga         gave up 1 pending\n"
                "[ 1020] orchestrator > p1 undo1 #1\n"
                "[ 1025] p1           undo1 pending\n"
                "[ 1030] saga         trouble 1 pending\n"
                "[ 1130] orchestrator > p1 undo1 #2\n"
                "[ 1135] p1           undo1 pending\n"
                "[ 1340] orchestrator > p1 undo1 #3\n"
                "[ 1345] p1           undo1 pending\n"
                "[ 1750] orchestrator > p1 undo1 #4\n"
                "[ 1755] p1           undo1 pending\n"
                "[ 2560] orchestrator > p1 undo1 #5\n"
                "[ 2565] p1           undo1 done\n"
                "[ 2570] saga         undone 1\n"
                "[ 2570] orchestrator > p0 undo0 #1\n"
                "[ 2575] p0           undo0 done\n"
                "[ 2580] saga         undone 0\n"
                "[ 2580] saga         compensated\n");
}

static void test_compensation__that_would_refuse__is_asked_again(void **state)
{
    /* A compensation cannot refuse: it is answered `retry`, and asked until it is done. */
    (void)state;
    struct sim *sim = tell(two);
    sim_script(sim)->action[1].refuses = true;
    sim_script(sim)->undo[0] = (struct toy_line){.trouble = TOY_UNWILLING, .times = 2};
    expect(sim, "[    5] saga         accepted\n"
                "[   10] orchestrator > p0 do0 #1\n"
                "[   15] p0           do0 done\n"
                "[   20] saga         done 0\n"
                "[   20] orchestrator > p1 do1 #1\n"
                "[   25] p1           do1 rejected no\n"
                "[   30] saga         rejected 1 no\n"
                "[   30] orchestrator > p0 undo0 #1\n"
                "[   35] p0           undo0 retry unwilling\n"
                "[   40] saga         trouble 0 unwilling\n"
                "[  140] orchestrator > p0 undo0 #2\n"
                "[  145] p0           undo0 retry unwilling\n"
                "[  350] orchestrator > p0 undo0 #3\n"
                "[  355] p0           undo0 done\n"
                "[  360] saga         undone 0\n"
                "[  360] saga         compensated\n");
}

static struct sim *tell_crash(const char *definition, uint8_t place, uint64_t nth)
{
    struct sim *sim = tell(definition);
    sim->crash_place = place;
    sim->crash_nth = nth;
    return sim;
}

static void test_participant__killed_before_its_commit__does_it_once_it_is_back(void **state)
{
    /* What was not committed never happened: the same command is sent to the new incarnation, and
     * that is no attempt. */
    (void)state;
    expect(tell_crash(two, SIM_FIRST_TOY, 5), "[    5] saga         accepted\n"
                                              "[   10] orchestrator > p0 do0 #1\n"
                                              "[   15] p0           dies: given\n"
                                              "[  130] orchestrator > p0 do0 #1\n"
                                              "[  135] p0           do0 done\n"
                                              "[  140] saga         done 0\n"
                                              "[  140] orchestrator > p1 do1 #1\n"
                                              "[  145] p1           do1 done\n"
                                              "[  150] saga         done 1\n"
                                              "[  150] saga         completed\n");
}

static void test_participant__killed_before_its_answer__gives_it_again(void **state)
{
    /* What was committed stays: the same command is answered from the inbox. */
    (void)state;
    expect(tell_crash(two, SIM_FIRST_TOY, 6), "[    5] saga         accepted\n"
                                              "[   10] orchestrator > p0 do0 #1\n"
                                              "[   15] p0           dies: committed\n"
                                              "[  130] orchestrator > p0 do0 #1\n"
                                              "[  135] p0           do0 done\n"
                                              "[  140] saga         done 0\n"
                                              "[  140] orchestrator > p1 do1 #1\n"
                                              "[  145] p1           do1 done\n"
                                              "[  150] saga         done 1\n"
                                              "[  150] saga         completed\n");
}

static void test_orchestrator__killed_after_accepting__goes_on_with_it(void **state)
{
    /* What was accepted and not told is found by the submit asked again, and was under way. */
    (void)state;
    expect(tell_crash(two, SIM_ORCHESTRATOR, 6), "[    5] saga         accepted\n"
                                                 "[    5] orchestrator dies: committed\n"
                                                 "[   65] orchestrator > p0 do0 #1\n"
                                                 "[   70] p0           do0 done\n"
                                                 "[   75] saga         done 0\n"
                                                 "[   75] orchestrator > p1 do1 #1\n"
                                                 "[   80] p1           do1 done\n"
                                                 "[   85] saga         done 1\n"
                                                 "[   85] saga         completed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saga__all_done__is_completed),
        cmocka_unit_test(test_saga__third_step_refused__is_undone_in_reverse),
        cmocka_unit_test(test_action__retried__waits_longer_each_time),
        cmocka_unit_test(test_action__that_says_when__is_asked_then),
        cmocka_unit_test(test_action__retried_too_often__is_given_up_and_undone_too),
        cmocka_unit_test(test_retriable__in_trouble__is_never_given_up),
        cmocka_unit_test(test_action__pending__is_asked_again_until_it_knows),
        cmocka_unit_test(test_pending__beyond_patience__is_undone_once_it_is_known),
        cmocka_unit_test(test_compensation__that_would_refuse__is_asked_again),
        cmocka_unit_test(test_participant__killed_before_its_commit__does_it_once_it_is_back),
        cmocka_unit_test(test_participant__killed_before_its_answer__gives_it_again),
        cmocka_unit_test(test_orchestrator__killed_after_accepting__goes_on_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
