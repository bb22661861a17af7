/* Rules of answers: what counts, what is stale, what is given up, what is sent where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/xalloc.h"
#include "sim_driver.h"

static const char two[] = "saga\n"
                          "    name = two\n"
                          "    step\n"
                          "        name = a\n"
                          "        participant = p0\n"
                          "        action = do0\n"
                          "        compensation = undo0\n"
                          "    step\n"
                          "        name = b\n"
                          "        participant = p1\n"
                          "        action = do1\n"
                          "        compensation = undo1\n";

static int begin(void **state)
{
    *state = sim_driver_new(two);
    return 0;
}

static int end(void **state)
{
    sim_driver_free(*state);
    return 0;
}

static uint64_t stale(const struct sim_driver *driver)
{
    return orchestrator_counters(driver->node)->stale_replies;
}

static void test_reply__of_a_final_or_unknown_saga__is_counted_and_dropped(void **state)
{
    /* A reply for a final or unknown saga is counted and dropped. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
    uint64_t before = stale(driver);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    struct id unknown = {{9}};
    reply.saga = packed_borrow(id_view(&unknown));
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(stale(driver), before + 2);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_retry__of_another_attempt_or_epoch__is_stale(void **state)
{
    /* All but facts match on epoch, attempt and a command that is out, and are taken once. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__RETRY, "busy");
    reply.attempt = 2;
    sim_driver_say(driver, 0, &reply);
    reply.attempt = 1;
    reply.epoch++;
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(stale(driver), 2);
    reply.epoch--;
    sim_driver_say(driver, 0, &reply);
    sim_driver_say(driver, 0, &reply); /* The same again. */
    assert_int_equal(stale(driver), 3);
    sim_driver_wait(driver, 100);
    (void)sim_driver_sent(driver, "do0", 2);
    sim_driver_say(driver, 0, &reply); /* Of the attempt before. */
    assert_int_equal(stale(driver), 4);
}

static void test_done__of_an_earlier_epoch_and_attempt__is_a_fact(void **state)
{
    /* `done` and `rejected` match on saga, step and direction alone. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    driver->participants[1].silent = true;
    sim_driver_restart(driver, 10);
    reply.attempt = 99;
    sim_driver_clear(driver);
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(sim_driver_show(driver, "k")->steps[0]->state.data[0], 'd');
    assert_int_equal(sim_driver_show(driver, "k")->steps[1]->state.data[0], 'o');
}

static void test_reply__of_another_participant__is_not_heard(void **state)
{
    /* Only whoever a step belongs to can say what came of it. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_say(driver, 1, &reply);
    sim_driver_sent_nothing(driver);
    assert_int_equal(stale(driver), 1);
}

static void test_reply__that_makes_no_sense__is_counted(void **state)
{
    /* Nothing that a participant says ends the process or moves a saga where it cannot go. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    const Zsaga__Reply good = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    for (int field = 0; field < 6; field++) {
        Zsaga__Reply reply = good;
        if (field == 0)
            reply.saga.len = 15;
        else if (field == 1)
            reply.step = 32;
        else if (field == 2)
            reply.direction = ZSAGA__DIRECTION__VOID;
        else if (field == 3)
            reply.outcome = ZSAGA__OUTCOME__OUTCOME_UNKNOWN;
        else if (field == 4)
            reply.outcome = ZSAGA__OUTCOME__VOIDED;
        else
            reply.outcome = (Zsaga__Outcome)77;
        sim_driver_say(driver, 0, &reply);
    }
    assert_int_equal(orchestrator_counters(driver->node)->malformed, 6);
    sim_driver_sent_nothing(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
}

static void test_fact__with_a_senseless_code__stays_a_fact(void **state)
{
    /* A refusal is durable at the participant: what its code looks like cannot undo that. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__REJECTED, "");
    reply.code = packed_borrow_text("no token");
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(orchestrator_counters(driver->node)->malformed, 0);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_fact__in_attention__is_recorded_and_moves_nothing(void **state)
{
    /* In `attention` facts are recorded and move nothing; only an operator moves it on. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__BLOCKED, "blocked");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_sent_nothing(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sim_driver_resume(driver, "k");
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_command__expired_or_malformed__rests_on_somebodys_desk(void **state)
{
    /* `expired` and a malformed entry cannot be helped by asking again; a reject means the entry
     * whose frame and index it names, and no other. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__EXPIRED, "expired");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sent = sim_driver_reach(driver, "k2", "do0");
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reject reject = ZSAGA__REJECT__INIT;
    const Zsaga__Answer *answers[] = {&answer};
    answer.kind_case = ZSAGA__ANSWER__KIND_REJECT;
    answer.reject = &reject;
    reject.frame = sent.header.number;
    reject.index = sent.index + 1;
    sim_driver_give_answers(driver, 0, answers, 1);
    sim_driver_turn(driver);
    assert_int_equal(sim_driver_state(driver, "k2"), ZSAGA__SAGA_STATE__RUNNING);
    reject.index = sent.index;
    sim_driver_give_answers(driver, 0, answers, 1);
    sim_driver_turn(driver);
    assert_int_equal(sim_driver_state(driver, "k2"), ZSAGA__SAGA_STATE__ATTENTION);
}

static void test_frame__rejected_as_a_whole__means_all_its_commands(void **state)
{
    /* A frame that was not read at all had all its commands refused. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reject reject = ZSAGA__REJECT__INIT;
    const Zsaga__Answer *answers[] = {&answer};
    answer.kind_case = ZSAGA__ANSWER__KIND_REJECT;
    answer.reject = &reject;
    reject.frame = sent.header.number;
    reject.index = FRAME_WHOLE;
    sim_driver_give_answers(driver, 0, answers, 1);
    sim_driver_turn(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
}

static void test_silence__however_long__uses_up_no_attempt(void **state)
{
    /* Attempts count answers of `retry`; silence counts against patience only. */
    struct sim_driver *driver = *state;
    (void)sim_driver_reach(driver, "k", "do0");
    sim_driver_wait(driver, 50000); /* A timeout of 2 s, doubling: many more than five. */
    assert_true(driver->command_count >= 4);
    for (size_t i = 0; i < driver->command_count; i++)
        assert_int_equal(driver->commands[i].command->attempt, 1);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__RUNNING);
    sim_driver_clear(driver);
    sim_driver_wait(driver, 11000); /* Beyond 60 s: given up, and compensated too. */
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
    (void)sim_driver_sent(driver, "undo0", 1);
}

