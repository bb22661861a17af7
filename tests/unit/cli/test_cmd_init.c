#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "cli.h"
#include "cli_call.h"

static int set_up(void **state)
{
    *state = cli_call_new(cli_main);
    return 0;
}

static int tear_down(void **state)
{
    cli_call_free(*state);
    return 0;
}

#define EXPECT(code, words, ...) CLI_CALL_EXPECT(*state, code, words, __VA_ARGS__)

static size_t participants(const struct cli_call *call)
{
    AUTO(suite_freep) struct suite *suite = NULL;
    struct err err;
    assert_int_equal(suite_load(call->dir, &suite, &err), 0);
    return suite->participant_count;
}

/* It makes a suite, says what is next, and leaves one that is there as it is. */
static void test_cmd_init__twice__makes_it_once(void **state)
{
    const struct cli_call *call = *state;
    AUTO(freep) char *next = xprintf("edit it, then: zsaga up --data %s", call->dir);
    EXPECT(0, next, "init");
    assert_int_equal(participants(call), 4);
    EXPECT(1, "has a suite.zpl already: it was left as it is", "init", "--bare");
    EXPECT(1, "\"made\": false", "init", "--json");
    assert_int_equal(participants(call), 4);
}

/* A bare suite waits for services of one's own. */
static void test_cmd_init__bare__has_no_services(void **state)
{
    EXPECT(0, "\"made\": true", "init", "--bare", "--json");
    assert_int_equal(participants(*state), 0);
}

/* Where there can be no directory, the call is wrong. */
static void test_cmd_init__no_directory_possible__is_2(void **state)
{
    EXPECT(2, "/dev/null is in the place of a directory", "init", "--data", "/dev/null/suite");
    EXPECT(2, "cannot make the directory /proc/suite", "init", "--data", "/proc/suite");
    EXPECT(2, "--data needs a directory", "init", "--data", "");
    EXPECT(2, "one word too many: here", "init", "here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cmd_init__twice__makes_it_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cmd_init__bare__has_no_services, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cmd_init__no_directory_possible__is_2, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
