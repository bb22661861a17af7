/* Hellos: who is there, and whether it is still the same. */
#include "rules_driver.h"

/* A reply of no saga: only its frame's header says something. */
static void give_noise(struct sim_driver *driver, size_t participant)
{
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reject reject = ZSAGA__REJECT__INIT;
    answer.kind_case = ZSAGA__ANSWER__KIND_REJECT;
    answer.reject = &reject;
    rules_give(driver, participant, &answer);
}

static void test_hello__each_second__is_sent_to_whoever_answers(void **state)
{
    /* A hello each second is ping, version check and incarnation check in one. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    sim_driver_wait(driver, 10000);
    assert_int_equal(driver->hello_count, 20);
}

static void test_hello__unanswered__makes_it_down_and_is_asked_further(void **state)
{
    /* Whoever answers no hello for 3 s is down and sent nothing but hellos, until it answers one.
     */
    struct sim_driver *driver = rules_begin(state, rules_one);
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 3500);
    assert_true(bytes_equal(packed_view(sim_driver_channel(driver, 0)->state), bytes_text("down")));
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_wait(driver, 10000);
    sim_driver_sent_nothing(driver);
    assert_true(driver->hello_count > 5);
    driver->participants[0].silent = false;
    sim_driver_wait(driver, 2000);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void test_incarnation__another_in_a_header__causes_one_hello_at_once(void **state)
{
    /* Another incarnation seen in a header causes a hello at once, and one only. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    driver->participants[0].silent = true;
    sim_driver_reborn(driver, 0);
    give_noise(driver, 0);
    sim_driver_turn(driver);
    assert_int_equal(driver->hello_count, 1);
    give_noise(driver, 0);
    sim_driver_turn(driver);
    assert_int_equal(driver->hello_count, 1);
    assert_int_equal(orchestrator_counters(driver->node)->restarts, 1); /* The first meeting. */
}

static void test_incarnation__the_same_in_a_header__causes_no_hello(void **state)
{
    /* A header of the incarnation known says nothing new. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    give_noise(driver, 0);
    sim_driver_turn(driver);
    assert_int_equal(driver->hello_count, 0);
}

static void test_incarnation__in_the_answer_to_an_older_hello__changes_nothing(void **state)
{
    /* Only the answer to the newest hello changes the incarnation that is known. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 1000);
    uint64_t older = driver->participants[0].hello;
    sim_driver_reborn(driver, 0);
    give_noise(driver, 0);
    sim_driver_turn(driver);
    uint64_t newest = driver->participants[0].hello;
    assert_int_equal(newest, older + 1);
    sim_driver_welcome(driver, 0, older);
    sim_driver_turn(driver);
    assert_int_equal(orchestrator_counters(driver->node)->restarts, 1);
    sim_driver_welcome(driver, 0, newest);
    sim_driver_turn(driver);
    assert_int_equal(orchestrator_counters(driver->node)->restarts, 2);
}

static void test_head__in_a_second_answer_to_the_newest_hello__changes_nothing(void **state)
{
    /* A hello that came twice is answered twice, and the second answer may be the older one: the
     * first taken counts. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 1000);
    uint64_t newest = driver->participants[0].hello;
    driver->participants[0].head = 10;
    sim_driver_welcome(driver, 0, newest);
    sim_driver_turn(driver);
    driver->participants[0].head = 9;
    sim_driver_welcome(driver, 0, newest);
    sim_driver_turn(driver);
    assert_true(bytes_equal(packed_view(sim_driver_channel(driver, 0)->state), bytes_text("up")));
}

static void test_incarnation__in_an_answer_to_an_earlier_start__changes_nothing(void **state)
{
    /* A late answer to the first hello of an earlier start does not pass for one to this start's.
     */
    struct sim_driver *driver = rules_begin(state, rules_one);
    driver->participants[0].silent = true;
    sim_driver_restart(driver, 0);
    uint64_t earlier = driver->participants[0].hello;
    sim_driver_restart(driver, 0);
    sim_driver_welcome(driver, 0, earlier);
    sim_driver_turn(driver);
    assert_int_equal(orchestrator_counters(driver->node)->restarts, 0);
    sim_driver_welcome(driver, 0, driver->participants[0].hello);
    sim_driver_turn(driver);
    assert_int_equal(orchestrator_counters(driver->node)->restarts, 1);
}

