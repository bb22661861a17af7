/* Conformance: an orchestrator that was replaced is not heard, and what is final is not re-opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/packed.h"
#include "conformance.h"

/* Sends a good command as `pair`, which must be refused in favour of the pair held. */
static void assert_stale(struct conformance *self, struct frame_driver pair, bool for_saga_id)
{
    struct frame_driver held = self->driver->sender.driver;
    struct driver_command command = conformance_good(self);
    struct id last_saga = self->driver->sender.driver.last_saga;
    self->driver->sender.driver = pair;
    (void)driver_add(self->driver, &command);
    (void)driver_add(self->driver, &command);
    (void)driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 1);
    assert_int_equal(self->driver->answers[0]->kind_case, ZSAGA__ANSWER__KIND_STALE_EPOCH);
    const Zsaga__StaleEpoch *stale = self->driver->answers[0]->stale_epoch;
    assert_int_equal(stale->refused_epoch, pair.epoch);
    assert_int_equal(stale->refused_nonce, pair.nonce);
    assert_int_equal(stale->held_epoch, held.epoch);
    assert_int_equal(stale->held_nonce, held.nonce);
    assert_int_equal(stale->for_saga_id, for_saga_id);
    self->driver->sender.driver = held;
    self->driver->sender.driver.last_saga = last_saga;
}

static void test_epoch__below_the_one_held__is_stale(void **state)
{
    /* Once a later start has spoken, an earlier one changes nothing, also after a crash here. */
    struct conformance *self = *state;
    self->driver->sender.driver.epoch = 5;
    struct conformance_rows before = conformance_remember(self);
    struct frame_driver old = self->driver->sender.driver;
    old.epoch = 4;
    assert_stale(self, old, false);
    driver_crash(self->driver);
    assert_stale(self, old, false);
    conformance_unchanged(self, before);
}

static void test_epoch__with_another_nonce__is_stale(void **state)
{
    /* Two starts that took the same epoch are told apart by what they drew. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct frame_driver twin = self->driver->sender.driver;
    twin.nonce++;
    assert_stale(self, twin, false);
    driver_crash(self->driver);
    assert_stale(self, twin, false);
    conformance_unchanged(self, before);
}

static void test_epoch__that_forgot_sagas__is_stale_for_its_saga_id(void **state)
{
    /* A higher epoch that does not know the last saga is a copy or a backup of the orchestrator. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
    struct conformance_rows before = conformance_remember(self);
    struct frame_driver backup = self->driver->sender.driver;
    backup.epoch++;
    backup.last_saga.bytes[ID_SIZE - 1]--;
    assert_stale(self, backup, true);
    driver_crash(self->driver);
    assert_stale(self, backup, true);
    conformance_unchanged(self, before);
}

static void test_epoch__of_the_next_start__takes_over(void **state)
{
    /* A higher epoch that knows the last saga gets the recorded answers of the one before. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    char *first = driver_reply_text(driver_ask(self->driver, &command));
    struct frame_driver old = self->driver->sender.driver;
    self->driver->sender.driver.epoch = 9;
    self->driver->sender.driver.nonce = 99;
    struct conformance_rows before = conformance_remember(self);
    char *again = driver_reply_text(driver_ask(self->driver, &command));
    assert_string_equal(first, again);
    conformance_unchanged(self, before);
    assert_stale(self, old, false);
    free(first);
    free(again);
}

static void test_epoch__of_another_orchestrator__is_its_own(void **state)
{
    /* Several orchestrators can drive a participant: the fence of one does not stop another. */
    struct conformance *self = *state;
    self->driver->sender.driver.epoch = 8;
    struct driver_command first = conformance_good(self);
    driver_expect(self->driver, &first, ZSAGA__OUTCOME__DONE, NULL);
    struct buffer input = {0};
    conformance_fixture.good(1, &input);
    (void)snprintf(self->driver->sender.driver.id, sizeof self->driver->sender.driver.id,
                   "another");
    self->driver->sender.driver.epoch = 1;
    struct driver_command second = conformance_good(self);
    second.input = buffer_bytes(&input);
    driver_expect(self->driver, &second, ZSAGA__OUTCOME__DONE, NULL);
    buffer_release(&input);
}

/* Says hello with a floor: every saga below `id` is final, but `open` (NULL: none). */
static void raise_floor(struct conformance *self, uint64_t version, const struct id *id,
                        const struct id *open)
{
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    Zsaga__Floor floor = ZSAGA__FLOOR__INIT;
    floor.version = version;
    floor.id = packed_borrow(id_view(id));
    if (open != NULL)
        floor.open = packed_borrow(id_view(open));
    hello.number = version;
    hello.floor = &floor;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    (void)driver_add_request(self->driver, &request);
    (void)driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 1);
    assert_int_equal(self->driver->answers[0]->kind_case, ZSAGA__ANSWER__KIND_WELCOME);
    assert_int_equal(self->driver->answers[0]->welcome->floor_version, version);
    assert_int_equal(self->driver->answers[0]->welcome->floor_epoch,
                     self->driver->sender.driver.epoch);
}

static void test_command__below_the_floor__is_expired(void **state)
{
    /* A saga that is final and of which nothing is known cannot begin here, forward or backward. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    struct driver_command undo = conformance_undo(command);
    struct id floor = driver_new_saga(self->driver);
    raise_floor(self, 1, &floor, NULL);
    struct conformance_rows before = conformance_remember(self);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
    driver_expect(self->driver, &undo, ZSAGA__OUTCOME__EXPIRED, NULL);
    driver_crash(self->driver);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__EXPIRED, NULL);
    conformance_unchanged(self, before);
}

static void test_command__below_the_floor_but_open__is_done(void **state)
{
    /* The floor's open list names the sagas below it that still run. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    struct id floor = driver_new_saga(self->driver);
    raise_floor(self, 1, &floor, &command.saga);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void test_command__at_the_floor__is_done(void **state)
{
    /* The floor is the first saga that may still run. */
    struct conformance *self = *state;
    struct driver_command command = conformance_good(self);
    raise_floor(self, 1, &command.saga, NULL);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

int conformance_fence(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_epoch__below_the_one_held__is_stale),
        CONFORMANCE_TEST(test_epoch__with_another_nonce__is_stale),
        CONFORMANCE_TEST(test_epoch__that_forgot_sagas__is_stale_for_its_saga_id),
        CONFORMANCE_TEST(test_epoch__of_the_next_start__takes_over),
        CONFORMANCE_TEST(test_epoch__of_another_orchestrator__is_its_own),
        CONFORMANCE_TEST(test_command__below_the_floor__is_expired),
        CONFORMANCE_TEST(test_command__below_the_floor_but_open__is_done),
        CONFORMANCE_TEST(test_command__at_the_floor__is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
