/* Definitions: a running saga keeps the one it started with; a bad one is refused. */
#include "rules_driver.h"

static const char other[] = RULES_SAGA RULES_STEP("7", "0", "") RULES_STEP("8", "1", "");

static void test_definition__changed__concerns_new_sagas_only(void **state)
{
    /* A running saga keeps the definition it started with, forward and back; a new one has the
     * new. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    (void)sim_driver_reach(driver, "old", "do1");
    sim_driver_stop(driver);
    rules_redefine(driver, other);
    sim_driver_restart(driver, 1000);
    struct sim_driver_command sent = sim_driver_sent(driver, "do1", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__REJECTED, "no");
    sent = sim_driver_sent(driver, "undo0", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    assert_int_equal(sim_driver_state(driver, "old"), ZSAGA__SAGA_STATE__COMPENSATED);
    (void)sim_driver_submit(driver, "new", ZSAGA__VERDICT__ACCEPTED);
    sent = sim_driver_sent(driver, "do7", 1);
    sim_driver_answer(driver, &sent, ZSAGA__OUTCOME__DONE, "");
    (void)sim_driver_sent(driver, "do8", 1);
}

static void test_definition__changed_back__is_stored_once(void **state)
{
    /* A version is stored by the hash of its content: the same text again is the same version. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    for (int i = 0; i < 4; i++) {
        rules_redefine(driver, i % 2 == 0 ? other : rules_two);
        sim_driver_restart(driver, 0);
    }
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_definition"), 2);
    (void)sim_driver_reach(driver, "k", "do1");
}

static void test_definition__changed__keeps_keys(void **state)
{
    /* A key stays its saga's, whatever became of the definition. */
    struct sim_driver *driver = rules_begin(state, rules_two);
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED);
    rules_redefine(driver, other);
    sim_driver_restart(driver, 0);
    (void)sim_driver_submit(driver, "k", ZSAGA__VERDICT__ACCEPTED); /* Its own nonce. */
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_saga"), 1);
}

static void expect_refused(const char *text, const char *words)
{
    struct definition *definition = NULL;
    struct err err = {0};
    assert_int_equal(definition_parse("toy.zpl", text, &definition, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "toy.zpl"));
    assert_non_null(strstr(err.text, words));
}

static void test_definition__with_a_pivot__is_refused(void **state)
{
    /* A kind that is not built yet is refused when the definition is loaded. */
    (void)state;
    expect_refused(RULES_SAGA RULES_STEP("0", "0", "        kind = pivot\n"), "pivot");
}

static void test_definition__that_breaks_the_rules__is_refused(void **state)
{
    /* Behind the point of no return nothing can be compensated; before it everything must be. */
    (void)state;
    expect_refused(RULES_SAGA RULES_RETRIABLE("0", "0", "") RULES_STEP("1", "1", ""),
                   "point of no return");
    expect_refused(RULES_SAGA RULES_STEP("0", "0", "        kind = retriable\n"),
                   "never compensated");
    expect_refused(RULES_SAGA "    step\n        name = s\n        participant = p0\n"
                              "        action = do\n",
                   "compensation");
    expect_refused(RULES_SAGA, "at least one step");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_definition__changed__concerns_new_sagas_only),
        rules_test(test_definition__changed_back__is_stored_once),
        rules_test(test_definition__changed__keeps_keys),
        rules_test(test_definition__with_a_pivot__is_refused),
        rules_test(test_definition__that_breaks_the_rules__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
