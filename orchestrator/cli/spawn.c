#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "program.h"
#include "service_exit.h"

#define LOG_BYTES_MAX ((off_t)16 << 20) /* Larger at a start: it becomes NAME.log.1. */
#define LAST_BYTES 4096

static int open_log(const char *path, off_t *ret_start, struct err *err)
{
    struct stat stat_buffer;
    if (stat(path, &stat_buffer) == 0 && stat_buffer.st_size > LOG_BYTES_MAX) {
        AUTO(freep) char *older = xprintf("%s.1", path);
        (void)rename(path, older);
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || fstat(fd, &stat_buffer) != 0)
        return err_errno(err, errno, "cannot open %s", path);
    *ret_start = stat_buffer.st_size;
    return fd;
}

static void keep_open(int fd)
{
    (void)fcntl(fd, F_SETFD, 0);
}

/* In the child. A group of its own keeps Ctrl-C for the supervisor alone. */
static _Noreturn void become(const struct spawn *what, int log_fd, int ready_fd, pid_t parent)
{
    char lifeline[16];
    char ready[16];
    (void)snprintf(lifeline, sizeof lifeline, "%d", what->lifeline_fd);
    (void)snprintf(ready, sizeof ready, "%d", ready_fd);
    const char *const argv[] = {
        what->program, "--data",     what->data, "--lifeline-fd",
        lifeline,      "--ready-fd", ready,      what->adopt ? "--adopt" : NULL,
        NULL};
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    program_reset_signals();
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (getppid() != parent || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(SERVICE_FAILED);
    keep_open(what->lifeline_fd);
    keep_open(ready_fd);
    (void)execv(what->program, (char *const *)(uintptr_t)argv);
    (void)dprintf(STDERR_FILENO, "cannot run %s: %s\n", what->program, strerror(errno));
    _exit(SERVICE_CONFIG);
}

int spawn(const struct spawn *what, pid_t *ret_pid, int *ret_ready_fd, off_t *ret_log_start,
          struct err *err)
{
    int ready[2];
    int log_fd = open_log(what->log_path, ret_log_start, err);
    if (log_fd < 0)
        return log_fd;
    if (pipe2(ready, O_CLOEXEC) != 0) {
        int rc = err_errno(err, errno, "cannot make a pipe");
        (void)close(log_fd);
        return rc;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    int saved_errno = errno;
    if (pid == 0)
        become(what, log_fd, ready[1], parent);
    (void)close(log_fd);
    (void)close(ready[1]);
    if (pid < 0) {
        (void)close(ready[0]);
        return err_errno(err, saved_errno, "cannot start %s", what->program);
    }
    (void)setpgid(pid, pid); /* Both sides do it, so that it is done whoever runs first. */
    *ret_pid = pid;
    *ret_ready_fd = ready[0];
    return 0;
}

/* The value of ` reason=` in a log line, unquoted; else the line itself. */
static char *words_of(const char *line)
{
    const char *reason = strstr(line, " reason=");
    if (reason == NULL)
        return xstrdup(line);
    const char *from = reason + strlen(" reason=");
    bool quoted = *from == '"';
    char *words = xstrdup(from + quoted);
    char *to = words;
    for (const char *at = words; *at != '\0' && *at != (quoted ? '"' : ' '); at++) {
        if (quoted && *at == '\\' && at[1] != '\0')
            at++;
        *to++ = *at;
    }
    *to = '\0';
    return words;
}

char *spawn_last_words(const char *log_path, off_t start)
{
    char text[LAST_BYTES + 1];
    int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return xstrdup("");
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = end - LAST_BYTES > start ? end - LAST_BYTES : start;
    ssize_t len = from < end ? pread(fd, text, LAST_BYTES, from) : 0;
    (void)close(fd);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    text[len > 0 ? len : 0] = '\0';
    const char *line = strrchr(text, '\n');
    return words_of(line == NULL ? text : line + 1);
}
