/* Conformance: each (saga, step, direction) takes effect at most once, in any order of arrival. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conformance.h"

static char *ask_text(struct participant_driver *driver, const struct driver_command *command)
{
    return driver_reply_text(driver_ask(driver, command));
}

static void assert_answered_as(struct participant_driver *driver,
                               const struct driver_command *command, const char *text)
{
    char *again = ask_text(driver, command);
    assert_string_equal(text, again);
    free(again);
}

static void test_action__done__adds_one_event(void **state)
{
    /* Each transition has one event. */
    struct conformance *self = *state;
    uint64_t head = driver_head(self->driver);
    struct driver_command command = conformance_good(self);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    assert_int_equal(driver_head(self->driver), head + 1);
    struct driver_command undo = conformance_undo(command);
    driver_expect(self->driver, &undo, ZSAGA__OUTCOME__DONE, NULL);
    assert_int_equal(driver_head(self->driver), head + 2);
}

static void test_action__of_two_sagas__is_done_for_each(void **state)
{
    /* Sagas do not share their effects. */
    struct conformance *self = *state;
    for (unsigned int i = 0; i < 2; i++) {
        struct buffer input = {0};
        conformance_fixture.good(i, &input);
        struct driver_command command = conformance_good(self);
        command.input = buffer_bytes(&input);
        char *before = driver_snapshot(self->driver);
        driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
        assert_false(conformance_same_rows(self, before));
        free(before);
        buffer_release(&input);
    }
}

static void test_compensation__of_a_done_action__takes_it_back_once(void **state)
{
    /* A compensation changes the rows once; its repetition gets the same answer and no effect. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    struct driver_command undo = conformance_undo(command);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    char *done = driver_snapshot(self->driver);
    char *first = ask_text(self->driver, &undo);
    assert_false(conformance_same_rows(self, done));
    struct conformance_rows before = conformance_remember(self);
    undo.attempt = 9;
    assert_answered_as(self->driver, &undo, first);
    conformance_unchanged(self, before);
    free(done);
    free(first);
}

/* Runs twenty sagas, done, refused and taken back, and tells the rows and events they leave. */
static void leave(struct conformance *self, bool together, struct buffer *ret)
{
    for (unsigned int i = 0; i < 20; i++) {
        struct buffer input = {0};
        conformance_fixture.good(i, &input);
        struct driver_command command = conformance_good(self);
        command.input = i % 5 == 4 ? buffer_bytes(&self->refused) : buffer_bytes(&input);
        struct driver_command undo = conformance_undo(command);
        (void)driver_add(self->driver, &command);
        if (i % 3 == 0)
            (void)driver_add(self->driver, &undo);
        (void)driver_deliver(self->driver);
        if (!together)
            driver_commit(self->driver);
        buffer_release(&input);
    }
    driver_commit(self->driver);
    char *rows = driver_snapshot(self->driver);
    char *events = driver_events(self->driver);
    buffer_append_text(ret, rows);
    buffer_append_text(ret, events);
    buffer_append(ret, "", 1);
    free(rows);
    free(events);
}

static void test_batch__of_many_sagas__equals_one_after_another(void **state)
{
    /* What a batch leaves is what its entries would have left each in its own transaction. */
    struct buffer apart = {0};
    struct buffer together = {0};
    void *other = NULL;
    conformance_setup(&other);
    leave(other, false, &apart);
    assert_int_equal(conformance_teardown(&other), 0);
    leave(*state, true, &together);
    assert_string_equal((char *)apart.data, (char *)together.data);
    buffer_release(&apart);
    buffer_release(&together);
}

int conformance_barrier(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_action__done__adds_one_event),
        CONFORMANCE_TEST(test_action__of_two_sagas__is_done_for_each),
        CONFORMANCE_TEST(test_compensation__of_a_done_action__takes_it_back_once),
        CONFORMANCE_TEST(test_batch__of_many_sagas__equals_one_after_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
