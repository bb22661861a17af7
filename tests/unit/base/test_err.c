#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* An error carries its class to the caller and its words to a person. */
static void test_err_set__words_and_code__are_kept(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, ERR_INVALID, "line %d", 7), ERR_INVALID);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "line 7");
}

/* A caller without interest in words still gets the class. */
static void test_err_set__no_err__returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_HELD, "x"), ERR_HELD);
    assert_int_equal(err_wrap(NULL, ERR_HELD, "x"), ERR_HELD);
    assert_int_equal(err_errno(NULL, ENOSPC, "x"), ERR_FULL);
}

/* Wrapping tells what was being done before what went wrong. */
static void test_err_wrap__words__go_before_the_old_ones(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_IO, "write failed");
    assert_int_equal(err_wrap(&err, ERR_IO, "commit %d", 3), ERR_IO);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.text, "commit 3: write failed");
}

/* Words that do not fit are cut, never written beyond the array. */
static void test_err_wrap__long_words__are_cut(void **state)
{
    (void)state;
    struct err err;
    char words[600];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    err_set(&err, ERR_IO, "%s", words);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    err_wrap(&err, ERR_IO, "before");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "before: xxx", 11);
}

/* The class of a failed call is what the caller can do about it. */
static void test_err_errno__each_number__has_its_class(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_errno(&err, ENOSPC, "write"), ERR_FULL);
    assert_int_equal(err_errno(&err, EDQUOT, "write"), ERR_FULL);
    assert_int_equal(err_errno(&err, EIO, "write"), ERR_IO);
    assert_int_equal(err_errno(&err, ENOENT, "open"), ERR_NOT_FOUND);
    assert_int_equal(err_errno(&err, EACCES, "open %s", "a"), ERR_SYSTEM);
    assert_string_equal(err.text, "open a: Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set__words_and_code__are_kept),
        cmocka_unit_test(test_err_set__no_err__returns_the_code),
        cmocka_unit_test(test_err_wrap__words__go_before_the_old_ones),
        cmocka_unit_test(test_err_wrap__long_words__are_cut),
        cmocka_unit_test(test_err_errno__each_number__has_its_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
