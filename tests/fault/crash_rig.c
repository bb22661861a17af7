#include "crash_rig.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "service_exit.h"
#include "suite.h"
#include "suite_data.h"
#include "suite_files.h"
#include "suite_scan.h"
#include "suite_tool.h"

#define NEVER 60000 /* A call that no start reaches. */
#define GONE_MS 10000
#define STARTED_MS 20000

static bool is_gone(pid_t *pid, int *ret_status)
{
    if (*pid != 0 && waitpid(*pid, ret_status, WNOHANG) == 0)
        return false;
    *pid = 0;
    return true;
}

bool crash_rig_is_permitted(char *words, size_t size)
{
    int status = 0;
    const char *const argv[] = {"strace", "-D",        "-I2",  "-f", "-qq",
                                "-o",     "/dev/null", "true", NULL};
    char err_path[] = "/tmp/strace-XXXXXX";
    int fd = mkstemp(err_path);
    assert_true(fd >= 0);
    pid_t pid = suite_process_spawn(argv, -1, "/dev/null", err_path);
    SUITE_AWAIT(is_gone(&pid, &status), GONE_MS);
    ssize_t len = read(fd, words, size - 1);
    words[len > 0 ? len : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    (void)close(fd);
    (void)unlink(err_path);
    return status == 0 && len == 0;
}

static const char *log_of(struct suite_process *suite, const char *data, const char *name)
{
    return suite_process_text(suite, "%s/log/%s.log", data, name);
}

/* The program itself, or below strace, which stands aside: the pid is the program's own. */
static pid_t start(struct suite_process *suite, const char *data, const char *name,
                   const struct crash_fault *fault, long nth, const char *trace)
{
    const char *program = suite_process_program(suite, suite_process_text(suite, "zsaga-%s", name));
    const char *log = log_of(suite, data, name);
    const char *plain[] = {program, "--data", data, NULL};
    if (fault == NULL)
        return suite_process_spawn(plain, -1, log, log);
    const char *which = suite_process_text(suite, "trace=%s", fault->call);
    const char *what = suite_process_text(suite, "inject=%s:%s:when=%ld%s", fault->call,
                                          fault->effect, nth, fault->lasts ? "+" : "");
    const char *traced[] = {"strace", "-D", "-I2", "-f",    "-qq",    "-o", trace, "-e",
                            which,    "-e", what,  program, "--data", data, NULL};
    return suite_process_spawn(traced, -1, log, log);
}

static size_t place_of(const char *name)
{
    size_t place = 0;
    while (strcmp(suite_process_names[place], name) != 0)
        assert_true(++place < SUITE_PROCESS_COUNT);
    return place;
}

static pid_t *victim_of(struct crash_rig *rig)
{
    return &rig->pids[place_of(rig->victim)];
}

static void start_victim(struct crash_rig *rig, long nth)
{
    rig->trace = suite_process_path(rig->suite, "trace");
    *victim_of(rig) = start(rig->suite, rig->suite->data, rig->victim, rig->fault, nth, rig->trace);
}

/* In the place of the supervisor, whose delays would be most of the test's time. */
static void take_lock(struct crash_rig *rig)
{
    struct err err = {0};
    if (suite_lock(rig->suite->data, 0, &rig->lock_fd, &err) < 0)
        fail_msg("%s", err.text);
}

static bool has_said(const char *log, const char *event)
{
    char *text = suite_files_take(log);
    bool said = strstr(text, event) != NULL;
    free(text);
    return said;
}

void crash_rig_begin(struct crash_rig *rig, struct suite_process *suite, const char *victim)
{
    *rig = (struct crash_rig){.suite = suite, .victim = victim};
    (void)suite_tool_expect(suite, 0, "init", NULL);
    suite_data_import_plenty(suite);
    take_lock(rig);
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++)
        rig->pids[i] = start(suite, suite->data, suite_process_names[i], NULL, 0, NULL);
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++)
        SUITE_AWAIT(has_said(log_of(suite, suite->data, suite_process_names[i]), "event=ready"),
                    STARTED_MS);
}

static void stop(pid_t *pid, int signal_number, int wanted)
{
    int status = 0;
    assert_int_equal(kill(*pid, signal_number), 0);
    SUITE_AWAIT(is_gone(pid, &status), GONE_MS);
    assert_int_equal(status, wanted);
}

static void expect_sound(const char *path)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        static const char *const checks[] = {
            "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
            "SELECT 'a foreign key of ' || \"table\" FROM pragma_foreign_key_check"};
        assert_int_equal(sqlite3_prepare_v2(handle, checks[i], -1, &stmt, NULL), SQLITE_OK);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            fail_msg("%s: %s", path, (const char *)sqlite3_column_text(stmt, 0));
        assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    }
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

void crash_rig_end(struct crash_rig *rig)
{
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++) {
        stop(&rig->pids[i], SIGTERM, 0);
        expect_sound(suite_process_text(rig->suite, "%s/db/%s.db", rig->suite->data,
                                        suite_process_names[i]));
    }
    (void)close(rig->lock_fd);
}

