#include "small_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"

#define PIECE 4096

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        (void)close(fd);
    return written;
}

/* Without root's rights: as root of a namespace of its own, who is the same user outside. */
static bool become_root_inside(void)
{
    AUTO(freep) char *users = xprintf("0 %u 1", (unsigned)geteuid());
    AUTO(freep) char *groups = xprintf("0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/gid_map", groups);
}

bool small_disk_begin(char *words, size_t size)
{
    bool inside = unshare(CLONE_NEWNS) == 0 || become_root_inside();
    if (inside && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return true;
    (void)snprintf(words, size, "no mounts of one's own are permitted here: %s", strerror(errno));
    return false;
}

void small_disk_mount(const char *path, unsigned kib)
{
    AUTO(freep) char *options = xprintf("size=%uk,mode=0700", kib);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    if (mount("small", path, "tmpfs", 0, options) != 0)
        fail_msg("cannot mount %s: %s", path, strerror(errno));
}

void small_disk_unmount(const char *path)
{
    (void)umount2(path, MNT_DETACH);
}

void small_disk_fill(const char *path)
{
    static const uint8_t piece[PIECE];
    AUTO(freep) char *filler = xprintf("%s/filler", path);
    int fd = open(filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, piece, sizeof piece) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(close(fd), 0);
}

void small_disk_relieve(const char *path)
{
    AUTO(freep) char *filler = xprintf("%s/filler", path);
    assert_int_equal(unlink(filler), 0);
}
