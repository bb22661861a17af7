#include "suite_tool.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/csv.h"
#include "base/xalloc.h"
#include "suite_files.h"

#define ARGUMENTS_MAX 24

static struct suite_tool *start(struct suite_process *suite, int in_fd, va_list args)
{
    struct suite_tool *tool = xcalloc(1, sizeof *tool);
    tool->next = suite->tools;
    suite->tools = tool;
    tool->suite = suite;
    const char *argv[ARGUMENTS_MAX + 4] = {suite_process_program(suite, "zsaga")};
    size_t count = 1;
    while ((argv[count] = va_arg(args, const char *)) != NULL)
        assert_true(++count < ARGUMENTS_MAX);
    argv[count++] = "--data";
    argv[count++] = suite->data;
    tool->out_path = suite_process_path(suite, "tool.out");
    tool->err_path = suite_process_path(suite, "tool.err");
    tool->pid = suite_process_spawn(argv, in_fd, tool->out_path, tool->err_path);
    return tool;
}

struct suite_tool *suite_tool_start(struct suite_process *suite, int in_fd, ...)
{
    va_list args;
    va_start(args, in_fd);
    struct suite_tool *tool = start(suite, in_fd, args);
    va_end(args);
    return tool;
}

bool suite_tool_ended(struct suite_tool *tool)
{
    int status = 0;
    if (tool->pid == 0)
        return true;
    if (waitpid(tool->pid, &status, WNOHANG) == 0)
        return false;
    tool->pid = 0;
    tool->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    tool->out = suite_files_read(tool->suite, tool->out_path);
    tool->err = suite_files_read(tool->suite, tool->err_path);
    return true;
}

void suite_tool_wait(struct suite_tool *tool, int64_t at_most_ms)
{
    /* Most calls take less than a pause: wait for the end itself. */
    struct pollfd end = {.events = POLLIN, .fd = -1};
    if (tool->pid != 0)
        end.fd = (int)syscall(SYS_pidfd_open, tool->pid, 0);
    if (end.fd >= 0) {
        (void)poll(&end, 1, (int)at_most_ms);
        (void)close(end.fd);
    }
    SUITE_AWAIT(suite_tool_ended(tool), 0);
}

void suite_tool_kill(struct suite_tool *tool)
{
    if (tool->pid == 0)
        return;
    (void)kill(tool->pid, SIGKILL);
    (void)waitpid(tool->pid, NULL, 0);
    tool->pid = 0;
}

struct suite_tool *suite_tool_run(struct suite_process *suite, ...)
{
    va_list args;
    va_start(args, suite);
    struct suite_tool *tool = start(suite, -1, args);
    va_end(args);
    suite_tool_wait(tool, SUITE_TOOL_MS);
    return tool;
}

struct suite_tool *suite_tool_expect(struct suite_process *suite, int exit_code, ...)
{
    va_list args;
    va_start(args, exit_code);
    struct suite_tool *tool = start(suite, -1, args);
    va_end(args);
    suite_tool_wait(tool, SUITE_TOOL_MS);
    if (tool->exit_code != exit_code)
        fail_msg("the tool's exit code is %d instead of %d, it said: %s%s", tool->exit_code,
                 exit_code, tool->err, tool->out);
    return tool;
}

const json_t *suite_tool_json(struct suite_tool *tool)
{
    json_error_t error;
    assert_int_equal(tool->pid, 0);
    if (tool->json == NULL)
        tool->json = json_loads(tool->out, 0, &error);
    if (tool->json == NULL)
        fail_msg("line %d: %s: no JSON: %s%s", error.line, error.text, tool->out, tool->err);
    return tool->json;
}

void suite_tool_expect_said(const struct suite_tool *tool, const char *words)
{
    if (strstr(tool->err, words) == NULL)
        fail_msg("wanted \"%s\", the tool said: %s", words, tool->err);
}

/* JSON. */

static const json_t *follow(const json_t *json, const char *path)
{
    char key[64];
    for (const char *from = path; *from != '\0';) {
        size_t len = strcspn(from, ".");
        assert_true(len < sizeof key);
        (void)snprintf(key, sizeof key, "%.*s", (int)len, from);
        json = json_object_get(json, key);
        if (json == NULL)
            fail_msg("there is no %s", path);
        from += len + (from[len] == '.');
    }
    return json;
}

