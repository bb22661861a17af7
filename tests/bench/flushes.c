#include "flushes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define APPEND_BYTES 4096 /* A page: less no database flushes. */

int flushes_open(struct flushes *flushes, const char *path, struct err *err)
{
    *flushes = (struct flushes){.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    return flushes->fd < 0 ? err_errno(err, errno, "cannot write %s", path) : 0;
}

void flushes_close(struct flushes *flushes)
{
    if (flushes->fd >= 0)
        (void)close(flushes->fd);
    flushes->fd = -1;
}

int flushes_one(struct flushes *flushes, struct err *err)
{
    static const char nothing[APPEND_BYTES];
    if (write(flushes->fd, nothing, sizeof nothing) != (ssize_t)sizeof nothing ||
        fdatasync(flushes->fd) != 0)
        return err_errno(err, errno, "cannot flush a file");
    return 0;
}
