/* Flow control to one participant. */
#include "channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/xalloc.h"

#define COMMANDS_MAX 128
#define WINDOW_MAX 64
#define BYTES_MAX 1000

struct fixture {
    struct channel channel;
    struct definition definition;
    struct active *commands[COMMANDS_MAX];
    size_t count;
};

static int begin(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->definition.step_count = 1;
    channel_init(&fixture->channel, "p0", 2, WINDOW_MAX, BYTES_MAX);
    fixture->channel.state = CHANNEL_UP;
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < fixture->count; i++)
        active_free(fixture->commands[i]);
    free(fixture);
    return 0;
}

/* A command that waits: an action, or a compensation. */
static struct active *wait_in(struct fixture *fixture, enum saga_state state)
{
    struct id id = {{1}};
    id.bytes[ID_SIZE - 1] = (uint8_t)fixture->count;
    struct active *active =
        active_new(&id, &fixture->definition, bytes_of(NULL, 0), bytes_of(NULL, 0));
    active->saga.state = state;
    fixture->commands[fixture->count++] = active;
    channel_enqueue(&fixture->channel, active);
    return active;
}

static void wait_many(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)wait_in(fixture, SAGA_RUNNING);
}

static struct active *send_one(struct fixture *fixture)
{
    struct active *active = channel_next(&fixture->channel);
    if (active != NULL)
        channel_sent(&fixture->channel, active, 1);
    return active;
}

static size_t send_all(struct fixture *fixture)
{
    size_t count = 0;
    while (send_one(fixture) != NULL)
        count++;
    return count;
}

static struct active *in_flight(struct fixture *fixture)
{
    return fixture->channel.lists[PLACE_IN_FLIGHT].first;
}

static void answer(struct fixture *fixture, struct active *active)
{
    channel_answered(&fixture->channel, active);
    channel_withdraw(&fixture->channel, active);
}

/* Each start of a process is seen with what is in flight at that time. */
static struct active *restart(struct fixture *fixture)
{
    struct active *suspect = channel_restarted(&fixture->channel);
    assert_null(in_flight(fixture));
    assert_int_equal(fixture->channel.window, 1);
    return suspect;
}

static void test_window__with_answers__doubles_from_one(void **state)
{
    /* The window opens from 1 and doubles with each window of answers, up to its limit. */
    struct fixture *fixture = *state;
    static const size_t sizes[] = {1, 2, 4, 8, 16, 32};
    wait_many(fixture, COMMANDS_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(send_all(fixture), sizes[i]);
        while (in_flight(fixture) != NULL)
            answer(fixture, in_flight(fixture));
    }
    assert_int_equal(fixture->channel.window, WINDOW_MAX);
    (void)send_all(fixture);
    answer(fixture, in_flight(fixture));
    assert_int_equal(fixture->channel.window, WINDOW_MAX);
}

static void test_window__at_each_silence__halves(void **state)
{
    /* The window halves at each silence, down to 1, and the silent command waits again. */
    struct fixture *fixture = *state;
    fixture->channel.window = 8;
    wait_many(fixture, 8);
    (void)send_all(fixture);
    static const uint32_t sizes[] = {4, 2, 1, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct active *silent = in_flight(fixture);
        channel_silent(&fixture->channel, silent);
        assert_int_equal(fixture->channel.window, sizes[i]);
        assert_int_equal(silent->place, PLACE_FORWARD);
        assert_int_equal(silent->silences, 1);
    }
    assert_null(channel_next(&fixture->channel)); /* Four are still out. */
}

static void test_window__in_bytes__is_a_limit_too(void **state)
{
    /* What is in flight is bounded in bytes as well as in number. */
    struct fixture *fixture = *state;
    fixture->channel.window = 8;
    wait_many(fixture, 4);
    channel_sent(&fixture->channel, channel_next(&fixture->channel), BYTES_MAX - 1);
    channel_sent(&fixture->channel, channel_next(&fixture->channel), BYTES_MAX);
    assert_null(channel_next(&fixture->channel));
    answer(fixture, fixture->commands[1]);
    assert_ptr_equal(send_one(fixture), fixture->commands[2]);
}

