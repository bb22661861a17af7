#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* A stopped suite with a service of one's own, box, that has one table, things. */
static void make_suite(const struct cli_call *call)
{
    AUTO(freep) char *program = xprintf("%s/box", call->dir);
    AUTO(freep) char *file = suite_path(call->dir, "suite.zpl");
    AUTO(freep)
    char *text = xprintf("suite\n    id = test\n"
                         "participant\n    name = box\n    program = %s\n",
                         program);
    write_file(file, text, 0644);
    write_file(program,
               "#!/bin/sh\n"
               "case \"$3 $4\" in\n"
               "'--export things') printf 'thing,count\\nb,2\\n\"a,b\",1\\n' ;;\n"
               "'--export empty') printf 'thing\\n' ;;\n"
               "'--export torn') printf 'thing\\nx\\n'; exit 1 ;;\n"
               "*) echo 'there are: things' >&2; exit 2 ;;\n"
               "esac\n",
               0755);
}

static void expect_output(const struct cli_call *call, const char *wanted, const char *table,
                          const char *option)
{
    int code;
    const char *const words[] = {"export", table, option, NULL};
    AUTO(freep) char *got = cli_call_run(call, &code, words);
    assert_int_equal(code, 0);
    assert_string_equal(got, wanted);
}

/* A table that the tool does not know is printed as its service tells it, ordered by its first
 * column; its columns are texts, for nobody says otherwise. */
static void test_cmd_export__of_ones_own_service__is_as_it_tells(void **state)
{
    make_suite(*state);
    expect_output(*state, "thing,count\n\"a,b\",1\nb,2\n", "box/things", NULL);
    expect_output(*state,
                  "[\n"
                  "  {\n    \"thing\": \"a,b\",\n    \"count\": \"1\"\n  },\n"
                  "  {\n    \"thing\": \"b\",\n    \"count\": \"2\"\n  }\n"
                  "]\n",
                  "box/things", "--json");
    expect_output(*state, "thing\n", "box/empty", NULL);
    expect_output(*state, "[]\n", "box/empty", "--json");
}

/* What there is not is refused: a table by its service's own words, a service, half a name. */
static void test_cmd_export__not_there__is_refused(void **state)
{
    make_suite(*state);
    EXPECT(2, "there are: things", "export", "box/nothing");
    EXPECT(3, "no participant and no consumer bag", "export", "bag/things");
    EXPECT(3, "no participant and no consumer inventory", "export", "stock");
    EXPECT(2, "SERVICE/TABLE", "export", "box/");
    EXPECT(2, "SERVICE/TABLE", "export", "/things");
}

/* A program that fails in the middle has told nothing: half a table is none. */
static void test_cmd_export__program_fails__prints_no_row(void **state)
{
    make_suite(*state);
    int code;
    const char *const words[] = {"export", "box/torn", NULL};
    AUTO(freep) char *got = cli_call_run(*state, &code, words);
    assert_int_equal(code, 1);
    assert_string_equal(got, "zsaga: box's program failed (exit code 1)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cmd_export__of_ones_own_service__is_as_it_tells,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cmd_export__not_there__is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cmd_export__program_fails__prints_no_row, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
