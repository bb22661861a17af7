/* The benchmark as it is called: a short run, and one that is interrupted. Nothing is said here
 * about speed. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"
#include "program.h"

#include <jansson.h>

#define INTERRUPTED_MS 30000

struct bench {
    char dir[64]; /* Where it makes its own. */
    char *program;
};

static int set_up(void **state)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    struct err err;
    const char *build = getenv("ZSAGA_BUILD");
    (void)snprintf(bench->dir, sizeof bench->dir, "/tmp/zsaga-test-XXXXXX");
    if (mkdtemp(bench->dir) == NULL)
        return -1;
    if (build != NULL) {
        bench->program = xprintf("%s/tests/zsaga-bench", build);
    } else {
        AUTO(freep) char *self = NULL;
        if (program_self(&self, &err) < 0)
            return -1;
        *strrchr(self, '/') = '\0';
        bench->program = xprintf("%s/zsaga-bench", self);
    }
    *state = bench;
    return 0;
}

/* The directory is empty again: rmdir() tells. */
static int tear_down(void **state)
{
    struct bench *bench = *state;
    int rc = rmdir(bench->dir);
    free(bench->program);
    free(bench);
    return rc;
}

static void expect_number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_number(value) || json_number_value(value) <= 0)
        fail_msg("%s is no number above 0", key);
}

static void expect_level(const json_t *document, const char *name)
{
    const json_t *level = json_object_get(json_object_get(document, "inflight"), name);
    if (level == NULL)
        fail_msg("level %s is not in the document", name);
    expect_number(level, "per_s");
    expect_number(level, "p50_ms");
    expect_number(level, "p99_ms");
    expect_number(level, "p999_ms");
    assert_true(json_number_value(json_object_get(level, "p50_ms")) <=
                json_number_value(json_object_get(level, "p99_ms")));
}

/* A run prints one document, with all that was asked for and an audit that holds; nothing of it is
 * left. On a busy machine the monolith may be too slow to be believed: that is said, with exit
 * code 1, and is no other fault. */
static void test_bench__short_run__tells_all_and_leaves_nothing(void **state)
{
    const struct bench *bench = *state;
    const char *const argv[] = {bench->program, "--json", "--seconds", "0.3",   "--levels",
                                "1,8",          "--rate", "40",        "--dir", bench->dir,
                                "--repeat",     "1",      NULL};
    struct buffer output = {0};
    struct err err;
    json_error_t fault;
    int code = -1;
    assert_int_equal(program_run(argv, bytes_of("", 0), &output, &code, &err), 0);
    json_t *document = json_loadb((const char *)output.data, output.len, 0, &fault);
    if (document == NULL)
        fail_msg("no document: %s", fault.text);
    const char *words = json_string_value(json_object_get(document, "fault"));
    if (code != 0 && (code != 1 || words == NULL || strstr(words, "flatter") == NULL))
        fail_msg("exit code %d: %s", code, words == NULL ? "" : words);
    assert_string_equal(json_string_value(json_object_get(document, "audit")), "ok");
    expect_level(document, "1");
    expect_level(document, "8");
    expect_number(json_object_get(document, "open"), "per_s");
    expect_number(document, "monolith_per_s");
    expect_number(document, "flush_per_s");
    expect_number(document, "memory_pss_mb");
    expect_number(document, "sagas");
    assert_true(json_is_null(json_object_get(document, "ratio")));
    json_decref(document);
    buffer_release(&output);
}

/* Whether it has said these words on standard error by now. */
static bool has_said(int fd, struct buffer *heard, const char *words)
{
    uint8_t chunk[256];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, 100) > 0) {
        ssize_t len = read(fd, chunk, sizeof chunk);
        if (len > 0)
            buffer_append(heard, chunk, (size_t)len);
    }
    return memmem(heard->data, heard->len, words, strlen(words)) != NULL;
}

/* Ctrl-C under load ends it soon, with the signal's exit code, and nothing of it is left. */
static void test_bench__interrupted__leaves_nothing(void **state)
{
    const struct bench *bench = *state;
    const char *const argv[] = {bench->program, "--json",   "--seconds", "600", "--levels", "8",
                                "--dir",        bench->dir, NULL};
    struct buffer heard = {0};
    struct err err;
    int ends[2];
    int code = -1;
    pid_t pid;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(program_start(argv, out, ends[1], &pid, &err), 0);
    int64_t until_ms = clock_mono_ms() + INTERRUPTED_MS;
    bool loaded = false;
    while (!loaded && clock_mono_ms() < until_ms)
        loaded = has_said(ends[0], &heard, "in flight");
    assert_int_equal(kill(pid, SIGINT), 0);
    bool ended = program_wait(pid, INTERRUPTED_MS, &code);
    if (!ended)
        (void)kill(pid, SIGKILL);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(out);
    buffer_release(&heard);
    assert_true(loaded);
    assert_true(ended);
    assert_int_equal(code, 128 + SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bench__short_run__tells_all_and_leaves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_bench__interrupted__leaves_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
