#include "wire/shell_socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zmq.h>

#include "base/xalloc.h"
#include "wire/frame.h"

#define HANDSHAKE_MS 2000
#define HEARTBEAT_MS 1000
#define HEARTBEAT_TIMEOUT_MS 3000
#define KEEPALIVE_IDLE_S 15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3
#define RECONNECT_FIRST_MS 100
#define RECONNECT_MAX_MS 500

struct option {
    int name;
    int value;
};

static const struct option common_options[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
    {ZMQ_SNDHWM, SHELL_SOCKET_HWM},
    {ZMQ_RCVHWM, SHELL_SOCKET_HWM},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
    {ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S},
    {ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT},
    {0, 0},
};

static const struct option router_options[] = {
    {ZMQ_ROUTER_MANDATORY, 1},
    {ZMQ_ROUTER_HANDOVER, 1},
    {0, 0},
};

static const struct option replay_options[] = {
    {ZMQ_ROUTER_MANDATORY, 1},
    {ZMQ_ROUTER_HANDOVER, 1},
    {ZMQ_SNDHWM, SHELL_SOCKET_REPLAY_HWM},
    {ZMQ_RCVHWM, SHELL_SOCKET_REPLAY_HWM},
    {0, 0},
};

/* Heartbeats are a DEALER's alone. Where anybody may fill the queue, libzmq 4.3.4 ends the process
 * with an assertion when one is due on a connection whose queue is full and whose peer has gone.
 * The other side notices by their TTL. Who listens to events notices by the ranges, twice a second.
 */
static const struct option dealer_options[] = {
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
    {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS},
    {ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS},
    {ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS},
    {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
    {0, 0},
};

static const struct option pub_options[] = {
    {ZMQ_SNDHWM, SHELL_SOCKET_EVENTS_HWM},
    {0, 0},
};

static const struct option sub_options[] = {
    {ZMQ_RCVHWM, SHELL_SOCKET_EVENTS_HWM},
    {ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS},
    {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
    {0, 0},
};

static const struct kind {
    int type;
    bool binds;
    const struct option *options;
} kinds[] = {
    [SHELL_ROUTER] = {ZMQ_ROUTER, true, router_options},
    [SHELL_DEALER] = {ZMQ_DEALER, false, dealer_options},
    [SHELL_PUB] = {ZMQ_PUB, true, pub_options},
    [SHELL_SUB] = {ZMQ_SUB, false, sub_options},
    [SHELL_REPLAY] = {ZMQ_ROUTER, true, replay_options},
};

bool shell_socket_binds(enum shell_socket type)
{
    return kinds[type].binds;
}

bool shell_socket_routes(enum shell_socket type)
{
    return kinds[type].type == ZMQ_ROUTER;
}

int shell_socket_error(struct err *err, const char *what)
{
    return err_set(err, ERR_SYSTEM, "%s: %s", what, zmq_strerror(zmq_errno()));
}

static int set_options(void *socket, const struct option *options, struct err *err)
{
    for (; options->name != 0; options++)
        if (zmq_setsockopt(socket, options->name, &options->value, sizeof options->value) != 0)
            return shell_socket_error(err, "setting a socket option");
    return 0;
}

static int set_all_options(void *socket, enum shell_socket type, struct err *err)
{
    int64_t size_max = (int64_t)FRAME_SIZE_MAX;
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) != 0)
        return shell_socket_error(err, "setting a socket's largest message");
    int rc = set_options(socket, common_options, err);
    if (rc < 0)
        return rc;
    return set_options(socket, kinds[type].options, err);
}

static int attach_error(enum shell_socket type, const char *endpoint, struct err *err)
{
    int saved = zmq_errno();
    const char *doing = kinds[type].binds ? "binding" : "connecting to";
    switch (saved) {
    case EADDRINUSE:
        return err_set(err, ERR_HELD,
                       "%s %s: another process listens there: stop that one, or choose another "
                       "endpoint",
                       doing, endpoint);
    case EADDRNOTAVAIL:
    case ENODEV:
        return err_set(err, ERR_INVALID, "%s %s: this machine has no such address", doing,
                       endpoint);
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENAMETOOLONG:
    case EACCES:
        return err_set(err, ERR_INVALID, "%s %s: %s", doing, endpoint, zmq_strerror(saved));
    default:
        return err_set(err, ERR_SYSTEM, "%s %s: %s", doing, endpoint, zmq_strerror(saved));
    }
}

static int attach(void *socket, enum shell_socket type, const char *endpoint, struct err *err)
{
    /* Before connecting, so that the first connection already brings everything. */
    if (type == SHELL_SUB && zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) != 0)
        return shell_socket_error(err, "subscribing");
    int rc = kinds[type].binds ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint);
    return rc == 0 ? 0 : attach_error(type, endpoint, err);
}

int shell_socket_open(void *context, enum shell_socket type, const char *endpoint, void **ret,
                      struct err *err)
{
    void *socket = zmq_socket(context, kinds[type].type);
    if (socket == NULL)
        return shell_socket_error(err, "opening a socket");
    int rc = set_all_options(socket, type, err);
    if (rc == 0)
        rc = attach(socket, type, endpoint, err);
    if (rc < 0) {
        shell_socket_close(socket, 0);
        return rc;
    }
    *ret = socket;
    return 0;
}

void shell_socket_close(void *socket, int linger_ms)
{
    if (socket == NULL)
        return;
    int rc = zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    assert(rc == 0);
    rc = zmq_close(socket);
    assert(rc == 0);
}

static int guard_error(int saved, const char *path, const char *endpoint, struct err *err)
{
    if (saved == ENOENT || saved == ENOTDIR || saved == EACCES || saved == EROFS)
        return err_set(err, ERR_INVALID,
                       "%s cannot be made: %s: %s: make its directory, or choose another endpoint",
                       endpoint, path, strerror(saved));
    return err_errno(err, saved, "opening %s, which guards %s", path, endpoint);
}

int shell_socket_guard(const char *endpoint, int *ret_fd, struct err *err)
{
    static const char scheme[] = "ipc://";
    *ret_fd = -1;
    if (strncmp(endpoint, scheme, sizeof scheme - 1) != 0)
        return 0;
    const char *socket_path = endpoint + sizeof scheme - 1;
    if (*socket_path == '@' || *socket_path == '*')
        return 0; /* Abstract or made up by ZeroMQ: nothing there can be stolen. */
    AUTO(freep) char *path = xprintf("%s.lock", socket_path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return guard_error(errno, path, endpoint, err);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int saved = errno;
        (void)close(fd);
        if (saved == EWOULDBLOCK)
            return err_set(err, ERR_HELD,
                           "%s belongs to another process, which holds %s: stop that one first",
                           endpoint, path);
        return err_errno(err, saved, "locking %s, which guards %s", path, endpoint);
    }
    *ret_fd = fd;
    return 0;
}
