/* Conformance: what is malformed is told so, where it stands, and harms nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "base/rng.h"
#include "conformance.h"

static void assert_rejected(const struct participant_driver *driver, size_t answer, uint64_t frame,
                            uint32_t index)
{
    assert_in_range(answer, 0, driver->answer_count - 1);
    assert_int_equal(driver->answers[answer]->kind_case, ZSAGA__ANSWER__KIND_REJECT);
    const Zsaga__Reject *reject = driver->answers[answer]->reject;
    assert_int_equal(reject->frame, frame);
    assert_int_equal(reject->index, index);
    assert_int_not_equal(reject->code.len, 0);
    assert_int_not_equal(reject->message.len, 0);
}

static void test_action__of_an_unknown_name__is_rejected(void **state)
{
    /* A reject names the frame and the entry's index in it. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct driver_command command = conformance_good(self);
    command.name = "no-such-action";
    (void)driver_add(self->driver, &command);
    uint64_t frame = driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 1);
    assert_rejected(self->driver, 0, frame, 0);
    conformance_unchanged(self, before);
}

static void test_names__of_the_other_direction__are_rejected(void **state)
{
    /* An action cannot be had by the name of a compensation, nor the other way round. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct driver_command command = conformance_good(self);
    struct driver_command undo = conformance_undo(command);
    command.name = conformance_fixture.service->actions[0].compensation;
    undo.name = conformance_fixture.service->actions[0].name;
    (void)driver_add(self->driver, &command);
    (void)driver_add(self->driver, &undo);
    uint64_t frame = driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 2);
    assert_rejected(self->driver, 0, frame, 0);
    assert_rejected(self->driver, 1, frame, 1);
    conformance_unchanged(self, before);
}

static void test_entry__that_does_not_decode__harms_no_other(void **state)
{
    /* Each entry is decoded on its own: the others of its frame go on. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    (void)driver_add_bytes(self->driver, bytes_text("\x0a\xff"));
    (void)driver_add(self->driver, &command);
    (void)driver_add_bytes(self->driver, bytes_text(""));
    uint64_t frame = driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 3);
    assert_rejected(self->driver, 0, frame, 0);
    assert_int_equal(self->driver->answers[1]->reply->outcome, ZSAGA__OUTCOME__DONE);
    assert_rejected(self->driver, 2, frame, 2);
}

/* A command that is right, to be spoiled in one field. */
static Zsaga__Command right_command(struct conformance *self, struct id *saga)
{
    Zsaga__Command command = ZSAGA__COMMAND__INIT;
    *saga = driver_new_saga(self->driver);
    command.saga = packed_borrow(id_view(saga));
    command.step = 1;
    command.attempt = 1;
    command.name = packed_borrow_text(conformance_fixture.service->actions[0].name);
    command.input = packed_borrow(buffer_bytes(&self->good));
    return command;
}

static void spoil(Zsaga__Command *command, int field)
{
    static const uint8_t large[(256 << 10) + 1];
    switch (field) {
    case 0:
        command->saga.len = 15;
        break;
    case 1:
        command->saga.len = 0;
        break;
    case 2:
        command->step = 32;
        break;
    case 3:
        command->direction = ZSAGA__DIRECTION__VOID;
        break;
    case 4:
        command->direction = (Zsaga__Direction)7;
        break;
    case 5:
        command->attempt = 0;
        break;
    case 6:
        command->name.len = 0;
        break;
    case 7:
        command->remaining_ms = UINT64_MAX;
        break;
    default:
        command->input = packed_borrow(bytes_of(large, sizeof large));
    }
}
#define SPOILED_FIELDS 9

static void test_command__with_a_senseless_field__is_rejected(void **state)
{
    /* Every field of the engine's own is checked, and nothing happens when one is no good. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    for (int field = 0; field < SPOILED_FIELDS; field++) {
        struct id saga;
        Zsaga__Request request = ZSAGA__REQUEST__INIT;
        Zsaga__Command command = right_command(self, &saga);
        spoil(&command, field);
        request.kind_case = ZSAGA__REQUEST__KIND_COMMAND;
        request.command = &command;
        (void)driver_add_request(self->driver, &request);
        uint64_t frame = driver_deliver(self->driver);
        driver_commit(self->driver);
        assert_int_equal(self->driver->answer_count, 1);
        assert_rejected(self->driver, 0, frame, 0);
    }
    conformance_unchanged(self, before);
}

static void test_frame__that_is_none__is_rejected_as_a_whole(void **state)
{
    /* Bytes that are no frame are told so; their sender cannot be told which. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    driver_deliver_bytes(self->driver, bytes_text("\xff\xff\xff not a frame"));
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 1);
    assert_rejected(self->driver, 0, 0, FRAME_WHOLE);
    conformance_unchanged(self, before);
}

static void test_frame__without_an_orchestrator__is_rejected_as_a_whole(void **state)
{
    /* Who does not say which start of which orchestrator he is cannot be fenced, and is not heard.
     */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct driver_command command = conformance_good(self);
    self->driver->sender.has_driver = false;
    (void)driver_add(self->driver, &command);
    uint64_t frame = driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 1);
    assert_rejected(self->driver, 0, frame, FRAME_WHOLE);
    self->driver->sender.has_driver = true;
    conformance_unchanged(self, before);
}

static void test_frames__of_noise__change_nothing(void **state)
{
    /* Random bytes never end the process and never change a row. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 2000; i++) {
        uint8_t noise[64];
        size_t len = rng_below(&rng, sizeof noise);
        for (size_t j = 0; j < len; j++)
            noise[j] = (uint8_t)(rng_below(&rng, 4) == 0 ? rng_next(&rng) : rng_below(&rng, 32));
        driver_deliver_bytes(self->driver, bytes_of(noise, len));
        if (i % 50 == 0)
            driver_commit(self->driver);
    }
    driver_commit(self->driver);
    conformance_unchanged(self, before);
}

int conformance_frames(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_action__of_an_unknown_name__is_rejected),
        CONFORMANCE_TEST(test_names__of_the_other_direction__are_rejected),
        CONFORMANCE_TEST(test_entry__that_does_not_decode__harms_no_other),
        CONFORMANCE_TEST(test_command__with_a_senseless_field__is_rejected),
        CONFORMANCE_TEST(test_frame__that_is_none__is_rejected_as_a_whole),
        CONFORMANCE_TEST(test_frame__without_an_orchestrator__is_rejected_as_a_whole),
        CONFORMANCE_TEST(test_frames__of_noise__change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
