/* Bad files and bad calls of the tool: each is told in words that say where, and changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_tool.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { TRUE = 0, FALSE = 1, USAGE = 2, MISSING = 3 };

/* Services' books, word for word. */
struct books {
    const char *tables[5];
};

static struct books read_books(struct suite_process *suite)
{
    static const char *const names[] = {"stock", "customers", "orders", "payments", "shipments"};
    struct books books;
    for (size_t i = 0; i < COUNT(names); i++)
        books.tables[i] = suite_tool_expect(suite, TRUE, "export", names[i], NULL)->out;
    return books;
}

static void expect_unchanged(struct suite_process *suite, const struct books *before)
{
    struct books books = read_books(suite);
    for (size_t i = 0; i < COUNT(books.tables); i++)
        assert_string_equal(books.tables[i], before->tables[i]);
    assert_int_equal(json_object_size(suite_sagas(suite)), 1);
    suite_expect_clean(suite);
}

static struct books begin(struct suite_process *suite)
{
    suite_data_up_plenty(suite);
    const char *order = suite_data_good_orders(suite, "good", 1);
    (void)suite_tool_expect(suite, TRUE, "submit", "order", order, "--wait", NULL);
    return read_books(suite);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* Each row at fault is told once, with its line and its columns, and its order is not submitted. */
static void test_submit__rows_at_fault__are_told_one_by_one(void **state)
{
    static const struct row {
        const char *text;
        const char *said; /* Behind FILE:2: */
    } rows[] = {
        {"A,c1,s1,0,100,Portugal,\n", "quantity"},
        {"A,c1,s1,-1,100,Portugal,\n", "quantity"},
        {"A,c1,s1,1e3,100,Portugal,\n", "quantity"},
        {"A,c1,s1,18446744073709551617,100,Portugal,\n", "quantity"},
        {"A,c1,s1,1,0,Portugal,\n", "unit_price_cents"},
        {"A,c1,s1,1,1.5,Portugal,\n", "unit_price_cents"},
        {"A,c1,s1,1,1000000001,Portugal,\n", "unit_price_cents"},
        {",c1,s1,1,100,Portugal,\n", "order_id"},
        {"A,,s1,1,100,Portugal,\n", "customer_id"},
        {"A,c1,,1,100,Portugal,\n", "sku"},
        {"A,c1,s1,1,100,,\n", "country"},
        {"A,c1,s1,1,100\n", "columns"},
        {"A,c1,s1,1,100,Portugal,,,,\n", "columns"},
        {"A,c1,\"s1,1,100,Portugal,\n", ""},
        {"A,c1,s1,1,100,Portu\tgal,\n", "country"},
        {"A,c\xff,s1,1,100,Portugal,\n", "customer_id"},
        {"\"A\nB\",c1,s1,1,100,Portugal,\n", "order_id"},
        {"A\x1b[31m,c1,s1,1,100,Portugal,\n", "order_id"},
    };
    struct suite_process *suite = *state;
    struct books before = begin(suite);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *file = suite_data_write(
            suite, suite_process_text(suite, "%s%s", SUITE_ORDERS_HEADER, rows[i].text));
        struct suite_tool *tool = suite_tool_run(suite, "submit", "order", file, NULL);
        assert_int_equal(tool->exit_code, FALSE);
        suite_tool_expect_said(tool, suite_process_text(suite, "%s:2: ", file));
        suite_tool_expect_said(tool, rows[i].said);
        assert_int_equal(count_lines(tool->err), 1);
        assert_null(strchr(tool->err, '\x1b'));
    }
    expect_unchanged(suite, &before);
}

/* A file that is none of ours is refused as a whole. */
static void test_files__that_are_none__are_refused(void **state)
{
    struct suite_process *suite = *state;
    struct books before = begin(suite);
    AUTO(freep) char *long_line = xmalloc((2 << 20) + 1);
    memset(long_line, 'x', 2 << 20);
    long_line[2 << 20] = '\0';
    const char *const texts[] = {
        "",
        "\n\n\n",
        "nothing of ours\n1\n2\n",
        "\x7f"
        "ELF\x02\x01\x01",
        "order_id,order_id,customer_id,sku,quantity,unit_price_cents,country\n",
        "\"order_id,customer_id\n",
        long_line,
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *file = suite_data_write(suite, texts[i]);
        const char *const calls[][3] = {
            {"submit", "order", file}, {"import", "stock", file}, {"import", "customers", file}};
        for (size_t j = 0; j < COUNT(calls); j++) {
            struct suite_tool *tool =
                suite_tool_expect(suite, USAGE, calls[j][0], calls[j][1], calls[j][2], NULL);
            suite_tool_expect_said(tool, file);
            assert_int_equal(count_lines(tool->err), 1);
        }
    }
    expect_unchanged(suite, &before);
}

