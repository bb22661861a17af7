#include "load_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

/* One on the pipe: smaller than PIPE_BUF, so written and read whole. */
struct news {
    enum load_news kind;
    int rc;
    struct err err;
    struct load_result result;
};

static void tell(int fd, const struct news *news)
{
    if (write(fd, news, sizeof *news) != (ssize_t)sizeof *news)
        _exit(1); /* Nobody listens any more. */
}

static void tell_begin(void *self)
{
    struct news news = {.kind = LOAD_BEGINS};
    tell(*(int *)self, &news);
}

static void tell_end(void *self)
{
    struct news news = {.kind = LOAD_ENDS};
    tell(*(int *)self, &news);
}

static _Noreturn void generate(const struct load_plan *plan, int fd)
{
    const struct load_watch watch = {tell_begin, tell_end, &fd};
    struct news news = {.kind = LOAD_RESULT};
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
    news.rc = load_run(plan, &watch, &news.result, &news.err);
    tell(fd, &news);
    _exit(0);
}

int load_process_start(struct load_process *process, const struct load_plan *plan, struct err *err)
{
    int ends[2];
    *process = (struct load_process){.fd = -1};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_errno(err, errno, "cannot make a pipe");
    (void)fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        generate(plan, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return err_errno(err, errno, "cannot start the load generator");
    }
    *process = (struct load_process){pid, ends[0]};
    return 0;
}

int load_process_news(struct load_process *process, int wait_ms, struct load_result *ret,
                      struct err *err)
{
    struct pollfd ready = {.fd = process->fd, .events = POLLIN};
    struct news news;
    if (poll(&ready, 1, wait_ms) <= 0)
        return LOAD_NONE;
    ssize_t len = read(process->fd, &news, sizeof news);
    if (len < 0 && errno == EINTR)
        return LOAD_NONE;
    if (len != (ssize_t)sizeof news)
        return err_set(err, ERR_SYSTEM, "the load generator ended before its time");
    if (news.kind != LOAD_RESULT)
        return (int)news.kind;
    load_process_release(process);
    if (news.rc < 0) {
        *err = news.err;
        return news.rc;
    }
    *ret = news.result;
    return LOAD_RESULT;
}

void load_process_release(struct load_process *process)
{
    int ignored;
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
        (void)program_wait(process->pid, -1, &ignored);
        (void)close(process->fd);
    }
    *process = (struct load_process){.fd = -1};
}
