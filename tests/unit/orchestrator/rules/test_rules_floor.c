/* The floor: what participants may forget, and what they must not. */
#include "rules_driver.h"

#define FLOOR_MS 6000 /* By then a newer floor is told. */
#define OPEN_MAX 2000

static const struct suite_limits many = {.active_sagas_max = 5000,
                                         .active_bytes_max = 1 << 24,
                                         .window_max = 64,
                                         .window_bytes_max = 1 << 24};

/* The floor in the newest hello to p0; NULL when it had none. */
static const Zsaga__Floor *told(struct sim_driver *driver)
{
    sim_driver_clear(driver);
    sim_driver_wait(driver, FLOOR_MS);
    assert_non_null(driver->participants[0].last_hello);
    return driver->participants[0].last_hello->floor;
}

static struct id id_at(const Zsaga__Floor *floor, size_t nth)
{
    struct id id;
    assert_true((nth + 1) * ID_SIZE <= floor->open.len);
    memcpy(id.bytes, floor->open.data + nth * ID_SIZE, ID_SIZE);
    return id;
}

static struct id floor_id(const Zsaga__Floor *floor)
{
    struct id id;
    assert_true(id_from_bytes(packed_view(floor->id), &id));
    return id;
}

static void test_floor__before_the_first_saga__is_none(void **state)
{
    /* Where no saga is stored there is nothing to forget. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    assert_null(told(driver));
}

static void test_floor__with_all_final__is_the_last_saga_stored(void **state)
{
    /* The floor is never above the last saga id stored: an id still to be given is not below it. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    rules_submit_many(driver, 0, 5);
    rules_all_done(driver);
    struct id last = sim_driver_submit(driver, "last", ZSAGA__VERDICT__ACCEPTED);
    rules_all_done(driver);
    const Zsaga__Floor *floor = told(driver);
    struct id id = floor_id(floor);
    assert_int_equal(id_compare(&id, &last), 0);
    assert_int_equal(floor->open.len, 0);
    struct id next = sim_driver_submit(driver, "next", ZSAGA__VERDICT__ACCEPTED);
    assert_true(id_compare(&next, &id) > 0);
}

static void test_floor__over_open_sagas__lists_them(void **state)
{
    /* What is below the floor and not final is listed, ascending; what is final is not. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct id open[3];
    for (size_t i = 0; i < 3; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%zu", i);
        open[i] = sim_driver_submit(driver, key, ZSAGA__VERDICT__ACCEPTED);
        struct sim_driver_command sent = rules_command(driver, 0, "do0");
        rules_forget_commands(driver);
        sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
        rules_forget_commands(driver);
    }
    const Zsaga__Floor *floor = told(driver);
    struct id id = floor_id(floor);
    assert_int_equal(id_compare(&id, &open[2]), 0);
    assert_int_equal(floor->open.len, 2 * ID_SIZE);
    for (size_t i = 0; i < 2; i++) {
        struct id listed = id_at(floor, i);
        assert_int_equal(id_compare(&listed, &open[i]), 0);
    }
}

static void test_floor__over_attention__lists_it(void **state)
{
    /* A saga in `attention` is not final: its rows are kept for whoever mends it. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    struct sim_driver_command sent = sim_driver_reach(driver, "a", "do0");
    struct id id;
    assert_true(id_from_bytes(packed_view(sent.command->saga), &id));
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__BLOCKED, "blocked");
    (void)sim_driver_submit(driver, "b", ZSAGA__VERDICT__ACCEPTED);
    rules_all_done(driver);
    const Zsaga__Floor *floor = told(driver);
    assert_int_equal(floor->open.len, ID_SIZE);
    struct id listed = id_at(floor, 0);
    assert_int_equal(id_compare(&listed, &id), 0);
}

static void test_floor__over_too_many_open__stays_lower(void **state)
{
    /* With more than 2,000 sagas open the id stays lower, so that all below it fit the list. */
    struct sim_driver *driver = rules_begin_with(state, rules_one, &many);
    driver->participants[0].silent = true;
    sim_driver_wait(driver, 4000); /* Down: nothing ends. */
    rules_submit_many(driver, 0, OPEN_MAX + 100);
    const Zsaga__Floor *floor = told(driver);
    assert_int_equal(floor->open.len, OPEN_MAX * ID_SIZE);
    struct id id = floor_id(floor);
    struct id before = id_at(floor, 0);
    for (size_t i = 1; i < OPEN_MAX; i++) {
        struct id listed = id_at(floor, i);
        assert_true(id_compare(&before, &listed) < 0);
        before = listed;
    }
    assert_true(id_compare(&before, &id) < 0);
    char text[ID_TEXT_SIZE];
    char sql[200];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM zsaga_saga WHERE id < x'%s'",
                   id_text(&id, text));
    assert_int_equal(rules_number(driver, sql), OPEN_MAX);
}

