#include "chaos_held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char sent[64];

static void send_on(void *context, const struct held_message *message)
{
    (void)context;
    (void)strncat(sent, message->data, message->len);
}

static struct held_message message_of(const char *text, int way)
{
    return (struct held_message){.way = way, .data = text, .len = strlen(text)};
}

static int set_up(void **state)
{
    static struct held held;
    held_init(&held, send_on, NULL);
    sent[0] = '\0';
    *state = &held;
    return 0;
}

static int tear_down(void **state)
{
    held_end(*state);
    return 0;
}

/* What is delayed is sent when it is due, not before, in the order of its times. */
static void test_held_delay__until_it_is_due__is_held(void **state)
{
    struct held *held = *state;
    struct held_message a = message_of("a", 0);
    struct held_message b = message_of("b", 1);
    held_delay(held, &a, 30);
    held_delay(held, &b, 20);
    assert_int_equal(held_due_ms(held), 20);
    (void)held_release(held, 19);
    assert_string_equal(sent, "");
    (void)held_release(held, 30);
    assert_string_equal(sent, "ba");
    assert_int_equal(held_due_ms(held), INT64_MAX);
}

/* What is to be overtaken goes behind the next one of its direction, and that counts as one. */
static void test_held_swap__the_next_one__overtakes_it(void **state)
{
    struct held *held = *state;
    struct held_message a = message_of("a", 0);
    struct held_message b = message_of("b", 1);
    struct held_message c = message_of("c", 0);
    held_swap(held, &a, 0);
    assert_int_equal(held_send(held, &b), 0);
    assert_int_equal(held_send(held, &c), 1);
    assert_string_equal(sent, "bca");
}

/* If nothing follows, it goes all the same. */
static void test_held_swap__nothing_follows__is_sent(void **state)
{
    struct held *held = *state;
    struct held_message a = message_of("a", 0);
    held_swap(held, &a, 0);
    (void)held_release(held, held_due_ms(held) - 1);
    assert_string_equal(sent, "");
    (void)held_release(held, held_due_ms(held));
    assert_string_equal(sent, "a");
}

/* Old ones are kept for each direction, whole, up to a number; the oldest go first. */
static void test_held_old__of_a_direction__is_one_that_was_passed(void **state)
{
    struct held *held = *state;
    struct held_message first = message_of("first", 0);
    struct held_message other = message_of("other", 0);
    assert_null(held_old(held, 0, 7));
    held_remember(held, &first);
    assert_null(held_old(held, 1, 7));
    assert_memory_equal(held_old(held, 0, 7)->data, "first", 5);
    for (int i = 0; i < HELD_OLD_MAX; i++)
        held_remember(held, &other);
    for (uint64_t i = 0; i < HELD_OLD_MAX; i++)
        assert_memory_equal(held_old(held, 0, i)->data, "other", 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_held_delay__until_it_is_due__is_held),
        TEST(test_held_swap__the_next_one__overtakes_it),
        TEST(test_held_swap__nothing_follows__is_sent),
        TEST(test_held_old__of_a_direction__is_one_that_was_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