static void test_compensations__waiting__go_before_new_work(void **state)
{
    /* Compensations go before new work in the window, each kind in its order. */
    struct fixture *fixture = *state;
    fixture->channel.window = 8;
    struct active *first = wait_in(fixture, SAGA_RUNNING);
    struct active *second = wait_in(fixture, SAGA_RUNNING);
    struct active *undo = wait_in(fixture, SAGA_COMPENSATING);
    assert_ptr_equal(send_one(fixture), undo);
    assert_ptr_equal(send_one(fixture), first);
    assert_ptr_equal(send_one(fixture), second);
}

static void test_channel__not_up__sends_nothing(void **state)
{
    /* Beyond a participant that is there and sound, work waits. */
    struct fixture *fixture = *state;
    wait_many(fixture, 1);
    fixture->channel.state = CHANNEL_DOWN;
    assert_null(channel_next(&fixture->channel));
    fixture->channel.state = CHANNEL_SUSPENDED;
    assert_null(channel_next(&fixture->channel));
    assert_int_equal(channel_waiting(&fixture->channel), 1);
}

static void test_restart__with_many_in_flight__sends_them_again_first(void **state)
{
    /* A new incarnation sets the window to 1; what was in flight goes again, in its order, before
     * what waited, and nobody is suspected. */
    struct fixture *fixture = *state;
    fixture->channel.window = 4;
    wait_many(fixture, 6);
    (void)send_all(fixture);
    assert_null(restart(fixture));
    assert_int_equal(fixture->channel.in_flight_bytes, 0);
    for (size_t i = 0; i < 6; i++) {
        assert_ptr_equal(send_one(fixture), fixture->commands[i]);
        assert_int_equal(fixture->commands[i]->alone, 0);
        fixture->channel.window = 8;
    }
}

static void test_lone_command__at_two_restarts__goes_last(void **state)
{
    /* A command that was alone in flight at two changes running goes last. */
    struct fixture *fixture = *state;
    wait_many(fixture, 3);
    struct active *suspect = send_one(fixture);
    assert_null(restart(fixture));
    assert_ptr_equal(send_one(fixture), suspect);
    assert_null(restart(fixture));
    assert_int_equal(suspect->place, PLACE_LAST);
    struct active *undo = wait_in(fixture, SAGA_COMPENSATING);
    assert_ptr_equal(send_one(fixture), undo);
    answer(fixture, undo);
    fixture->channel.window = 1;
    for (size_t i = 1; i < 3; i++) {
        assert_ptr_equal(send_one(fixture), fixture->commands[i]);
        answer(fixture, fixture->commands[i]);
        fixture->channel.window = 1;
    }
    assert_ptr_equal(send_one(fixture), suspect);
}

static void test_lone_command__at_further_restarts__counts_as_a_retry(void **state)
{
    /* Each further time counts as an answer of `retry`. */
    struct fixture *fixture = *state;
    wait_many(fixture, 1);
    struct active *suspect = fixture->commands[0];
    for (int i = 0; i < 2; i++) {
        (void)send_one(fixture);
        assert_null(restart(fixture));
    }
    for (int i = 0; i < 3; i++) {
        (void)send_one(fixture);
        assert_ptr_equal(restart(fixture), suspect);
        assert_int_equal(suspect->place, PLACE_LAST);
    }
}

static void test_lone_command__not_alone_once__is_suspected_no_more(void **state)
{
    /* "Running" means running: company at a restart, or an answer, begins anew. */
    struct fixture *fixture = *state;
    wait_many(fixture, 2);
    (void)send_one(fixture);
    (void)restart(fixture);
    assert_int_equal(fixture->commands[0]->alone, 1);
    fixture->channel.window = 2;
    assert_int_equal(send_all(fixture), 2);
    (void)restart(fixture);
    assert_int_equal(fixture->commands[0]->alone, 0);
    (void)send_one(fixture);
    (void)restart(fixture);
    assert_int_equal(fixture->commands[0]->alone, 1);
    (void)send_one(fixture);
    channel_answered(&fixture->channel, fixture->commands[0]);
    assert_int_equal(fixture->commands[0]->alone, 0);
}

