#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "out.h"

/* Thousands are set apart. */
static void test_out_number__thousands(void **state)
{
    (void)state;
    assert_string_equal(out_number(0), "0");
    assert_string_equal(out_number(999), "999");
    assert_string_equal(out_number(1000), "1,000");
    assert_string_equal(out_number(1234567), "1,234,567");
    assert_string_equal(out_number(UINT64_MAX), "18,446,744,073,709,551,615");
}

/* Durations are as exact as a person cares for. */
static void test_out_duration__rounded(void **state)
{
    (void)state;
    assert_string_equal(out_duration(0), "0.0 s");
    assert_string_equal(out_duration(1234), "1.2 s");
    assert_string_equal(out_duration(59000), "59 s");
    assert_string_equal(out_duration(600000), "10 min");
    assert_string_equal(out_duration(3 * 3600000), "3 h");
    assert_string_equal(out_duration(INT64_C(5) * 86400000), "5 d");
}

/* Times are RFC 3339 with milliseconds; none is null. */
static void test_out_json_time__none__null(void **state)
{
    (void)state;
    json_t *none = out_json_time(0);
    json_t *some = out_json_time(1000);
    assert_true(json_is_null(none));
    assert_string_equal(json_string_value(some), "1970-01-01T00:00:01.000Z");
    json_decref(none);
    json_decref(some);
}

/* What the rows printed look like, read back from standard output. */
static char *printed_rows(const int *numbers, size_t count)
{
    char *text = xcalloc(1000, 1);
    FILE *output = tmpfile();
    assert_non_null(output);
    (void)fflush(stdout);
    int real_out = dup(STDOUT_FILENO);
    (void)dup2(fileno(output), STDOUT_FILENO);
    struct out_rows rows = {false};
    for (size_t i = 0; i < count; i++)
        out_rows_add(&rows, json_pack("{s:i}", "n", numbers[i]));
    out_rows_end(&rows);
    (void)fflush(stdout);
    (void)dup2(real_out, STDOUT_FILENO);
    (void)close(real_out);
    rewind(output);
    text[fread(text, 1, 999, output)] = '\0';
    (void)fclose(output);
    return text;
}

/* Rows printed one at a time are the array that they would be at once. */
static void test_out_rows__one_at_a_time__are_an_array(void **state)
{
    (void)state;
    static const int numbers[] = {1, 2};
    for (size_t count = 0; count <= 2; count++) {
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(array, json_pack("{s:i}", "n", numbers[i]));
        AUTO(freep) char *at_once = json_dumps(array, JSON_INDENT(2));
        AUTO(freep) char *wanted = xprintf("%s\n", at_once);
        AUTO(freep) char *got = printed_rows(numbers, count);
        assert_string_equal(got, wanted);
        json_decref(array);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_number__thousands),
        cmocka_unit_test(test_out_duration__rounded),
        cmocka_unit_test(test_out_json_time__none__null),
        cmocka_unit_test(test_out_rows__one_at_a_time__are_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
