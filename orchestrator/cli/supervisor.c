#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "child.h"
#include "cli.h"
#include "client.h"
#include "out.h"
#include "printable.h"
#include "processes.h"
#include "program.h"
#include "service_exit.h"
#include "spawn.h"
#include "unready.h"

#define STOP_MS 5000 /* After SIGTERM; then SIGKILL. */
#define TELL_AGAIN_MS 1000
#define UNREADY_MS 3000 /* Then somebody wants to know what is missing. */
#define HELD_MS 5000    /* So long a start waits for what a former one may still hold. */

struct process {
    struct child child;
    char *program;
    char *log_path;
    off_t log_start; /* Where the present process begins to write. */
    char *said;      /* Why it ended last time, or NULL. */
    int ready_fd;    /* -1: nothing is awaited. */
    bool was_ready;
    bool only_follows; /* A consumer: the suite goes on without it. */
};

struct supervisor {
    const struct supervisor_options *options;
    const char *dir;
    struct process *processes;
    size_t count;
    int lifeline[2];
    int signal_fd;
    bool changed; /* Since ps.json was written. */
    bool mute;    /* It could not be written (a full disk), and that was said. */
    bool ready;   /* All were ready at least once. */
    bool stopping;
    struct unready unready;
    int64_t started_ms;
    int64_t kill_at_ms;
    int exit_code;
};

static struct process *add_process(struct supervisor *self, const char *name)
{
    struct process *process = &self->processes[self->count++];
    process->child.name = name;
    process->log_path = suite_log_path(self->options->suite, name);
    process->ready_fd = -1;
    return process;
}

static int add_served(struct supervisor *self, const char *name, const char *program,
                      struct err *err)
{
    int rc = program_find(program, &add_process(self, name)->program, err);
    return rc < 0 ? err_wrap(err, ERR_INVALID, "%s", name) : 0;
}

/* Nothing else needs a consumer: without its program the suite goes on without it. */
static void add_consumer(struct supervisor *self, const struct suite_consumer *consumer)
{
    struct process *process = add_process(self, consumer->name);
    struct err err = {0};
    process->only_follows = true;
    if (program_find(consumer->program, &process->program, &err) == 0)
        return;
    process->child.state = CHILD_FAILED;
    cli_say("%s: %s The suite goes on without it.", consumer->name, err.text);
}

/* In the order in which they are started: who follows others comes last. */
static int find_programs(struct supervisor *self, struct err *err)
{
    const struct suite *suite = self->options->suite;
    size_t count = 1 + suite->participant_count + suite->consumer_count;
    self->processes = xcalloc(count, sizeof *self->processes);
    int rc = add_served(self, SUITE_ORCHESTRATOR, "zsaga-" SUITE_ORCHESTRATOR, err);
    for (size_t i = 0; rc == 0 && i < suite->participant_count; i++)
        rc = add_served(self, suite->participants[i].name, suite->participants[i].program, err);
    for (size_t i = 0; rc == 0 && i < suite->consumer_count; i++)
        add_consumer(self, &suite->consumers[i]);
    return rc;
}

static int open_channels(struct supervisor *self, struct err *err)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
        (void)sigaddset(&signals, handled[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    self->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signal_fd < 0 || pipe2(self->lifeline, O_CLOEXEC) != 0)
        return err_errno(err, errno, "cannot set up the supervisor");
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void release(struct supervisor *self)
{
    unready_end(&self->unready);
    for (size_t i = 0; i < self->count; i++) {
        close_fd(&self->processes[i].ready_fd);
        free(self->processes[i].program);
        free(self->processes[i].log_path);
        free(self->processes[i].said);
    }
    free(self->processes);
    close_fd(&self->lifeline[0]);
    close_fd(&self->lifeline[1]);
    close_fd(&self->signal_fd);
}

static void tell_others(struct supervisor *self)
{
    if (!self->changed)
        return;
    const struct child **children = xcalloc(self->count, sizeof *children);
    for (size_t i = 0; i < self->count; i++)
        children[i] = &self->processes[i].child;
    struct err err = {0};
    self->changed = processes_write(self->dir, children, self->count, &err) < 0;
    if (self->changed && !self->mute)
        cli_say("%s", err.text);
    self->mute = self->changed;
    free(children);
}

static void stop_all(struct supervisor *self, int exit_code)
{
    if (self->stopping)
        return;
    self->stopping = true;
    self->exit_code = exit_code;
    self->kill_at_ms = clock_mono_ms() + STOP_MS;
    self->changed = true;
    for (size_t i = 0; i < self->count; i++) {
        struct child *child = &self->processes[i].child;
        child_stopped(child);
        if (child->pid != 0)
            (void)kill(child->pid, SIGTERM);
    }
}

static void start(struct supervisor *self, struct process *process)
{
    struct err err = {0};
    bool adopt = self->options->adopt && strcmp(process->child.name, SUITE_ORCHESTRATOR) == 0 &&
                 !process->was_ready;
    const struct spawn what = {
        .program = process->program,
        .data = self->dir,
        .log_path = process->log_path,
        .adopt = adopt,
        .lifeline_fd = self->lifeline[0],
    };
    pid_t pid = 0;
    self->changed = true;
    int rc = spawn(&what, &pid, &process->ready_fd, &process->log_start, &err);
    child_started(&process->child, pid, clock_mono_ms());
    if (rc == 0)
        return;
    cli_say("%s cannot be started: %s", process->child.name, err.text);
    child_ended(&process->child, SERVICE_FAILED, self->stopping, clock_mono_ms());
    if (!self->ready && !process->only_follows && rc != ERR_FULL)
        stop_all(self, CLI_USAGE);
}

static void kill_all(struct supervisor *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->processes[i].child.pid != 0)
            (void)kill(self->processes[i].child.pid, SIGKILL);
}

