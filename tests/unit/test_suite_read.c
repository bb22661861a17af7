#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "suite.h"
#include "suite_zpl.h"

/* Without an id a suite could be taken for another. */
static void test_suite_load__no_id__is_refused(void **state)
{
    struct suite *suite;
    struct err err;
    suite_zpl_write(*state, "orchestrator\n");
    assert_int_equal(suite_load(*state, &suite, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl: needs a 'suite' with its 'id'"));
    suite_zpl_write(*state, "suite\n");
    assert_int_equal(suite_load(*state, &suite, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl:1: suite: needs an 'id'"));
    suite_zpl_write(*state, "suite\n    id = a b\n");
    assert_int_equal(suite_load(*state, &suite, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "suite.zpl:2: id: has 1 to 64 letters"));
}

/* A line that is not understood is refused, at any level, with its number. */
static void test_suite_load__unknown_key__is_refused(void **state)
{
    const char *words = "is not known here; is it misspelt or in a wrong place?";
    AUTO(freep) char *top = xprintf("3: observers: %s", words);
    AUTO(freep) char *below = xprintf("4: windows_max: %s", words);
    suite_zpl_expect_refused(*state, "observers\n", top);
    suite_zpl_expect_refused(*state, "orchestrator\n    windows_max = 3\n", below);
    suite_zpl_expect_refused(*state, "suite\n    id = two\n",
                             "3: suite: stands twice, first on line 1");
}

/* What a participant is set to is its own to check. */
static void test_suite_load__settings__are_left_to_the_participant(void **state)
{
    AUTO(suite_freep)
    struct suite *suite = suite_zpl_load_lines(
        *state, "participant\n    name = a\n    settings\n        odd = 1\n        odd = 2\n");
    struct err err;
    assert_int_equal(config_check_used(suite->participants[0].settings, &err), ERR_INVALID);
}

/* A name can stand in a file name, and means one process. */
static void test_suite_load__participant_names__are_checked(void **state)
{
    suite_zpl_expect_refused(*state, "participant\n", "3: participant: needs a 'name'");
    suite_zpl_expect_refused(*state, "participant\n    name = a/b\n",
                             "4: name: 'a/b' is no name: 1 to 64 letters, digits, '_', '-' or '.'");
    suite_zpl_expect_refused(*state, "participant\n    name = ..\n",
                             "4: name: '..' is no name: 1 to 64 letters, digits, '_', '-' or '.'");
    suite_zpl_expect_refused(*state, "participant\n    name = orchestrator\n",
                             "4: name: 'orchestrator' is taken: choose another name");
    suite_zpl_expect_refused(*state, "participant\n    name = a\nparticipant\n    name = a\n",
                             "6: name: 'a' is already a participant: each name once");
}

/* A limit outside its range is refused, not bent. */
static void test_suite_load__limits__are_checked(void **state)
{
    suite_zpl_expect_refused(*state, "orchestrator\n    window_max = 0\n",
                             "4: window_max: '0' is not a whole number from 1 to 2000");
    suite_zpl_expect_refused(
        *state, "orchestrator\n    active_bytes_max = 1\n",
        "4: active_bytes_max: '1' is not a whole number from 1048576 to 1099511627776");
    AUTO(suite_freep)
    struct suite *suite = suite_zpl_load_lines(
        *state, "orchestrator\n    window_max = 32\n    active_sagas_max = 7\n");
    assert_int_equal(suite->limits.window_max, 32);
    assert_int_equal(suite->limits.active_sagas_max, 7);
}

/* An endpoint is one that the sockets can use; others are refused before anything starts. */
static void test_suite_load__endpoints__are_checked(void **state)
{
    static const char *const wrong[] = {
        "127.0.0.1:5570",   "tcp://127.0.0.1", "tcp://:5570",        "tcp://127.0.0.1:0",
        "tcp://h:65536",    "tcp://h:1x",      "tcp://*:5570",       "udp://127.0.0.1:5570",
        "ipc://relative/x", "ipc://@abstract", "inproc://somewhere", "tcp://h:000080000",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        AUTO(freep) char *line = xprintf("orchestrator\n    client = %s\n", wrong[i]);
        AUTO(freep)
        char *words = xprintf(strncmp(wrong[i], "tcp", 3) == 0
                                  ? "4: client: '%s' is not tcp://HOST:PORT"
                                  : "4: client: '%s' is neither tcp://HOST:PORT nor ipc:///PATH",
                              wrong[i]);
        suite_zpl_expect_refused(*state, line, words);
    }
    AUTO(freep) char *longest = xprintf("orchestrator\n    owner = ipc:///%0107d\n", 1);
    suite_zpl_expect_refused(*state, longest,
                             "4: owner: a socket's path has at most 107 bytes, this one 108");
}

/* Two sockets on one endpoint would steal each other's clients without a word, whoever has them. */
static void test_suite_load__same_endpoint_twice__is_refused(void **state)
{
    static const char *const second[] = {
        "participant\n    name = a\n    command = tcp://h:1\n",
        "participant\n    name = a\n    events = tcp://h:1\n",
        "participant\n    name = a\n    replay = tcp://h:1\n",
        "consumer\n    name = a\n    owner = tcp://h:1\n",
        "observer\n    run = no\n    view = tcp://h:1\n",
    };
    static const char *const keys[] = {"command", "events", "replay", "owner", "view"};
    for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
        AUTO(freep) char *lines = xprintf("orchestrator\n    events = tcp://h:1\n%s", second[i]);
        AUTO(freep)
        char *words =
            xprintf("7: %s: tcp://h:1 is already the endpoint on line 4: each socket needs "
                    "its own",
                    keys[i]);
        suite_zpl_expect_refused(*state, lines, words);
    }
}

/* Every socket of every process can be given an endpoint; each is checked. */
static void test_suite_load__endpoint_keys__are_those_of_the_process(void **state)
{
    static const struct {
        const char *section;
        const char *keys[5];
    } rows[] = {
        {"orchestrator\n    window_max = 1\n", {"client", "owner", "events", "replay"}},
        {"participant\n    name = a\n", {"command", "owner", "events", "replay"}},
        {"observer\n    run = yes\n", {"owner", "view"}},
        {"consumer\n    name = a\n", {"owner"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (const char *const *key = rows[i].keys; *key != NULL; key++) {
            AUTO(freep) char *lines = xprintf("%s    %s = nowhere\n", rows[i].section, *key);
            AUTO(freep)
            char *words =
                xprintf("5: %s: 'nowhere' is neither tcp://HOST:PORT nor ipc:///PATH", *key);
            suite_zpl_expect_refused(*state, lines, words);
        }
    }
    suite_zpl_expect_refused(*state, "consumer\n    name = a\n    view = tcp://h:1\n",
                             "5: view: is not known here; is it misspelt or in a wrong place?");
}

/* How much of a log is kept has a default, and is within what can be meant. */
static void test_suite_load__keep__is_checked(void **state)
{
    AUTO(suite_freep) struct suite *silent = suite_zpl_load_lines(*state, "");
    assert_int_equal(silent->keep.bytes, 268435456);
    assert_int_equal(silent->keep.days, 7);
    AUTO(suite_freep)
    struct suite *said =
        suite_zpl_load_lines(*state, "events\n    keep_bytes = 1048576\n    keep_days = 3650\n");
    assert_int_equal(said->keep.bytes, 1048576);
    assert_int_equal(said->keep.days, 3650);
    suite_zpl_expect_refused(
        *state, "events\n    keep_bytes = 7\n",
        "4: keep_bytes: '7' is not a whole number from 1048576 to 1099511627776");
    suite_zpl_expect_refused(*state, "events\n    keep_days = 0\n",
                             "4: keep_days: '0' is not a whole number from 1 to 3650");
}

/* A suite has an observer unless its file says that it has none; it is the first of those who
 * follow. */
static void test_suite_load__observer__runs_unless_told_otherwise(void **state)
{
    AUTO(suite_freep) struct suite *silent = suite_zpl_load_lines(*state, "");
    assert_int_equal(silent->consumer_count, 1);
    assert_string_equal(silent->consumers[0].name, "observer");
    assert_string_equal(silent->consumers[0].program, "zsaga-observer");
    AUTO(suite_freep)
    struct suite *told = suite_zpl_load_lines(*state, "consumer\n    name = a\n"
                                                      "observer\n"
                                                      "    run = yes\n"
                                                      "    program = mine\n"
                                                      "    settings\n        odd = 1\n");
    assert_int_equal(told->consumer_count, 2);
    assert_string_equal(told->consumers[0].name, "observer");
    assert_string_equal(told->consumers[0].program, "mine");
    assert_non_null(told->consumers[0].settings);
    assert_ptr_equal(suite_find_consumer(told, "a"), &told->consumers[1]);
    AUTO(suite_freep) struct suite *none = suite_zpl_load_lines(*state, "observer\n    run = no\n");
    assert_int_equal(none->consumer_count, 0);
    assert_null(suite_find_consumer(none, "observer"));
    suite_zpl_expect_refused(*state, "observer\n    run = maybe\n",
                             "4: run: 'maybe' is neither 'yes' nor 'no'");
}

/* A name means one process, whichever kind it is of. */
static void test_suite_load__consumer_names__are_checked(void **state)
{
    suite_zpl_expect_refused(*state, "consumer\n", "3: consumer: needs a 'name'");
    suite_zpl_expect_refused(*state, "consumer\n    name = a/b\n",
                             "4: name: 'a/b' is no name: 1 to 64 letters, digits, '_', '-' or '.'");
    suite_zpl_expect_refused(*state, "consumer\n    name = orchestrator\n",
                             "4: name: 'orchestrator' is taken: choose another name");
    suite_zpl_expect_refused(*state, "consumer\n    name = observer\n",
                             "4: name: 'observer' is taken: choose another name");
    suite_zpl_expect_refused(*state, "participant\n    name = observer\n",
                             "4: name: 'observer' is taken: choose another name");
    suite_zpl_expect_refused(*state, "consumer\n    name = a\nparticipant\n    name = a\n",
                             "4: name: 'a' is already a participant: each name once");
    suite_zpl_expect_refused(*state, "consumer\n    name = a\nconsumer\n    name = a\n",
                             "6: name: 'a' is already a consumer: each name once");
}

/* Only who publishes can be followed, and once. */
static void test_suite_load__follow__names_publishers(void **state)
{
    const char *nobody = "publishes nothing here: name the orchestrator or a participant";
    AUTO(freep) char *unknown = xprintf("5: follow: 'b' %s", nobody);
    AUTO(freep) char *consumer = xprintf("7: follow: 'a' %s", nobody);
    AUTO(freep) char *observer = xprintf("5: follow: 'observer' %s", nobody);
    suite_zpl_expect_refused(*state, "consumer\n    name = a\n    follow = b\n", unknown);
    suite_zpl_expect_refused(
        *state, "consumer\n    name = a\nconsumer\n    name = b\n    follow = a\n", consumer);
    suite_zpl_expect_refused(*state, "consumer\n    name = a\n    follow = observer\n", observer);
    suite_zpl_expect_refused(
        *state, "consumer\n    name = a\n    follow = orchestrator\n    follow = orchestrator\n",
        "6: follow: 'orchestrator' is followed already");
}

/* There is a limit to how many follow, the observer being one of them. */
static void test_suite_load__too_many_consumers__are_refused(void **state)
{
    AUTO(freep) char *lines = xstrdup("");
    for (int i = 1; i <= SUITE_CONSUMERS_MAX; i++) {
        char *longer = xprintf("%sconsumer\n    name = c%d\n", lines, i);
        free(lines);
        lines = longer;
    }
    AUTO(freep)
    char *words = xprintf("%d: consumer: is one too many: at most 32 are allowed, the observer "
                          "included",
                          1 + 2 * SUITE_CONSUMERS_MAX);
    suite_zpl_expect_refused(*state, lines, words);
    AUTO(freep) char *without = xprintf("%sobserver\n    run = no\n", lines);
    AUTO(suite_freep) struct suite *suite = suite_zpl_load_lines(*state, without);
    assert_int_equal(suite->consumer_count, SUITE_CONSUMERS_MAX);
}

/* What a consumer is set to is its own to check. */
static void test_suite_load__consumer_settings__are_left_to_it(void **state)
{
    AUTO(suite_freep)
    struct suite *suite = suite_zpl_load_lines(
        *state, "consumer\n    name = a\n    settings\n        odd = 1\n        odd = 2\n");
    struct err err;
    assert_string_equal(suite->consumers[1].program, "zsaga-a");
    assert_int_equal(config_check_used(suite->consumers[1].settings, &err), ERR_INVALID);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, suite_zpl_set_up, suite_zpl_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_suite_load__no_id__is_refused),
        TEST(test_suite_load__unknown_key__is_refused),
        TEST(test_suite_load__settings__are_left_to_the_participant),
        TEST(test_suite_load__participant_names__are_checked),
        TEST(test_suite_load__limits__are_checked),
        TEST(test_suite_load__endpoints__are_checked),
        TEST(test_suite_load__same_endpoint_twice__is_refused),
        TEST(test_suite_load__endpoint_keys__are_those_of_the_process),
        TEST(test_suite_load__keep__is_checked),
        TEST(test_suite_load__observer__runs_unless_told_otherwise),
        TEST(test_suite_load__consumer_names__are_checked),
        TEST(test_suite_load__follow__names_publishers),
        TEST(test_suite_load__too_many_consumers__are_refused),
        TEST(test_suite_load__consumer_settings__are_left_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
