/* Conformance: what a participant says while it can store nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packed.h"
#include "conformance.h"

static const struct node_outage full = {
    .disk_full = true, .words = "the disk is full", .retry_ms = 100};
static const struct node_outage trouble = {.words = "a trouble", .retry_ms = 100};

static bool reads(ProtobufCBinaryData data, const char *text)
{
    return bytes_equal(packed_view(data), bytes_text(text));
}

static void test_outage__commands_and_hellos__get_no_answer(void **state)
{
    /* Unknown is not failed: nothing is answered, nothing changes, and the same command is done
     * afterwards. */
    struct conformance *self = *state;
    struct conformance_rows before = conformance_remember(self);
    struct driver_command command = conformance_good(self);
    Zsaga__Request request = ZSAGA__REQUEST__INIT;
    Zsaga__Hello hello = ZSAGA__HELLO__INIT;
    hello.number = 1;
    request.kind_case = ZSAGA__REQUEST__KIND_HELLO;
    request.hello = &hello;
    self->driver->outage = &full;
    (void)driver_add(self->driver, &command);
    (void)driver_add_request(self->driver, &request);
    (void)driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 0);
    self->driver->outage = NULL;
    conformance_unchanged(self, before);
    driver_expect(self->driver, &command, ZSAGA__OUTCOME__DONE, NULL);
}

static void test_outage__malformed_entries__are_rejected_all_the_same(void **state)
{
    /* What is malformed needs no database to be told so. */
    struct conformance *self = *state;
    self->driver->outage = &full;
    (void)driver_add_bytes(self->driver, bytes_text("\x0a\xff"));
    (void)driver_deliver(self->driver);
    driver_commit(self->driver);
    assert_int_equal(self->driver->answer_count, 1);
    assert_int_equal(self->driver->answers[0]->kind_case, ZSAGA__ANSWER__KIND_REJECT);
    self->driver->outage = NULL;
}

static void expect_health(struct conformance *self, const char *wanted, const char *detail)
{
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Health health = ZSAGA__HEALTH__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_HEALTH;
    request.health = &health;
    const Zsaga__OwnerAnswer *answer = driver_ask_owner(self->driver, &request);
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_HEALTH);
    assert_true(reads(answer->health->state, wanted));
    assert_true(reads(answer->health->detail, detail));
}

static void expect_refusal(struct conformance *self, Zsaga__OwnerRequest *request, const char *code,
                           const char *words)
{
    const Zsaga__OwnerAnswer *answer = driver_ask_owner(self->driver, request);
    assert_int_equal(answer->kind_case, ZSAGA__OWNER_ANSWER__KIND_REFUSAL);
    assert_true(reads(answer->refusal->code, code));
    assert_true(reads(answer->refusal->message, words));
}

static void test_outage__owner__is_told_what_hinders(void **state)
{
    /* Health says what hinders the process; all else is refused with the same words. */
    struct conformance *self = *state;
    Zsaga__OwnerRequest request = ZSAGA__OWNER_REQUEST__INIT;
    Zsaga__Audit audit = ZSAGA__AUDIT__INIT;
    request.kind_case = ZSAGA__OWNER_REQUEST__KIND_AUDIT;
    request.audit = &audit;
    self->driver->outage = &full;
    expect_health(self, "disk_full", "the disk is full");
    expect_refusal(self, &request, "disk_full", "the disk is full");
    self->driver->outage = &trouble;
    expect_health(self, "trouble", "a trouble");
    expect_refusal(self, &request, "busy", "a trouble");
    self->driver->outage = NULL;
    expect_health(self, "ok", "");
}

int conformance_outage(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(test_outage__commands_and_hellos__get_no_answer),
        CONFORMANCE_TEST(test_outage__malformed_entries__are_rejected_all_the_same),
        CONFORMANCE_TEST(test_outage__owner__is_told_what_hinders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
