#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/xalloc.h"

/* Gives one byte at a time, with "nothing yet" before each: a reader must not lose its place. */
struct drip {
    struct bytes rest;
    bool ready;
};

static ssize_t read_drip(void *from, void *to, size_t size)
{
    struct drip *drip = from;
    drip->ready = !drip->ready;
    if (!drip->ready)
        return CSV_NOT_YET;
    return csv_read_memory(&drip->rest, to, size < 1 ? size : 1);
}

static void put_row(struct buffer *to, const struct csv_row *row)
{
    char line[32];
    (void)snprintf(line, sizeof line, "%zu:", row->line);
    buffer_append_text(to, line);
    for (size_t i = 0; i < row->field_count; i++) {
        struct csv_field field = csv_field(row, i);
        buffer_append_text(to, "<");
        buffer_append(to, field.bytes.data, field.bytes.len);
        buffer_append_text(to, ">");
    }
    if (row->fault != NULL) {
        buffer_append_text(to, " ");
        buffer_append_text(to, row->fault);
    }
    buffer_append_text(to, "\n");
}

/* All rows as "LINE:<field><field> fault". */
static char *rows_of(csv_read read, void *from)
{
    struct csv *csv = csv_new(read, from);
    struct buffer text = {0};
    const struct csv_row *row;
    struct err err;
    int rc;
    while ((rc = csv_next(csv, &row, &err)) == CSV_ROW || rc == CSV_LATER)
        if (rc == CSV_ROW)
            put_row(&text, row);
    assert_int_equal(rc, CSV_END);
    assert_int_equal(csv_next(csv, &row, &err), CSV_END);
    csv_free(csv);
    buffer_append(&text, "", 1);
    return (char *)text.data;
}

/* The same whether it comes at once or byte by byte. */
static void expect(const char *input, size_t len, const char *expected)
{
    struct bytes whole = bytes_of(input, len);
    struct drip drip = {.rest = bytes_of(input, len)};
    AUTO(freep) char *at_once = rows_of(csv_read_memory, &whole);
    AUTO(freep) char *dripping = rows_of(read_drip, &drip);
    assert_string_equal(at_once, expected);
    assert_string_equal(dripping, expected);
}

#define EXPECT(input, expected) expect(input, sizeof input - 1, expected)

/* Rows end with LF or CRLF, the last one with nothing too. */
static void test_csv_next__line_ends__all_are_taken(void **state)
{
    (void)state;
    EXPECT("a,b\nc,d\n", "1:<a><b>\n2:<c><d>\n");
    EXPECT("a,b\r\nc,d\r\n", "1:<a><b>\n2:<c><d>\n");
    EXPECT("a,b\nc,d", "1:<a><b>\n2:<c><d>\n");
    EXPECT("a,b\r", "1:<a><b>\n");
    EXPECT("", "");
}

/* A lone carriage return is no line end but data: an id with one is refused later. */
static void test_csv_next__lone_return__is_data(void **state)
{
    (void)state;
    EXPECT("a\rb,c\n", "1:<a\rb><c>\n");
    EXPECT("a\r\r\n", "1:<a\r>\n");
}

/* Empty lines are skipped but counted; a line with an empty quoted field is a row. */
static void test_csv_next__empty_lines__are_skipped(void **state)
{
    (void)state;
    EXPECT("\n\na\n\r\n\nb\n\n", "3:<a>\n6:<b>\n");
    EXPECT("\"\"\n", "1:<>\n");
    EXPECT(",\n", "1:<><>\n");
}

/* Quotes protect commas, quotes (doubled) and line breaks; a row's line is where it begins. */
static void test_csv_next__quotes__protect(void **state)
{
    (void)state;
    EXPECT("\"a,b\",\"say \"\"hi\"\"\",\"\"\nx\n", "1:<a,b><say \"hi\"><>\n2:<x>\n");
    EXPECT("a,\"two\r\nlines\"\nb\n", "1:<a><two\r\nlines>\n3:<b>\n");
}

/* A quote inside an unquoted field has one meaning only, and stands for itself. */
static void test_csv_next__quote_in_plain_field__is_data(void **state)
{
    (void)state;
    EXPECT("5\" nail,b\n", "1:<5\" nail><b>\n");
}

