/* An import whose rows come slowly. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "suite.h"
#include "suite_tool.h"

#define ROWS 30
#define ROW_MS 20000

struct import {
    pid_t pid;
    int ends[2];
    int status;
};

static bool has_ended(struct import *import)
{
    if (import->pid != 0 && waitpid(import->pid, &import->status, WNOHANG) == import->pid)
        import->pid = 0;
    return import->pid == 0;
}

static bool has_read_all(const struct import *import)
{
    int unread = 0;
    assert_int_equal(ioctl(import->ends[0], FIONREAD, &unread), 0);
    return unread == 0;
}

/* Each row once the one before it was read. */
static void feed(struct import *import)
{
    char row[32];
    for (int i = -1; i < ROWS; i++) {
        int len = i < 0 ? snprintf(row, sizeof row, "sku,on_hand\n")
                        : snprintf(row, sizeof row, "S%02d,%d\n", i, 100 + i);
        assert_int_equal(write(import->ends[1], row, (size_t)len), len);
        SUITE_AWAIT(has_read_all(import) || has_ended(import), ROW_MS);
    }
}

/* Rows that are not there yet are waited for: the table is imported whole or not at all. */
static void test_import__rows_that_come_slowly__are_all_taken(void **state)
{
    struct suite_process *suite = *state;
    struct import import = {0};
    struct err err;
    assert_int_equal(suite_create(suite->data, &err), 0);
    const char *program = suite_process_program(suite, "zsaga-inventory");
    const char *said = suite_process_path(suite, "said");
    const char *const argv[] = {program, "--data", suite->data, "--import", "stock", NULL};
    assert_int_equal(pipe2(import.ends, O_CLOEXEC), 0);
    import.pid = suite_process_spawn(argv, import.ends[0], said, said);
    feed(&import);
    (void)close(import.ends[1]);
    SUITE_AWAIT(has_ended(&import), ROW_MS);
    (void)close(import.ends[0]);
    assert_int_equal(import.status, 0);

    struct suite_tool *export = suite_tool_expect(suite, 0, "export", "stock", NULL);
    size_t lines = 0;
    for (const char *at = export->out; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, ROWS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_import__rows_that_come_slowly__are_all_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
