/* Conformance: a crash before the commit leaves nothing, one after it leaves everything, and a
 * start is whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance.h"

static void test_crash__before_the_commit__leaves_nothing(void **state)
{
    /* What was delivered but not committed never happened, and can be sent again. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct driver_command command = conformance_good(self);
    (void)driver_add(self->driver, &command);
    (void)driver_deliver(self->driver);
    driver_crash(self->driver);
    conformance_unchanged(self, before);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void test_crash__after_the_commit__keeps_effect_and_answer(void **state)
{
    /* An answer that was lost with the process is given again by the next one, word for word. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    struct driver_command undo = conformance_undo(command);
    const struct driver_command *const both[] = {&command, &undo};
    for (size_t i = 0; i < 2; i++) {
        char *lost = driver_reply_text(driver_ask(self->driver, both[i]));
        struct conformance_rows before = conformance_remember(self);
        driver_crash(self->driver);
        char *again = driver_reply_text(driver_ask(self->driver, both[i]));
        assert_string_equal(lost, again);
        conformance_unchanged(self, before);
        free(lost);
        free(again);
    }
}

static void test_crash__between_many_turns__loses_no_event(void **state)
{
    /* The log goes on without gap or repetition, whenever the process ended. */
    struct conformance *self = *state;
    uint64_t head = driver_head(self->driver);
    for (unsigned int i = 0; i < 6; i++) {
        struct buffer input = {0};
        conformance_fixture.good(i, &input);
        struct driver_command command = conformance_good(self);
        command.input = buffer_bytes(&input);
        (void)driver_add(self->driver, &command);
        (void)driver_deliver(self->driver);
        if (i % 2 == 0)
            driver_crash(self->driver);
        else
            driver_commit(self->driver);
        driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
        assert_int_equal(driver_head(self->driver), head + i + 1);
        buffer_release(&input);
    }
    char *events = driver_events(self->driver); /* Checks that the numbers are contiguous. */
    free(events);
}

static void test_reload__of_a_batch__leaves_nothing_of_it(void **state)
{
    /* A batch that is taken back in a living process is as if it had never come. */
    struct conformance *self = *state;
    struct node *node = self->driver->node;
    struct err err = {0};
    struct conformance_rows before = conformance_remember(self);
    struct driver_command command = conformance_good(self);
    (void)driver_add(self->driver, &command);
    (void)driver_deliver(self->driver);
    assert_int_equal(node->ops->reload(node, self->driver->now, &err), 0);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 0);
    conformance_unchanged(self, before);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void test_start__with_an_unknown_setting__is_refused(void **state)
{
    /* A misspelt key never starts a process: it is named, with its line. */
    struct conformance *self = *state;
    struct config *config = NULL;
    struct node *node = NULL;
    struct err err = {0};
    char path[300];
    (void)snprintf(path, sizeof path, "%s/other.db", self->driver->dir);
    assert_int_equal(config_parse("suite.zpl", "no_such_setting = 1\n", &config, &err), 0);
    const struct participant_options options = {
        .db_path = path, .settings = config_root(config), .random = 1};
    assert_int_equal(participant_node_new(conformance_fixture.service, &options, &node, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl:1: no_such_setting"));
    config_free(config);
}

int conformance_crashes(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_crash__before_the_commit__leaves_nothing),
        CONFORMANCE_TEST(test_crash__after_the_commit__keeps_effect_and_answer),
        CONFORMANCE_TEST(test_crash__between_many_turns__loses_no_event),
        CONFORMANCE_TEST(test_reload__of_a_batch__leaves_nothing_of_it),
        CONFORMANCE_TEST(test_start__with_an_unknown_setting__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
