#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/xalloc.h"

static struct config *parsed(const char *text)
{
    struct config *config;
    struct err err;
    if (config_parse("f.zpl", text, &config, &err) != 0)
        fail_msg("%s", err.text);
    return config;
}

static void assert_refused(const char *text, const char *words)
{
    struct config *config;
    struct err err;
    assert_int_equal(config_parse("f.zpl", text, &config, &err), ERR_INVALID);
    assert_null(config);
    assert_string_equal(err.text, words);
}

static void assert_node(struct config_node *node, const char *key, const char *value, int line)
{
    assert_non_null(node);
    assert_string_equal(config_key(node), key);
    assert_string_equal(config_value(node), value);
    assert_int_equal(config_line(node), line);
}

static void assert_unused(struct config *config, const char *words)
{
    struct err err;
    assert_int_equal(config_check_all_used(config, &err), ERR_INVALID);
    assert_string_equal(err.text, words);
}

/* Each node knows the line it stands on, past comments and empty lines. */
static void test_config_parse__comments_and_levels__lines_are_right(void **state)
{
    (void)state;
    AUTO(config_freep)
    struct config *config = parsed("# first\n"
                                   "\n"
                                   "saga\n"
                                   "  # indented as it likes\n"
                                   "    name = order   # said why\n"
                                   "    step\n"
                                   "\t\n"
                                   "        name = 'it is # quoted'\n"
                                   "    step\n"
                                   "last = \"\"\n");
    struct config_node *saga = config_first(config_root(config));
    assert_node(saga, "saga", "", 3);
    struct config_node *name = config_first(saga);
    assert_node(name, "name", "order", 5);
    struct config_node *step = config_next(name);
    assert_node(step, "step", "", 6);
    assert_node(config_first(step), "name", "it is # quoted", 8);
    assert_node(config_next(step), "step", "", 9);
    assert_null(config_next(config_next(step)));
    assert_node(config_next(saga), "last", "", 10);
    assert_string_equal(config_file(config), "f.zpl");
}

/* What editors on other systems write is read too. */
static void test_config_parse__crlf_bom_and_no_last_newline__are_taken(void **state)
{
    (void)state;
    AUTO(config_freep)
    struct config *config = parsed("\xef\xbb\xbf"
                                   "a = 1\r\n\r\nb = European Community");
    assert_node(config_child(config_root(config), "a"), "a", "1", 1);
    assert_node(config_child(config_root(config), "b"), "b", "European Community", 3);
}

/* Nothing at all is a file without keys. */
static void test_config_parse__empty__has_no_nodes(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("");
    struct err err;
    assert_null(config_first(config_root(config)));
    assert_int_equal(config_check_all_used(config, &err), 0);
}

/* Indentation that zconfig refuses, or that hides a line in the wrong place, names its line. */
static void test_config_parse__indentation__is_checked(void **state)
{
    (void)state;
    assert_refused("a\n   b = 1\n", "f.zpl:2: indent with four spaces for each level");
    assert_refused("a\n\n\tb = 1\n",
                   "f.zpl:3: indent with spaces, four for each level, not with tabs");
    assert_refused("a\n    \tb = 1\n",
                   "f.zpl:2: indent with spaces, four for each level, not with tabs");
    assert_refused("    a = 1\n",
                   "f.zpl:1: is indented deeper than one level below the line above");
    assert_refused("a\n    b\nc\n        d = 1\n",
                   "f.zpl:4: is indented deeper than one level below the line above");
}

/* A line is a key, or a key with a value. */
static void test_config_parse__form_of_a_line__is_checked(void **state)
{
    (void)state;
    const char *form = "f.zpl:1: write 'key = value', or a key alone above lines of its own";
    assert_refused("a: 1\n", form);
    assert_refused("a b\n", form);
    assert_refused("a/b = 1\n", form);
    assert_refused("= 1\n", "f.zpl:1: a line begins with a key of letters, digits, '_' or '-'");
    assert_refused("\xc3\xa4 = 1\n",
                   "f.zpl:1: a line begins with a key of letters, digits, '_' or '-'");
}

/* A value that would be read otherwise than it stands is refused. */
static void test_config_parse__form_of_a_value__is_checked(void **state)
{
    (void)state;
    const char *missing = "f.zpl:1: a value must follow '='; quote one that begins with '#'";
    assert_refused("a =\n", missing);
    assert_refused("a = # why\n", missing);
    assert_refused("a = x#y\n",
                   "f.zpl:1: quote a value that has '#', or put a space before a comment");
    assert_refused("a = \"x\n", "f.zpl:1: the quote is not closed on this line");
    assert_refused("a = 'x' y\n", "f.zpl:1: only a comment may follow the closing quote");
}

