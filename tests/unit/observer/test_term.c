/* The terminal is given back as it was, whatever ends or stops the process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "term.h"

#define DEADLINE_MS 20000
#define LEFT "\033[?1049l" /* Ends what restores the screen. */
#define ENTERED "\033[?1049h"

/* A process on a terminal of its own, which shows a screen until it is told to quit. */
struct shown {
    int terminal; /* Our end. */
    int slave;    /* Kept open, so that its settings can be looked at to the end. */
    pid_t shell;  /* Its parent there, as a shell would be: without one it cannot be stopped. */
    pid_t pid;
    struct termios before;
    struct buffer output;
};

static _Noreturn void show_until_quit(void)
{
    struct err err;
    const struct rlimit no_core = {0, 0};
    struct screen *screen = screen_new(20, 3, false);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (term_open(true, &err) < 0)
        _exit(99);
    (void)screen_put(screen, 1, 2, 20, STYLE_GOOD, bytes_text("hello"));
    (void)screen_put(screen, 2, 0, 20, STYLE_PLAIN, bytes_text("to the last column!!"));
    term_show(screen);
    for (;;) {
        struct pollfd fds[] = {{.fd = term_fd(), .events = POLLIN},
                               {.fd = term_signal_fd(), .events = POLLIN}};
        (void)poll(fds, 2, DEADLINE_MS);
        enum term_event event = term_take();
        if (event == TERM_QUIT)
            break;
        if (event == TERM_REDRAW)
            term_show(screen);
    }
    term_close();
    screen_free(screen);
    _exit(7);
}