static void test_floor__until_it_is_held__is_in_each_hello(void **state)
{
    /* Hellos carry the floor until the participant says that it holds it. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    (void)sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    rules_all_done(driver);
    for (int i = 0; i < 3; i++)
        assert_non_null(told(driver));
    const Zsaga__Floor *floor = told(driver);
    driver->participants[0].floor_epoch = 1;
    driver->participants[0].floor_version = floor->version;
    assert_null(told(driver));
    driver->participants[0].floor_version = 0; /* Restored from a backup: it is told again. */
    assert_non_null(told(driver));
}

static void test_floor__version__grows_with_each_change(void **state)
{
    /* Each other floor has a higher version, and one that did not change keeps it. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    uint64_t version = 0;
    for (int i = 0; i < 4; i++) {
        rules_submit_many(driver, i, 1);
        rules_all_done(driver);
        const Zsaga__Floor *floor = told(driver);
        assert_true(floor->version > version);
        version = floor->version;
        assert_int_equal(told(driver)->version, version);
    }
}

static void test_floor__held_from_an_earlier_start__is_told_anew(void **state)
{
    /* Versions count within an epoch: what is held from an earlier start is not this one's. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    (void)sim_driver_submit(driver, "a", ZSAGA__VERDICT__ACCEPTED);
    rules_all_done(driver);
    driver->participants[0].floor_epoch = 1;
    driver->participants[0].floor_version = 1000;
    assert_null(told(driver));
    sim_driver_restart(driver, 0);
    assert_non_null(told(driver));
}

static void test_floor__with_an_end_taken_back__lists_it(void **state)
{
    /* A saga that ended in a batch that died is not final, and the floor does not say so. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct sim_driver_command sent = sim_driver_reach(driver, "a", "do0");
    struct id a;
    assert_true(id_from_bytes(packed_view(sent.command->saga), &a));
    (void)sim_driver_submit(driver, "b", ZSAGA__VERDICT__ACCEPTED);
    sim_driver_wait(driver, 20000); /* The floor is old. */
    Zsaga__Reply reply = sim_driver_reply(&sent, ZSAGA__OUTCOME__DONE, "");
    sim_disk_fail(driver->path, SIM_DISK_FULL_ONCE, 1);
    sim_driver_say(driver, 0, &reply);
    assert_true(driver->turn.broken);
    const Zsaga__Floor *floor = told(driver);
    assert_int_equal(floor->open.len, ID_SIZE);
    struct id listed = id_at(floor, 0);
    assert_int_equal(id_compare(&listed, &a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_floor__before_the_first_saga__is_none),
        rules_test(test_floor__with_all_final__is_the_last_saga_stored),
        rules_test(test_floor__over_open_sagas__lists_them),
        rules_test(test_floor__over_attention__lists_it),
        rules_test(test_floor__over_too_many_open__stays_lower),
        rules_test(test_floor__until_it_is_held__is_in_each_hello),
        rules_test(test_floor__version__grows_with_each_change),
        rules_test(test_floor__held_from_an_earlier_start__is_told_anew),
        rules_test(test_floor__with_an_end_taken_back__lists_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
