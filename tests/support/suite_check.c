#include "suite_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#define OUT_MAX 100000

struct suite_checked suite_check(struct suite_process *suite, const char *arguments)
{
    const char *program = suite_process_program(suite, "zsaga-check");
    FILE *stream = popen(suite_process_text(suite, "%s %s 2>&1", program, arguments), "re");
    assert_non_null(stream);
    char *out = suite_process_keep(suite, calloc(1, OUT_MAX), free);
    (void)fread(out, 1, OUT_MAX - 1, stream);
    int status = pclose(stream);
    assert_true(WIFEXITED(status));
    return (struct suite_checked){WEXITSTATUS(status), out};
}

void suite_expect_sound(struct suite_process *suite)
{
    assert_int_equal(suite_process_down(suite), 0);
    struct suite_checked checked = suite_check(suite, suite->data);
    if (checked.exit_code != 0)
        fail_msg("%s", checked.out);
}
