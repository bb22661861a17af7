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
static const char first_part[] =
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
    "    # Whoever follows its log of events listens at the one and fetches at the other:\n"
    "    # events = tcp://127.0.0.1:5590\n"
    "    # replay = tcp://127.0.0.1:5600\n"
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
    "# The orchestrator and each participant keep a log of their events for those who read it "
    "late.\n"
    "# What is beyond either limit is removed, whether it was read or not.\n"
    "events\n"
    "    # keep_bytes = 268435456\n"
    "    # keep_days = 7\n"
    "\n"
    "# One part for each participant. Its name is what the definitions of sagas call it, and\n"
    "# names its database, log and sockets.\n";

/* What the shipped saga needs; an empty suite does without. */
static const char order_services[] =
    "# These four are what the shipped saga, order, is made of; it needs all of them.\n"
    "participant\n"
    "    name = order\n"
    "    # The program, beside the tool or with its path:\n"
    "    # program = zsaga-order\n"
    "    # command = tcp://127.0.0.1:5571\n"
    "    # owner = tcp://127.0.0.1:5581\n"
    "    # events = tcp://127.0.0.1:5591\n"
    "    # replay = tcp://127.0.0.1:5601\n"
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

static const char empty_suite[] =
    "#\n"
    "# participant\n"
    "#     name = seats\n"
    "#     program = /home/you/booking/seats\n"
    "#     command = tcp://127.0.0.1:5571\n"
    "#     owner = tcp://127.0.0.1:5581\n"
    "#     events = tcp://127.0.0.1:5591\n"
    "#     replay = tcp://127.0.0.1:5601\n"
    "#\n"
    "# The last four only where a socket is to be reached from elsewhere.\n";

static const char last_part[] =
    "\n"
    "# The observer follows all logs and is what `zsaga top` shows. Nothing else needs it: with\n"
    "# `run = no` it stays away.\n"
    "observer\n"
    "    run = yes\n"
    "    # program = zsaga-observer\n"
    "    # owner = tcp://127.0.0.1:5589\n"
    "    # view = tcp://127.0.0.1:5610\n"
    "\n"
    "# A program of your own that only follows logs is a consumer, one part for each:\n"
    "#\n"
    "# consumer\n"
    "#     name = mailer\n"
    "#     program = zsaga-mailer\n"
    "#     owner = tcp://127.0.0.1:5588\n"
    "#     follow = order\n"
    "#\n"
    "# `follow` is the orchestrator or a participant and may stand often; without it the consumer\n"
    "# follows all of them.\n";

static int make_directory(const char *path, mode_t mode, struct err *err)
{
    struct stat there;
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return err_errno(err, errno, "cannot make the directory %s", path);
    if (stat(path, &there) == 0 && !S_ISDIR(there.st_mode))
        return err_set(err, ERR_INVALID, "%s is in the place of a directory: move it away", path);
    return 0;
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
        return err_errno(err, errno, "cannot close %s to others (is it another user's?)", path);
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

static int write_file(const char *path, bool empty, int fd, struct err *err)
{
    struct id id;
    char id_hex[ID_TEXT_SIZE];
    randombytes_buf(id.bytes, sizeof id.bytes);
    AUTO(freep) char *first = xprintf(first_part, id_text(&id, id_hex));
    AUTO(freep)
    char *text = xprintf("%s%s%s", first, empty ? empty_suite : order_services, last_part);
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
static int write_suite_file(const char *dir, const char *path, bool empty, struct err *err)
{
    AUTO(freep) char *temporary = suite_path(dir, ".suite.zpl.XXXXXX");
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot write in %s", dir);
    int rc = write_file(temporary, empty, fd, err);
    (void)close(fd);
    if (rc == 0 && link(temporary, path) != 0 && errno != EEXIST)
        rc = err_errno(err, errno, "cannot write %s", path);
    (void)unlink(temporary);
    return rc < 0 ? rc : sync_directory(dir, err);
}

static int create(const char *dir, bool empty, struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, ERR_SYSTEM, "no source of random numbers");
    int rc = make_directories(dir, err);
    if (rc < 0)
        return rc;
    AUTO(freep) char *path = suite_path(dir, "suite.zpl");
    if (access(path, F_OK) == 0)
        return 0;
    return write_suite_file(dir, path, empty, err);
}

int suite_create(const char *dir, struct err *err)
{
    return create(dir, false, err);
}

int suite_create_empty(const char *dir, struct err *err)
{
    return create(dir, true, err);
}
