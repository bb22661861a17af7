#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "import_file.h"

/* What is said on standard error goes to a file that the test can read. */
struct fixture {
    FILE *said;
    int real_stderr;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->said = tmpfile();
    fixture->real_stderr = dup(STDERR_FILENO);
    *state = fixture;
    return fixture->said == NULL || dup2(fileno(fixture->said), STDERR_FILENO) < 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)dup2(fixture->real_stderr, STDERR_FILENO);
    (void)close(fixture->real_stderr);
    (void)fclose(fixture->said);
    free(fixture);
    return 0;
}

static int parse(const char *table, const char *text, struct rowset *rows)
{
    struct bytes input = bytes_text(text);
    struct csv *csv = csv_new(csv_read_memory, &input);
    int code = import_file_parse("f.csv", csv, owner_tables_find(table), rows);
    csv_free(csv);
    return code;
}

static void expect_said(void **state, const char *expected)
{
    struct fixture *fixture = *state;
    char text[1000] = "";
    (void)fflush(stderr);
    rewind(fixture->said);
    (void)fread(text, 1, sizeof text - 1, fixture->said);
    assert_string_equal(text, expected);
}

/* Columns are found by name; rows come out sorted by id. */
static void test_import_file__sound__is_read(void **state)
{
    struct rowset rows;
    assert_int_equal(parse("stock", "note,on_hand,sku\nx,5,mug\ny,0,\"a,b\"\n", &rows), 0);
    assert_int_equal(rows.row_count, 2);
    assert_true(bytes_equal(rowset_field(&rows, 0, 0), bytes_text("a,b")));
    assert_true(bytes_equal(rowset_field(&rows, 1, 1), bytes_text("5")));
    rowset_release(&rows);
    assert_int_equal(parse("customers", "customer_id,credit_cents\n", &rows), 0);
    rowset_release(&rows);
    expect_said(state, "");
}

/* Each bad row is told with its line and its columns. */
static void test_import_file__bad_rows__are_told(void **state)
{
    struct rowset rows;
    assert_int_equal(parse("stock",
                           "sku,on_hand\n,-1\nmug,1.5\nmug,1,2\nok,1\n"
                           "big,9223372036854775808\nok,2\n",
                           &rows),
                     CLI_FALSE);
    rowset_release(&rows);
    expect_said(
        state,
        "f.csv:2: sku, on_hand: not 1 to 64 bytes of UTF-8 without control characters; not a "
        "whole number of at least 0 in decimal digits\n"
        "f.csv:3: on_hand: not a whole number of at least 0 in decimal digits\n"
        "f.csv:4: columns: 3 where the header has 2\n"
        "f.csv:6: on_hand: not a whole number of at least 0 in decimal digits\n"
        "f.csv:7: sku: stands in line 5 already\n"
        "zsaga: f.csv: 5 rows at fault, nothing was imported\n");
}

/* A file without the columns is a wrong file. */
static void test_import_file__missing_column__is_refused(void **state)
{
    struct rowset rows;
    assert_int_equal(parse("stock", "sku,quantity\nmug,1\n", &rows), CLI_USAGE);
    rowset_release(&rows);
    assert_int_equal(parse("stock", "", &rows), CLI_USAGE);
    rowset_release(&rows);
    assert_int_equal(import_file_read("/nowhere/f.csv", owner_tables_find("stock"), &rows),
                     CLI_USAGE);
    rowset_release(&rows);
    expect_said(state, "zsaga: f.csv: the header has no column on_hand\n"
                       "zsaga: f.csv: no header: it is empty\n"
                       "zsaga: cannot read /nowhere/f.csv: No such file or directory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_import_file__sound__is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_import_file__bad_rows__are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_import_file__missing_column__is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