void crash_rig_arm(struct crash_rig *rig, const struct crash_fault *fault, long nth)
{
    stop(victim_of(rig), SIGKILL, SIGKILL);
    rig->fault = fault;
    rig->deaths = 0;
    rig->deaths_max = fault == NULL ? 0 : fault->lasts ? INT_MAX : 1;
    start_victim(rig, nth == 0 ? NEVER : nth);
}

/* As a supervisor starts again: not after every exit code. */
static void expect_restartable(const char *name, int status)
{
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool failed = WIFEXITED(status) && WEXITSTATUS(status) == SERVICE_FAILED;
    if (!killed && !failed)
        fail_msg("%s ended with status %#x", name, (unsigned)status);
}

void crash_rig_turn(struct crash_rig *rig)
{
    for (size_t i = 0; i < SUITE_PROCESS_COUNT; i++) {
        int status = 0;
        if (!is_gone(&rig->pids[i], &status))
            continue;
        if (&rig->pids[i] != victim_of(rig) || rig->deaths >= rig->deaths_max)
            fail_msg("%s died by itself: %#x", suite_process_names[i], (unsigned)status);
        expect_restartable(rig->victim, status);
        rig->deaths++;
        if (rig->fault != NULL && !rig->fault->lasts)
            rig->fault = NULL;
        start_victim(rig, 1);
    }
}

static long tracer_of(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    char *text = suite_files_take(path);
    const char *at = strstr(text, "TracerPid:");
    long tracer = at == NULL ? 0 : strtol(at + strlen("TracerPid:"), NULL, 10);
    free(text);
    return tracer;
}

static bool is_gone_or_traced(pid_t pid, bool traced)
{
    return (tracer_of(pid) > 0) == traced || !suite_scan_lives(pid);
}

void crash_rig_heal(struct crash_rig *rig)
{
    crash_rig_turn(rig);
    pid_t pid = *victim_of(rig);
    if (rig->fault == NULL)
        return;
    SUITE_AWAIT(is_gone_or_traced(pid, true), STARTED_MS); /* It may be starting. */
    long tracer = tracer_of(pid);
    rig->fault = NULL;
    if (tracer > 0)
        (void)kill((pid_t)tracer, SIGTERM); /* It lets go. */
    SUITE_AWAIT(is_gone_or_traced(pid, false), GONE_MS);
    (void)kill(pid, SIGCONT); /* It may have been stopped for strace to begin. */
}

static bool has_injected(const char *path)
{
    char *text = suite_files_take(path);
    bool injected = strstr(text, "(INJECTED)") != NULL;
    free(text);
    return injected;
}

bool crash_rig_felt(const struct crash_rig *rig)
{
    return rig->deaths > 0 || has_injected(rig->trace);
}

/* Each line begins with the thread's id. */
static long calls_in(const char *path, const char *call)
{
    enum { THREADS = 16 };
    long ids[THREADS] = {0};
    long counts[THREADS] = {0};
    long most = 0;
    char *text = suite_files_take(path);
    for (const char *line = text; line != NULL && *line != '\0';) {
        char *name;
        long id = strtol(line, &name, 10);
        int i = 0;
        name += strspn(name, " ");
        while (i < THREADS - 1 && ids[i] != 0 && ids[i] != id)
            i++;
        ids[i] = id;
        if (strncmp(name, call, strlen(call)) == 0 && ++counts[i] > most)
            most = counts[i];
        line = strchr(line, '\n');
        line += line != NULL;
    }
    free(text);
    return most;
}

long crash_rig_calls(const struct crash_rig *rig)
{
    return calls_in(rig->trace, rig->fault->call);
}

static bool has_started(pid_t *pid, const char *log, int *ret_status)
{
    return is_gone(pid, ret_status) || has_said(log, "event=listening");
}

bool crash_rig_create(struct suite_process *suite, const char *name,
                      const struct crash_fault *fault, long nth, long *ret_calls)
{
    struct err err = {0};
    int status = 0;
    const char *data = suite_process_path(suite, "data");
    const char *trace = suite_process_path(suite, "trace");
    const char *log = log_of(suite, data, name);
    if (suite_create(data, &err) < 0)
        fail_msg("%s", err.text);
    pid_t pid = start(suite, data, name, fault, nth == 0 ? NEVER : nth, trace);
    SUITE_AWAIT(has_started(&pid, log, &status), STARTED_MS);
    bool felt = pid == 0 || has_injected(trace);
    *ret_calls = calls_in(trace, fault->call);
    if (pid == 0)
        expect_restartable(name, status);
    else
        stop(&pid, SIGKILL, SIGKILL);
    (void)unlink(log);
    pid = start(suite, data, name, NULL, 0, NULL);
    SUITE_AWAIT(has_started(&pid, log, &status), STARTED_MS);
    if (pid == 0)
        fail_msg("%s does not start after it died while it was new: %#x: %s", name,
                 (unsigned)status, suite_files_read(suite, log));
    stop(&pid, SIGKILL, SIGKILL);
    expect_sound(suite_process_text(suite, "%s/db/%s.db", data, name));
    return felt;
}
