#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "options.h"
#include "trial.h"

#define SECONDS 120
#define WORDS_MAX 10

/* Runs a program beside this one with a mutant chosen (NULL: none), and fails the test unless it
 * ends with that code, having said `said`. */
static void expect(const char *mutant, int code, const char *said, const char *program,
                   const char *const *words)
{
    AUTO(freep) char *path = xprintf("%s/tests/%s", getenv("ZSAGA_BUILD"), program);
    const char *arguments[WORDS_MAX + 2] = {path};
    for (int i = 0; i < WORDS_MAX && words[i] != NULL; i++)
        arguments[i + 1] = words[i];
    struct trial trial;
    int status = 0;
    AUTO(freep) char *output = NULL;
    trial_start(&trial, mutant, arguments, SECONDS);
    (void)trial_wait(&trial, 1, &status, &output);
    if (strstr(output, said) == NULL)
        fail_msg("\"%s\" is not said: %s", said, output);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

#define EXPECT(mutant, code, said, program, ...)                                                   \
    expect(mutant, code, said, program, (const char *const[]){__VA_ARGS__, NULL})

/* A name that is misspelt must not pass for an engine without a mutant. */
static void test_choice__of_an_unknown_mutant__stops_the_process(void **state)
{
    (void)state;
    EXPECT("NONE", MUTANTS_EXIT_USAGE, "there is no mutant \"NONE\"", "zsaga-sim", "--help");
    EXPECT("no_tombstone", MUTANTS_EXIT_USAGE, "there is no mutant", "zsaga-sim", "--help");
    EXPECT(NULL, 0, "usage:", "zsaga-sim", "--help");
}

/* What cannot be run is refused, and not taken for a success. */
static void test_arguments__that_make_no_sense__are_refused(void **state)
{
    (void)state;
    EXPECT(NULL, MUTANTS_EXIT_USAGE, "there is no mutant \"NONE\"", "zsaga-mutants", "--only",
           "NONE");
    EXPECT(NULL, MUTANTS_EXIT_USAGE, "--seeds 0", "zsaga-mutants", "--seeds", "0");
    EXPECT(NULL, MUTANTS_EXIT_USAGE, "see zsaga-mutants --help", "zsaga-mutants", "NO_TOMBSTONE");
    EXPECT(NULL, 0, "NO_TOMBSTONE", "zsaga-mutants", "--list");
}

/* One that is found is told with what has found it, and the run is sound without it. */
static void test_mutant__that_is_found__is_killed(void **state)
{
    (void)state;
    EXPECT(NULL, 0, "killed    by simulator: I", "zsaga-mutants", "--only", "DUPLICATE_RUNS",
           "--seeds", "100");
    EXPECT(NULL, 0, "\"result\": \"killed\"", "zsaga-mutants", "--only", "DUPLICATE_RUNS",
           "--seeds", "100", "--json");
}

/* One that nobody finds within the budget is a failure. */
static void test_mutant__that_is_not_found__has_survived(void **state)
{
    (void)state;
    EXPECT(NULL, 1, "SURVIVED  1 runs", "zsaga-mutants", "--only", "CURSOR_OUTSIDE", "--seeds",
           "1");
    EXPECT(NULL, 1, "0 of 1 killed, 1 survived", "zsaga-mutants", "--only", "CURSOR_OUTSIDE",
           "--seeds", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice__of_an_unknown_mutant__stops_the_process),
        cmocka_unit_test(test_arguments__that_make_no_sense__are_refused),
        cmocka_unit_test(test_mutant__that_is_found__is_killed),
        cmocka_unit_test(test_mutant__that_is_not_found__has_survived),
    };
    trial_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