/* What could be read in two ways is marked, and the next rows are read on. */
static void test_csv_next__ambiguous__is_marked(void **state)
{
    (void)state;
    EXPECT("\"a\"b,c\nd\n", "1:<ab><c> text follows a closing quote\n2:<d>\n");
    EXPECT("a,\"b\nc\n", "1:<a><b\nc\n> a quoted field is not closed\n");
}

/* A byte order mark at the very start is no data; anywhere else it is. */
static void test_csv_next__byte_order_mark__is_skipped_at_start(void **state)
{
    (void)state;
    EXPECT("\xEF\xBB\xBF"
           "a\n\xEF\xBB\xBF"
           "b\n",
           "1:<a>\n2:<\xEF\xBB\xBF"
           "b>\n");
    EXPECT("\xEF\xBB", "1:<\xEF\xBB>\n");
}

/* NUL bytes and invalid UTF-8 come through as they are: the rules of ids judge them. */
static void test_csv_next__odd_bytes__come_through(void **state)
{
    (void)state;
    struct bytes input = bytes_of("a\0b,\xff\n", 6);
    struct csv *csv = csv_new(csv_read_memory, &input);
    const struct csv_row *row;
    struct err err;
    assert_int_equal(csv_next(csv, &row, &err), CSV_ROW);
    assert_int_equal(csv_field(row, 0).bytes.len, 3);
    assert_memory_equal(csv_field(row, 0).bytes.data, "a\0b", 3);
    assert_false(csv_name(csv_field(row, 0)));
    assert_false(csv_name(csv_field(row, 1)));
    csv_free(csv);
}

/* Of a huge field only a part is kept, marked as cut; of a huge row only so many fields. */
static void test_csv_next__huge__is_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 3 * CSV_FIELD_MAX; i++)
        buffer_append_text(&text, "7");
    for (int i = 0; i < 2 * CSV_FIELDS_MAX; i++)
        buffer_append_text(&text, ",x");
    buffer_append_text(&text, "\nnext\n");
    struct bytes input = buffer_bytes(&text);
    struct csv *csv = csv_new(csv_read_memory, &input);
    const struct csv_row *row;
    struct err err;
    uint64_t number;
    assert_int_equal(csv_next(csv, &row, &err), CSV_ROW);
    assert_int_equal(row->field_count, 2 * CSV_FIELDS_MAX + 1);
    assert_true(csv_field(row, 0).cut);
    assert_int_equal(csv_field(row, 0).bytes.len, CSV_FIELD_MAX);
    assert_false(csv_name(csv_field(row, 0)));
    assert_false(csv_number(csv_field(row, 0), 0, UINT64_MAX, &number));
    assert_false(csv_field(row, 1).cut);
    assert_int_equal(csv_field(row, CSV_FIELDS_MAX).bytes.len, 0);
    assert_int_equal(csv_next(csv, &row, &err), CSV_ROW);
    assert_int_equal(row->line, 2);
    assert_int_equal(row->field_count, 1);
    assert_int_equal(csv_bytes_read(csv), text.len);
    csv_free(csv);
    buffer_release(&text);
}

static ssize_t read_broken(void *from, void *to, size_t size)
{
    (void)from;
    (void)to;
    (void)size;
    errno = EIO;
    return -1;
}

/* A failing source is an error, not an end. */
static void test_csv_next__read_fails__is_an_error(void **state)
{
    (void)state;
    struct csv *csv = csv_new(read_broken, NULL);
    const struct csv_row *row;
    struct err err;
    assert_int_equal(csv_next(csv, &row, &err), ERR_IO);
    csv_free(csv);
}

/* A descriptor with nothing in it yet is not waited for. */
static void test_csv_read_fd__pipe__tells_not_yet(void **state)
{
    (void)state;
    int ends[2];
    char text[8];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(csv_read_fd(&ends[0], text, sizeof text), CSV_NOT_YET);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(csv_read_fd(&ends[0], text, sizeof text), 3);
    (void)close(ends[1]);
    assert_int_equal(csv_read_fd(&ends[0], text, sizeof text), 0);
    (void)close(ends[0]);
}