/* Bytes that are no text are refused, also where a comment stands. */
static void test_config_parse__no_text__is_refused(void **state)
{
    (void)state;
    assert_refused("a = 1\nb = \x01\n", "f.zpl:2: has a control character");
    assert_refused("a = \xff\n", "f.zpl:1: is not UTF-8");
    assert_refused("# \xff\n", "f.zpl:1: is not UTF-8");
}

/* A line that zconfig would cut is refused; one just below is whole. */
static void test_config_parse__long_line__is_refused_not_cut(void **state)
{
    (void)state;
    AUTO(freep) char *fits = xprintf("a = %0996d", 1);
    AUTO(freep) char *longer = xprintf("a = %0997d", 1);
    AUTO(config_freep) struct config *config = parsed(fits);
    assert_int_equal(strlen(config_value(config_child(config_root(config), "a"))), 996);
    assert_refused(longer, "f.zpl:1: is longer than 1,000 bytes");
}

/* A file has limits: its size, and its lines with a key. */
static void test_config_parse__too_large__is_refused(void **state)
{
    (void)state;
    AUTO(freep) char *text = xcalloc(1, (256 << 10) + 2);
    memset(text, '\n', (256 << 10) + 1);
    assert_refused(text, "f.zpl: is larger than 256 KiB");
    for (size_t i = 0; i < 10001; i++)
        memcpy(text + 2 * i, "a\n", 2);
    text[20002] = '\0';
    assert_refused(text, "f.zpl:10001: is one too many: at most 10,000 lines with a key are read");
    text[20000] = '\0';
    AUTO(config_freep) struct config *config = parsed(text);
    assert_non_null(config_first(config_root(config)));
}

