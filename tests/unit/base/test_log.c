#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

/* Standard error goes to a pipe, until captured() reads what came. */
struct capture {
    int saved;
    int read_end;
    char text[8192];
};

static void capture(struct capture *capture)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    capture->saved = dup(STDERR_FILENO);
    capture->read_end = ends[0];
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
}

static const char *captured(struct capture *capture)
{
    (void)dup2(capture->saved, STDERR_FILENO);
    (void)close(capture->saved);
    size_t used = 0;
    ssize_t len;
    while ((len = read(capture->read_end, capture->text + used, sizeof capture->text - 1 - used)) >
           0)
        used += (size_t)len;
    (void)close(capture->read_end);
    capture->text[used] = '\0';
    return capture->text;
}

/* A line has its time, level, name and event before its own pairs. */
static void test_log_line__pairs__follow_the_common_ones(void **state)
{
    (void)state;
    struct capture err;
    log_open("payment", LOG_LEVEL_INFO);
    capture(&err);
    log_line(LOG_LEVEL_WARN, "started", "epoch=%d", 7);
    const char *line = captured(&err);
    assert_memory_equal(line, "at=2", 4);
    assert_string_equal(strchr(line, ' '), " level=warn name=payment event=started epoch=7\n");
}

/* A line without pairs of its own ends after its event. */
static void test_log_line__no_pairs__has_no_trailing_space(void **state)
{
    (void)state;
    struct capture err;
    log_open("payment", LOG_LEVEL_INFO);
    capture(&err);
    log_line(LOG_LEVEL_ERROR, "stopped", "%s", "");
    assert_string_equal(strchr(captured(&err), ' '), " level=error name=payment event=stopped\n");
}

/* A line that could be written only in part is said to be so, and the next one begins anew. */
static void test_log_line__cut_by_a_full_disk__leaves_the_next_one_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/zsaga-log-XXXXXX";
    char text[400] = "";
    struct rlimit before;
    int fd = mkstemp(path);
    int saved = dup(STDERR_FILENO);
    assert_true(fd >= 0 && saved >= 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 30, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    log_open("payment", LOG_LEVEL_INFO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool cut = !log_line(LOG_LEVEL_INFO, "first", "%s", "");
    bool none = !log_line(LOG_LEVEL_INFO, "second", "%s", "");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    bool whole = log_line(LOG_LEVEL_INFO, "third", "%s", "");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)signal(SIGXFSZ, handler);
    assert_true(pread(fd, text, sizeof text - 1, 0) > 30);
    assert_int_equal(unlink(path), 0);
    (void)close(fd);
    (void)close(saved);
    assert_true(cut);
    assert_true(none);
    assert_true(whole);
    assert_int_equal(text[30], '\n');
    assert_non_null(strstr(text + 31, "event=third\n"));
}

/* Lines above the level are not written. */
static void test_log_line__above_the_level__is_silent(void **state)
{
    (void)state;
    struct capture err;
    log_open("payment", LOG_LEVEL_WARN);
    capture(&err);
    log_line(LOG_LEVEL_INFO, "x", "a=1");
    log_line(LOG_LEVEL_DEBUG, "x", "a=1");
    assert_string_equal(captured(&err), "");
}

/* A line too long is cut and still one line. */
static void test_log_line__too_long__is_cut_to_one_line(void **state)
{
    (void)state;
    struct capture err;
    log_open("payment", LOG_LEVEL_INFO);
    capture(&err);
    log_line(LOG_LEVEL_INFO, "x", "a=%05000d", 1);
    const char *line = captured(&err);
    assert_int_equal(strlen(line), 4096 - 1);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

/* Plain words stay as they are. */
static void test_log_quote__plain__is_unchanged(void **state)
{
    (void)state;
    assert_string_equal(log_quote("ipc:///a/b.sock"), "ipc:///a/b.sock");
    assert_string_equal(log_quote("\xc3\xa4"), "\xc3\xa4");
}

/* What would break a line into wrong pairs is quoted, and in quotes nothing is ambiguous. */
static void test_log_quote__special__is_quoted_and_escaped(void **state)
{
    (void)state;
    assert_string_equal(log_quote(""), "\"\"");
    assert_string_equal(log_quote("a b"), "\"a b\"");
    assert_string_equal(log_quote("a=b"), "\"a=b\"");
    assert_string_equal(log_quote("say \"x\""), "\"say \\\"x\\\"\"");
    assert_string_equal(log_quote("a\\b"), "\"a\\\\b\"");
    assert_string_equal(log_quote("a\nb\x01\x7f"), "\"a\\nb\\x01\\x7f\"");
}

/* Bytes that are not UTF-8 do not reach the log. */
static void test_log_quote__not_utf8__is_replaced(void **state)
{
    (void)state;
    assert_string_equal(log_quote("a\xff"), "a\xef\xbf\xbd");
}

/* Long text is cut between characters and the quote is closed. */
static void test_log_quote__long__is_cut_and_closed(void **state)
{
    (void)state;
    char text[2001] = "x ";
    for (size_t i = 2; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 3);
    const char *quoted = log_quote(text);
    size_t len = strlen(quoted);
    assert_in_range(len, 590, 599);
    assert_int_equal(quoted[len - 1], '"');
    assert_memory_equal(quoted + len - 3, "\xc3\xa4", 2);
}

/* Four quoted texts live at once: enough for one line. */
static void test_log_quote__four_at_once__all_stay(void **state)
{
    (void)state;
    const char *a = log_quote("a 1");
    const char *b = log_quote("b 2");
    const char *c = log_quote("c 3");
    const char *d = log_quote("d 4");
    assert_string_equal(a, "\"a 1\"");
    assert_string_equal(b, "\"b 2\"");
    assert_string_equal(c, "\"c 3\"");
    assert_string_equal(d, "\"d 4\"");
}

/* Times are RFC 3339 in UTC with milliseconds, before 1970 too. */
static void test_log_time__times__are_rfc_3339(void **state)
{
    (void)state;
    char text[LOG_TIME_SIZE];
    assert_string_equal(log_time(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(log_time(1769853600123, text), "2026-01-31T10:00:00.123Z");
    assert_string_equal(log_time(951825599999, text), "2000-02-29T11:59:59.999Z");
    assert_string_equal(log_time(-1, text), "1969-12-31T23:59:59.999Z");
}

/* A time that RFC 3339 cannot write becomes the nearest that it can. */
static void test_log_time__beyond_four_digits__is_held_back(void **state)
{
    (void)state;
    char text[LOG_TIME_SIZE];
    assert_string_equal(log_time(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(log_time(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_line__pairs__follow_the_common_ones),
        cmocka_unit_test(test_log_line__no_pairs__has_no_trailing_space),
        cmocka_unit_test(test_log_line__cut_by_a_full_disk__leaves_the_next_one_whole),
        cmocka_unit_test(test_log_line__above_the_level__is_silent),
        cmocka_unit_test(test_log_line__too_long__is_cut_to_one_line),
        cmocka_unit_test(test_log_quote__plain__is_unchanged),
        cmocka_unit_test(test_log_quote__special__is_quoted_and_escaped),
        cmocka_unit_test(test_log_quote__not_utf8__is_replaced),
        cmocka_unit_test(test_log_quote__long__is_cut_and_closed),
        cmocka_unit_test(test_log_quote__four_at_once__all_stay),
        cmocka_unit_test(test_log_time__times__are_rfc_3339),
        cmocka_unit_test(test_log_time__beyond_four_digits__is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
