#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/xalloc.h"
#include "suite.h"

/* As text, "%s" being the id. */
static const char first_file[] =
    "# The suite: which processes make it up and how they find each other.\n"
    "# Written once, with what holds by default; from now on it is yours. Changes take effect at\n"
    "# the next start. Indent with four spaces; a line that is not understood is refused with its\n"
    "# number.\n"
    "\n"
    "suite\n"
    "    # Names this suite's orchestrator to the participants, which remember what it told them.\n"
    "    # Keep it as long as the databases live, and let no other suite have the same.\n"
    "    id = %s\n"
    "\n"
    "orchestrator\n"
    "    # Sockets are files in this directory's run/ unless an endpoint says otherwise, here for\n"
    "    # clients, and for the tool that asks for the process's own state:\n"
    "    # client = tcp://127.0.0.1:5570\n"
    "    # owner = tcp://127.0.0.1:5580\n"
    "    #\n"
    "    # Beyond so many unfinished sagas, or bytes of theirs in memory, new ones are told to\n"
    "    # come back later:\n"
    "    # active_sagas_max = 20000\n"
    "    # active_bytes_max = 268435456\n"
    "    #\n"
    "    # At most so many commands, and bytes of them, are on their way to one participant:\n"
    "    # window_max = 1024\n"
    "    # window_bytes_max = 8388608\n"
    "\n"
    "# One part for each participant. Its name is what the definitions of sagas call it, and\n"
    "# names its database, log and sockets.\n"
    "participant\n"
    "    name = order\n"
    "    # The program, beside the tool or with its path:\n"
    "    # program = zsaga-order\n"
    "    # command = tcp://127.0.0.1:5571\n"
    "    # owner = tcp://127.0.0.1:5581\n"
    "\n"
    "participant\n"
    "    name = inventory\n"
    "\n"
    "participant\n"
    "    name = payment\n"
    "\n"
    "participant\n"
    "    name = shipping\n"
    "    # What the participant itself reads:\n"
    "    settings\n"
    "        # Orders of more units in all are refused:\n"
    "        oversize_units = 800\n"
    "        # Countries that nothing is shipped to, one a line:\n"
    "        undeliverable = Unspecified\n"
    "        undeliverable = European Community\n";

static int make_directory(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    return err_errno(err, errno, "cannot make the directory %s", path);
}

static int make_with_parents(const char *dir, struct err *err)
{
    if (dir[0] == '\0')
        return err_set(err, ERR_INVALID, "the data directory's name is empty");
    AUTO(freep) char *path = xstrdup(dir);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = make_directory(path, 0777, err);
        *slash = '/';
        if (rc < 0)
            return rc;
    }
    return make_directory(dir, 0777, err);
}

/* Others must neither connect nor take a socket's place. */
static int make_private(const char *path, struct err *err)
{
    int rc = make_directory(path, 0700, err);
    if (rc == 0 && chmod(path, 0700) != 0)
        return err_errno(err, errno, "cannot close %s to others", path);
    return rc;
}

static int make_directories(const char *dir, struct err *err)
{
    AUTO(freep) char *db = suite_path(dir, "db");
    AUTO(freep) char *run = suite_path(dir, "run");
    AUTO(freep) char *log = suite_path(dir, "log");
    int rc = make_with_parents(dir, err);
    if (rc == 0)
        rc = make_private(db, err);
    if (rc == 0)
        rc = make_private(run, err);
    return rc < 0 ? rc : make_directory(log, 0777, err);
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        text += written;
        len -= (size_t)written;
    }
    return 0;
}

static int write_file(const char *path, int fd, struct err *err)
{
    struct id id;
    char id_hex[ID_TEXT_SIZE];
    randombytes_buf(id.bytes, sizeof id.bytes);
    AUTO(freep) char *text = xprintf(first_file, id_text(&id, id_hex));
    if (write_all(fd, text, strlen(text)) != 0 || fchmod(fd, 0644) != 0 || fsync(fd) != 0)
        return err_errno(err, errno, "cannot write %s", path);
    return 0;
}

static int sync_directory(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;
    if (fd < 0 || fsync(fd) != 0)
        rc = err_errno(err, errno, "cannot flush %s", dir);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Whole or not at all, and never in place of a file that came to be meanwhile: hence link(). */
static int write_suite_file(const char *dir, const char *path, struct err *err)
{
    AUTO(freep) char *temporary = suite_path(dir, ".suite.zpl.XXXXXX");
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot write in %s", dir);
    int rc = write_file(temporary, fd, err);
    (void)close(fd);
    if (rc == 0 && link(temporary, path) != 0 && errno != EEXIST)
        rc = err_errno(err, errno, "cannot write %s", path);
    (void)unlink(temporary);
    return rc < 0 ? rc : sync_directory(dir, err);
}

int suite_create(const char *dir, struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, ERR_SYSTEM, "no source of random numbers");
    int rc = make_directories(dir, err);
    if (rc < 0)
        return rc;
    AUTO(freep) char *path = suite_path(dir, "suite.zpl");
    if (access(path, F_OK) == 0)
        return 0;
    return write_suite_file(dir, path, err);
}
