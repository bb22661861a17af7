#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"

/* A growing array keeps its content and has room for what is wanted. */
static void test_xgrow__one_at_a_time__keeps_content(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    int moves = 0;
    for (int i = 0; i < 1000; i++) {
        size_t before = capacity;
        numbers = xgrow(numbers, &capacity, (size_t)i + 1, sizeof *numbers);
        moves += capacity != before;
        assert_true(capacity > (size_t)i);
        numbers[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    assert_true(moves < 12);
    free(numbers);
}

/* One large wish is met at once, and room that is there is not touched. */
static void test_xgrow__large_wish__is_met(void **state)
{
    (void)state;
    size_t capacity = 0;
    char *bytes = xgrow(NULL, &capacity, 100000, 1);
    assert_true(capacity >= 100000);
    assert_ptr_equal(xgrow(bytes, &capacity, 100000, 1), bytes);
    free(bytes);
}

/* A size beyond the address space ends the process instead of wrapping round. */
static void test_xgrow__impossible_size__aborts(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        size_t capacity = 0;
        free(xgrow(NULL, &capacity, SIZE_MAX / 4, 16));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* Nothing still gives a pointer that can be freed. */
static void test_xmemdup__empty__can_be_freed(void **state)
{
    (void)state;
    void *empty = xmemdup(NULL, 0);
    assert_non_null(empty);
    free(empty);
}

/* Formatted text is as long as it needs to be. */
static void test_xprintf__long_text__is_whole(void **state)
{
    (void)state;
    AUTO(freep) char *text = xprintf("%01000d", 7);
    assert_int_equal(strlen(text), 1000);
}

/* A freed local is NULL, so that nobody uses it again. */
static void test_freep__pointer__becomes_null(void **state)
{
    (void)state;
    char *text = xstrdup("x");
    freep(&text);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xgrow__one_at_a_time__keeps_content),
        cmocka_unit_test(test_xgrow__large_wish__is_met),
        cmocka_unit_test(test_xgrow__impossible_size__aborts),
        cmocka_unit_test(test_xmemdup__empty__can_be_freed),
        cmocka_unit_test(test_xprintf__long_text__is_whole),
        cmocka_unit_test(test_freep__pointer__becomes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