json_int_t suite_json_number(const json_t *json, const char *path)
{
    const json_t *number = follow(json, path);
    if (!json_is_integer(number))
        fail_msg("%s is no whole number", path);
    return json_integer_value(number);
}

const char *suite_json_text(const json_t *json, const char *path)
{
    const json_t *text = follow(json, path);
    if (!json_is_string(text) && !json_is_null(text))
        fail_msg("%s is no text", path);
    return json_string_value(text);
}

const json_t *suite_json_find(const json_t *array, const char *key, const char *value)
{
    size_t i;
    json_t *row;
    assert_true(json_is_array(array));
    json_array_foreach(array, i, row)
    {
        const char *text = json_string_value(json_object_get(row, key));
        if (text != NULL && strcmp(text, value) == 0)
            return row;
    }
    return NULL;
}

static char *dump(const json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    return text == NULL ? xstrdup("nothing") : text;
}

static void expect_same(const json_t *wanted, const json_t *got, const char *key, const char *what)
{
    if (wanted != NULL && got != NULL && json_equal(wanted, got))
        return;
    AUTO(freep) char *wanted_text = dump(wanted);
    AUTO(freep) char *got_text = dump(got);
    fail_msg("%s of %s: wanted %s, got %s", what, key, wanted_text, got_text);
}

void suite_json_expect_equal(const json_t *wanted, const json_t *got, const char *what)
{
    const char *key;
    json_t *value;
    assert_true(json_is_object(wanted) && json_is_object(got));
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
        expect_same(value, json_object_get(got, key), key, what);
    json_object_foreach((json_t *)(uintptr_t)got, key, value)
        expect_same(json_object_get(wanted, key), value, key, what);
}

/* What most tests ask. */

const json_t *suite_status(struct suite_process *suite)
{
    return suite_tool_json(suite_tool_run(suite, "status", "--json", NULL));
}

const json_t *suite_show(struct suite_process *suite, const char *key)
{
    return suite_tool_json(suite_tool_expect(suite, 0, "show", key, "--json", NULL));
}

static void release_json(void *json)
{
    json_decref(json);
}

const json_t *suite_sagas(struct suite_process *suite)
{
    size_t i;
    json_t *row;
    const json_t *rows = suite_tool_json(suite_tool_expect(suite, 0, "list", "--json", NULL));
    json_t *by_key = suite_process_keep(suite, json_object(), release_json);
    json_array_foreach(rows, i, row)
    {
        const char *key = suite_json_text(row, "key");
        assert_null(json_object_get(by_key, key));
        json_object_set(by_key, key, row);
    }
    return by_key;
}

static json_t *cell(struct bytes text)
{
    uint64_t number;
    struct csv_field field = {text, false};
    if (csv_number(field, 0, INT64_MAX, &number))
        return json_integer((json_int_t)number);
    return json_stringn((const char *)text.data, text.len);
}

const json_t *suite_table(struct suite_process *suite, const char *table, const char *column)
{
    struct err err = {0};
    const struct csv_row *row;
    size_t place;
    const struct suite_tool *tool = suite_tool_expect(suite, 0, "export", table, NULL);
    struct bytes text = bytes_text(tool->out);
    json_t *json = suite_process_keep(suite, json_object(), release_json);
    AUTO(csv_freep) struct csv *csv = csv_new(csv_read_memory, &text);
    assert_int_equal(csv_next(csv, &row, &err), CSV_ROW);
    assert_int_equal(csv_columns(row, &column, 1, &place, &err), 0);
    while (csv_next(csv, &row, &err) == CSV_ROW) {
        char key[CSV_FIELD_MAX + 1];
        assert_null(row->fault);
        bytes_copy_text(csv_field(row, 0).bytes, key, sizeof key);
        json_object_set_new(json, key, cell(csv_field(row, place).bytes));
    }
    return json;
}

void suite_expect_clean(struct suite_process *suite)
{
    const json_t *status = suite_status(suite);
    assert_int_equal(suite_json_number(status, "sagas.running"), 0);
    assert_int_equal(suite_json_number(status, "sagas.compensating"), 0);
    assert_int_equal(suite_json_number(status, "sagas.attention"), 0);
    assert_int_equal(suite_json_number(status, "stalled"), 0);
    (void)suite_tool_expect(suite, 0, "audit", NULL);
}