static void test_restart_storm__of_a_participant__uses_up_no_attempt(void **state)
{
    /* An outage or a restart storm does not eat attempts: what was in flight with others is sent
     * again, not counted. */
    struct sim_driver *driver = *state;
    (void)sim_driver_reach(driver, "k", "do0");
    for (int i = 0; i < 2; i++) { /* Beyond that a lone command is suspected. */
        sim_driver_clear(driver);
        sim_driver_reborn(driver, 0);
        sim_driver_wait(driver, 1000);
        (void)sim_driver_sent(driver, "do0", 1);
    }
}

static void test_lone_command__at_many_restarts__counts_as_retries_then(void **state)
{
    /* A command that was alone in flight at two changes running counts each further one as an
     * answer of `retry`: what kills its participant is given up in the end. */
    struct sim_driver *driver = *state;
    (void)sim_driver_reach(driver, "k", "do0");
    int deaths = 0;
    while (sim_driver_state(driver, "k") == ZSAGA__SAGA_STATE__RUNNING) {
        assert_in_range(++deaths, 1, 7);
        sim_driver_reborn(driver, 0);
        sim_driver_wait(driver, 2000);
    }
    assert_int_equal(deaths, 7);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATING);
}

static void test_compensation__answered_rejected__is_asked_again(void **state)
{
    /* A compensation cannot refuse: whatever says so is asked again. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    sent = sim_driver_sent(driver, "undo0", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "unwilling");
    sim_driver_sent_nothing(driver);
    sim_driver_wait(driver, 100);
    sent = sim_driver_sent(driver, "undo0", 2);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPENSATED);
}

static void test_compensation__before_the_forward_outcome__is_not_sent(void **state)
{
    /* Compensation starts only when the forward outcome is known or given up. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do1");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__RETRY, "busy");
    sim_driver_wait(driver, 90);
    sim_driver_sent_nothing(driver);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no"); /* Late word, of attempt 1. */
    (void)sim_driver_sent(driver, "undo0", 1);
}

static void test_output__too_large__is_malformed(void **state)
{
    /* Each output is at most 16 KiB: a larger one is not handed on. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    AUTO(freep) char *large = xcalloc(1, (16 << 10) + 1);
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    reply.output = packed_borrow(bytes_of(large, (16 << 10) + 1));
    sim_driver_say(driver, 0, &reply);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__ATTENTION);
    sim_driver_sent_nothing(driver);
}

static void test_outputs__of_earlier_steps__go_with_each_command_after_a_restart_too(void **state)
{
    /* A command carries the outputs of the steps done before it, as they were recorded. */
    struct sim_driver *driver = *state;
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    reply.output = packed_borrow_text("forty-two");
    sim_driver_say(driver, 0, &reply);
    for (int i = 0; i < 2; i++) {
        sent = sim_driver_sent(driver, "do1", 1);
        assert_int_equal(sent.command->n_outputs, 1);
        assert_true(bytes_equal(packed_view(sent.command->outputs[0]->step), bytes_text("a")));
        assert_true(
            bytes_equal(packed_view(sent.command->outputs[0]->output), bytes_text("forty-two")));
        sim_driver_restart(driver, 10);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reply__of_a_final_or_unknown_saga__is_counted_and_dropped),
        TEST(test_retry__of_another_attempt_or_epoch__is_stale),
        TEST(test_done__of_an_earlier_epoch_and_attempt__is_a_fact),
        TEST(test_reply__of_another_participant__is_not_heard),
        TEST(test_reply__that_makes_no_sense__is_counted),
        TEST(test_fact__with_a_senseless_code__stays_a_fact),
        TEST(test_fact__in_attention__is_recorded_and_moves_nothing),
        TEST(test_command__expired_or_malformed__rests_on_somebodys_desk),
        TEST(test_frame__rejected_as_a_whole__means_all_its_commands),
        TEST(test_silence__however_long__uses_up_no_attempt),
        TEST(test_restart_storm__of_a_participant__uses_up_no_attempt),
        TEST(test_lone_command__at_many_restarts__counts_as_retries_then),
        TEST(test_compensation__answered_rejected__is_asked_again),
        TEST(test_compensation__before_the_forward_outcome__is_not_sent),
        TEST(test_output__too_large__is_malformed),
        TEST(test_outputs__of_earlier_steps__go_with_each_command_after_a_restart_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