/* Reading writes nothing to standard output and takes over no signal, as czmq likes to. */
static void test_config_parse__any_text__is_silent_and_leaves_signals(void **state)
{
    (void)state;
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    struct config *config;
    struct err err;
    int good = config_parse("f", "a = 1\n", &config, &err);
    config_free(config);
    int bad = config_parse("f", "a\n  b\n", &config, &err);
    (void)fflush(stdout);
    off_t written = lseek(STDOUT_FILENO, 0, SEEK_END);
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
    (void)fclose(file);
    assert_int_equal(good, 0);
    assert_int_equal(bad, ERR_INVALID);
    assert_int_equal(written, 0);
    struct sigaction action;
    assert_int_equal(sigaction(SIGTERM, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
}

static void write_file(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    (void)close(fd);
}

/* A file is read as its text would be; what is wrong names the file. */
static void test_config_load__file__is_read(void **state)
{
    (void)state;
    char path[] = "/tmp/zsaga-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct config *config;
    struct err err;
    write_file(path, "a = 1\n", 6);
    assert_int_equal(config_load(path, &config, &err), 0);
    assert_node(config_child(config_root(config), "a"), "a", "1", 1);
    config_free(config);
    write_file(path, "a = 1\nb\0 = 2\n", 13);
    assert_int_equal(config_load(path, &config, &err), ERR_INVALID);
    AUTO(freep) char *words = xprintf("%s:2: has a control character", path);
    assert_string_equal(err.text, words);
    (void)unlink(path);
}

/* A file that is not there is told apart from one that is wrong. */
static void test_config_load__no_file__is_not_found(void **state)
{
    (void)state;
    struct config *config;
    struct err err;
    assert_int_equal(config_load("/nowhere/x.zpl", &config, &err), ERR_NOT_FOUND);
    assert_null(config);
    assert_string_equal(err.text, "cannot read /nowhere/x.zpl: No such file or directory");
    assert_int_equal(config_load("/", &config, &err), ERR_SYSTEM);
}

/* A value is the file's, else the default; one that is there must not be empty. */
static void test_config_text__absent_present_empty__default_value_refusal(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("a = x\nb\nc = \"\"\n");
    struct config_node *root = config_root(config);
    const char *value;
    struct err err;
    assert_int_equal(config_text(root, "z", "otherwise", &value, &err), 0);
    assert_string_equal(value, "otherwise");
    assert_int_equal(config_text(root, "z", NULL, &value, &err), 0);
    assert_null(value);
    assert_int_equal(config_text(root, "a", NULL, &value, &err), 0);
    assert_string_equal(value, "x");
    assert_int_equal(config_text(root, "b", NULL, &value, &err), ERR_INVALID);
    assert_string_equal(err.text, "f.zpl:2: b: needs a value");
    assert_int_equal(config_text(root, "c", NULL, &value, &err), ERR_INVALID);
}

static int read_int(const char *value, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
    AUTO(freep) char *text = xprintf("n = %s\n", value);
    AUTO(config_freep) struct config *config = parsed(text);
    return config_int(config_root(config), "n", 5, min, max, ret, err);
}

/* A number is all of the value, decimal, and within its bounds. */
static void test_config_int__value__is_a_whole_number_in_bounds(void **state)
{
    (void)state;
    int64_t number;
    struct err err;
    assert_int_equal(read_int("0", 0, 9, &number, &err), 0);
    assert_int_equal(number, 0);
    assert_int_equal(read_int("-3", -3, 9, &number, &err), 0);
    assert_int_equal(number, -3);
    assert_int_equal(read_int("9223372036854775807", 0, INT64_MAX, &number, &err), 0);
    assert_true(number == INT64_MAX);
    static const char *const wrong[] = {"-1",   "10",   "1.5", "1x",  "0x1", "+1",
                                        "x",    "-",    "--1", "1 2", "1e3", "9223372036854775808",
                                        "\"\"", "1,000"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(read_int(wrong[i], 0, 9, &number, &err), ERR_INVALID);
    read_int("10", 0, 9, &number, &err);
    assert_string_equal(err.text, "f.zpl:1: n: '10' is not a whole number from 0 to 9");
}

/* A number that is not there is its default, even one outside the bounds. */
static void test_config_int__absent__is_the_default(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("");
    int64_t number;
    struct err err;
    assert_int_equal(config_int(config_root(config), "n", -7, 0, 9, &number, &err), 0);
    assert_int_equal(number, -7);
}

/* A section that is not there has all its defaults. */
static void test_config_child__no_node__has_no_children(void **state)
{
    (void)state;
    int64_t number;
    struct err err;
    assert_null(config_child(NULL, "a"));
    assert_null(config_first(NULL));
    assert_null(config_each(NULL, "a", NULL));
    assert_int_equal(config_int(NULL, "n", 5, 0, 9, &number, &err), 0);
    assert_int_equal(number, 5);
}

static int read_duration(const char *value, int64_t *ret, struct err *err)
{
    AUTO(freep) char *text = xprintf("d = %s\n", value);
    AUTO(config_freep) struct config *config = parsed(text);
    return config_duration(config_root(config), "d", 1, ret, err);
}

/* A duration is a whole number with its unit. */
static void test_config_duration__each_unit__is_milliseconds(void **state)
{
    (void)state;
    static const struct row {
        const char *text;
        int64_t ms;
    } rows[] = {{"250ms", 250},    {"2s", 2000},      {"5m", 300000},
                {"24h", 86400000}, {"7d", 604800000}, {"3650d", CONFIG_DURATION_MAX_MS},
                {"0s", 0}};
    int64_t ms;
    struct err err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_duration(rows[i].text, &ms, &err), 0);
        assert_int_equal(ms, rows[i].ms);
    }
}

/* A duration without a unit, or beyond ten years, is refused with examples. */
static void test_config_duration__malformed__is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"2",    "s",     "2 s", "2sec", "-2s",
                                        "1.5s", "3651d", "2S",  "\"\"", "9223372036854775807d"};
    int64_t ms;
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(read_duration(wrong[i], &ms, &err), ERR_INVALID);
    read_duration("2", &ms, &err);
    assert_string_equal(
        err.text,
        "f.zpl:1: d: '2' is not a duration such as 250ms, 2s, 5m, 24h or 7d, up to 3650d");
}

/* A key that nobody asked for is named with its line: it is misspelt. */
static void test_config_check_all_used__unread_key__is_named(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("a\n    b = 1\n    bb = 2\n");
    struct config_node *a = config_child(config_root(config), "a");
    const char *value;
    struct err err;
    assert_int_equal(config_text(a, "b", NULL, &value, &err), 0);
    assert_unused(config, "f.zpl:3: bb: is not known here; is it misspelt or in a wrong place?");
    assert_int_equal(config_text(a, "bb", NULL, &value, &err), 0);
    assert_int_equal(config_check_all_used(config, &err), 0);
}

/* A key that is asked for as one must not stand twice. */
static void test_config_check_all_used__key_twice__is_named(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("a = 1\nb = 2\na = 3\n");
    struct config_node *root = config_root(config);
    for (struct config_node *node = config_first(root); node != NULL; node = config_next(node))
        (void)config_value(node);
    struct err err;
    assert_int_equal(config_check_all_used(config, &err), 0);
    assert_string_equal(config_value(config_child(root, "a")), "1");
    assert_unused(config, "f.zpl:3: a: stands twice, first on line 1");
}

