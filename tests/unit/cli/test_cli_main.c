#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli.h"

/* A directory without a suite. */
struct fixture {
    char dir[32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    (void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/zsaga-cli-XXXXXX");
    *state = fixture;
    return mkdtemp(fixture->dir) == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)rmdir(fixture->dir);
    free(fixture);
    return 0;
}

/* Runs the tool; its exit code, with its output in `text`. */
static int run(struct fixture *fixture, char *text, size_t size, int argc, const char *const *words)
{
    char *argv[16] = {NULL};
    for (int i = 0; i < argc; i++)
        argv[i] = xstrdup(words[i]);
    FILE *output = tmpfile();
    assert_non_null(output);
    (void)fflush(NULL);
    int real_out = dup(STDOUT_FILENO);
    int real_err = dup(STDERR_FILENO);
    (void)dup2(fileno(output), STDOUT_FILENO);
    (void)dup2(fileno(output), STDERR_FILENO);
    (void)setenv("ZSAGA_DATA", fixture->dir, 1);
    char *kept[16];
    memcpy(kept, argv, sizeof kept); /* The tool may move its arguments. */
    int code = cli_main(argc, argv);
    (void)fflush(NULL);
    (void)dup2(real_out, STDOUT_FILENO);
    (void)dup2(real_err, STDERR_FILENO);
    (void)close(real_out);
    (void)close(real_err);
    rewind(output);
    text[fread(text, 1, size - 1, output)] = '\0';
    (void)fclose(output);
    for (int i = 0; i < argc; i++)
        free(kept[i]);
    return code;
}

static void expect(void **state, int code, const char *words, int argc, const char *const *argv)
{
    char text[8000];
    assert_int_equal(run(*state, text, sizeof text, argc, argv), code);
    if (strstr(text, words) == NULL)
        print_error("wanted: %s\ngot: %s\n", words, text);
    assert_non_null(strstr(text, words));
}

#define EXPECT(code, words, ...)                                                                   \
    expect(state, code, words, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), \
           (const char *const[]){__VA_ARGS__})

/* What is not understood is exit code 2, with what to do next. */
static void test_cli_main__misuse__is_2(void **state)
{
    EXPECT(2, "first steps", "zsaga");
    EXPECT(2, "did you mean submit?", "zsaga", "submti");
    EXPECT(2, "did you mean --state?", "zsaga", "list", "--stat", "running");
    EXPECT(2, "Try:   zsaga show --help", "zsaga", "show");
    EXPECT(2, "one word too many: B", "zsaga", "show", "A", "B");
    EXPECT(2, "--reason is missing", "zsaga", "retry", "A");
    EXPECT(2, "--reason is missing", "zsaga", "retry", "A", "--reason", "  ");
    EXPECT(2, "--state odd", "zsaga", "list", "--state", "odd");
    EXPECT(2, "--limit 0", "zsaga", "list", "--limit", "0");
    EXPECT(2, "--rate x", "zsaga", "submit", "order", "-", "--rate", "x");
    EXPECT(2, "it is `order`", "zsaga", "submit", "transfer", "-");
    EXPECT(2, "--prefix", "zsaga", "submit", "order", "-", "--prefix", "a\nb");
    EXPECT(2, "cannot read /nowhere", "zsaga", "submit", "order", "/nowhere");
    EXPECT(2, "cannot read /nowhere", "zsaga", "import", "stock", "/nowhere");
    EXPECT(2, "the tables are", "zsaga", "export", "reservations");
    EXPECT(2, "stock or customers", "zsaga", "import", "orders", "-");
    EXPECT(2, "--data needs a value", "zsaga", "ps", "--data");
}

/* Help is an answer, not a complaint; it teaches with examples, and tells every exit code. */
static void test_cli_main__help__is_0(void **state)
{
    EXPECT(0, "zsaga up ", "zsaga", "--help");
    EXPECT(0, "zsaga ", "zsaga", "--version");
    for (size_t i = 0; i < cli_command_count; i++) {
        AUTO(freep) char *usage = xprintf("usage: zsaga %s", cli_commands[i]->name);
        EXPECT(0, usage, "zsaga", cli_commands[i]->name, "--help");
        AUTO(freep) char *example = xprintf("\nexamples:\n  zsaga %s", cli_commands[i]->name);
        EXPECT(0, "\nexamples:\n", "zsaga", cli_commands[i]->name, "--help");
        EXPECT(0, example + strlen("\nexamples:\n"), "zsaga", cli_commands[i]->name, "--help");
        assert_non_null(cli_commands[i]->exits);
        EXPECT(0, "\nexit codes:\n  0 ", "zsaga", cli_commands[i]->name, "--help");
    }
}

/* A suite that does not run is exit code 4, at once; one that is not there at all 3. */
static void test_cli_main__not_running__is_4(void **state)
{
    EXPECT(4, "is not running; start it: zsaga up", "zsaga", "ps");
    EXPECT(4, "is not running", "zsaga", "list", "--json");
    EXPECT(4, "is not running", "zsaga", "show", "A");
    EXPECT(4, "is not running", "zsaga", "status");
    EXPECT(4, "is not running", "zsaga", "audit");
    EXPECT(4, "is not running", "zsaga", "retry", "A", "--reason", "why");
    EXPECT(4, "is not running", "zsaga", "trust", "payment", "--reason", "why");
    EXPECT(4, "is not running", "zsaga", "submit", "order", "/dev/null");
    EXPECT(3, "there is no suite in", "zsaga", "export", "stock");
}

/* Options of all commands may stand before the command. */
static void test_cli_main__options_first__are_taken(void **state)
{
    EXPECT(4, "in /tmp/nowhere is not running", "zsaga", "--data", "/tmp/nowhere", "--json", "ps");
    EXPECT(4, "in /tmp/nowhere is not running", "zsaga", "--data=/tmp/nowhere", "ps");
    EXPECT(2, "unknown option --odd", "zsaga", "--odd", "ps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cli_main__misuse__is_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__help__is_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__not_running__is_4, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cli_main__options_first__are_taken, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
