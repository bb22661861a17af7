/* What the engine makes of every outcome a handler can have, the bad ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "participant_driver.h"
#include "scribbler.h"

static int set_up(void **state)
{
    *state = driver_new(&scribbler_service, NULL);
    return 0;
}

static int tear_down(void **state)
{
    char *fault = driver_audit(*state);
    int failed = fault != NULL;
    free(fault);
    driver_free(*state);
    return failed;
}

static struct driver_command act(struct participant_driver *driver, const char *script)
{
    return (struct driver_command){.saga = driver_new_saga(driver), .input = bytes_text(script)};
}

static struct driver_command undo(struct driver_command command)
{
    command.compensation = true;
    return command;
}

static void assert_notes(struct participant_driver *driver, int count)
{
    char *rows = driver_export(driver, "notes");
    int lines = 0;
    for (const char *at = rows; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, count);
    free(rows);
}

static void test_done__with_an_output__repeats_it(void **state)
{
    /* What an action hands to later steps belongs to its recorded answer. */
    struct participant_driver *driver = *state;
    struct driver_command command = act(driver, "write output done");
    for (int i = 0; i < 3; i++) {
        const Zsaga__Reply *reply = driver_ask(driver, &command);
        assert_int_equal(reply->outcome, ZSAGA__OUTCOME__DONE);
        assert_true(bytes_equal(packed_view(reply->output), bytes_text("so far")));
        driver_crash(driver);
    }
    assert_notes(driver, 1);
}

static void test_retry__is_recorded_nowhere(void **state)
{
    /* "Not now" takes back what was written, and the next attempt is judged anew. */
    struct participant_driver *driver = *state;
    struct driver_command command = act(driver, "write event retry");
    const Zsaga__Reply *reply = driver_ask(driver, &command);
    assert_int_equal(reply->outcome, ZSAGA__OUTCOME__RETRY);
    assert_int_equal(reply->retry_after_ms, 1234);
    assert_notes(driver, 0);
    assert_int_equal(driver_head(driver), 0);
    command.input = bytes_text("write event done");
    driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    assert_int_equal(driver_head(driver), 1);
}

static void test_error__of_a_handler__is_answered_retry(void **state)
{
    /* A handler that could not say has said nothing: it may be asked again. */
    static const char *const scripts[] = {"write event fail", "write event too-much done",
                                          "write event large-event done",
                                          "write event nameless-event pending"};
    struct participant_driver *driver = *state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct driver_command command = act(driver, scripts[i]);
        driver_expect(driver, &command, ZSAGA__OUTCOME__RETRY, "error");
        command.input = bytes_text("done");
        driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    }
    assert_notes(driver, 0);
    assert_int_equal(driver_head(driver), 0);
}

static void test_error__beside_good_entries__harms_none(void **state)
{
    /* Each entry of a batch has its own savepoint. */
    static const char *const scripts[] = {"write event done", "write event fail",
                                          "write event refuse", "write event retry",
                                          "write event done"};
    static const Zsaga__Outcome outcomes[] = {ZSAGA__OUTCOME__DONE, ZSAGA__OUTCOME__RETRY,
                                              ZSAGA__OUTCOME__REJECTED, ZSAGA__OUTCOME__RETRY,
                                              ZSAGA__OUTCOME__DONE};
    struct participant_driver *driver = *state;
    for (size_t i = 0; i < 5; i++) {
        struct driver_command command = act(driver, scripts[i]);
        (void)driver_add(driver, &command);
    }
    (void)driver_deliver(driver);
    driver_commit(driver);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(driver->answers[i]->reply->outcome, outcomes[i]);
    assert_notes(driver, 2);
    assert_int_equal(driver_head(driver), 3);
}

/* Events told live in the last turn; their numbers follow one another. */
static uint64_t live_events(const struct participant_driver *driver, size_t *ret_rows)
{
    uint64_t next = 1;
    *ret_rows = 0;
    for (size_t i = 0; i < driver->publication_count; i++) {
        const Zsaga__Publication *told = driver->publications[i];
        if (told->kind_case != ZSAGA__PUBLICATION__KIND_ROW)
            continue;
        assert_int_equal(told->row->first, next);
        next += told->row->count;
        (*ret_rows)++;
    }
    return next - 1;
}