static void say_ready(struct supervisor *self)
{
    if (!self->options->json) {
        size_t ready = 0;
        for (size_t i = 0; i < self->count; i++)
            ready += self->processes[i].was_ready;
        (void)printf("ready: %zu processes, data in %s; Ctrl-C stops them\n", ready, self->dir);
    } else {
        json_t *json = json_object();
        json_t *processes = processes_read(self->dir);
        json_object_set_new(json, "ready", json_true());
        json_object_set_new(json, "data", printable_json(bytes_text(self->dir)));
        json_object_set_new(json, "processes", processes == NULL ? json_null() : processes);
        out_json(json);
    }
    (void)fflush(stdout);
}

/* A consumer that crashed before it was ready even once is not waited for any more. */
static bool is_awaited(const struct process *process)
{
    const struct child *child = &process->child;
    bool first = child->state == CHILD_STARTING && child->restarts == 0;
    return !process->was_ready && (first || !process->only_follows);
}

static void check_ready(struct supervisor *self)
{
    if (self->ready || self->stopping)
        return;
    for (size_t i = 0; i < self->count; i++)
        if (is_awaited(&self->processes[i]))
            return;
    self->ready = true;
    tell_others(self);
    say_ready(self);
}

static void explain(struct supervisor *self, int64_t now_ms)
{
    if (self->ready || self->stopping) {
        unready_end(&self->unready);
        return;
    }
    const struct child **children = xcalloc(self->count, sizeof *children);
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        if (is_awaited(&self->processes[i]) || !self->processes[i].only_follows)
            children[count++] = &self->processes[i].child;
    unready_step(&self->unready, self->dir, children, count, now_ms);
    free(children);
}

/* A configuration that cannot work is told at once, while somebody is looking. */
static void judge_failure(struct supervisor *self, const struct process *process)
{
    const struct child *child = &process->child;
    AUTO(freep) char *words = spawn_last_words(process->log_path, process->log_start);
    cli_say("%s failed, it is not started again: %s", child->name,
            words[0] == '\0' ? process->log_path : words);
    if (process->only_follows)
        return;
    if (child->exit_code == SERVICE_CONFIG && !self->ready) {
        stop_all(self, CLI_USAGE);
        return;
    }
    if (!self->ready && strcmp(child->name, SUITE_ORCHESTRATOR) == 0) {
        stop_all(self, CLI_FALSE); /* Nothing can be done without it. */
        return;
    }
    for (size_t i = 0; i < self->count; i++)
        if (self->processes[i].child.state != CHILD_FAILED && !self->processes[i].only_follows)
            return;
    stop_all(self, CLI_FALSE);
}

/* Whatever it says, it is tried again: so the same words are said once. */
static void say_crash(struct process *process)
{
    const struct child *child = &process->child;
    if (child->exit_code >= 128) {
        cli_say("%s was killed by signal %d; starting it again in %" PRId64 " ms", child->name,
                child->exit_code - 128, child->backoff_ms);
        return;
    }
    AUTO(freep) char *words = spawn_last_words(process->log_path, process->log_start);
    if (process->said != NULL && strcmp(process->said, words) == 0)
        return;
    cli_say("%s ended with exit code %d: %s; starting it again", child->name, child->exit_code,
            words[0] == '\0' ? process->log_path : words);
    free(process->said);
    process->said = words;
    words = NULL;
}

