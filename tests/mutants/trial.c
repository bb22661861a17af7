#include "trial.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define OUTPUT_MAX ((size_t)1 << 20) /* Of a process's words, from their beginning. */
#define CANNOT_RUN 127

static sigset_t child_ends;

void trial_prepare(void)
{
    (void)sigemptyset(&child_ends);
    (void)sigaddset(&child_ends, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child_ends, NULL);
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "zsaga-mutants: %s: %s\n", what, strerror(errno));
    exit(1);
}

__attribute__((noreturn)) static void become(const char *mutant, const char *const *arguments,
                                             int output)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    (void)sigprocmask(SIG_UNBLOCK, &child_ends, NULL);
    (void)(mutant == NULL ? unsetenv("ZSAGA_MUTANT") : setenv("ZSAGA_MUTANT", mutant, 1));
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    (void)execv(arguments[0], (char *const *)(uintptr_t)arguments);
    (void)fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
    _exit(CANNOT_RUN);
}

void trial_start(struct trial *trial, const char *mutant, const char *const *arguments,
                 int64_t seconds)
{
    char path[] = "/tmp/zsaga-mutants-XXXXXX";
    int output = mkostemp(path, O_CLOEXEC);
    must(output >= 0, path);
    (void)unlink(path);
    *trial = (struct trial){.output = output, .started_ms = clock_mono_ms()};
    trial->limit_ms = trial->started_ms + seconds * 1000;
    trial->pid = fork();
    must(trial->pid >= 0, "fork");
    if (trial->pid == 0)
        become(mutant, arguments, output);
}

static char *read_output(int output)
{
    char *text = xcalloc(1, OUTPUT_MAX + 1);
    ssize_t len = pread(output, text, OUTPUT_MAX, 0);
    /* No word of it is binary, and what cut one short must not hide the rest. */
    for (ssize_t i = 0; i < len; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return text;
}

/* Ends what takes too long, and tells how long the others may take at most. */
static int64_t end_late(struct trial *trials, int count)
{
    int64_t now_ms = clock_mono_ms();
    int64_t left_ms = INT64_MAX;
    for (int i = 0; i < count; i++) {
        struct trial *trial = &trials[i];
        if (trial->pid == 0 || trial->ended)
            continue;
        if (trial->limit_ms <= now_ms) {
            trial->ended = true;
            (void)kill(-trial->pid, SIGKILL);
            (void)kill(trial->pid, SIGKILL);
        } else if (trial->limit_ms - now_ms < left_ms) {
            left_ms = trial->limit_ms - now_ms;
        }
    }
    return left_ms;
}

struct trial *trial_wait(struct trial *trials, int count, int *ret_status, char **ret_output)
{
    for (;;) {
        int64_t left_ms = end_late(trials, count);
        for (int i = 0; i < count; i++) {
            struct trial *trial = &trials[i];
            if (trial->pid == 0 || waitpid(trial->pid, ret_status, WNOHANG) != trial->pid)
                continue;
            *ret_output = read_output(trial->output);
            (void)close(trial->output);
            trial->pid = 0;
            return trial;
        }
        if (left_ms == INT64_MAX)
            left_ms = 1000; /* What was ended just now. */
        const struct timespec wait = {.tv_sec = left_ms / 1000,
                                      .tv_nsec = left_ms % 1000 * 1000000};
        (void)sigtimedwait(&child_ends, NULL, &wait);
    }
}
