/* Crash points: where they kill, and what is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/err.h"
#include "echo_process.h"

/* A crash before the commit leaves nothing of the batch. */
static void test_crash__before_commit__nothing_is_committed(void **state)
{
    (void)state;
    pid_t pid = echo_start_with("other:before_commit:1,echo:before_commit:3");
    echo_connect();
    echo_expect_answer("one");
    echo_expect_answer("two");
    echo_say("three");
    echo_expect_killed(pid);
    assert_int_equal(echo_committed(), 2);
    echo_expect_log("event=crashpoint point=before_commit");
}

/* A crash after the commit leaves its effect and no answer. */
static void test_crash__after_commit__is_committed_and_not_answered(void **state)
{
    (void)state;
    pid_t pid = echo_start_with("echo:after_commit:2");
    echo_connect();
    echo_expect_answer("one");
    echo_say("two");
    echo_expect_killed(pid);
    assert_int_equal(echo_committed(), 2);
    assert_int_equal(zmq_recv(echo.client, NULL, 0, ZMQ_DONTWAIT), -1);
}

/* A crash after the send leaves the effect; the answer may have left or not. */
static void test_crash__after_send__is_committed(void **state)
{
    (void)state;
    pid_t pid = echo_start_with("echo:after_send:2,echo:after_send:9");
    echo_connect();
    echo_expect_answer("one");
    echo_say("two");
    echo_expect_killed(pid);
    assert_int_equal(echo_committed(), 2);
}

/* A crash point that is misspelt is refused: a test must not pass for want of a crash. */
static void test_crash__misspelt__is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"echo",
                                        "echo:before_commit",
                                        "echo:before_comit:1",
                                        "echo:before_commit:0",
                                        "echo:before_commit:-1",
                                        "echo:before_commit:1x",
                                        "echo:before_commit:99999999999999999999999",
                                        "other:nowhere:1",
                                        "echo:after_send:1,",
                                        ":::"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        echo_expect_exit(echo_start_with(wrong[i]), -ERR_INVALID);
    echo_expect_log("is not NAME:POINT:N");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, echo_set_up, echo_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_crash__before_commit__nothing_is_committed),
        TEST(test_crash__after_commit__is_committed_and_not_answered),
        TEST(test_crash__after_send__is_committed),
        TEST(test_crash__misspelt__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
