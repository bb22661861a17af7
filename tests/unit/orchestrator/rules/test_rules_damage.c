/* A damaged journal: no start goes on from it, and the words say where the damage is. */
#include "rules_driver.h"

#define DONE_TOO                                                                                   \
    "INSERT INTO zsaga_history(saga, number, at_ms, what, step, flags)"                            \
    " SELECT saga, number + 1, at_ms, what, 1, flags FROM zsaga_history"

/* Of a saga that has its second step out, its first one done. */
static const char *const damages[] = {
    "UPDATE zsaga_history SET number = number + 1",                   /* One is missing. */
    "UPDATE zsaga_history SET step = 2",                              /* It has two. */
    "UPDATE zsaga_history SET step = 256",                            /* Not 0 for being cut. */
    "UPDATE zsaga_history SET what = 99",                             /* Nothing known. */
    "UPDATE zsaga_history SET what = (1 << 32) + what",               /* The same. */
    "UPDATE zsaga_history SET at_ms = -1",                            /* Before all time. */
    "UPDATE zsaga_history SET used_ms = -1",                          /* Less than none. */
    "UPDATE zsaga_history SET what = 8",                              /* Resumed, at no rest. */
    DONE_TOO,                                                         /* It is over. */
    "PRAGMA foreign_keys=OFF; UPDATE zsaga_saga SET definition = 77", /* Of which there is none. */
    "DELETE FROM zsaga_input",
};

/* What cannot have happened is no place to go on from: the start fails, and names the saga. */
static void test_start__from_a_damaged_history__fails_and_names_the_saga(void **state)
{
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct sim_driver *driver = rules_begin(state, rules_two);
        (void)sim_driver_reach(driver, "k1", "do1");
        rules_sql(driver, damages[i]);
        sim_driver_stop(driver);
        sim_driver_start(driver);
        if (driver->rc != ERR_CORRUPT || strstr(driver->err.text, "saga \"k1\": ") == NULL)
            fail_msg("%s: %d %s", damages[i], driver->rc, driver->err.text);
        (void)rules_end(state);
    }
}

/* Nor is it shown: damage ends the process, whoever comes upon it. */
static void test_show__of_a_damaged_history__ends_it_and_names_the_saga(void **state)
{
    struct sim_driver *driver = rules_begin(state, rules_one);
    Zsaga__Show show = ZSAGA__SHOW__INIT;
    Zsaga__ClientRequest request = ZSAGA__CLIENT_REQUEST__INIT;
    const Zsaga__ClientRequest *requests[] = {&request};
    struct sim_driver_command sent = sim_driver_reach(driver, "k1", "do0");
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    rules_sql(driver, "UPDATE zsaga_history SET step = 1");
    show.key = packed_borrow_text("k1");
    request.id = 1;
    request.kind_case = ZSAGA__CLIENT_REQUEST__KIND_SHOW;
    request.show = &show;
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, ERR_CORRUPT);
    assert_non_null(strstr(driver->err.text, "saga \"k1\": a saga's history is damaged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_start__from_a_damaged_history__fails_and_names_the_saga),
        rules_test(test_show__of_a_damaged_history__ends_it_and_names_the_saga),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
