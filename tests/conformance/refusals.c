/* Conformance: a refusal is as durable as a success, and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "conformance.h"

static void test_refusal__has_code_words_and_one_event(void **state)
{
    /* A refusal says why, to programs and to people, and is told as one event. */
    struct conformance *self = *state;
    uint64_t head = driver_head(self->driver);
    struct driver_command command = conformance_refused(self);
    const Zsaga__Reply *reply = driver_ask(self->driver, &command);
    assert_int_equal(reply->outcome, ZSAGA__OUTCOME__REJECTED);
    assert_int_equal(reply->code.len, strlen(conformance_fixture.refused_code));
    assert_memory_equal(reply->code.data, conformance_fixture.refused_code, reply->code.len);
    assert_int_not_equal(reply->message.len, 0);
    assert_int_equal(reply->output.len, 0);
    assert_int_equal(driver_head(self->driver), head + 1);
}

static void test_refusal__changes_no_row(void **state)
{
    /* What a refusing action may have written is taken back. */
    struct conformance *self = *state;
    char *before = driver_snapshot(self->driver);
    struct driver_command command = conformance_refused(self);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__REJECTED,
                  conformance_fixture.refused_code);
    assert_true(conformance_same_rows(self, before));
    free(before);
}

static void test_action__with_a_senseless_input__is_refused_as_malformed(void **state)
{
    /* Any client may have written the input: what is none is a durable "no". */
    static const char *const senseless[] = {"", "\xff\xff\xff\xff", "hello", "\x0a\x00"};
    struct conformance *self = *state;
    char *before = driver_snapshot(self->driver);
    for (size_t i = 0; i < sizeof senseless / sizeof senseless[0]; i++) {
        struct driver_command command = conformance_good(self);
        command.input = bytes_text(senseless[i]);
        driver_expect(self->driver, &command, ZSAGA__OUTCOME__REJECTED, "malformed");
    }
    assert_true(conformance_same_rows(self, before));
    free(before);
}

/* Overwrites, cuts or doubles a part of an input. */
static void damage(struct buffer *input, struct rng *rng)
{
    size_t at = rng_below(rng, input->len);
    switch (rng_below(rng, 3)) {
    case 0:
        input->data[at] = (uint8_t)rng_next(rng);
        break;
    case 1:
        input->len = at;
        break;
    default: {
        size_t len = input->len - at;
        uint8_t *copy = buffer_extend(input, len);
        memcpy(copy, input->data + at, len);
    }
    }
}

static void test_action__with_a_damaged_input__is_answered_and_undone(void **state)
{
    /* Whatever an input has become, it gets an answer, and a compensation finds its way back. */
    struct conformance *self = *state;
    struct rng rng;
    rng_seed(&rng, 20101201);
    for (int i = 0; i < 500; i++) {
        struct buffer input = {0};
        conformance_fixture.good(0, &input);
        for (uint64_t n = rng_below(&rng, 3); n < 3 && input.len > 0; n++)
            damage(&input, &rng);
        struct driver_command command = conformance_good(self);
        struct driver_command undo = conformance_undo(command);
        command.input = undo.input = buffer_bytes(&input);
        const Zsaga__Reply *reply = driver_ask(self->driver, &command);
        assert_true(reply->outcome == ZSAGA__OUTCOME__DONE ||
                    reply->outcome == ZSAGA__OUTCOME__REJECTED);
        driver_expect(self->driver, &undo, ZSAGA__OUTCOME__DONE, NULL);
        buffer_release(&input);
    }
}

int conformance_refusals(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_refusal__has_code_words_and_one_event),
        CONFORMANCE_TEST(test_refusal__changes_no_row),
        CONFORMANCE_TEST(test_action__with_a_senseless_input__is_refused_as_malformed),
        CONFORMANCE_TEST(test_action__with_a_damaged_input__is_answered_and_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
