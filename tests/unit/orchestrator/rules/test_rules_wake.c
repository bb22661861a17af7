/* Wake-ups: whatever happens in whatever order, no saga is ever left without one. */
#include "base/rng.h"
#include "rules_driver.h"

static const char varied[] = RULES_SAGA RULES_STEP("0", "0",
                                                   "        patience = 20s\n        retry\n"
                                                   "            attempts = 3\n")
    RULES_STEP("1", "1", "        patience = 5s\n        undo\n            patience = 1m\n")
        RULES_STEP("2", "0", "") RULES_RETRIABLE("3", "2", "");

#define KEYS 60
#define EVENTS 3000

struct walk {
    struct sim_driver *driver;
    struct rng rng;
    int submitted;
};

static bool chance(struct walk *walk, uint64_t percent)
{
    return rng_below(&walk->rng, 100) < percent;
}

/* Mostly the truth, now and then an answer to something else. */
static void answer_something(struct walk *walk)
{
    struct sim_driver *driver = walk->driver;
    if (driver->command_count == 0)
        return;
    size_t nth = (size_t)rng_below(&walk->rng, driver->command_count);
    struct sim_driver_command *sent = &driver->commands[nth];
    Zsaga__Outcome outcome =
        chance(walk, 60) ? ZSAGA__OUTCOME__DONE : (Zsaga__Outcome)rng_below(&walk->rng, 9);
    Zsaga__Reply reply = sim_driver_reply(sent, outcome, "any");
    if (chance(walk, 5))
        reply.attempt++;
    if (chance(walk, 5))
        reply.epoch--;
    rules_give_reply(driver, sent->participant, &reply);
}

static void disturb(struct walk *walk)
{
    struct sim_driver *driver = walk->driver;
    size_t participant = (size_t)rng_below(&walk->rng, 3);
    switch (rng_below(&walk->rng, 6)) {
    case 0:
        sim_driver_reborn(driver, participant);
        return;
    case 1:
        driver->participants[participant].silent = !driver->participants[participant].silent;
        return;
    case 2:
        sim_driver_sleep(driver, (int64_t)rng_below(&walk->rng, 5000));
        return;
    case 3:
        sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
        return;
    case 4:
        sim_disk_fail(driver->path, SIM_DISK_WELL, 0); /* A start on a full disk is none. */
        sim_driver_restart(driver, (int64_t)rng_below(&walk->rng, 5000));
        return;
    default:
        driver->now.wall_ms += (int64_t)rng_below(&walk->rng, 2000000) - 1000000;
        return;
    }
}

static void submit_one(struct walk *walk)
{
    struct sim_driver *driver = walk->driver;
    if (walk->submitted == KEYS)
        return;
    char key[32];
    (void)snprintf(key, sizeof key, "k%d", walk->submitted);
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = key, .nonce = key}, &submit);
    const Zsaga__ClientRequest *requests[] = {&request};
    request.id = 1;
    size_t before = driver->answer_count;
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    for (size_t i = before; i < driver->answer_count; i++) {
        const Zsaga__Submitted *submitted = driver->answers[i]->submitted;
        walk->submitted += submitted->verdict == ZSAGA__VERDICT__ACCEPTED;
    }
}

/* The turn itself checks that nothing is stalled. */
static void walk_on(struct walk *walk)
{
    struct sim_driver *driver = walk->driver;
    if (chance(walk, 70))
        answer_something(walk);
    if (chance(walk, 10))
        submit_one(walk);
    if (chance(walk, 10))
        disturb(walk);
    if (chance(walk, 20))
        sim_driver_wait(driver, (int64_t)rng_below(&walk->rng, 3000));
    else
        sim_driver_turn(driver);
    assert_non_null(driver->node);
    if (driver->command_count > 200)
        sim_driver_clear(driver);
}

/* Everybody is there again, says `done` to all, and an operator speaks wherever he is needed. */
static void settle(struct walk *walk)
{
    struct sim_driver *driver = walk->driver;
    sim_disk_fail(driver->path, SIM_DISK_WELL, 0);
    for (size_t i = 0; i < 3; i++)
        driver->participants[i].silent = false;
    sim_driver_wait(driver, 10000);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < walk->submitted; i++) {
            char key[32];
            (void)snprintf(key, sizeof key, "k%d", i);
            if (sim_driver_state(driver, key) == ZSAGA__SAGA_STATE__ATTENTION)
                sim_driver_resume(driver, key);
        }
        rules_all_done(driver);
        (void)rules_wait_for_command(driver, 40000);
        rules_all_done(driver);
        driver->answer_count = 0;
    }
}

static void test_walk__of_any_events__leaves_nothing_stalled(void **state)
{
    /* Every non-final saga has a next wake-up after every event; and once all is well all of them
     * end. */
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct walk walk = {.driver = rules_begin(state, varied)};
        rng_seed(&walk.rng, seed);
        for (int i = 0; i < EVENTS; i++)
            walk_on(&walk);
        settle(&walk);
        assert_int_equal(walk.submitted, KEYS);
        assert_int_equal(rules_number(walk.driver, "SELECT count(*) FROM zsaga_saga"), KEYS);
        assert_int_equal(
            rules_number(walk.driver, "SELECT count(*) FROM zsaga_saga WHERE state = 0"), 0);
        (void)rules_end(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_walk__of_any_events__leaves_nothing_stalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