static int columns_of(const char *header, size_t *places, struct err *err)
{
    static const char *const wanted[] = {"b", "a"};
    struct bytes input = bytes_text(header);
    struct csv *csv = csv_new(csv_read_memory, &input);
    const struct csv_row *row;
    assert_int_equal(csv_next(csv, &row, err), CSV_ROW);
    int rc = csv_columns(row, wanted, 2, places, err);
    csv_free(csv);
    return rc;
}

/* Columns are found by name in any order, each exactly once. */
static void test_csv_columns__any_order__each_once(void **state)
{
    (void)state;
    struct err err;
    size_t places[2];
    assert_int_equal(columns_of("x,a,\"b\",x\n", places, &err), 0);
    assert_int_equal(places[0], 2);
    assert_int_equal(places[1], 1);
    assert_int_equal(columns_of("a,x\n", places, &err), ERR_INVALID);
    assert_string_equal(err.text, "the header has no column b");
    assert_int_equal(columns_of("a,b,a\n", places, &err), ERR_INVALID);
    assert_string_equal(err.text, "the header has the column a twice");
    assert_int_equal(columns_of("a,\"b\"b\n", places, &err), ERR_INVALID);
}

static bool is_number(const char *text, uint64_t min, uint64_t max, uint64_t expected)
{
    uint64_t number = 0;
    struct csv_field field = {.bytes = bytes_text(text)};
    return csv_number(field, min, max, &number) && number == expected;
}

/* Numbers are decimal digits within their bounds, nothing else, and never wrap around. */
static void test_csv_number__digits_only__within_bounds(void **state)
{
    (void)state;
    assert_true(is_number("1", 1, 1000000, 1));
    assert_true(is_number("1000000", 1, 1000000, 1000000));
    assert_true(is_number("007", 1, 1000000, 7));
    assert_true(is_number("18446744073709551615", 0, UINT64_MAX, UINT64_MAX));
    const char *const refused[] = {"",
                                   "0",
                                   "-1",
                                   "+1",
                                   " 1",
                                   "1 ",
                                   "1.5",
                                   "0x1",
                                   "1e3",
                                   "1000001",
                                   "abc",
                                   "1,000",
                                   "99999999999999999999",
                                   "18446744073709551617"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint64_t number;
        struct csv_field field = {.bytes = bytes_text(refused[i])};
        assert_false(csv_number(field, 1, 1000000, &number));
    }
}

/* What is written is read back the same; quotes only where they are needed. */
static void test_csv_write_field__special__is_quoted(void **state)
{
    (void)state;
    const char *const fields[] = {"plain", "a,b", "say \"hi\"", "two\nlines", "cr\r", ""};
    struct buffer text = {0};
    for (size_t i = 0; i < 6; i++) {
        csv_write_field(&text, bytes_text(fields[i]));
        buffer_append_text(&text, i == 5 ? "\n" : ",");
    }
    const char *expected = "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"cr\r\",\n";
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
    struct bytes input = buffer_bytes(&text);
    struct csv *csv = csv_new(csv_read_memory, &input);
    const struct csv_row *row;
    struct err err;
    assert_int_equal(csv_next(csv, &row, &err), CSV_ROW);
    for (size_t i = 0; i < 6; i++)
        assert_true(bytes_equal(csv_field(row, i).bytes, bytes_text(fields[i])));
    csv_free(csv);
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_next__line_ends__all_are_taken),
        cmocka_unit_test(test_csv_next__lone_return__is_data),
        cmocka_unit_test(test_csv_next__empty_lines__are_skipped),
        cmocka_unit_test(test_csv_next__quotes__protect),
        cmocka_unit_test(test_csv_next__quote_in_plain_field__is_data),
        cmocka_unit_test(test_csv_next__ambiguous__is_marked),
        cmocka_unit_test(test_csv_next__byte_order_mark__is_skipped_at_start),
        cmocka_unit_test(test_csv_next__odd_bytes__come_through),
        cmocka_unit_test(test_csv_next__huge__is_bounded),
        cmocka_unit_test(test_csv_next__read_fails__is_an_error),
        cmocka_unit_test(test_csv_read_fd__pipe__tells_not_yet),
        cmocka_unit_test(test_csv_columns__any_order__each_once),
        cmocka_unit_test(test_csv_number__digits_only__within_bounds),
        cmocka_unit_test(test_csv_write_field__special__is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
