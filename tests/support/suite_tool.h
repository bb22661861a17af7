/* The tool in a test: runs `zsaga` on the suite's data and takes what it says. */
#ifndef ZSAGA_SUITE_TOOL_H
#define ZSAGA_SUITE_TOOL_H

#include <jansson.h>

#include "suite_process.h"

#define SUITE_TOOL_MS 120000 /* After so long it hangs. */

/* One call of the tool, owned by the suite. */
struct suite_tool {
    struct suite_tool *next;
    struct suite_process *suite;
    pid_t pid;     /* 0: it has ended. */
    int exit_code; /* 128 + the signal that ended it. */
    const char *out_path;
    const char *err_path;
    const char *out; /* Once it has ended. */
    const char *err;
    json_t *json;
};

/* Starts `zsaga ARGUMENT... --data DATA`; the arguments end with NULL. in_fd -1: no input. */
struct suite_tool *suite_tool_start(struct suite_process *suite, int in_fd, ...)
    __attribute__((sentinel));
bool suite_tool_ended(struct suite_tool *tool); /* Then exit_code, out and err are there. */
void suite_tool_wait(struct suite_tool *tool, int64_t at_most_ms);
void suite_tool_kill(struct suite_tool *tool);

/* Starts it and waits for its end. */
struct suite_tool *suite_tool_run(struct suite_process *suite, ...) __attribute__((sentinel));
/* The same; fails the test unless that is the exit code. */
struct suite_tool *suite_tool_expect(struct suite_process *suite, int exit_code, ...)
    __attribute__((sentinel));

/* Its standard output as JSON. Borrowed; fails the test when it is none. */
const json_t *suite_tool_json(struct suite_tool *tool);
void suite_tool_expect_said(const struct suite_tool *tool, const char *words); /* On stderr. */

/* The number at a path of keys, "sagas.completed". */
json_int_t suite_json_number(const json_t *json, const char *path);
const char *suite_json_text(const json_t *json, const char *path); /* NULL: it is null. */
/* The row of an array that has `value` under `key`, or NULL. */
const json_t *suite_json_find(const json_t *array, const char *key, const char *value);
/* Fails the test, naming the first difference, unless both objects are the same. */
void suite_json_expect_equal(const json_t *wanted, const json_t *got, const char *what);

/* What most tests ask. */
const json_t *suite_status(struct suite_process *suite); /* Whatever its exit code is. */
const json_t *suite_show(struct suite_process *suite, const char *key);
/* All sagas by key. Owned by the suite. */
const json_t *suite_sagas(struct suite_process *suite);
/* A column of a service's table by its first one, from CSV: numbers where they are such. */
const json_t *suite_table(struct suite_process *suite, const char *table, const char *column);
/* The books agree, nothing rests in attention, nothing is unfinished. */
void suite_expect_clean(struct suite_process *suite);

#endif
