/* Fencing: each start goes above all before it, and one that was overtaken stops. */
#include "rules_driver.h"

#define OLD_COPY "SELECT old_copy FROM zsaga_self"

/* What p0 says when it refused the pair of this start. */
static Zsaga__StaleEpoch refusal_of(const struct frame_header *header, uint64_t held_epoch)
{
    Zsaga__StaleEpoch stale = ZSAGA__STALE_EPOCH__INIT;
    stale.refused_epoch = header->driver.epoch;
    stale.refused_nonce = header->driver.nonce;
    stale.held_epoch = held_epoch;
    stale.held_nonce = 4711;
    return stale;
}

static void test_start__each__commits_a_higher_epoch_and_draws_a_nonce(void **state)
{
    /* Each start commits a higher epoch and draws a nonce; all its frames carry both. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command before = sim_driver_reach(driver, "k", "do0");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rules_number(driver, "SELECT epoch FROM zsaga_self"),
                         before.header.driver.epoch);
        sim_driver_restart(driver, 0);
        struct sim_driver_command after = sim_driver_sent(driver, "do0", 1);
        assert_int_equal(after.header.driver.epoch, before.header.driver.epoch + 1);
        assert_int_not_equal(after.header.driver.nonce, before.header.driver.nonce);
        assert_int_not_equal(after.header.incarnation, before.header.incarnation);
        before = after;
    }
}

static void test_start__that_dies_at_once__has_used_its_epoch_up(void **state)
{
    /* The epoch is committed before anything is said: a start that said nothing used one as well.
     */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command before = sim_driver_reach(driver, "k", "do0");
    sim_driver_stop(driver);
    sim_driver_start(driver);
    sim_driver_stop(driver);
    sim_driver_restart(driver, 0);
    assert_int_equal(sim_driver_sent(driver, "do0", 1).header.driver.epoch,
                     before.header.driver.epoch + 2);
}

