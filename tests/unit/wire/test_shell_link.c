/* When the shell makes a link anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "scripted_shell.h"

/* One second later. */
static void tick_each_second(struct toy *toy, struct node_time now)
{
    script.clock_offset_ms += 1000;
    toy->deadline = now.mono_ms + 1000;
}

/* When the socket was made for the Nth time, after the test began. Noted a turn later, however long
 * that takes on a busy machine: never too early. */
static int64_t opened_at_s[8];
static int64_t began_ms;

static void forget_openings(void)
{
    began_ms = clock_mono_ms();
    for (size_t i = 0; i < 8; i++)
        opened_at_s[i] = -1;
}

static void note_opening(void)
{
    if (script.opened <= 8 && opened_at_s[script.opened - 1] < 0)
        opened_at_s[script.opened - 1] = (clock_mono_ms() - began_ms) / 1000;
}

static void assert_opened_at(const int64_t *wanted_s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_in_range(opened_at_s[i], wanted_s[i], wanted_s[i] + 9);
}

/* Says something each second for 100 seconds, and notes when the socket was made. */
static int commit_say_hello(struct toy *toy, struct outbound *out, struct err *err)
{
    note_opening();
    if (script.clock_offset_ms > 100000)
        return toy_end_run(err);
    if (toy->deadline > 0)
        toy_say(out, 'a', "");
    script.sent[0] = '\0';
    return 0;
}

/* A DEALER that hears nothing though it speaks is made anew after 10 s, then 20 s, then each 30 s.
 */
static void test_link__nothing_heard__is_made_anew(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    forget_openings();
    toy.deadline = 0;
    toy.on_tick = tick_each_second;
    toy.on_commit = commit_say_hello;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_int_equal(script.opened, 5);
    static const int64_t wanted_s[] = {0, 10, 30, 60, 90};
    assert_opened_at(wanted_s, 5);
}

static void tick_and_hear(struct toy *toy, struct node_time now)
{
    tick_each_second(toy, now);
    if (script.clock_offset_ms % 9000 == 0)
        script.arrived[0] = 1;
}

/* One that hears something now and then is left alone. */
static void test_link__something_heard__stays(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    toy.deadline = 0;
    toy.on_tick = tick_and_hear;
    toy.on_commit = commit_say_hello;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_int_equal(script.opened, 1);
    assert_int_equal(toy.received[0], 11);
}

/* Notes when the socket was made. */
static int commit_note_opened(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)toy;
    (void)out;
    note_opening();
    return script.clock_offset_ms > 100000 ? toy_end_run(err) : 0;
}

static int commit_silently(struct toy *toy, struct outbound *out, struct err *err)
{
    (void)toy;
    (void)out;
    return script.clock_offset_ms > 100000 ? toy_end_run(err) : 0;
}

/* One to which nothing was said cannot be deaf. */
static void test_link__nothing_said__stays(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    toy.deadline = 0;
    toy.on_tick = tick_each_second;
    toy.on_commit = commit_silently;
    toy_run(&toy, SHELL_DEALER, 1);
    assert_int_equal(script.opened, 1);
}

/* A SUB says nothing and has nobody to wake it: the shell itself wakes when it has been silent too
 * long, after 10 s, then 20 s, then each 30 s. */
static void test_link__silent_publisher__is_listened_to_anew(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    forget_openings();
    script.polls_in_no_time = true;
    toy.on_commit = commit_note_opened;
    toy_run(&toy, SHELL_SUB, 1);
    assert_int_equal(script.opened, 6);
    static const int64_t wanted_s[] = {0, 10, 30, 60, 90};
    assert_opened_at(wanted_s, 5);
}

/* A SUB that hears something now and then is left alone. */
static void test_link__publisher_heard__stays(void **state)
{
    (void)state;
    struct toy toy = toy_new();
    toy.deadline = 0;
    toy.on_tick = tick_and_hear;
    toy.on_commit = commit_silently;
    toy_run(&toy, SHELL_SUB, 1);
    assert_int_equal(script.opened, 1);
    assert_int_equal(toy.received[0], 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link__nothing_heard__is_made_anew),
        cmocka_unit_test(test_link__something_heard__stays),
        cmocka_unit_test(test_link__nothing_said__stays),
        cmocka_unit_test(test_link__silent_publisher__is_listened_to_anew),
        cmocka_unit_test(test_link__publisher_heard__stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
