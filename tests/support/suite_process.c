#include "suite_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "suite_files.h"
#include "suite_scan.h"
#include "suite_tool.h"

#define GONE_MS 10000 /* Until whoever was killed is gone. */
#define DOWN_MS 20000
#define ARGUMENTS_MAX 24

const char *const suite_process_names[SUITE_PROCESS_COUNT] = {
    "orchestrator", "order", "inventory", "payment", "shipping", "observer"};

struct suite_kept {
    struct suite_kept *next;
    void *memory;
    void (*release)(void *);
};

int64_t suite_process_now_ms(void)
{
    return clock_mono_ms();
}

void suite_process_pause(int64_t until_ms, const char *what, const char *file, int line)
{
    if (suite_process_now_ms() >= until_ms) {
        print_error("%s:%d: waited in vain for: %s\n", file, line, what);
        fail();
    }
    (void)poll(NULL, 0, 10);
}

int suite_process_scale(int count)
{
    return getenv("ZSAGA_SLOW") == NULL ? count : count / 4;
}

/* What is kept. */

void *suite_process_keep(struct suite_process *suite, void *memory, void (*release)(void *))
{
    struct suite_kept *kept = xmalloc(sizeof *kept);
    *kept = (struct suite_kept){suite->kept, memory, release};
    suite->kept = kept;
    return memory;
}

static void release_kept(struct suite_process *suite)
{
    while (suite->kept != NULL) {
        struct suite_kept *kept = suite->kept;
        suite->kept = kept->next;
        kept->release(kept->memory);
        free(kept);
    }
}

const char *suite_process_text(struct suite_process *suite, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    return suite_process_keep(suite, text, free);
}

const char *suite_process_path(struct suite_process *suite, const char *ending)
{
    return suite_process_text(suite, "%s/%u-%s", suite->root, suite->file_count++, ending);
}

const char *suite_process_program(struct suite_process *suite, const char *name)
{
    const char *build = getenv("ZSAGA_BUILD");
    return suite_process_text(suite, "%s/%s", build == NULL ? SUITE_BUILD : build, name);
}

/* Processes. */