static void test_stale_epoch__of_this_start__stops_it_and_the_next_goes_above(void **state)
{
    /* Told that its own pair is overtaken, it stores the pair held, ends as fenced with nothing
     * sent, and its next start goes above. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__StaleEpoch stale = refusal_of(&sent.header, 40);
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    rules_give_reply(driver, 0, &reply);
    rules_give_stale_epoch(driver, 0, &stale);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, ERR_FENCED);
    sim_driver_sent_nothing(driver);
    sim_driver_restart(driver, 0);
    struct sim_driver_command again = rules_command(driver, 0, "do1");
    assert_int_equal(again.header.driver.epoch, 41);
}

static void test_stale_epoch__of_the_same_epoch__stops_it_too(void **state)
{
    /* The same epoch with another nonce is two starts of one number: the one refused ends. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__StaleEpoch stale = refusal_of(&sent.header, sent.header.driver.epoch);
    rules_give_stale_epoch(driver, 0, &stale);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, ERR_FENCED);
    sim_driver_restart(driver, 0);
    assert_int_equal(sim_driver_sent(driver, "do0", 1).header.driver.epoch,
                     sent.header.driver.epoch + 1);
}

static void test_stale_epoch__of_its_own_past__is_ignored(void **state)
{
    /* Whoever's own pair was not refused ignores it: a late frame of its own past was. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command before = sim_driver_reach(driver, "k", "do0");
    struct frame_header past = before.header;
    sim_driver_restart(driver, 0);
    struct sim_driver_command sent = sim_driver_sent(driver, "do0", 1);
    Zsaga__StaleEpoch stale = refusal_of(&past, sent.header.driver.epoch);
    rules_give_stale_epoch(driver, 0, &stale);
    stale = refusal_of(&sent.header, 40);
    stale.refused_nonce++;
    rules_give_stale_epoch(driver, 0, &stale);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, 0);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do1", 1);
    sim_driver_restart(driver, 0);
    assert_int_equal(sim_driver_sent(driver, "do1", 1).header.driver.epoch,
                     sent.header.driver.epoch + 1);
}

static void test_stale_epoch__that_could_not_be_stored__is_heard_again(void **state)
{
    /* It ends as fenced only once the pair held is stored: else its next start would go below. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    Zsaga__StaleEpoch stale = refusal_of(&sent.header, 40);
    rules_give_stale_epoch(driver, 0, &stale);
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, 0);
    sim_driver_wait(driver, 1100);
    if (driver->node != NULL) {
        rules_give_stale_epoch(driver, 0, &stale);
        sim_driver_turn(driver);
    }
    assert_int_equal(driver->rc, ERR_FENCED);
    sim_driver_restart(driver, 0);
    assert_int_equal(rules_command(driver, driver->command_count - 1, "do0").header.driver.epoch,
                     41);
}

/* A saga was given an id that this database does not know: refused for its saga id. */
static Zsaga__StaleEpoch refuse_old_copy(struct sim_driver *driver,
                                         const struct sim_driver_command *sent, struct id *last)
{
    *last = (struct id){{0xff, 0x11}};
    Zsaga__StaleEpoch stale = refusal_of(&sent->header, sent->header.driver.epoch + 10);
    stale.for_saga_id = true;
    stale.held_last_saga = packed_borrow(id_view(last));
    rules_give_stale_epoch(driver, 0, &stale);
    sim_driver_turn(driver);
    return stale;
}

static void test_stale_epoch__for_its_saga_id__needs_adopt(void **state)
{
    /* Refused for its saga id, an old copy starts no more, until it is adopted. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    struct id last;
    (void)refuse_old_copy(driver, &sent, &last);
    assert_int_equal(driver->rc, ERR_FENCED);
    for (int i = 0; i < 3; i++) {
        sim_driver_start(driver);
        assert_int_equal(driver->rc, ERR_FENCED);
        assert_non_null(strstr(driver->err.text, "--adopt"));
    }
    driver->options.adopt = true;
    sim_driver_restart(driver, 0);
    (void)sim_driver_sent(driver, "do0", 1);
    assert_int_equal(rules_number(driver, OLD_COPY), 0);
}

static void test_adopt__of_an_old_copy__goes_above_the_last_saga_held(void **state)
{
    /* An adopted start that is refused for its saga id goes above the last saga that is held: the
     * next one says so, and gives no id below. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "k", "do0");
    struct id last;
    sim_driver_stop(driver);
    driver->options.adopt = true;
    driver->participants[0].silent = true;
    driver->participants[1].silent = true;
    sim_driver_restart(driver, 0);
    sent.header.driver.epoch++;
    sent.header.driver.nonce = driver->options.random ^ 0x5851f42d4c957f2dU;
    (void)refuse_old_copy(driver, &sent, &last);
    assert_true(driver->rc == ERR_SYSTEM || driver->rc == ERR_FENCED); /* And is started again. */
    driver->participants[0].silent = false;
    driver->participants[1].silent = false;
    rules_forget_commands(driver);
    sim_driver_restart(driver, 0);
    sent = sim_driver_sent(driver, "do0", 1);
    assert_true(id_compare(&sent.header.driver.last_saga, &last) >= 0);
    assert_true(sent.header.driver.epoch > 11);
    struct id next = sim_driver_submit(driver, "new", ZSAGA__VERDICT__ACCEPTED);
    assert_true(id_compare(&next, &last) > 0);
    driver->options.adopt = false;
    sim_driver_restart(driver, 0);
    assert_int_equal(driver->rc, 0);
}

static void test_header__of_what_a_batch_sends__knows_its_sagas(void **state)
{
    /* A frame says the last saga stored when it was made, that of its own batch included. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct id id = sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    struct sim_driver_command sent = sim_driver_sent(driver, "do0", 1);
    assert_int_equal(id_compare(&sent.header.driver.last_saga, &id), 0);
}

static void test_start__with_another_suites_id__is_refused(void **state)
{
    /* Participants fence by the suite's id: under another one a database's sagas would be driven a
     * second time beside themselves. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    const char *own = driver->options.id;
    sim_driver_stop(driver);
    driver->options.id = "another";
    sim_driver_start(driver);
    assert_int_equal(driver->rc, ERR_INVALID);
    assert_non_null(strstr(driver->err.text, own));
    driver->options.id = own;
    sim_driver_start(driver);
    assert_int_equal(driver->rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_start__each__commits_a_higher_epoch_and_draws_a_nonce),
        rules_test(test_start__that_dies_at_once__has_used_its_epoch_up),
        rules_test(test_stale_epoch__of_this_start__stops_it_and_the_next_goes_above),
        rules_test(test_stale_epoch__of_the_same_epoch__stops_it_too),
        rules_test(test_stale_epoch__of_its_own_past__is_ignored),
        rules_test(test_stale_epoch__that_could_not_be_stored__is_heard_again),
        rules_test(test_stale_epoch__for_its_saga_id__needs_adopt),
        rules_test(test_start__with_another_suites_id__is_refused),
        rules_test(test_adopt__of_an_old_copy__goes_above_the_last_saga_held),
        rules_test(test_header__of_what_a_batch_sends__knows_its_sagas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
