/* What the shell does with a node, turn by turn. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "scripted_shell.h"

static void end_after_tick(struct toy *toy, struct node_time now)
{
    (void)now;
    toy->deadline = -1; /* on_commit ends the run. */
}

static int commit_until_tick(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)out;
    return toy->deadline == -1 ? toy_end_run(err) : 0;
}

/* A due timer fires only when every socket was found empty, however many turns that takes. */
static void test_turn__timer_due_with_a_backlog__is_fired_after_it(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.arrived[0] = 1000;
    script.arrived[1] = 300;
    toy.deadline = 0;
    toy.on_tick = end_after_tick;
    toy.on_commit = commit_until_tick;
    toy_run(&toy, SHELL_DEALER, 2);
    assert_int_equal(toy.received[0], 1000);
    assert_int_equal(toy.received[1], 300);
    assert_int_equal(toy.commits, 4);
}

/* A flood that never ends holds up due timers for 100,000 messages, not for ever. */
static void test_turn__timer_due_in_a_flood__fires_all_the_same(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.arrived[0] = SCRIPT_ENDLESS;
    toy.deadline = 0;
    toy.on_tick = end_after_tick;
    toy.on_commit = commit_until_tick;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_in_range(toy.all_received, 100000, 100000 + 256);
}

static int commit_ten_times(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)out;
    assert_int_equal(toy->first_port, toy->commits % SCRIPT_PORTS);
    return toy->commits == 9 ? toy_end_run(err) : 0;
}

/* No socket starves another: each has its quota in a turn, and each is the first in its turn. */
static void test_turn__all_sockets_flooded__each_gets_its_share(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    for (size_t i = 0; i < SCRIPT_PORTS; i++)
        script.arrived[i] = SCRIPT_ENDLESS;
    toy.on_commit = commit_ten_times;
    toy_run(&toy, SHELL_DEALER, SCRIPT_PORTS);
    for (size_t i = 0; i < SCRIPT_PORTS; i++)
        assert_int_equal(toy.received[i], 10 * 256);
}

static int commit_until_all(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)toy;
    (void)out;
    return script.arrived[0] == 0 ? toy_end_run(err) : 0;
}

/* A batch of large messages ends at 8 MiB, so that a turn's memory is bounded. */
static void test_turn__large_messages__make_a_smaller_batch(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.arrived[0] = 20;
    script.arrived_size = (size_t)1 << 20;
    toy.on_commit = commit_until_all;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_int_equal(toy.largest_batch[0], 8);
}

/* A call that a signal interrupts is made again. */
static void test_turn__receive_is_interrupted__goes_on(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.arrived[0] = 3;
    script.interrupted = 2;
    toy.on_commit = commit_until_all;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_int_equal(toy.received[0], 3);
}

/* The disk is full once; what comes then is there before the node is loaded again. */
static int commit_full_once(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)out;
    if (toy->commits == 0) {
        script.arrived[0] = 5;
        return err_set(err, ERR_FULL, "disk full");
    }
    if (toy->commits == 1)
        script.arrived[0] = 3;
    return script.arrived[0] == 0 ? toy_end_run(err) : 0;
}

/* What comes while the node can store nothing is refused at once; the node is loaded when it is
 * due, and works on. */
static void test_turn__commit_failed__refuses_what_comes_until_it_is_reloaded(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.polls_in_no_time = true;
    toy.on_commit = commit_full_once;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_int_equal(toy.reloads, 1);
    assert_int_equal(toy.refused, 5);
    assert_int_equal(toy.received[0], 8);
}

/* A node that has enough for this turn is given no more before its commit, and starves no socket.
 */
static void test_turn__node_is_sated__commits_before_it_is_given_more(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    for (size_t i = 0; i < SCRIPT_PORTS; i++)
        script.arrived[i] = SCRIPT_ENDLESS;
    toy.sated_with = 7;
    toy.on_commit = commit_ten_times;
    toy_run(&toy, SHELL_DEALER, SCRIPT_PORTS);
    assert_int_equal(toy.received[0], 4 * 7);
    for (size_t i = 1; i < SCRIPT_PORTS; i++)
        assert_int_equal(toy.received[i], 3 * 7);
}

static void tick_again(struct toy *toy, struct node_time now)
{
    toy->deadline = now.mono_ms;
}

static int commit_talk(struct toy *toy, struct outbound *out, struct err *err)
{
    if (toy->commits == 0) {
        toy_say(out, 'a', "a1");
        toy_say(out, 'b', "b1");
        toy_say(out, 'a', "a2");
    } else if (toy->commits == 1) {
        toy_say(out, 'a', "a3");
        toy_say(out, 'b', "b2");
    }
    return strlen(script.sent) == strlen("a1 a2 a3 b1 b2 ") ? toy_end_run(err) : 0;
}