static _Noreturn void become(const char *const *argv, int in_fd, int out_fd, int err_fd,
                             pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (getppid() == parent && dup2(in_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0 &&
        dup2(err_fd, STDERR_FILENO) >= 0)
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    (void)dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

pid_t suite_process_spawn(const char *const *argv, int in_fd, const char *out_path,
                          const char *err_path)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out_fd = open(out_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int err_fd = open(err_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_t parent = getpid();
    assert_true(null_fd >= 0 && out_fd >= 0 && err_fd >= 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, in_fd < 0 ? null_fd : in_fd, out_fd, err_fd, parent);
    (void)close(null_fd);
    (void)close(out_fd);
    (void)close(err_fd);
    assert_true(pid > 0);
    return pid;
}

static bool reap_supervisor(struct suite_process *suite, int *ret_status)
{
    if (suite->supervisor == 0)
        return true;
    if (waitpid(suite->supervisor, ret_status, WNOHANG) == 0)
        return false;
    suite->supervisor = 0;
    return true;
}

const char *suite_process_said(struct suite_process *suite)
{
    return suite_files_read(suite, suite_process_text(suite, "%s/up.err", suite->root));
}

static bool is_ready(struct suite_process *suite, const char *out_path)
{
    int status = 0;
    if (reap_supervisor(suite, &status))
        fail_msg("zsaga up ended with status %#x: %s", (unsigned)status, suite_process_said(suite));
    char *text = suite_files_take(out_path);
    bool ready = strncmp(text, "ready", 5) == 0 || strstr(text, "\nready") != NULL;
    free(text);
    return ready;
}

/* Returns where its standard output goes. */
static const char *start(struct suite_process *suite, va_list args)
{
    const char *argv[ARGUMENTS_MAX + 5] = {suite_process_program(suite, "zsaga"), "up", "--data",
                                           suite->data};
    size_t count = 4;
    while ((argv[count] = va_arg(args, const char *)) != NULL)
        assert_true(++count < ARGUMENTS_MAX + 4);
    assert_int_equal(suite->supervisor, 0);
    const char *out_path = suite_process_path(suite, "up.out");
    const char *err_path = suite_process_text(suite, "%s/up.err", suite->root);
    (void)unlink(err_path);
    suite->supervisor = suite_process_spawn(argv, -1, out_path, err_path);
    return out_path;
}

void suite_process_start(struct suite_process *suite, ...)
{
    va_list args;
    va_start(args, suite);
    (void)start(suite, args);
    va_end(args);
}

void suite_process_up(struct suite_process *suite, ...)
{
    va_list args;
    va_start(args, suite);
    const char *out_path = start(suite, args);
    va_end(args);
    int64_t until_ms = suite_process_now_ms() + SUITE_READY_MS;
    while (!is_ready(suite, out_path)) {
        if (suite_process_now_ms() >= until_ms)
            fail_msg("zsaga up did not get ready: %s", suite_process_said(suite));
        (void)poll(NULL, 0, 10);
    }
}

int suite_process_down(struct suite_process *suite)
{
    int status = 0;
    assert_int_equal(kill(suite->supervisor, SIGTERM), 0);
    SUITE_AWAIT(reap_supervisor(suite, &status), DOWN_MS);
    assert_int_equal(suite_process_alive(suite), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t suite_process_pid(const struct suite_process *suite, const char *name)
{
    struct suite_scan found[SUITE_SCAN_MAX];
    size_t count = suite_scan(suite->data, found);
    for (size_t i = 0; i < count; i++)
        if (strcmp(found[i].name, name) == 0)
            return found[i].pid;
    return 0;
}

size_t suite_process_alive(const struct suite_process *suite)
{
    struct suite_scan found[SUITE_SCAN_MAX];
    return suite_scan(suite->data, found);
}

static bool is_gone(pid_t pid)
{
    return !suite_scan_lives(pid);
}

void suite_process_kill(struct suite_process *suite, const char *name)
{
    pid_t pid = suite_process_pid(suite, name);
    if (pid == 0)
        fail_msg("%s does not live, so it cannot be killed", name);
    (void)kill(pid, SIGKILL);
    SUITE_AWAIT(is_gone(pid), GONE_MS);
}

void suite_process_kill_supervisor(struct suite_process *suite)
{
    int status;
    assert_int_equal(kill(suite->supervisor, SIGKILL), 0);
    SUITE_AWAIT(reap_supervisor(suite, &status), GONE_MS);
}

/* Again and again: whoever was being started is found once it has become a service. */
static bool kill_found(const char *data)
{
    struct suite_scan found[SUITE_SCAN_MAX];
    size_t count = suite_scan(data, found);
    for (size_t i = 0; i < count; i++)
        (void)kill(found[i].pid, SIGKILL);
    return count == 0;
}

void suite_process_kill_all(struct suite_process *suite)
{
    int status;
    SUITE_AWAIT(kill_found(suite->data) && reap_supervisor(suite, &status), GONE_MS);
}

/* Life cycle. */

struct suite_process *suite_process_new(void)
{
    struct suite_process *suite = xcalloc(1, sizeof *suite);
    suite_files_begin(suite->root, sizeof suite->root);
    suite->data = xprintf("%s/data", suite->root);
    suite_process_keep(suite, suite->data, free);
    return suite;
}

static void release_tools(struct suite_process *suite)
{
    while (suite->tools != NULL) {
        struct suite_tool *tool = suite->tools;
        suite->tools = tool->next;
        if (tool->pid != 0)
            suite_tool_kill(tool);
        json_decref(tool->json);
        free(tool);
    }
}

int suite_process_free(struct suite_process *suite)
{
    if (suite->supervisor != 0)
        (void)kill(suite->supervisor, SIGKILL);
    release_tools(suite);
    int64_t until_ms = suite_process_now_ms() + GONE_MS;
    while (!kill_found(suite->root) && suite_process_now_ms() < until_ms)
        (void)poll(NULL, 0, 10);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    int faults = suite_files_find_faults(suite->root);
    release_kept(suite);
    suite_files_end(suite->root);
    free(suite);
    return faults;
}

int suite_process_setup(void **state)
{
    *state = suite_process_new();
    return 0;
}

int suite_process_teardown(void **state)
{
    return suite_process_free(*state);
}
