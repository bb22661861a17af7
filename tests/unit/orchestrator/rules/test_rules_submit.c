/* Submits: a key becomes one saga, and `accepted` means that it is stored. */
#include "rules_driver.h"

static const struct rules_submit first = {
    .key = "k", .nonce = "n1", .input = {(const uint8_t *)"a", 1}};

static Zsaga__Verdict verdict_of(struct sim_driver *driver, const struct rules_submit *submit,
                                 struct id *ret_id)
{
    const Zsaga__ClientAnswer *answer = rules_submit(driver, submit);
    assert_int_equal(answer->kind_case, ZSAGA__CLIENT_ANSWER__KIND_SUBMITTED);
    assert_true(id_from_bytes(packed_view(answer->submitted->saga), ret_id));
    return answer->submitted->verdict;
}

static void test_submit__same_key_and_body__is_the_same_saga(void **state)
{
    /* Same key and body, same saga: while it runs, after a restart, and once it is final. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct rules_submit again = first;
    struct id id;
    struct id other;
    again.nonce = "n2";
    assert_int_equal(verdict_of(driver, &first, &id), ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(verdict_of(driver, &again, &other), ZSAGA__VERDICT__DUPLICATE);
    assert_int_equal(id_compare(&id, &other), 0);
    sim_driver_restart(driver, 0);
    assert_int_equal(verdict_of(driver, &again, &other), ZSAGA__VERDICT__DUPLICATE);
    assert_int_equal(id_compare(&id, &other), 0);
    rules_all_done(driver);
    assert_int_equal(sim_driver_state(driver, "k"), ZSAGA__SAGA_STATE__COMPLETED);
    assert_int_equal(verdict_of(driver, &again, &other), ZSAGA__VERDICT__DUPLICATE);
    assert_int_equal(id_compare(&id, &other), 0);
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_saga"), 1);
}

static void test_submit__same_key_other_body__is_a_conflict(void **state)
{
    /* Same key and another body: `conflict`, also with the same nonce, and nothing changes. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct rules_submit other = first;
    struct id id;
    struct id held;
    other.input = bytes_text("b");
    assert_int_equal(verdict_of(driver, &first, &id), ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(verdict_of(driver, &other, &held), ZSAGA__VERDICT__CONFLICT);
    rules_all_done(driver);
    assert_int_equal(verdict_of(driver, &other, &held), ZSAGA__VERDICT__CONFLICT);
    sim_driver_restart(driver, 0);
    assert_int_equal(verdict_of(driver, &other, &held), ZSAGA__VERDICT__CONFLICT);
    assert_int_equal(id_compare(&id, &held), 0);
}

static void test_submit__same_nonce__is_accepted_again(void **state)
{
    /* The same nonce is the same submit whose answer was lost: still `accepted`, also after a
     * restart and once it is final, and it is one saga. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct id id;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verdict_of(driver, &first, &id), ZSAGA__VERDICT__ACCEPTED);
        if (i == 0)
            sim_driver_restart(driver, 0);
        else
            rules_all_done(driver);
    }
    assert_int_equal(verdict_of(driver, &first, &id), ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(rules_number(driver, "SELECT count(*) FROM zsaga_saga"), 1);
}

static void test_submit__without_a_nonce__is_a_duplicate(void **state)
{
    /* No nonce is like no other, itself included. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    const struct rules_submit submit = {.key = "k"};
    struct id id;
    assert_int_equal(verdict_of(driver, &submit, &id), ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(verdict_of(driver, &submit, &id), ZSAGA__VERDICT__DUPLICATE);
}

static void test_submit__twice_in_one_batch__is_one_saga(void **state)
{
    /* Two submits of a key that arrive together become one saga. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    Zsaga__Submit submit[2];
    Zsaga__ClientRequest request[2];
    const Zsaga__ClientRequest *requests[] = {&request[0], &request[1]};
    const char *nonces[] = {"n1", "n2"};
    for (size_t i = 0; i < 2; i++) {
        request[i] = rules_submit_request(
            driver, &(struct rules_submit){.key = "k", .nonce = nonces[i]}, &submit[i]);
        request[i].id = i + 1;
    }
    sim_driver_give_requests(driver, requests, 2);
    sim_driver_turn(driver);
    assert_int_equal(driver->answer_count, 2);
    assert_int_equal(driver->answers[0]->submitted->verdict, ZSAGA__VERDICT__ACCEPTED);
    assert_int_equal(driver->answers[1]->submitted->verdict, ZSAGA__VERDICT__DUPLICATE);
    (void)sim_driver_sent(driver, "do0", 1);
}

static void test_accepted__is_in_the_output_of_a_commit_alone(void **state)
{
    /* Acknowledged is durable: whoever dies right after `accepted` has the saga, and a submit whose
     * commit failed was answered nothing. */
    struct sim_driver *driver = rules_begin(state, rules_one);
    struct id id;
    assert_int_equal(verdict_of(driver, &first, &id), ZSAGA__VERDICT__ACCEPTED);
    rules_forget_commands(driver);
    sim_driver_restart(driver, 0);
    struct sim_driver_command sent = sim_driver_sent(driver, "do0", 1);
    assert_true(bytes_equal(packed_view(sent.command->saga), id_view(&id)));
    Zsaga__Submit submit;
    Zsaga__ClientRequest request =
        rules_submit_request(driver, &(struct rules_submit){.key = "l"}, &submit);
    const Zsaga__ClientRequest *requests[] = {&request};
    request.id = 1;
    driver->answer_count = 0;
    sim_disk_fail(driver->path, SIM_DISK_BROKEN, 1);
    sim_driver_give_requests(driver, requests, 1);
    sim_driver_turn(driver);
    assert_int_equal(driver->rc, ERR_IO);
    assert_int_equal(driver->answer_count, 0);
    sim_driver_restart(driver, 0);
    assert_int_equal(sim_driver_state(driver, "l"), ZSAGA__SAGA_STATE__STATE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rules_test(test_submit__same_key_and_body__is_the_same_saga),
        rules_test(test_submit__same_key_other_body__is_a_conflict),
        rules_test(test_submit__same_nonce__is_accepted_again),
        rules_test(test_submit__without_a_nonce__is_a_duplicate),
        rules_test(test_submit__twice_in_one_batch__is_one_saga),
        rules_test(test_accepted__is_in_the_output_of_a_commit_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