static void expect_suspended(struct sim_driver *driver)
{
    const Zsaga__Channel *channel = sim_driver_channel(driver, 0);
    assert_true(bytes_equal(packed_view(channel->state), bytes_text("suspended")));
    assert_int_not_equal(channel->detail.len, 0);
}

/* p0 has a log up to 10, a command out, and now says something else of its log. */
static struct sim_driver *begin_backup(void **state)
{
    struct sim_driver *driver = rules_begin(state, rules_one);
    driver->participants[0].head = 10;
    sim_driver_wait(driver, 1000);
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    (void)sim_driver_sent(driver, "do0", 1);
    return driver;
}

static void test_head__below_the_known_one__suspends_until_trusted(void **state)
{
    /* A head below the known one under the same store uuid is a restored backup: nothing more is
     * sent there, until an operator speaks. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].head = 9;
    sim_driver_wait(driver, 1000);
    expect_suspended(driver);
    (void)sim_driver_submit(driver, "k2", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_wait(driver, 20000);
    sim_driver_sent_nothing(driver);
    assert_true(rules_trust(driver, 0));
    sim_driver_wait(driver, 100);
    (void)rules_command(driver, 0, "do0");
}

static void test_records__below_the_known_ones__suspend(void **state)
{
    /* A backup that lost only tombstones has the same head: the inbox's own count shows it. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].records = 7;
    sim_driver_wait(driver, 1000);
    driver->participants[0].records = 6;
    sim_driver_wait(driver, 1000);
    expect_suspended(driver);
    assert_true(rules_trust(driver, 0));
    sim_driver_wait(driver, 100);
    assert_true(bytes_equal(packed_view(sim_driver_channel(driver, 0)->state), bytes_text("up")));
}

static void test_incarnation__noticed__holds_commands_back(void **state)
{
    /* Whoever has restarted may have done so on a restored backup: no command goes there before the
     * hello that was sent at once is answered. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command sent = sim_driver_reach(driver, "k1", "do0");
    sim_driver_clear(driver);
    sim_driver_reborn(driver, 0);
    driver->participants[0].silent = true;
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_submit(driver, "k2", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_sent_nothing(driver);
    driver->participants[0].silent = false;
    sim_driver_wait(driver, 1000);
    (void)rules_command(driver, 0, "do0");
}

static void test_head__that_grows_again__stays_suspended(void **state)
{
    /* That a restored log has grown past the known head does not make it the log that is known. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].head = 9;
    sim_driver_wait(driver, 1000);
    driver->participants[0].head = 50;
    sim_driver_wait(driver, 5000);
    expect_suspended(driver);
    sim_driver_sent_nothing(driver);
}

/* Meanwhile its log has grown past the known head. */
static void expect_suspended_over_a_restart(struct sim_driver *driver)
{
    sim_driver_stop(driver);
    driver->participants[0].head = 50;
    sim_driver_restart(driver, 5000);
    expect_suspended(driver);
    sim_driver_sent_nothing(driver);
}

static void test_suspension__outlives_a_restart__until_trusted(void **state)
{
    /* Who has forgotten stays suspended, also where the log has grown past the known head while the
     * orchestrator was away. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].head = 9;
    sim_driver_wait(driver, 1000);
    expect_suspended(driver);
    expect_suspended_over_a_restart(driver);
    assert_true(rules_trust(driver, 0));
    rules_forget_commands(driver);
    sim_driver_restart(driver, 1000);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void test_suspension__in_a_batch_that_is_taken_back__is_stored_later(void **state)
{
    /* A full disk does not make the orchestrator forget whom it has found out. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].head = 9;
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
    sim_driver_wait(driver, 3000);
    expect_suspended(driver);
    expect_suspended_over_a_restart(driver);
}

static void test_head__below_one_known_before_a_restart__suspends(void **state)
{
    /* The head that is known outlives a restart of the orchestrator. */
    struct sim_driver *driver = begin_backup(state);
    sim_driver_stop(driver);
    driver->participants[0].head = 9;
    sim_driver_restart(driver, 1000);
    expect_suspended(driver);
    sim_driver_sent_nothing(driver);
}

static void test_head__trusted__is_the_known_one_from_then_on(void **state)
{
    /* What an operator trusted is believed after a restart too, and a later step back is not. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].head = 5;
    sim_driver_wait(driver, 1000);
    assert_true(rules_trust(driver, 0));
    rules_forget_commands(driver);
    sim_driver_restart(driver, 1000);
    (void)sim_driver_sent(driver, "do0", 1);
    driver->participants[0].head = 4;
    sim_driver_wait(driver, 1000);
    expect_suspended(driver);
}

static void test_store__another_one__suspends(void **state)
{
    /* Another store under the same name has forgotten what was done: it is not spoken to either. */
    struct sim_driver *driver = begin_backup(state);
    driver->participants[0].sender.store.bytes[0] = 99;
    sim_driver_reborn(driver, 0);
    sim_driver_wait(driver, 20000);
    expect_suspended(driver);
    sim_driver_sent_nothing(driver);
}

static void test_trust__in_who_is_not_suspended__is_refused(void **state)
{
    /* An operator's trust is for what is suspended, not given in advance. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    assert_false(rules_trust(driver, 0));
}

static void test_peer__of_another_name__is_refused_with_words(void **state)
{
    /* A peer of the wrong name is not listened to, and the status says who answers there. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    memcpy(driver->participants[0].sender.name, "stranger", sizeof "stranger");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    sim_driver_sent_nothing(driver);
    assert_true(orchestrator_counters(driver->node)->foreign > 0);
    const Zsaga__Channel *channel = sim_driver_channel(driver, 0);
    char detail[256];
    bytes_copy_text(packed_view(channel->detail), detail, sizeof detail);
    assert_non_null(strstr(detail, "stranger"));
}

static void test_peer__of_another_version__is_not_listened_to(void **state)
{
    /* A frame of another protocol version is counted, and none of its entries is taken. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__Answer answer = ZSAGA__ANSWER__INIT;
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    struct buffer packed = {0};
    answer.kind_case = ZSAGA__ANSWER__KIND_REPLY;
    answer.reply = &reply;
    packed_append(&packed, &answer.base);
    ProtobufCBinaryData entries[] = {packed_borrow(buffer_bytes(&packed))};
    Zsaga__Header header = rules_header(&driver->participants[0].sender);
    header.version = FRAME_VERSION + 1;
    rules_give_raw(driver, ORCHESTRATOR_PORT_FIRST_PARTICIPANT, &header, entries, 1);
    sim_driver_turn(driver);
    sim_driver_sent_nothing(driver);
    assert_int_equal(orchestrator_counters(driver->node)->malformed, 1);
    header.version = FRAME_VERSION;
    rules_give_raw(driver, ORCHESTRATOR_PORT_FIRST_PARTICIPANT, &header, entries, 1);
    sim_driver_turn(driver);
    (void)sim_driver_sent(driver, "do1", 1);
    buffer_release(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_hello__each_second__is_sent_to_whoever_answers),
        rules_test(test_hello__unanswered__makes_it_down_and_is_asked_further),
        rules_test(test_incarnation__another_in_a_header__causes_one_hello_at_once),
        rules_test(test_incarnation__the_same_in_a_header__causes_no_hello),
        rules_test(test_incarnation__in_the_answer_to_an_older_hello__changes_nothing),
        rules_test(test_head__in_a_second_answer_to_the_newest_hello__changes_nothing),
        rules_test(test_incarnation__in_an_answer_to_an_earlier_start__changes_nothing),
        rules_test(test_head__below_the_known_one__suspends_until_trusted),
        rules_test(test_records__below_the_known_ones__suspend),
        rules_test(test_incarnation__noticed__holds_commands_back),
        rules_test(test_head__that_grows_again__stays_suspended),
        rules_test(test_suspension__outlives_a_restart__until_trusted),
        rules_test(test_suspension__in_a_batch_that_is_taken_back__is_stored_later),
        rules_test(test_head__below_one_known_before_a_restart__suspends),
        rules_test(test_head__trusted__is_the_known_one_from_then_on),
        rules_test(test_store__another_one__suspends),
        rules_test(test_trust__in_who_is_not_suspended__is_refused),
        rules_test(test_peer__of_another_name__is_refused_with_words),
        rules_test(test_peer__of_another_version__is_not_listened_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
