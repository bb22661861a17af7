#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define DEADLINE_MS 10000

/* A program's input and output may be larger than a pipe holds, both ways at once. */
static void test_program_run__large_input__comes_back_whole(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/cat", NULL};
    struct buffer input = {0};
    struct buffer output = {0};
    struct err err;
    int exit_code = -1;
    memset(buffer_extend(&input, 1 << 20), 'x', 1 << 20);
    assert_int_equal(program_run(argv, buffer_bytes(&input), &output, &exit_code, &err), 0);
    assert_int_equal(exit_code, 0);
    assert_true(bytes_equal(buffer_bytes(&input), buffer_bytes(&output)));
    buffer_release(&input);
    buffer_release(&output);
}

/* A program that reads nothing is no reason to hang; its exit code comes through. */
static void test_program_run__ends_early__exit_code(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/sh", "-c", "exit 7", NULL};
    struct buffer input = {0};
    struct buffer output = {0};
    struct err err;
    int exit_code = -1;
    memset(buffer_extend(&input, 1 << 20), 'x', 1 << 20);
    assert_int_equal(program_run(argv, buffer_bytes(&input), &output, &exit_code, &err), 0);
    assert_int_equal(exit_code, 7);
    buffer_release(&input);
    const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    assert_int_equal(program_run(killed, bytes_of("", 0), &output, &exit_code, &err), 0);
    assert_int_equal(exit_code, 137);
    buffer_release(&output);
}

/* One that does not end is waited for no longer than wanted. */
static void test_program_wait__still_runs__is_told(void **state)
{
    (void)state;
    int ends[2];
    int exit_code = -1;
    pid_t pid;
    struct err err;
    const char *const argv[] = {"/bin/sh", "-c", "echo up; exec tail -f /dev/null", NULL};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(program_start(argv, ends[1], STDERR_FILENO, &pid, &err), 0);
    char text[8];
    assert_int_equal(read(ends[0], text, sizeof text), 3);
    assert_false(program_wait(pid, 0, &exit_code));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(program_wait(pid, DEADLINE_MS, &exit_code));
    assert_int_equal(exit_code, 137);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Where a program was looked for is said. */
static void test_program_find__missing__is_told(void **state)
{
    (void)state;
    char *path;
    struct err err;
    assert_int_equal(program_find("zsaga-no-such-thing", &path, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "zsaga-no-such-thing"));
    assert_int_equal(program_find("/bin/cat", &path, &err), 0);
    assert_string_equal(path, "/bin/cat");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_run__large_input__comes_back_whole),
        cmocka_unit_test(test_program_run__ends_early__exit_code),
        cmocka_unit_test(test_program_wait__still_runs__is_told),
        cmocka_unit_test(test_program_find__missing__is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