/* A value that nobody reads is as wrong as a key. */
static void test_config_check_all_used__unread_value__is_named(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("a = 1\n    b = 2\n");
    struct config_node *a = config_child(config_root(config), "a");
    (void)config_value(config_child(a, "b"));
    assert_unused(config, "f.zpl:1: a: takes no value, only lines below it");
}

/* Children of one key come in the file's order, others between them or not. */
static void test_config_each__several__come_in_order(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("u = 1\nx = 2\nu = 3\n");
    struct config_node *root = config_root(config);
    struct config_node *first = config_each(root, "u", NULL);
    assert_node(first, "u", "1", 1);
    struct config_node *second = config_each(root, "u", first);
    assert_node(second, "u", "3", 3);
    assert_null(config_each(root, "u", second));
    assert_null(config_each(root, "z", NULL));
    assert_unused(config, "f.zpl:2: x: is not known here; is it misspelt or in a wrong place?");
}

/* A skipped part is not checked with the file, but by the process that reads it. */
static void test_config_skip__part_of_another_process__is_checked_there(void **state)
{
    (void)state;
    AUTO(config_freep)
    struct config *config = parsed("settings\n    a = 1\n    deep\n        b = 2\nlast = 3\n");
    struct config_node *settings = config_child(config_root(config), "settings");
    config_skip(settings);
    (void)config_value(config_child(config_root(config), "last"));
    struct err err;
    assert_int_equal(config_check_all_used(config, &err), 0);
    assert_int_equal(config_check_used(settings, &err), ERR_INVALID);
    assert_string_equal(err.text,
                        "f.zpl:2: a: is not known here; is it misspelt or in a wrong place?");
    (void)config_value(config_child(settings, "a"));
    (void)config_value(config_child(config_child(settings, "deep"), "b"));
    assert_int_equal(config_check_used(settings, &err), 0);
}

/* A reader's own rule is told with file, line and key; of the whole file with the file alone. */
static void test_config_refuse__line_or_file__is_named(void **state)
{
    (void)state;
    AUTO(config_freep) struct config *config = parsed("\na = 1\n");
    struct err err;
    struct config_node *a = config_first(config_root(config));
    assert_int_equal(config_refuse(a, &err, "is %d", 1), ERR_INVALID);
    assert_string_equal(err.text, "f.zpl:2: a: is 1");
    config_refuse(config_root(config), &err, "needs more");
    assert_string_equal(err.text, "f.zpl: needs more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_parse__comments_and_levels__lines_are_right),
        cmocka_unit_test(test_config_parse__crlf_bom_and_no_last_newline__are_taken),
        cmocka_unit_test(test_config_parse__empty__has_no_nodes),
        cmocka_unit_test(test_config_parse__indentation__is_checked),
        cmocka_unit_test(test_config_parse__form_of_a_line__is_checked),
        cmocka_unit_test(test_config_parse__form_of_a_value__is_checked),
        cmocka_unit_test(test_config_parse__no_text__is_refused),
        cmocka_unit_test(test_config_parse__long_line__is_refused_not_cut),
        cmocka_unit_test(test_config_parse__too_large__is_refused),
        cmocka_unit_test(test_config_parse__any_text__is_silent_and_leaves_signals),
        cmocka_unit_test(test_config_load__file__is_read),
        cmocka_unit_test(test_config_load__no_file__is_not_found),
        cmocka_unit_test(test_config_text__absent_present_empty__default_value_refusal),
        cmocka_unit_test(test_config_int__value__is_a_whole_number_in_bounds),
        cmocka_unit_test(test_config_int__absent__is_the_default),
        cmocka_unit_test(test_config_child__no_node__has_no_children),
        cmocka_unit_test(test_config_duration__each_unit__is_milliseconds),
        cmocka_unit_test(test_config_duration__malformed__is_refused),
        cmocka_unit_test(test_config_check_all_used__unread_key__is_named),
        cmocka_unit_test(test_config_check_all_used__key_twice__is_named),
        cmocka_unit_test(test_config_check_all_used__unread_value__is_named),
        cmocka_unit_test(test_config_each__several__come_in_order),
        cmocka_unit_test(test_config_skip__part_of_another_process__is_checked_there),
        cmocka_unit_test(test_config_refuse__line_or_file__is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
