#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "processes.h"
#include "spawn.h"

/* Each test has a directory of its own with a run/ in it. */
static int make_directory(void **state)
{
    char *dir = xstrdup("/tmp/zsaga-run-XXXXXX");
    *state = mkdtemp(dir);
    AUTO(freep) char *command = xprintf("mkdir '%s/run'", dir);
    return *state == NULL || system(command) != 0;
}

static int remove_directory(void **state)
{
    AUTO(freep) char *command = xprintf("rm -rf '%s'", (char *)*state);
    free(*state);
    return system(command);
}

/* What the supervisor wrote is read back, ordered by name, unknown pids as null. */
static void test_processes__written__are_read_ordered(void **state)
{
    struct err err;
    struct child shipping = {.name = "shipping", .pid = 7, .state = CHILD_RUNNING, .restarts = 2};
    struct child order = {.name = "order", .state = CHILD_BACKOFF};
    const struct child *const children[] = {&shipping, &order};
    assert_int_equal(processes_write(*state, children, 2, &err), 0);
    json_t *list = processes_read(*state);
    AUTO(freep) char *text = json_dumps(list, JSON_COMPACT);
    assert_string_equal(text,
                        "[{\"name\":\"order\",\"pid\":null,\"state\":\"backoff\",\"restarts\":0},"
                        "{\"name\":\"shipping\",\"pid\":7,\"state\":\"running\",\"restarts\":2}]");
    assert_int_equal(processes_pid(list, "shipping"), 7);
    assert_int_equal(processes_pid(list, "order"), 0);
    assert_int_equal(processes_pid(list, "nobody"), 0);
    json_decref(list);
    processes_remove(*state);
    assert_null(processes_read(*state));
}

static void put_file(const char *dir, const char *name, const char *text)
{
    AUTO(freep) char *path = xprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What a supervisor left behind that is no more, or what is damaged, says nothing. */
static void test_processes_read__stale_or_damaged__is_nothing(void **state)
{
    assert_null(processes_read(*state));
    put_file(*state, "run/ps.json", "{\"supervisor\":999999999,\"processes\":[]}");
    assert_null(processes_read(*state));
    put_file(*state, "run/ps.json", "{\"superv");
    assert_null(processes_read(*state));
}

/* A failed service's words are its last line's reason, unquoted, of this start only. */
static void test_spawn_last_words__reason__unquoted(void **state)
{
    AUTO(freep) char *path = xprintf("%s/x.log", (char *)*state);
    static const char before[] = "at=1 event=stopped reason=\"of an earlier start\"\n";
    AUTO(freep)
    char *text = xprintf(
        "%sat=2 event=started\nat=3 event=stopped reason=\"the \\\"key\\\" is wrong\"\n", before);
    put_file(*state, "x.log", text);
    AUTO(freep) char *words = spawn_last_words(path, sizeof before - 1);
    assert_string_equal(words, "the \"key\" is wrong");
    AUTO(freep) char *nothing = spawn_last_words(path, (off_t)strlen(text));
    assert_string_equal(nothing, "");
    put_file(*state, "x.log", "cannot run it: no such file\n\n");
    AUTO(freep) char *line = spawn_last_words(path, 0);
    assert_string_equal(line, "cannot run it: no such file");
    put_file(*state, "x.log", "event=stopped reason=fenced epoch=3\n");
    AUTO(freep) char *bare = spawn_last_words(path, 0);
    assert_string_equal(bare, "fenced");
    AUTO(freep) char *none = spawn_last_words("/nowhere/x.log", 0);
    assert_string_equal(none, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_processes__written__are_read_ordered, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(test_processes_read__stale_or_damaged__is_nothing,
                                        make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_spawn_last_words__reason__unquoted, make_directory,
                                        remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
