#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "args.h"

static const struct args_option options[] = {{"json", NULL, "flag"},
                                             {"data", "DIR", "value"},
                                             {"state", "S", "many"},
                                             {"limit", "N", "int"}};

/* Arguments as main() gets them; `count` strings. */
static int parse(struct args *args, int count, const char *const *words, struct err *err)
{
    static char copies[8][64];
    static char *argv[8];
    for (int i = 0; i < count; i++) {
        (void)strncpy(copies[i], words[i], sizeof copies[i] - 1);
        argv[i] = copies[i];
    }
    return args_parse(args, options, 4, count, argv, err);
}

#define PARSE(args, err, ...)                                                                      \
    parse(args, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),                \
          (const char *const[]){__VA_ARGS__}, err)

/* Options may stand anywhere, with their value behind a space or an equals sign. */
static void test_args_parse__both_spellings__same_meaning(void **state)
{
    (void)state;
    struct args args;
    struct err err;
    assert_int_equal(PARSE(&args, &err, "one", "--data", "d", "--json", "two"), 0);
    assert_string_equal(args_value(&args, "data"), "d");
    assert_true(args_has(&args, "json"));
    assert_int_equal(args.word_count, 2);
    assert_string_equal(args.words[1], "two");
    args_release(&args);
    assert_int_equal(PARSE(&args, &err, "--data=d=e", "--data=", "-", "--", "--json"), 0);
    assert_string_equal(args_value(&args, "data"), "");
    assert_false(args_has(&args, "json"));
    assert_string_equal(args.words[0], "-");
    assert_string_equal(args.words[1], "--json");
    args_release(&args);
}

/* Each value of an option that stands several times can be had, in order. */
static void test_args_each__several__in_order(void **state)
{
    (void)state;
    struct args args;
    struct err err;
    size_t place = 0;
    assert_int_equal(PARSE(&args, &err, "--state", "a", "--json", "--state=b"), 0);
    assert_string_equal(args_each(&args, "state", &place), "a");
    assert_string_equal(args_each(&args, "state", &place), "b");
    assert_null(args_each(&args, "state", &place));
    args_release(&args);
}

/* What is not understood is refused by name, with the option that was perhaps meant. */
static void test_args_parse__unknown__is_refused(void **state)
{
    (void)state;
    struct args args;
    struct err err;
    assert_int_equal(PARSE(&args, &err, "--jsn"), ERR_INVALID);
    assert_string_equal(err.text, "unknown option --jsn; did you mean --json?");
    args_release(&args);
    assert_int_equal(PARSE(&args, &err, "--whatever"), ERR_INVALID);
    assert_string_equal(err.text, "unknown option --whatever");
    args_release(&args);
    assert_int_equal(PARSE(&args, &err, "-j"), ERR_INVALID);
    args_release(&args);
    assert_int_equal(PARSE(&args, &err, "--json=1"), ERR_INVALID);
    assert_string_equal(err.text, "--json takes no value");
    args_release(&args);
    assert_int_equal(PARSE(&args, &err, "--data"), ERR_INVALID);
    assert_string_equal(err.text, "--data needs a value: --data DIR");
    args_release(&args);
}

static int limit_of(const char *text, int64_t *ret)
{
    struct args args;
    struct err err;
    assert_int_equal(PARSE(&args, &err, "--limit", text), 0);
    int rc = args_int(&args, "limit", 7, 1, 100, ret, &err);
    args_release(&args);
    return rc;
}

static int rate_of(const char *text, double *ret)
{
    struct args args;
    struct err err;
    assert_int_equal(PARSE(&args, &err, "--limit", text), 0);
    int rc = args_positive(&args, "limit", 0, 1000, ret, &err);
    args_release(&args);
    return rc;
}

/* Numbers are wholly numbers, and within their bounds. */
static void test_args_int__bounds__are_kept(void **state)
{
    (void)state;
    int64_t number;
    double rate;
    assert_int_equal(limit_of("100", &number), 0);
    assert_int_equal(number, 100);
    const char *const refused[] = {"0", "101", "1x", "", "x", "99999999999999999999"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(limit_of(refused[i], &number), ERR_INVALID);
    assert_int_equal(rate_of("0.5", &rate), 0);
    assert_true(rate > 0.49 && rate < 0.51);
    const char *const no_rates[] = {"0", "-1", "nan", "inf", "1001", "1s", ""};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(rate_of(no_rates[i], &rate), ERR_INVALID);
    struct args none = {.found_count = 0};
    struct err err;
    assert_int_equal(args_int(&none, "limit", 7, 1, 100, &number, &err), 0);
    assert_int_equal(number, 7);
}

/* A guess is made only when it is near. */
static void test_args_nearest__far__none(void **state)
{
    (void)state;
    static const char *const names[] = {"submit", "status", "show", "up"};
    assert_string_equal(args_nearest("sumbit", names, 4), "submit");
    assert_string_equal(args_nearest("stats", names, 4), "status");
    assert_null(args_nearest("frobnicate", names, 4));
    assert_null(args_nearest("xy", names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args_parse__both_spellings__same_meaning),
        cmocka_unit_test(test_args_each__several__in_order),
        cmocka_unit_test(test_args_parse__unknown__is_refused),
        cmocka_unit_test(test_args_int__bounds__are_kept),
        cmocka_unit_test(test_args_nearest__far__none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
