#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "suite.h"

#define POLL_MS 20

static long read_holder(int fd)
{
    char text[24] = "";
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    long pid = len > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 ? pid : 0;
}

static int refuse_held(int fd, const char *dir, struct err *err)
{
    long pid = read_holder(fd);
    if (pid == 0)
        return err_set(
            err, ERR_HELD,
            "the suite in %s is in use by another process: use that one, or stop it first", dir);
    return err_set(err, ERR_HELD,
                   "the suite in %s is in use by process %ld: use that one, or stop it first", dir,
                   pid);
}

static int wait_for_lock(int fd, const char *dir, int64_t wait_ms, struct err *err)
{
    int64_t deadline = clock_mono_ms() + (wait_ms > POLL_MS ? wait_ms : POLL_MS);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_errno(err, errno, "cannot lock the suite in %s", dir);
        if (clock_mono_ms() >= deadline)
            return refuse_held(fd, dir, err);
        (void)poll(NULL, 0, POLL_MS);
    }
    return 0;
}

/* Only for people: a failure to tell it harms nothing. */
static void tell_holder(int fd)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0) {
        ssize_t written = pwrite(fd, text, (size_t)len, 0);
        (void)written;
    }
}

int suite_lock(const char *dir, int64_t wait_ms, int *ret_fd, struct err *err)
{
    *ret_fd = -1;
    AUTO(freep) char *path = suite_path(dir, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    int rc = wait_for_lock(fd, dir, wait_ms, err);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    tell_holder(fd);
    *ret_fd = fd;
    return 0;
}

bool suite_is_locked(const char *dir)
{
    AUTO(freep) char *path = suite_path(dir, "lock");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return locked;
}

long suite_lock_holder(const char *dir)
{
    AUTO(freep) char *path = suite_path(dir, "lock");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long pid = read_holder(fd);
    (void)close(fd);
    return pid;
}
