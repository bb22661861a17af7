#include "suite_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/xalloc.h"
#include "suite_files.h"
#include "suite_tool.h"

#define PLENTY_ROWS 50

const char *suite_data_path(struct suite_process *suite, const char *name)
{
    const char *source = getenv("ZSAGA_SOURCE");
    return suite_process_text(suite, "%s/tests/data/%s", source == NULL ? SUITE_SOURCE : source,
                              name);
}

const char *suite_data_unpack(struct suite_process *suite, const char *name)
{
    const char *to = suite_process_path(suite, "unpacked.csv");
    const char *const argv[] = {"gzip", "-dc", suite_data_path(suite, name), NULL};
    int status = 0;
    pid_t pid = suite_process_spawn(argv, -1, to, suite_process_path(suite, "gzip.err"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return to;
}

static void release_json(void *json)
{
    json_decref(json);
}

const json_t *suite_data_json(struct suite_process *suite, const char *name)
{
    json_error_t error;
    json_t *json = json_load_file(suite_data_path(suite, name), 0, &error);
    if (json == NULL)
        fail_msg("%s:%d: %s", name, error.line, error.text);
    return suite_process_keep(suite, json, release_json);
}

const char *suite_data_read(struct suite_process *suite, const char *path)
{
    return suite_files_read(suite, path);
}

const char *suite_data_write(struct suite_process *suite, const char *text)
{
    const char *path = suite_process_path(suite, "written.csv");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

void suite_data_up_real(struct suite_process *suite)
{
    suite_process_up(suite, "--stock", suite_data_path(suite, "stock.csv"), "--customers",
                     suite_data_path(suite, "customers.csv"), NULL);
}

/* Plenty. */

static void append(struct buffer *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct buffer *to, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert_true(len > 0 && len < (int)sizeof line);
    buffer_append(to, line, (size_t)len);
}

static const char *write_buffer(struct suite_process *suite, struct buffer *text)
{
    buffer_append(text, "", 1);
    const char *path = suite_data_write(suite, (const char *)text->data);
    buffer_release(text);
    return path;
}

static const char *write_plenty(struct suite_process *suite, const char *header, char letter,
                                int64_t much)
{
    struct buffer text = {0};
    append(&text, "%s\n", header);
    for (int i = 0; i < PLENTY_ROWS; i++)
        append(&text, "%c%d,%lld\n", letter, i, (long long)much);
    return write_buffer(suite, &text);
}

static const char *plenty_of_stock(struct suite_process *suite)
{
    return write_plenty(suite, "sku,on_hand", 's', 100000000);
}

static const char *plenty_of_credit(struct suite_process *suite)
{
    return write_plenty(suite, "customer_id,credit_cents", 'c', 1000000000000);
}

void suite_data_up_plenty(struct suite_process *suite)
{
    suite_process_up(suite, "--stock", plenty_of_stock(suite), "--customers",
                     plenty_of_credit(suite), NULL);
}

void suite_data_import_plenty(struct suite_process *suite)
{
    (void)suite_tool_expect(suite, 0, "import", "stock", plenty_of_stock(suite), NULL);
    (void)suite_tool_expect(suite, 0, "import", "customers", plenty_of_credit(suite), NULL);
}

/* What is wrong with the order of this number; NULL: nothing. */
static const char *reason_of(int number)
{
    switch (number % 10) {
    case 2:
        return "unknown_sku";
    case 5:
        return "undeliverable";
    case 8:
        return "oversize";
    default:
        return NULL;
    }
}

static const char *write_orders(struct suite_process *suite, const char *prefix, int count,
                                bool faults)
{
    struct buffer text = {0};
    append(&text, SUITE_ORDERS_HEADER);
    for (int i = 0; i < count; i++) {
        const char *reason = faults ? reason_of(i) : NULL;
        bool unknown = reason != NULL && strcmp(reason, "unknown_sku") == 0;
        bool undeliverable = reason != NULL && strcmp(reason, "undeliverable") == 0;
        bool oversize = reason != NULL && strcmp(reason, "oversize") == 0;
        const char *country = undeliverable ? "Unspecified" : "Portugal";
        append(&text, "%s-%d,c%d,s%d,1,%d,%s,\n", prefix, i, i % PLENTY_ROWS, i % PLENTY_ROWS,
               100 + i % 7, country);
        append(&text, "%s-%d,c%d,%s%d,%d,250,%s,\n", prefix, i, i % PLENTY_ROWS,
               unknown ? "none" : "s", (i + 7) % PLENTY_ROWS, oversize ? 801 : 2, country);
    }
    return write_buffer(suite, &text);
}

const char *suite_data_orders(struct suite_process *suite, const char *prefix, int count)
{
    return write_orders(suite, prefix, count, true);
}

const char *suite_data_good_orders(struct suite_process *suite, const char *prefix, int count)
{
    return write_orders(suite, prefix, count, false);
}

void suite_data_expect_orders(struct suite_process *suite, const char *prefix, int count)
{
    suite_data_expect_ended(suite_sagas(suite), prefix, count);
}

void suite_data_expect_ended(const json_t *sagas, const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        char key[80];
        (void)snprintf(key, sizeof key, "%s-%d", prefix, i);
        const json_t *saga = json_object_get(sagas, key);
        if (saga == NULL)
            fail_msg("%s was accepted and is not there", key);
        const char *wanted = reason_of(i);
        const char *reason = suite_json_text(saga, "reason");
        const char *state = suite_json_text(saga, "state");
        if (strcmp(state, wanted == NULL ? "completed" : "compensated") != 0 ||
            strcmp(reason == NULL ? "" : reason, wanted == NULL ? "" : wanted) != 0)
            fail_msg("%s: wanted %s, it is %s, %s", key, wanted == NULL ? "completed" : wanted,
                     state, reason == NULL ? "no reason" : reason);
    }
}
