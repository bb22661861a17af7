/* Flow control: how much is out at once, and what a restart or a silence does to it. */
#include "rules_driver.h"

static const char patient[] = RULES_SAGA RULES_STEP("0", "0",
                                                    "        patience = 10h\n        retry\n"
                                                    "            attempts = 1000\n");

static const struct suite_limits narrow = {
    .active_sagas_max = 5, .active_bytes_max = 1 << 24, .window_max = 4, .window_bytes_max = 1000};

/* Answers all that is out, in one turn; what that lets go is then kept. */
static void answer_all(struct sim_driver *driver)
{
    size_t count = driver->command_count;
    for (size_t i = 0; i < count; i++) {
        Zsaga__Reply reply = sim_driver_reply(&driver->commands[i], ZSAGA__OUTCOME__DONE, "");
        rules_give_reply(driver, driver->commands[i].participant, &reply);
    }
    rules_forget_commands(driver);
    sim_driver_turn(driver);
}

static void test_window__with_answers__doubles_from_1(void **state)
{
    /* The window opens from 1 and doubles with each window of answers, up to its limit. */
    static const struct suite_limits wide = {.active_sagas_max = 1000,
                                             .active_bytes_max = 1 << 24,
                                             .window_max = 64,
                                             .window_bytes_max = 1 << 24};
    static const size_t sizes[] = {1, 2, 4, 8, 16, 32, 64, 64, 9};
    struct sim_driver *driver = rules_begin_with(state, patient, &wide);
    rules_submit_many(driver, 0, 200);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(driver->command_count, sizes[i]);
        answer_all(driver);
    }
    sim_driver_sent_nothing(driver);
}

static void test_window__at_a_silence__halves(void **state)
{
    /* At each silence the window halves, down to 1. */
    struct sim_driver *driver = rules_begin(state, patient);
    rules_submit_many(driver, 0, 7 + 8);
    for (int i = 0; i < 3; i++)
        answer_all(driver);
    assert_int_equal(driver->command_count, 8);
    struct sim_driver_command kept = driver->commands[0];
    for (size_t i = 1; i < 8; i++) {
        Zsaga__Reply reply = sim_driver_reply(&driver->commands[i], ZSAGA__OUTCOME__DONE, "");
        rules_give_reply(driver, 0, &reply);
    }
    sim_driver_turn(driver);
    uint32_t window = sim_driver_channel(driver, 0)->window;
    assert_int_equal(window, 15);
    while (window > 1) {
        assert_true(rules_wait_for_command(driver, 60000) > 0);
        window /= 2;
        assert_int_equal(sim_driver_channel(driver, 0)->window, window);
    }
    assert_true(rules_wait_for_command(driver, 60000) > 0);
    assert_int_equal(sim_driver_channel(driver, 0)->window, 1);
    sim_driver_answer(driver, &kept, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_channel(driver, 0)->window, 2);
}

static void test_silence__each__waits_twice_as_long_up_to_30_s(void **state)
{
    /* The interval after which a silent participant is sent the same again doubles, up to 30 s. */
    static const int64_t waits[] = {2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct sim_driver *driver = rules_begin(state, patient);
    (void)sim_driver_reach(driver, "k", "do0");
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(rules_wait_for_command(driver, 60000), waits[i]);
        (void)sim_driver_sent(driver, "do0", 1);
    }
}

static void test_restart__resends_what_was_out_as_the_window_opens(void **state)
{
    /* A new incarnation sets the window to 1; what was in flight is sent again as it opens, in
     * front of new work, with the attempt it had. */
    struct sim_driver *driver = rules_begin(state, patient);
    rules_submit_many(driver, 0, 3 + 4);
    answer_all(driver);
    answer_all(driver);
    assert_int_equal(driver->command_count, 4);
    struct id out[4];
    for (size_t i = 0; i < 4; i++)
        assert_true(id_from_bytes(packed_view(driver->commands[i].command->saga), &out[i]));
    rules_submit_many(driver, 7, 5);
    rules_forget_commands(driver);
    sim_driver_reborn(driver, 0);
    sim_driver_wait(driver, 1000);
    for (size_t sent = 0, window = 1; sent < 4; window *= 2) {
        assert_int_equal(driver->command_count, window);
        for (size_t i = 0; i < window && sent < 4; i++, sent++) {
            struct sim_driver_command command = rules_command(driver, i, "do0");
            assert_int_equal(command.command->attempt, 1);
            assert_true(bytes_equal(packed_view(command.command->saga), id_view(&out[sent])));
        }
        answer_all(driver);
    }
}