static void test_break__of_the_transaction__hits_only_the_guilty_one(void **state)
{
    /* SQL can end the batch's transaction; then each entry is run in its own. */
    static const char *const scripts[] = {"write event done", "write break done",
                                          "write event refuse", "write event done"};
    static const Zsaga__Outcome outcomes[] = {ZSAGA__OUTCOME__DONE, ZSAGA__OUTCOME__RETRY,
                                              ZSAGA__OUTCOME__REJECTED, ZSAGA__OUTCOME__DONE};
    struct participant_driver *driver = *state;
    for (size_t i = 0; i < 4; i++) {
        struct driver_command command = act(driver, scripts[i]);
        (void)driver_add(driver, &command);
    }
    (void)driver_deliver(driver);
    driver_commit(driver);
    assert_int_equal(driver->answer_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(driver->answers[i]->reply->outcome, outcomes[i]);
    /* Each of those commits is told, and what was taken back is not. */
    size_t rows = 0;
    assert_int_equal(live_events(driver, &rows), 3);
    assert_int_equal(rows, 3);
    assert_notes(driver, 2);
    assert_int_equal(driver_head(driver), 3);
    assert_true(participant_node_counters(driver->node)->singly >= 4);
}

static void test_pending__asked_again__goes_on(void **state)
{
    /* An accepted action is asked until it knows, also after a crash; then its answer stays. */
    struct participant_driver *driver = *state;
    struct driver_command command = act(driver, "write event pending write event done");
    driver_expect(driver, &command, ZSAGA__OUTCOME__PENDING, NULL);
    assert_int_equal(driver_head(driver), 1);
    driver_crash(driver);
    driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    assert_int_equal(driver_head(driver), 2);
}

static void test_pending__then_refused__is_refused_for_good(void **state)
{
    /* What was accepted can still turn out a "no". */
    struct participant_driver *driver = *state;
    struct driver_command command = act(driver, "pending write refuse");
    driver_expect(driver, &command, ZSAGA__OUTCOME__PENDING, NULL);
    driver_expect(driver, &command, ZSAGA__OUTCOME__REJECTED, "refused");
    driver_expect(driver, &command, ZSAGA__OUTCOME__REJECTED, "refused");
    assert_notes(driver, 0);
}

static void raise_floor(struct participant_driver *driver, const struct id *id)
{
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    floor.version = 1;
    floor.id = packed_borrow(id_view(id));
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    hello.floor = &floor;
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    (void)driver_add_request(driver, &request);
    (void)driver_deliver(driver);
    driver_commit(driver);
}

static void test_pending__of_a_saga_below_the_floor__is_expired(void **state)
{
    /* A saga that has ended with an action pending here: this is a restored backup, and nobody
     * would undo what the action came to. Nothing changes. */
    struct participant_driver *driver = *state;
    struct driver_command command = act(driver, "pending write done / write");
    struct driver_command back = undo(command);
    driver_expect(driver, &command, ZSAGA__OUTCOME__PENDING, NULL);
    struct id above = driver_new_saga(driver);
    raise_floor(driver, &above);
    driver_expect(driver, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
    driver_crash(driver);
    driver_expect(driver, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
    driver_expect(driver, &back, ZSAGA__OUTCOME__EXPIRED, NULL);
    assert_notes(driver, 0);
}

static void test_retriable__that_refuses__is_answered_retry(void **state)
{
    /* Behind the point of no return nothing is refused: it is recorded nowhere and asked again,
     * also where it was pending before. */
    static const char *const scripts[] = {"write event refuse", "pending refuse"};
    struct participant_driver *driver = *state;
    for (int i = 0; i < 2; i++) {
        struct driver_command command = act(driver, scripts[i]);
        command.retriable = true;
        if (i == 1)
            driver_expect(driver, &command, ZSAGA__OUTCOME__PENDING, NULL);
        uint64_t head = driver_head(driver);
        driver_expect(driver, &command, ZSAGA__OUTCOME__RETRY, NULL);
        driver_expect(driver, &command, ZSAGA__OUTCOME__RETRY, NULL);
        assert_int_equal(driver_head(driver), head);
        assert_notes(driver, i);
        command.input = bytes_text(i == 1 ? "pending write done" : "write done");
        driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
        driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
        assert_notes(driver, i + 1);
    }
}

static void test_compensation__of_a_pending_action__waits_for_its_effect(void **state)
{
    /* Nothing is undone before it is known what there is to undo. */
    struct participant_driver *driver = *state;
    struct driver_command slow = act(driver, "pending pending done / write");
    struct driver_command undo_slow = undo(slow);
    driver_expect(driver, &slow, ZSAGA__OUTCOME__PENDING, NULL);
    driver_expect(driver, &undo_slow, ZSAGA__OUTCOME__PENDING, NULL);
    assert_notes(driver, 0);
    undo_slow.input = slow.input = bytes_text("pending done / write");
    driver_expect(driver, &undo_slow, ZSAGA__OUTCOME__DONE, NULL);
    assert_notes(driver, 1);
    driver_expect(driver, &slow, ZSAGA__OUTCOME__BLOCKED, NULL);
}

static void test_compensation__of_a_pending_action_that_refuses__changes_nothing(void **state)
{
    /* An action that comes to nothing needs no compensation. */
    struct participant_driver *driver = *state;
    struct driver_command command = act(driver, "pending refuse / write");
    struct driver_command back = undo(command);
    driver_expect(driver, &command, ZSAGA__OUTCOME__PENDING, NULL);
    driver_expect(driver, &back, ZSAGA__OUTCOME__DONE, NULL);
    driver_expect(driver, &back, ZSAGA__OUTCOME__DONE, NULL);
    assert_notes(driver, 0);
    driver_expect(driver, &command, ZSAGA__OUTCOME__BLOCKED, NULL);
}

static void test_compensation__that_does_not_succeed__is_answered_retry(void **state)
{
    /* A compensation cannot refuse, fail or be pending: it is recorded nowhere and asked again. */
    static const char *const ends[] = {"refuse", "fail", "pending"};
    struct participant_driver *driver = *state;
    for (size_t i = 0; i < 3; i++) {
        char script[64];
        (void)snprintf(script, sizeof script, "event done / write event %s", ends[i]);
        uint64_t head = driver_head(driver);
        struct driver_command command = act(driver, script);
        struct driver_command back = undo(command);
        driver_expect(driver, &command, ZSAGA__OUTCOME__DONE, NULL);
        driver_expect(driver, &back, ZSAGA__OUTCOME__RETRY, NULL);
        driver_expect(driver, &back, ZSAGA__OUTCOME__RETRY, NULL);
        assert_int_equal(driver_head(driver), head + 1);
        back.input = bytes_text("/ event");
        driver_expect(driver, &back, ZSAGA__OUTCOME__DONE, NULL);
        assert_int_equal(driver_head(driver), head + 2);
    }
    assert_notes(driver, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_done__with_an_output__repeats_it),
        TEST(test_retry__is_recorded_nowhere),
        TEST(test_error__of_a_handler__is_answered_retry),
        TEST(test_error__beside_good_entries__harms_none),
        TEST(test_break__of_the_transaction__hits_only_the_guilty_one),
        TEST(test_pending__asked_again__goes_on),
        TEST(test_pending__then_refused__is_refused_for_good),
        TEST(test_pending__of_a_saga_below_the_floor__is_expired),
        TEST(test_retriable__that_refuses__is_answered_retry),
        TEST(test_compensation__of_a_pending_action__waits_for_its_effect),
        TEST(test_compensation__of_a_pending_action_that_refuses__changes_nothing),
        TEST(test_compensation__that_does_not_succeed__is_answered_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