/* What another process holds is waited for, but a first start not for ever. */
static void judge_crash(struct supervisor *self, struct process *process)
{
    bool held = process->child.exit_code == SERVICE_HELD && !self->ready && !process->only_follows;
    if (!held || clock_mono_ms() - self->started_ms < HELD_MS) {
        say_crash(process);
        return;
    }
    AUTO(freep) char *words = spawn_last_words(process->log_path, process->log_start);
    cli_say("%s cannot start: %s", process->child.name, words);
    stop_all(self, CLI_USAGE);
}

static void reap(struct supervisor *self)
{
    for (size_t i = 0; i < self->count; i++) {
        struct process *process = &self->processes[i];
        int status;
        if (process->child.pid == 0 || waitpid(process->child.pid, &status, WNOHANG) <= 0)
            continue;
        close_fd(&process->ready_fd);
        self->changed = true;
        child_ended(&process->child, program_exit_code(status), self->stopping, clock_mono_ms());
        if (process->child.state == CHILD_FAILED)
            judge_failure(self, process);
        else if (process->child.state == CHILD_BACKOFF)
            judge_crash(self, process);
    }
}

static void hear(struct supervisor *self, struct process *process)
{
    char text[64];
    ssize_t len = read(process->ready_fd, text, sizeof text);
    if (len < 0 && errno == EINTR)
        return;
    close_fd(&process->ready_fd);
    if (len < 5 || memcmp(text, "ready", 5) != 0)
        return;
    process->was_ready = true;
    freep(&process->said);
    self->changed = true;
    child_is_ready(&process->child);
}

static void take_signals(struct supervisor *self)
{
    struct signalfd_siginfo info;
    while (read(self->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (self->stopping)
            self->kill_at_ms = clock_mono_ms(); /* Asked twice: at once. */
        stop_all(self, CLI_TRUE);
    }
}

static int wait_ms(const struct supervisor *self)
{
    int64_t next = self->changed ? clock_mono_ms() + TELL_AGAIN_MS : INT64_MAX;
    if (self->stopping && self->kill_at_ms < next)
        next = self->kill_at_ms;
    if (unready_due_ms(&self->unready) < next)
        next = unready_due_ms(&self->unready);
    for (size_t i = 0; i < self->count; i++) {
        const struct child *child = &self->processes[i].child;
        if (child->state == CHILD_BACKOFF && child->restart_at_ms < next)
            next = child->restart_at_ms;
    }
    if (next == INT64_MAX)
        return -1;
    int64_t left = next - clock_mono_ms();
    return left < 0 ? 0 : (int)left;
}

static void wait_for_news(struct supervisor *self)
{
    struct pollfd *fds = xcalloc(self->count + 1, sizeof *fds);
    fds[0] = (struct pollfd){.fd = self->signal_fd, .events = POLLIN};
    for (size_t i = 0; i < self->count; i++)
        fds[i + 1] = (struct pollfd){.fd = self->processes[i].ready_fd, .events = POLLIN};
    if (poll(fds, self->count + 1, wait_ms(self)) > 0) {
        for (size_t i = 0; i < self->count; i++)
            if (fds[i + 1].revents != 0)
                hear(self, &self->processes[i]);
        take_signals(self);
        reap(self);
    }
    free(fds);
}

static bool any_alive(const struct supervisor *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->processes[i].child.pid != 0)
            return true;
    return false;
}

static void supervise(struct supervisor *self)
{
    self->started_ms = clock_mono_ms();
    unready_begin(&self->unready, self->started_ms + UNREADY_MS);
    for (size_t i = 0; i < self->count && !self->stopping; i++)
        if (self->processes[i].child.state != CHILD_FAILED)
            start(self, &self->processes[i]);
    while (!self->stopping || any_alive(self)) {
        tell_others(self);
        wait_for_news(self);
        check_ready(self);
        int64_t now_ms = clock_mono_ms();
        explain(self, now_ms);
        for (size_t i = 0; i < self->count && !self->stopping; i++)
            if (child_is_due(&self->processes[i].child, now_ms))
                start(self, &self->processes[i]);
        if (self->stopping && now_ms >= self->kill_at_ms) {
            kill_all(self);
            self->kill_at_ms = now_ms + STOP_MS;
        }
    }
    processes_remove(self->dir);
}

int supervisor_run(const struct supervisor_options *options)
{
    struct supervisor self = {
        .options = options,
        .dir = options->suite->dir,
        .lifeline = {-1, -1},
        .signal_fd = -1,
        .unready = {.state = UNREADY_DONE, .answer_fd = -1},
    };
    struct err err = {0};
    int code;
    int rc = find_programs(&self, &err);
    if (rc == 0)
        rc = open_channels(&self, &err);
    if (rc < 0) {
        code = cli_fail(&err);
    } else {
        supervise(&self);
        code = self.exit_code;
    }
    release(&self);
    return code;
}
