#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "killers.h"
#include "sim.h"
#include "verdict.h"

#define EXITED(code) ((code) << 8) /* As waitpid() has it on Linux. */
#define KILLED(signal) (signal)

/* A run that ends with a finding's exit code has killed, and says by what and with which seed. */
static void test_simulator__that_found_something__tells_what_and_where(void **state)
{
    (void)state;
    struct verdict verdict = verdict_of_simulator(
        EXITED(SIM_EXIT_INVARIANT), "noise\n\nFAIL I14 seed=15 t=8347 ms: p1 tells\nprofile: 1\n");
    assert_int_equal(verdict.kind, VERDICT_FAILED);
    assert_string_equal(verdict.by, "I14");
    assert_int_equal(verdict.seed, 15);
    verdict = verdict_of_simulator(EXITED(SIM_EXIT_LIVENESS), "FAIL L1 seed=7 t=1 ms: no rest\n");
    assert_string_equal(verdict.by, "L1");
    verdict = verdict_of_simulator(EXITED(SIM_EXIT_CRASH), "oh\nFAIL crash seed=0x10\nreplay\n");
    assert_string_equal(verdict.by, "crash");
    assert_int_equal(verdict.seed, 16);
}

/* That nothing was found, or that some rare thing never happened, kills nothing. */
static void test_simulator__that_found_nothing__has_passed(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_simulator(EXITED(0), "nothing found\n").kind, VERDICT_PASSED);
    assert_int_equal(verdict_of_simulator(EXITED(1), "never happened: x\n").kind, VERDICT_PASSED);
}

/* A simulator that did not do its work has not killed. */
static void test_simulator__that_ends_otherwise__is_broken(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_simulator(EXITED(SIM_EXIT_USAGE), "FAIL I1 seed=1\n").kind,
                     VERDICT_BROKEN);
    assert_int_equal(verdict_of_simulator(EXITED(127), "").kind, VERDICT_BROKEN);
    assert_int_equal(verdict_of_simulator(KILLED(9), "").kind, VERDICT_BROKEN);
    assert_int_equal(verdict_of_simulator(EXITED(SIM_EXIT_INVARIANT), "no such line\n").kind,
                     VERDICT_BROKEN);
}

/* A test program kills by a test that failed, or by an assertion of the engine's own. */
static void test_test__that_failed__tells_which(void **state)
{
    (void)state;
    struct verdict verdict =
        verdict_of_test(EXITED(1), "[ RUN ] a\n[  FAILED  ] test_a__b__c\nmore\n");
    assert_int_equal(verdict.kind, VERDICT_FAILED);
    assert_string_equal(verdict.by, "test_a__b__c");
    assert_int_equal(verdict_of_test(KILLED(6), "assertion\n").kind, VERDICT_FAILED);
    assert_int_equal(verdict_of_test(EXITED(0), "[  PASSED  ] 3 test(s).\n").kind, VERDICT_PASSED);
    assert_int_equal(verdict_of_test(EXITED(127), "no such file\n").kind, VERDICT_BROKEN);
}

/* Each mutant has somebody who has to find it. */
static void test_killers__of_each_mutant__are_named(void **state)
{
    (void)state;
    for (int i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++) {
        const struct killer killer = killer_of((enum mutant)i);
        assert_true(killer.blind == NULL || killer.test != NULL);
        assert_int_equal(killer_find(killer.name), i);
    }
    assert_int_equal(killer_find("NONE"), MUTANT_NONE);
    assert_int_equal(killer_find(""), MUTANT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulator__that_found_something__tells_what_and_where),
        cmocka_unit_test(test_simulator__that_found_nothing__has_passed),
        cmocka_unit_test(test_simulator__that_ends_otherwise__is_broken),
        cmocka_unit_test(test_test__that_failed__tells_which),
        cmocka_unit_test(test_killers__of_each_mutant__are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