/* An import with a row at fault, of too much, or below what is promised imports nothing. */
static void test_import__of_nonsense__imports_nothing(void **state)
{
    static const struct file {
        const char *table;
        const char *text;
        const char *said;
    } files[] = {
        {"stock", "sku,on_hand\ns1,-1\n", ":2: on_hand"},
        {"stock", "sku,on_hand\ns1,1.5\n", ":2: on_hand"},
        {"stock", "sku,on_hand\ns1,99999999999999999999\n", ":2: on_hand"},
        {"stock", "sku,on_hand\n,1\n", ":2: sku"},
        {"stock", "sku,on_hand\ns1\n", ":2: "},
        {"stock", "sku,on_hand\ns0,0\n", "s0"},
        {"customers", "customer_id,credit_cents\nc1,x\n", ":2: credit_cents"},
        {"customers", "customer_id,credit_cents\nc\xff,1\n", ":2: customer_id"},
        {"customers", "customer_id,credit_cents\nc0,0\n", "c0"},
    };
    struct suite_process *suite = *state;
    struct books before = begin(suite);
    for (size_t i = 0; i < COUNT(files); i++) {
        const char *file = suite_data_write(suite, files[i].text);
        struct suite_tool *tool = suite_tool_run(suite, "import", files[i].table, file, NULL);
        assert_int_not_equal(tool->exit_code, TRUE);
        suite_tool_expect_said(tool, files[i].said);
    }
    expect_unchanged(suite, &before);
}

/* There is nothing of a key that nothing has, or could have. */
static void test_keys__that_are_none__are_missing(void **state)
{
    const char *const keys[] = {
        "nobody", "",         "a\nb",
        "\xff",   "\x1b[31m", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
    struct suite_process *suite = *state;
    struct books before = begin(suite);
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct suite_tool *tool = suite_tool_expect(suite, MISSING, "show", keys[i], NULL);
        assert_int_equal(count_lines(tool->err), 1);
        assert_null(strchr(tool->err, '\x1b'));
        (void)suite_tool_expect(suite, MISSING, "retry", keys[i], "--reason", "why", NULL);
        (void)suite_tool_expect(suite, MISSING, "trust", keys[i], "--reason", "why", NULL);
    }
    expect_unchanged(suite, &before);
}

/* A definition of the user's own with a fault starts nothing, and is told with file and line. */
static void test_definition__at_fault__starts_nothing(void **state)
{
    static const struct fault {
        const char *text;
        const char *said;
    } faults[] = {
        {"saga\n    name = toy\n    stepp\n", "toy.zpl:3: stepp"},
        {"saga\n    name = toy\n", "toy.zpl"},
        {"saga\n    step\n        name = a\n", "toy.zpl"},
        {"saga\n    name = toy\n    step\n        name = a\n        participant = nobody\n"
         "        action = act\n        compensation = undo\n",
         "nobody"},
        {"saga\n    name = toy\n    step\n        name = a\n        participant = order\n"
         "        action = create\n        compensation = cancel\n        timeout = soon\n",
         "toy.zpl:8: timeout"},
        {"\xff\xfe", "toy.zpl"},
    };
    struct suite_process *suite = *state;
    struct books before = begin(suite);
    assert_int_equal(suite_process_down(suite), TRUE);
    const char *dir = suite_process_text(suite, "%s/definitions", suite->data);
    const char *path = suite_process_text(suite, "%s/toy.zpl", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    for (size_t i = 0; i < COUNT(faults); i++) {
        assert_int_equal(rename(suite_data_write(suite, faults[i].text), path), 0);
        struct suite_tool *tool = suite_tool_expect(suite, USAGE, "up", NULL);
        suite_tool_expect_said(tool, faults[i].said);
        assert_int_equal(suite_process_alive(suite), 0);
    }
    assert_int_equal(unlink(path), 0);
    suite_process_up(suite, NULL);
    expect_unchanged(suite, &before);
}

/* A path of a data directory that nothing can be made of is refused at once, with the reason. */
static void test_data__that_cannot_be__is_refused(void **state)
{
    struct suite_process *suite = *state;
    AUTO(freep) char *name = xmalloc(5001);
    memset(name, 'd', 5000);
    name[5000] = '\0';
    const char *file = suite_data_write(suite, "a file");
    const char *const paths[] = {
        file,
        suite_process_text(suite, "%s/below", file),
        suite_process_text(suite, "%s/%s", suite->root, name),
        "/proc/nothing/here",
    };
    for (size_t i = 0; i < COUNT(paths); i++) {
        suite->data = suite_process_keep(suite, xstrdup(paths[i]), free);
        struct suite_tool *tool = suite_tool_expect(suite, USAGE, "up", NULL);
        assert_int_equal(count_lines(tool->err), 1);
        assert_int_equal(suite_process_alive(suite), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_submit__rows_at_fault__are_told_one_by_one),
        SUITE_TEST(test_files__that_are_none__are_refused),
        SUITE_TEST(test_import__of_nonsense__imports_nothing),
        SUITE_TEST(test_keys__that_are_none__are_missing),
        SUITE_TEST(test_definition__at_fault__starts_nothing),
        SUITE_TEST(test_data__that_cannot_be__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