/* What a full pipe refuses is sent later, in the order of its peer, and holds up nobody else. */
static void test_send__a_peer_is_full__gets_its_messages_later_in_order(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.full['a'] = 3;
    toy.deadline = 0;
    toy.on_tick = tick_again;
    toy.on_commit = commit_talk;
    toy_run(&toy, SHELL_ROUTER, 1);
    assert_string_equal(script.sent, "b1 b2 a1 a2 a3 ");
}

static int commit_answers(struct toy *toy, struct outbound *out, struct err *err)
{
    if (toy->commits == 2)
        return toy_end_run(err);
    toy_say(out, 'a', toy->commits == 0 ? "a1" : "a2");
    toy_say(out, 'b', toy->commits == 0 ? "b1" : "b2");
    toy->deadline = 0;
    return 0;
}

/* An answer of the replay plane that a full pipe refuses is dropped: who wants it asks again, and
 * what is kept is for those who cannot. */
static void test_send__replay_reader_is_full__drops_its_answers(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.full['a'] = 1;
    toy.on_tick = tick_again;
    toy.on_commit = commit_answers;
    toy_run(&toy, SHELL_REPLAY, 1);
    assert_string_equal(script.sent, "b1 a2 b2 ");
}

static int commit_to_the_gone(struct toy *toy, struct outbound *out, struct err *err)
{
    if (toy->commits == 1)
        return toy_end_run(err);
    toy_say(out, 'a', "a1");
    toy_say(out, 'b', "b1");
    toy->deadline = 0;
    return 0;
}

/* A message to a peer that is gone is dropped, and the others are sent. */
static void test_send__a_peer_is_gone__drops_its_messages(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.gone['a'] = true;
    toy.on_tick = tick_again;
    toy.on_commit = commit_to_the_gone;
    toy_run(&toy, SHELL_ROUTER, 1);
    assert_string_equal(script.sent, "b1 ");
}

/* What a DEALER cannot send now is dropped: the node sends it again when it is time. */
static void test_send__dealer_not_connected__drops_the_message(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    script.dealer_full = 1;
    toy.on_tick = tick_again;
    toy.on_commit = commit_to_the_gone;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_string_equal(script.sent, "b1 ");
}

static int commit_and_fail(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)toy;
    toy_say(out, 'a', "a1");
    return toy_end_run(err);
}

/* Nothing leaves of a batch that was not committed. */
static void test_send__commit_fails__sends_nothing(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    toy.on_commit = commit_and_fail;
    toy_run(&toy, SHELL_ROUTER, 1);
    assert_string_equal(script.sent, "");
}

static int commit_and_stop(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)err;
    if (toy->commits == 0)
        assert_int_equal(raise(SIGTERM), 0);
    else
        toy_say(out, 'a', "a1");
    return 0;
}

static int linger_after(enum shell_socket type,
                        int (*commit)(struct toy *toy, struct outbound *out, struct err *err),
                        int expected_rc)
{
    struct toy toy = toy_new();
    toy.on_commit = commit;
    struct err err = {0};
    assert_int_equal(toy_run_shell(&toy, type, 1, &err), expected_rc);
    return script.lingers_ms[0];
}

/* Stopped by a signal, the shell ends its turn, sends, and leaves a second for answers to go out.
 */
static void test_stop__by_a_signal__lets_answers_go_out(void **state)
{
    (void)state;
    assert_int_equal(linger_after(SHELL_ROUTER, commit_and_stop, 0), 1000);
    assert_string_equal(script.sent, "a1 ");
}

/* Commands are not worth waiting for: they are in the database. Nor is anything after a failure. */
static void test_stop__dealer_or_failure__does_not_linger(void **state)
{
    (void)state;
    assert_int_equal(linger_after(SHELL_DEALER, commit_and_stop, 0), 0);
    assert_int_equal(linger_after(SHELL_ROUTER, commit_and_fail, ERR_IO), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn__timer_due_with_a_backlog__is_fired_after_it),
        cmocka_unit_test(test_turn__timer_due_in_a_flood__fires_all_the_same),
        cmocka_unit_test(test_turn__all_sockets_flooded__each_gets_its_share),
        cmocka_unit_test(test_turn__large_messages__make_a_smaller_batch),
        cmocka_unit_test(test_turn__receive_is_interrupted__goes_on),
        cmocka_unit_test(test_turn__commit_failed__refuses_what_comes_until_it_is_reloaded),
        cmocka_unit_test(test_turn__node_is_sated__commits_before_it_is_given_more),
        cmocka_unit_test(test_send__a_peer_is_full__gets_its_messages_later_in_order),
        cmocka_unit_test(test_send__replay_reader_is_full__drops_its_answers),
        cmocka_unit_test(test_send__a_peer_is_gone__drops_its_messages),
        cmocka_unit_test(test_send__dealer_not_connected__drops_the_message),
        cmocka_unit_test(test_send__commit_fails__sends_nothing),
        cmocka_unit_test(test_stop__by_a_signal__lets_answers_go_out),
        cmocka_unit_test(test_stop__dealer_or_failure__does_not_linger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