static _Noreturn void be_shell(int slave, int tell_fd, bool in_front)
{
    (void)setsid();
    (void)ioctl(slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(slave, fd);
    (void)signal(SIGTTOU, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        if (in_front)
            (void)tcsetpgrp(0, getpid());
        (void)signal(SIGTTOU, SIG_DFL);
        show_until_quit();
    }
    (void)!write(tell_fd, &pid, sizeof pid);
    int status = 0;
    while (waitpid(pid, &status, 0) != pid)
        continue;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int set_up_as(void **state, bool in_front)
{
    struct shown *shown = calloc(1, sizeof *shown);
    const struct winsize size = {.ws_row = 3, .ws_col = 20};
    int ends[2];
    assert_int_equal(openpty(&shown->terminal, &shown->slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(shown->slave, &shown->before), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(shown->terminal, F_SETFL, O_NONBLOCK), 0);
    shown->shell = fork();
    if (shown->shell == 0)
        be_shell(shown->slave, ends[1], in_front);
    assert_int_equal(read(ends[0], &shown->pid, sizeof shown->pid), sizeof shown->pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
    *state = shown;
    return 0;
}

static int set_up(void **state)
{
    return set_up_as(state, true);
}

static int set_up_in_background(void **state)
{
    return set_up_as(state, false);
}

static int tear_down(void **state)
{
    struct shown *shown = *state;
    if (shown->shell != 0) {
        (void)kill(shown->pid, SIGKILL);
        (void)waitpid(shown->shell, NULL, 0);
    }
    (void)close(shown->terminal);
    (void)close(shown->slave);
    buffer_release(&shown->output);
    free(shown);
    return 0;
}

static void take_output(struct shown *shown)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(shown->terminal, bytes, sizeof bytes)) > 0)
        buffer_append(&shown->output, bytes, (size_t)got);
}

static size_t count_of(struct shown *shown, const char *text)
{
    size_t count = 0;
    take_output(shown);
    const uint8_t *at = shown->output.data;
    size_t len = shown->output.len;
    for (const uint8_t *hit; len > 0 && (hit = memmem(at, len, text, strlen(text))) != NULL;
         count++) {
        len -= (size_t)(hit + 1 - at);
        at = hit + 1;
    }
    return count;
}

/* Waits until the text was written so many times. */
static void await(struct shown *shown, const char *text, size_t times)
{
    struct pollfd fd = {.fd = shown->terminal, .events = POLLIN};
    for (int waited = 0; count_of(shown, text) < times; waited += 50) {
        if (waited > DEADLINE_MS)
            fail_msg("it did not write what was awaited");
        (void)poll(&fd, 1, 50);
    }
}

static void expect_restored(struct shown *shown)
{
    struct termios now;
    await(shown, LEFT, 1);
    assert_int_equal(tcgetattr(shown->slave, &now), 0);
    assert_int_equal(now.c_lflag, shown->before.c_lflag);
    assert_int_equal(now.c_iflag, shown->before.c_iflag);
    assert_int_equal(now.c_oflag, shown->before.c_oflag);
    const struct buffer *output = &shown->output;
    size_t end = strlen(LEFT);
    assert_memory_equal(output->data + output->len - end, LEFT, end);
}

static void await_end(struct shown *shown, int code)
{
    int status = 0;
    pid_t ended = 0;
    for (int waited = 0; (ended = waitpid(shown->shell, &status, WNOHANG)) == 0; waited++) {
        assert_true(waited < DEADLINE_MS);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(ended, shown->shell);
    shown->shell = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static void expect_end(struct shown *shown, int code)
{
    await_end(shown, code);
    expect_restored(shown);
}

static void await_drawn(struct shown *shown, size_t times)
{
    struct termios now;
    await(shown, "hello", times);
    assert_int_equal(tcgetattr(shown->slave, &now), 0);
    assert_int_equal(now.c_lflag & (ICANON | ECHO), 0);
}

/* q and Ctrl-C end it, and the terminal is as before. */
static void test_keys__quit__restores(void **state)
{
    struct shown *shown = *state;
    await_drawn(shown, 1);
    assert_int_equal(write(shown->terminal, "xq", 2), 2);
    expect_end(shown, 7);
}

/* Ctrl-C, as the terminal makes a signal of it. */
static void test_ctrl_c__restores(void **state)
{
    struct shown *shown = *state;
    await_drawn(shown, 1);
    assert_int_equal(write(shown->terminal, "\003", 1), 1);
    expect_end(shown, 7);
}

/* Signals that ask for its end are such an end. */
static void test_signals__end_it__restore(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct shown *shown = *state;
        await_drawn(shown, 1);
        assert_int_equal(kill(shown->pid, signals[i]), 0);
        expect_end(shown, 7);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

/* A mistake of ours kills it by that signal, after the terminal was restored. */
static void test_crashes__restore_first(void **state)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct shown *shown = *state;
        await_drawn(shown, 1);
        assert_int_equal(kill(shown->pid, signals[i]), 0);
        expect_end(shown, 128 + signals[i]);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

static bool is_stopped(pid_t pid)
{
    char path[64];
    char text[512] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        text[got < 0 ? 0 : got] = '\0';
        (void)close(fd);
    }
    const char *end = strrchr(text, ')');
    return end != NULL && strncmp(end, ") T", 3) == 0;
}

static void await_stopped(const struct shown *shown)
{
    for (int waited = 0; !is_stopped(shown->pid); waited += 10) {
        assert_true(waited < DEADLINE_MS);
        (void)poll(NULL, 0, 10);
    }
}

/* Stopped, it leaves the terminal to the shell; continued, it takes it again and draws. */
static void test_stop_and_continue__gives_and_takes(void **state)
{
    struct shown *shown = *state;
    await_drawn(shown, 1);
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(write(shown->terminal, "\032", 1), 1); /* Ctrl-Z. */
        await(shown, LEFT, i);
        await_stopped(shown);
        expect_restored(shown);
        assert_int_equal(kill(shown->pid, SIGCONT), 0);
        await(shown, ENTERED, i + 1);
        await_drawn(shown, i + 1);
    }
    assert_int_equal(kill(shown->pid, SIGTERM), 0);
    expect_end(shown, 7);
}

/* SIGSTOP tells nobody: going on, it takes the terminal again from whoever had it meanwhile. */
static void test_sigstop_and_continue__takes_again(void **state)
{
    struct shown *shown = *state;
    await_drawn(shown, 1);
    assert_int_equal(kill(shown->pid, SIGSTOP), 0);
    await_stopped(shown);
    assert_int_equal(tcsetattr(shown->slave, TCSANOW, &shown->before), 0);
    assert_int_equal(kill(shown->pid, SIGCONT), 0);
    await_drawn(shown, 2);
    assert_int_equal(count_of(shown, ENTERED), 1);
    assert_int_equal(kill(shown->pid, SIGTERM), 0);
    expect_end(shown, 7);
}

/* In the background it waits, without touching the terminal; told to end there, it ends. */
static void test_background__told_to_end__ends(void **state)
{
    struct shown *shown = *state;
    await_stopped(shown);
    assert_int_equal(kill(shown->pid, SIGTERM), 0);
    assert_int_equal(kill(shown->pid, SIGCONT), 0);
    await_end(shown, 7);
    take_output(shown);
    assert_int_equal(shown->output.len, 0);
}

/* A row that reaches to the last column keeps its last character: clearing what is behind it would
 * clear that one. */
static void test_show__full_row__keeps_its_last_character(void **state)
{
    struct shown *shown = *state;
    await_drawn(shown, 1);
    await(shown, "\033[3;1Hto the last column!!", 1);
    assert_int_equal(count_of(shown, "!!\033[K"), 0);
    assert_int_equal(count_of(shown, "hello\033[0m\033[K"), 1);
    assert_int_equal(write(shown->terminal, "q", 1), 1);
    expect_end(shown, 7);
}

/* What cannot be written was not shown. */
static void test_print__device_full__says_so(void **state)
{
    (void)state;
    int saved = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct screen *screen = screen_new(20, 3, false);
    (void)screen_put(screen, 0, 0, 20, STYLE_PLAIN, bytes_text("hello"));
    (void)fflush(stdout);
    (void)dup2(full, STDOUT_FILENO);
    bool printed_full = term_print(screen, false);
    (void)dup2(null, STDOUT_FILENO);
    bool printed = term_print(screen, false);
    (void)dup2(saved, STDOUT_FILENO);
    assert_false(printed_full);
    assert_true(printed);
    screen_free(screen);
    (void)close(full);
    (void)close(null);
    (void)close(saved);
}

/* Another size draws the whole screen anew. */
static void test_resize__draws_anew(void **state)
{
    struct shown *shown = *state;
    await_drawn(shown, 1);
    const struct winsize size = {.ws_row = 5, .ws_col = 30};
    assert_int_equal(ioctl(shown->terminal, TIOCSWINSZ, &size), 0);
    await_drawn(shown, 2);
    assert_int_equal(write(shown->terminal, "q", 1), 1);
    expect_end(shown, 7);
}

/* Only rows that changed are written. */
static void test_show__unchanged_rows__are_not_written(void **state)
{
    struct err err;
    struct shown *shown = *state;
    int saved[2] = {dup(STDIN_FILENO), dup(STDOUT_FILENO)};
    int memory = memfd_create("output", MFD_CLOEXEC);
    struct screen *screen = screen_new(80, 24, false);
    off_t sizes[4];
    for (size_t row = 0; row < 24; row++)
        (void)screen_put(screen, row, 0, 80, STYLE_PLAIN, bytes_text("some words in this row"));
    (void)fflush(stdout);
    (void)dup2(shown->slave, STDIN_FILENO);
    (void)dup2(memory, STDOUT_FILENO);
    int rc = term_open(false, &err);
    for (size_t i = 0; rc == 0 && i < 4; i++) {
        if (i == 2)
            (void)screen_put(screen, 5, 0, 80, STYLE_PLAIN, bytes_text("x"));
        term_show(screen);
        sizes[i] = lseek(memory, 0, SEEK_CUR);
    }
    term_close();
    (void)dup2(saved[0], STDIN_FILENO);
    (void)dup2(saved[1], STDOUT_FILENO);
    assert_int_equal(rc, 0);
    assert_true(sizes[0] > 24 * 20);
    assert_int_equal(sizes[1], sizes[0]);
    assert_true(sizes[2] > sizes[1] && sizes[2] - sizes[1] < 40);
    assert_int_equal(sizes[3], sizes[2]);
    screen_free(screen);
    (void)close(memory);
    (void)close(saved[0]);
    (void)close(saved[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys__quit__restores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ctrl_c__restores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signals__end_it__restore, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crashes__restore_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_and_continue__gives_and_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sigstop_and_continue__takes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_background__told_to_end__ends, set_up_in_background,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_show__full_row__keeps_its_last_character, set_up,
                                        tear_down),
        cmocka_unit_test(test_print__device_full__says_so),
        cmocka_unit_test_setup_teardown(test_resize__draws_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_show__unchanged_rows__are_not_written, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