static void test_hello__not_answered__is_repeated_ever_later(void **state)
{
    /* A participant that does not answer a hello is asked again after 50 ms, doubling to 500, be it
     * known to be down or not yet. */
    struct fixture *fixture = *state;
    static const int64_t waits[] = {50, 100, 200, 400, 500, 500};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        fixture->channel.state = i < 3 ? CHANNEL_UP : CHANNEL_DOWN;
        channel_hello(&fixture->channel, 5000);
        assert_int_equal(channel_hello_at(&fixture->channel), 5000 + waits[i]);
        assert_int_equal(fixture->channel.hello_number, i + 1);
    }
}

/* As if the newest hello had been answered at 1000. */
static void greet(struct fixture *fixture)
{
    fixture->channel.state = CHANNEL_UP;
    fixture->channel.hello_open = false;
    fixture->channel.next_hello_ms = 2000;
}

static void test_hello__silence_after_a_command__comes_early(void **state)
{
    /* Nothing heard for 100 ms since a command: the participant may have died with it, and is asked
     * before its second is over. Whoever is heard is not asked. */
    struct fixture *fixture = *state;
    greet(fixture);
    wait_many(fixture, 2);
    assert_int_equal(channel_hello_at(&fixture->channel), 2000);
    struct active *first = send_one(fixture);
    channel_told(&fixture->channel, 1010);
    assert_int_equal(channel_hello_at(&fixture->channel), 1110);
    channel_heard(&fixture->channel, 1090);
    assert_int_equal(channel_hello_at(&fixture->channel), 1190);
    channel_answered(&fixture->channel, first);
    channel_withdraw(&fixture->channel, first);
    assert_int_equal(channel_hello_at(&fixture->channel), 2000);
    (void)send_one(fixture);
    channel_told(&fixture->channel, 1500);
    assert_int_equal(channel_hello_at(&fixture->channel), 1600);
    channel_hello(&fixture->channel, 1600);
    assert_int_equal(channel_hello_at(&fixture->channel), 1650);
}

static void test_hello__not_answered_yet__is_not_brought_forward(void **state)
{
    /* Commands sent meanwhile change nothing: the participant is being asked already. */
    struct fixture *fixture = *state;
    greet(fixture);
    wait_many(fixture, 1);
    for (int i = 0; i < 5; i++)
        channel_hello(&fixture->channel, 1000);
    (void)send_one(fixture);
    channel_told(&fixture->channel, 1010);
    channel_heard(&fixture->channel, 1020);
    assert_int_equal(channel_hello_at(&fixture->channel), 1500);
}

static void test_command__withdrawn__leaves_its_place(void **state)
{
    /* A command whose saga has moved on is out of the window, wherever it stood. */
    struct fixture *fixture = *state;
    fixture->channel.window = 1;
    wait_many(fixture, 2);
    (void)send_one(fixture);
    channel_withdraw(&fixture->channel, fixture->commands[1]);
    channel_withdraw(&fixture->channel, fixture->commands[0]);
    channel_withdraw(&fixture->channel, fixture->commands[0]); /* It is nowhere: nothing. */
    assert_int_equal(channel_waiting(&fixture->channel), 0);
    assert_null(in_flight(fixture));
    assert_int_equal(fixture->channel.in_flight_bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_window__with_answers__doubles_from_one),
        TEST(test_window__at_each_silence__halves),
        TEST(test_window__in_bytes__is_a_limit_too),
        TEST(test_compensations__waiting__go_before_new_work),
        TEST(test_channel__not_up__sends_nothing),
        TEST(test_restart__with_many_in_flight__sends_them_again_first),
        TEST(test_lone_command__at_two_restarts__goes_last),
        TEST(test_lone_command__at_further_restarts__counts_as_a_retry),
        TEST(test_lone_command__not_alone_once__is_suspected_no_more),
        TEST(test_hello__not_answered__is_repeated_ever_later),
        TEST(test_hello__silence_after_a_command__comes_early),
        TEST(test_hello__not_answered_yet__is_not_brought_forward),
        TEST(test_command__withdrawn__leaves_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
