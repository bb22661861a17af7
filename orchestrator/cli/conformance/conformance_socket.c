#include "conformance_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/xalloc.h"
#include "wire/shell_socket.h"

#define SEND_MS 100   /* For a connection to stand; whoever sends tries again. */
#define APART_MS 1000 /* The same for a connection that is made for one message. */
#define QUIET_MS 300  /* For an answer that should not come. */

struct socket_line {
    struct line line;
    struct socket_options options;
    void *context;
    void *sockets[LINE_PLANE_COUNT];
};

static struct socket_line *self_of(struct line *line)
{
    return (struct socket_line *)line;
}

static bool send_message(struct line *line, enum line_plane plane, struct bytes message)
{
    return zmq_send(self_of(line)->sockets[plane], message.data, message.len, 0) >= 0;
}

static bool readable(void *socket, int wait_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, wait_ms) > 0;
}

static bool take_message(struct line *line, enum line_plane plane, int wait_ms, struct buffer *to)
{
    void *socket = self_of(line)->sockets[plane];
    zmq_msg_t message;
    if (!readable(socket, wait_ms))
        return false;
    (void)zmq_msg_init(&message);
    bool taken = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0;
    if (taken) {
        buffer_clear(to);
        buffer_append(to, zmq_msg_data(&message), zmq_msg_size(&message));
    }
    (void)zmq_msg_close(&message);
    return taken;
}

static int set_timeout(void *socket, int send_ms, struct err *err)
{
    return zmq_setsockopt(socket, ZMQ_SNDTIMEO, &send_ms, sizeof send_ms) == 0
               ? 0
               : shell_socket_error(err, "setting a socket's timeout");
}

static int send_parts(void *socket, const struct bytes *parts, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        if (zmq_send(socket, parts[i].data, parts[i].len, more) < 0)
            return shell_socket_error(err, "sending over a connection of its own");
    }
    return 0;
}

static int send_apart(struct line *line, const struct bytes *parts, size_t count,
                      bool *ret_answered, struct err *err)
{
    struct socket_line *self = self_of(line);
    void *socket = NULL;
    int rc = shell_socket_open(self->context, SHELL_DEALER, self->options.command, &socket, err);
    if (rc == 0)
        rc = set_timeout(socket, APART_MS, err);
    if (rc == 0)
        rc = send_parts(socket, parts, count, err);
    if (rc == 0)
        *ret_answered = readable(socket, QUIET_MS);
    shell_socket_close(socket, 0);
    return rc;
}

static int kill_it(struct line *line, struct err *err)
{
    return process_kill(self_of(line)->options.process, err);
}

static int start_it(struct line *line, struct err *err)
{
    return process_start(self_of(line)->options.process, err);
}

static void free_line(struct line *line)
{
    struct socket_line *self = self_of(line);
    for (size_t i = 0; i < LINE_PLANE_COUNT; i++)
        shell_socket_close(self->sockets[i], 0);
    while (zmq_ctx_term(self->context) != 0 && zmq_errno() == EINTR)
        continue;
    free(self);
}

static const struct line_ops ops = {
    .send = send_message,
    .take = take_message,
    .send_apart = send_apart,
    .kill = kill_it,
    .start = start_it,
    .free = free_line,
};

static int open_plane(struct socket_line *self, enum line_plane plane, const char *endpoint,
                      struct err *err)
{
    if (endpoint == NULL)
        return 0;
    enum shell_socket type = plane == LINE_EVENTS ? SHELL_SUB : SHELL_DEALER;
    int rc = shell_socket_open(self->context, type, endpoint, &self->sockets[plane], err);
    self->line.has[plane] = rc == 0;
    return rc < 0 || plane == LINE_EVENTS ? rc : set_timeout(self->sockets[plane], SEND_MS, err);
}

int socket_line_new(const struct socket_options *options, struct line **ret, struct err *err)
{
    struct socket_line *self = xcalloc(1, sizeof *self);
    self->line = (struct line){.ops = &ops, .kills = options->process != NULL};
    self->options = *options;
    self->context = zmq_ctx_new();
    int rc = open_plane(self, LINE_COMMAND, options->command, err);
    if (rc == 0)
        rc = open_plane(self, LINE_REPLAY, options->replay, err);
    if (rc == 0)
        rc = open_plane(self, LINE_EVENTS, options->events, err);
    if (rc < 0) {
        free_line(&self->line);
        return rc;
    }
    *ret = &self->line;
    return 0;
}
