/* An outage of the orchestrator's disk: everybody who asks is told, and nothing is lost. */
#include "rules_driver.h"

static void expect_refused(const Zsaga__ClientAnswer *answer, const char *code)
{
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_REFUSAL);
    assert_true(bytes_equal(packed_view(answer->refusal->code), bytes_text(code)));
    assert_true(answer->refusal->message.len > 0);
}

/* Asks; the answer comes in that turn. */
static const Zsaga__ClientAnswer *ask(struct sim_driver *driver, Zsaga__ClientRequest *request)
{
    const Zsaga__ClientRequest *requests[] = {request};
    driver->answer_count = 0;
    request->id = 7;
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, 1);
    assert_int_equal(driver->answers[0]->id, 7);
    return driver->answers[0];
}

/* A saga is under way, and the disk has become full with the answer to its first command. */
static struct sim_driver *begin_full(void **state, struct sim_driver_command *ret_sent)
{
    struct sim_driver *driver = rules_begin(state, rules_two);
    *ret_sent = sim_driver_reach(driver, "k", "do0");
    sim_disk_fail(driver->path, SIM_DISK_FULL, 1);
    sim_driver_answer(driver, ret_sent, ZSAGA__OUTCOME__DONE, "");
    assert_true(driver->turn.broken);
    return driver;
}

static void test_outage__questions__are_refused_at_once(void **state)
{
    /* Whatever is asked while the disk is full is refused with its code and words. */
    struct sim_driver_command sent;
    struct sim_driver *driver = begin_full(state, &sent);
    Zsaga__Find find = ZSAGA__FIND__INIT;
    Zsaga__List list = ZSAGA__LIST__INIT;
    Zsaga__Show show = ZSAGA__SHOW__INIT;
    Zsaga__Status status = ZSAGA__STATUS__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    show.key = packed_borrow_text("k");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_FIND;
    request.find = &find;
    expect_refused(ask(driver, &request), "disk_full");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_LIST;
    request.list = &list;
    expect_refused(ask(driver, &request), "disk_full");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
    request.show = &show;
    expect_refused(ask(driver, &request), "disk_full");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_STATUS;
    request.status = &status;
    expect_refused(ask(driver, &request), "disk_full");
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND__NOT_SET;
    expect_refused(ask(driver, &request), "malformed");
}

static void test_outage__submits__are_told_when_to_come_again(void **state)
{
    /* A submit is busy, with words that name the file, and the time to the next try. */
    struct sim_driver_command sent;
    struct sim_driver *driver = begin_full(state, &sent);
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = "late"}, &submit);
    sim_driver_wait(driver, 400);
    const Zsaga__Submitted *submitted = ask(driver, &request)->submitted;
    assert_int_equal(submitted->verdict, ZSAGA__VERDICT__BUSY);
    assert_int_equal(submitted->retry_after_ms, driver->turn.retry_at_ms - driver->now.mono_ms);
    assert_true(bytes_equal(packed_view(submitted->code), bytes_text("disk_full")));
    assert_non_null(memmem(submitted->message.data, submitted->message.len, driver->path,
                           strlen(driver->path)));
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    sim_driver_wait(driver, 6000);
    submitted = ask(driver, &request)->submitted;
    assert_int_equal(submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
}

static void test_outage__answers_of_participants__are_asked_for_again(void **state)
{
    /* What a participant says meanwhile is forgotten: its command is sent again under the same
     * attempt, and no patience or attempt is used up by the outage. */
    struct sim_driver_command sent;
    struct sim_driver *driver = begin_full(state, &sent);
    for (int i = 0; i < 20; i++) {
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
        sim_driver_sleep(driver, 1000);
    }
    sim_driver_sent_nothing(driver);
    sim_driver_clear(driver);
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    assert_true(rules_wait_for_command(driver, 7000) >= 0);
    struct sim_driver_command again = sim_driver_sent(driver, "do0", 1);
    sim_driver_answer(driver, &again, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do1", 1);
}

static void test_outage__malformed_frames__are_refused_as_such(void **state)
{
    /* What is no frame is refused as that, and nothing of it stays for the time after. */
    struct sim_driver_command sent;
    struct sim_driver *driver = begin_full(state, &sent);
    driver->answer_count = 0;
    sim_driver_give(driver, ORCHESTRATOR_PORT_CLIENT, bytes_text("nonsense"));
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, 1);
    expect_refused(driver->answers[0], "malformed");
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    sim_driver_wait(driver, 7000);
    assert_int_equal(driver->answer_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_outage__questions__are_refused_at_once),
        rules_test(test_outage__submits__are_told_when_to_come_again),
        rules_test(test_outage__answers_of_participants__are_asked_for_again),
        rules_test(test_outage__malformed_frames__are_refused_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