static void test_restart__of_the_orchestrator__opens_from_1(void **state)
{
    /* After a start of its own the window is 1 again, with what was out waiting. */
    struct sim_driver *driver = rules_begin(state, patient);
    rules_submit_many(driver, 0, 3 + 4);
    answer_all(driver);
    answer_all(driver);
    assert_int_equal(driver->command_count, 4);
    rules_forget_commands(driver);
    sim_driver_restart(driver, 100);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void reborn(struct sim_driver *driver)
{
    rules_forget_commands(driver);
    sim_driver_reborn(driver, 0);
    sim_driver_wait(driver, 1000);
}

static void expect_key_out(struct sim_driver *driver, const struct id *id, uint32_t attempt)
{
    struct sim_driver_command sent = sim_driver_sent(driver, "do0", attempt);
    assert_true(bytes_equal(packed_view(sent.command->saga), id_view(id)));
}

static void test_lone_command__at_two_restarts__goes_last(void **state)
{
    /* A command that was alone in flight at two changes running goes last; each further time counts
     * as a `retry`. */
    struct sim_driver *driver = rules_begin(state, patient);
    struct id a = sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    expect_key_out(driver, &a, 1);
    reborn(driver);
    expect_key_out(driver, &a, 1);
    struct id b = sim_driver_submit(driver, "b", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_sent_nothing(driver);
    reborn(driver);
    struct sim_driver_command other = driver->commands[0];
    expect_key_out(driver, &b, 1);
    sim_driver_answer(driver, &other, ZSAGA__OUTCOME__DONE, "");
    expect_key_out(driver, &a, 1);
    for (uint32_t attempt = 2; attempt < 5; attempt++) {
        reborn(driver);
        if (driver->command_count == 0)
            assert_true(rules_wait_for_command(driver, 10000) > 0);
        expect_key_out(driver, &a, attempt);
    }
    rules_expect_words(driver, "a", "participant_crashed", "");
}

static void test_lone_command__answered__is_no_suspect(void **state)
{
    /* An answer ends the suspicion: however often its participant restarts, one that is answered in
     * between goes in its turn and costs no attempt. */
    struct sim_driver *driver = rules_begin(state, patient);
    struct id a = sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    for (uint32_t attempt = 1; attempt < 6; attempt++) {
        struct sim_driver_command sent = driver->commands[0];
        expect_key_out(driver, &a, attempt);
        reborn(driver);
        expect_key_out(driver, &a, attempt);
        reborn(driver);
        expect_key_out(driver, &a, attempt);
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__PENDING, "");
        assert_true(rules_wait_for_command(driver, 10000) > 0);
    }
    rules_expect_words(driver, "a", "pending", "");
}

static void test_lone_command__in_company_once__is_no_suspect(void **state)
{
    /* The changes must be running: one that finds it in company ends the suspicion, and it goes
     * before new work as all that was in flight. */
    struct sim_driver *driver = rules_begin(state, patient);
    struct id a = sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    (void)sim_driver_submit(driver, "b", ZSAGA__VERDICT__ACCEPTED);
    (void)sim_driver_submit(driver, "c", ZSAGA__VERDICT__ACCEPTED);
    reborn(driver); /* Alone once; then silent, so that the others come first. */
    expect_key_out(driver, &a, 1);
    /* It was sent again when nothing came for 100 ms, and its timeout is 2 s. */
    assert_int_equal(rules_wait_for_command(driver, 10000), 1100);
    answer_all(driver); /* b is done: c and a are out together. */
    assert_int_equal(driver->command_count, 2);
    reborn(driver);
    (void)sim_driver_submit(driver, "d", ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(driver->command_count, 1);
    answer_all(driver); /* c is done. */
    assert_int_equal(driver->command_count, 2);
    assert_true(bytes_equal(packed_view(driver->commands[0].command->saga), id_view(&a)));
    assert_int_equal(driver->commands[0].command->attempt, 1);
}

static void test_submit__beyond_the_active_sagas__is_busy(void **state)
{
    /* Beyond the limit of active sagas submit answers `busy` with `retry_after`, and stores
     * nothing; a saga that ended makes room, and what is known is found all the same. */
    struct sim_driver *driver = rules_begin_with(state, rules_one, &narrow);
    rules_submit_many(driver, 0, 5);
    const Zsaga__ClientAnswer *answer = rules_submit(driver, &(struct rules_submit){.key = "k9"});
    assert_int_equal(answer->submitted->verdict, ZSAGA__VERDICT__BUSY);
    assert_int_not_equal(answer->submitted->retry_after_ms, 0);
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_saga"), 5);
    answer = rules_submit(driver, &(struct rules_submit){.key = "k3"});
    assert_int_equal(answer->submitted->verdict, ZSAGA__VERDICT__DUPLICATE);
    answer_all(driver);
    answer = rules_submit(driver, &(struct rules_submit){.key = "k9"});
    assert_int_equal(answer->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
}

static void test_submit__beyond_the_bytes_held__is_busy(void **state)
{
    /* Inputs held in memory are bounded as well. */
    static const struct suite_limits few_bytes = {.active_sagas_max = 100,
                                                  .active_bytes_max = 10000,
                                                  .window_max = 4,
                                                  .window_bytes_max = 100000};
    static const uint8_t input[6000];
    struct sim_driver *driver = rules_begin_with(state, rules_one, &few_bytes);
    struct rules_submit submit = {.key = "a", .input = bytes_of(input, sizeof input)};
    assert_int_equal(rules_submit(driver, &submit)->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
    submit.key = "b";
    assert_int_equal(rules_submit(driver, &submit)->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
    submit.key = "c";
    assert_int_equal(rules_submit(driver, &submit)->submitted->verdict, ZSAGA__VERDICT__BUSY);
    rules_all_done(driver);
    assert_int_equal(rules_submit(driver, &submit)->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
}

static void test_window__in_bytes__keeps_the_rest_waiting(void **state)
{
    /* The window is bounded in bytes too: a large command goes out alone. */
    static const uint8_t large[5000];
    struct sim_driver *driver = rules_begin_with(state, rules_one, &narrow);
    rules_submit_many(driver, 100, 3);
    rules_all_done(driver); /* The window is 4 now. */
    struct rules_submit submit = {.key = "a", .input = bytes_of(large, sizeof large)};
    (void)rules_submit(driver, &submit);
    submit.key = "b";
    (void)rules_submit(driver, &submit);
    assert_int_equal(driver->command_count, 1);
    answer_all(driver);
    assert_int_equal(driver->command_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_window__with_answers__doubles_from_1),
        rules_test(test_window__at_a_silence__halves),
        rules_test(test_silence__each__waits_twice_as_long_up_to_30_s),
        rules_test(test_restart__resends_what_was_out_as_the_window_opens),
        rules_test(test_restart__of_the_orchestrator__opens_from_1),
        rules_test(test_lone_command__at_two_restarts__goes_last),
        rules_test(test_lone_command__answered__is_no_suspect),
        rules_test(test_lone_command__in_company_once__is_no_suspect),
        rules_test(test_submit__beyond_the_active_sagas__is_busy),
        rules_test(test_submit__beyond_the_bytes_held__is_busy),
        rules_test(test_window__in_bytes__keeps_the_rest_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
