#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "suite.h"

/* Each test has a directory of its own, removed afterwards. */
static int make_directory(void **state)
{
    char *dir = xstrdup("/tmp/zsaga-suite-XXXXXX");
    *state = mkdtemp(dir);
    return *state == NULL;
}

static int remove_directory(void **state)
{
    AUTO(freep) char *command = xprintf("rm -rf '%s'", (char *)*state);
    free(*state);
    return system(command);
}

/* One process uses a suite; another is told which. */
static void test_suite_lock__held__is_refused_with_the_holder(void **state)
{
    struct err err;
    int first;
    int second;
    assert_false(suite_is_locked(*state));
    assert_int_equal(suite_lock_holder(*state), 0);
    assert_int_equal(suite_lock(*state, 0, &first, &err), 0);
    assert_true(suite_is_locked(*state));
    assert_int_equal(suite_lock(*state, 0, &second, &err), ERR_HELD);
    AUTO(freep)
    char *words =
        xprintf("the suite in %s is in use by process %ld: use that one, or stop it first",
                (char *)*state, (long)getpid());
    assert_string_equal(err.text, words);
    assert_int_equal(suite_lock_holder(*state), getpid());
    (void)close(first);
    assert_false(suite_is_locked(*state));
    assert_int_equal(suite_lock(*state, 0, &second, &err), 0);
    (void)close(second);
}

/* Whoever waits gets the lock when its holder ends, however it ends. */
static void test_suite_lock__holder_dies__waiter_gets_it(void **state)
{
    struct err err;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int held;
        _exit(suite_lock(*state, 0, &held, &err) == 0 && write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    int fd;
    assert_int_equal(suite_lock(*state, 5000, &fd, &err), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(fd);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Asking whether a suite is in use does not keep another from using it. */
static void test_suite_lock__looked_at_meanwhile__is_taken_all_the_same(void **state)
{
    struct err err;
    AUTO(freep) char *path = suite_path(*state, "lock");
    int looking = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(flock(looking, LOCK_SH | LOCK_NB), 0);
    assert_false(suite_is_locked(*state));
    (void)close(looking);
    int fd;
    assert_int_equal(suite_lock(*state, 0, &fd, &err), 0);
    (void)close(fd);
}

/* Without the directory there is nothing to lock. */
static void test_suite_lock__no_directory__is_not_found(void **state)
{
    AUTO(freep) char *dir = suite_path(*state, "none");
    struct err err;
    int fd;
    assert_int_equal(suite_lock(dir, 0, &fd, &err), ERR_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_false(suite_is_locked(dir));
}

#define suite_test(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        suite_test(test_suite_lock__held__is_refused_with_the_holder),
        suite_test(test_suite_lock__holder_dies__waiter_gets_it),
        suite_test(test_suite_lock__looked_at_meanwhile__is_taken_all_the_same),
        suite_test(test_suite_lock__no_directory__is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
