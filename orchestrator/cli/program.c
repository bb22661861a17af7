#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"

#define WAIT_STEP_MS 10

int program_self(char **ret, struct err *err)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len < 0)
        return err_errno(err, errno, "cannot tell where this program lies");
    path[len] = '\0';
    *ret = xstrdup(path);
    return 0;
}

int program_find(const char *name, char **ret, struct err *err)
{
    *ret = NULL;
    if (strchr(name, '/') != NULL) {
        *ret = xstrdup(name);
        return 0;
    }
    AUTO(freep) char *self = NULL;
    int rc = program_self(&self, err);
    if (rc < 0)
        return rc;
    *strrchr(self, '/') = '\0';
    AUTO(freep) char *beside = xprintf("%s/%s", self, name);
    AUTO(freep) char *installed = xprintf("%s/../libexec/zsaga/%s", self, name);
    if (access(beside, X_OK) == 0)
        *ret = xstrdup(beside);
    else if (access(installed, X_OK) == 0)
        *ret = xstrdup(installed);
    else
        return err_set(
            err, ERR_NOT_FOUND,
            "there is neither %s nor %s: is it built? (One that lies elsewhere needs its "
            "whole path.)",
            beside, installed);
    return 0;
}

int program_exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void program_reset_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* One end for the child (`theirs`) and one for us. */
struct channel {
    int ours;
    int theirs;
};

static int channel_open(struct channel *channel, bool child_reads, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_errno(err, errno, "cannot make a pipe");
    channel->theirs = ends[child_reads ? 0 : 1];
    channel->ours = ends[child_reads ? 1 : 0];
    return fcntl(channel->ours, F_SETFL, O_NONBLOCK) == 0
               ? 0
               : err_errno(err, errno, "cannot set up a pipe");
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static _Noreturn void become(const char *const *argv, int in, int out)
{
    program_reset_signals();
    if ((in < 0 || dup2(in, STDIN_FILENO) >= 0) && (out < 0 || dup2(out, STDOUT_FILENO) >= 0))
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    (void)fprintf(stderr, "zsaga: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(126);
}

/* Writes what goes; closes the pipe at the end, or when the child reads no more. */
static void feed(int *fd, struct bytes *input)
{
    ssize_t put = input->len == 0 ? 0 : write(*fd, input->data, input->len);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (put > 0) {
        input->data += put;
        input->len -= (size_t)put;
    }
    if (put < 0 || input->len == 0)
        close_fd(fd);
}

static void drain(int *fd, struct buffer *output)
{
    uint8_t chunk[16384];
    ssize_t got = read(*fd, chunk, sizeof chunk);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        close_fd(fd);
    else
        buffer_append(output, chunk, (size_t)got);
}

static void converse(int in, int out, struct bytes input, struct buffer *output)
{
    while (in >= 0 || out >= 0) {
        struct pollfd fds[2] = {{.fd = in, .events = POLLOUT}, {.fd = out, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0)
            feed(&in, &input);
        if (fds[1].revents != 0)
            drain(&out, output);
    }
    close_fd(&in);
    close_fd(&out);
}

bool program_wait(pid_t pid, int64_t wait_ms, int *ret_exit)
{
    int status = 0;
    for (int64_t waited_ms = 0;; waited_ms += WAIT_STEP_MS) {
        pid_t ended = waitpid(pid, &status, wait_ms < 0 ? 0 : WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            break;
        if (wait_ms >= 0 && waited_ms >= wait_ms)
            return false;
        if (wait_ms >= 0)
            (void)poll(NULL, 0, WAIT_STEP_MS);
    }
    *ret_exit = program_exit_code(status);
    return true;
}

int program_start(const char *const *argv, int out_fd, int err_fd, pid_t *ret_pid, struct err *err)
{
    (void)fflush(NULL);
    pid_t parent = getpid();
    *ret_pid = fork();
    if (*ret_pid < 0)
        return err_errno(err, errno, "cannot start %s", argv[0]);
    if (*ret_pid > 0)
        return 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(err_fd, STDERR_FILENO) < 0)
        _exit(126);
    become(argv, -1, out_fd);
}

int program_run(const char *const *argv, struct bytes input, struct buffer *output, int *ret_exit,
                struct err *err)
{
    struct channel in = {-1, -1};
    struct channel out = {-1, -1};
    int rc = channel_open(&in, true, err);
    if (rc == 0 && output != NULL)
        rc = channel_open(&out, false, err);
    pid_t pid = -1;
    void (*pipe_handler)(int) = signal(SIGPIPE, SIG_IGN);
    if (rc == 0) {
        (void)fflush(NULL);
        pid = fork();
        if (pid == 0)
            become(argv, in.theirs, out.theirs);
        if (pid < 0)
            rc = err_errno(err, errno, "cannot start %s", argv[0]);
    }
    close_fd(&in.theirs);
    close_fd(&out.theirs);
    if (rc < 0) {
        close_fd(&in.ours);
        close_fd(&out.ours);
    } else {
        converse(in.ours, out.ours, input, output);
        (void)program_wait(pid, -1, ret_exit);
    }
    (void)signal(SIGPIPE, pipe_handler);
    return rc;
}
