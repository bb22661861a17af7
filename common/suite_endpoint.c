#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/xalloc.h"
#include "suite.h"
#include "suite_read.h"

_Static_assert(SUITE_SOCKET_PATH_MAX == sizeof((struct sockaddr_un *)NULL)->sun_path - 1,
               "the system's limit, less the end of the text");

struct socket_endpoint {
    const char *socket;
    const char *configured; /* NULL: the default. */
};

static int pick(const struct suite *suite, const struct socket_endpoint *sockets, size_t count,
                const char *name, const char *socket, const char **ret, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sockets[i].socket, socket) != 0)
            continue;
        *ret = sockets[i].configured;
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "%s: '%s' has no socket for %s", config_file(suite->config),
                   name, socket);
}

static int pick_of_orchestrator(const struct suite *suite, const char *socket, const char **ret,
                                struct err *err)
{
    const struct socket_endpoint sockets[] = {
        {"client", suite->client},
        {"owner", suite->owner},
        {"events", suite->events},
        {"replay", suite->replay},
    };
    return pick(suite, sockets, 4, SUITE_ORCHESTRATOR, socket, ret, err);
}

static int pick_of_participant(const struct suite *suite,
                               const struct suite_participant *participant, const char *socket,
                               const char **ret, struct err *err)
{
    const struct socket_endpoint sockets[] = {
        {"command", participant->command},
        {"owner", participant->owner},
        {"events", participant->events},
        {"replay", participant->replay},
    };
    return pick(suite, sockets, 4, participant->name, socket, ret, err);
}

static int pick_of_consumer(const struct suite *suite, const struct suite_consumer *consumer,
                            const char *socket, const char **ret, struct err *err)
{
    const struct socket_endpoint sockets[] = {{"owner", consumer->owner}, {"view", consumer->view}};
    size_t count = strcmp(consumer->name, SUITE_OBSERVER) == 0 ? 2 : 1;
    return pick(suite, sockets, count, consumer->name, socket, ret, err);
}

static int find_configured(const struct suite *suite, const char *name, const char *socket,
                           const char **ret, struct err *err)
{
    if (strcmp(name, SUITE_ORCHESTRATOR) == 0)
        return pick_of_orchestrator(suite, socket, ret, err);
    const struct suite_participant *participant = suite_find(suite, name);
    if (participant != NULL)
        return pick_of_participant(suite, participant, socket, ret, err);
    const struct suite_consumer *consumer = suite_find_consumer(suite, name);
    if (consumer != NULL)
        return pick_of_consumer(suite, consumer, socket, ret, err);
    if (strcmp(name, SUITE_OBSERVER) == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: the observer does not run here; its 'run' would have to be 'yes'",
                       config_file(suite->config));
    return err_set(err, ERR_NOT_FOUND, "%s: has no participant or consumer '%s'",
                   config_file(suite->config), name);
}

/* A socket's path is limited, a directory's is not: reach it through an open descriptor. */
static int shorten(struct suite *suite, const char *run, struct err *err)
{
    if (suite->run_fd < 0)
        suite->run_fd = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (suite->run_fd < 0)
        return err_errno(err, errno, "cannot open %s", run);
    return 0;
}

int suite_endpoint(struct suite *suite, const char *name, const char *socket, char **ret,
                   struct err *err)
{
    const char *configured = NULL;
    int rc = find_configured(suite, name, socket, &configured, err);
    if (rc < 0)
        return rc;
    if (configured != NULL) {
        *ret = xstrdup(configured);
        return 0;
    }
    AUTO(freep) char *run = suite_path(suite->dir, "run");
    AUTO(freep) char *path = xprintf("%s/%s-%s.sock", run, name, socket);
    if (strlen(path) <= SUITE_SOCKET_PATH_MAX) {
        *ret = xprintf("ipc://%s", path);
        return 0;
    }
    rc = shorten(suite, run, err);
    if (rc < 0)
        return rc;
    *ret = xprintf("ipc:///proc/self/fd/%d/%s-%s.sock", suite->run_fd, name, socket);
    return 0;
}
