#include "wire/shell_link.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/shell_socket.h"

int shell_link_open(struct shell_link *link, void *context, const struct shell_port *port,
                    struct err *err)
{
    *link = (struct shell_link){
        .port = port,
        .guard_fd = -1,
        .unheard_since_ms = -1,
        .deaf_after_ms = SHELL_LINK_DEAF_FIRST_MS,
    };
    if (shell_socket_binds(port->socket)) {
        int rc = shell_socket_guard(port->endpoint, &link->guard_fd, err);
        if (rc < 0)
            return rc;
    }
    return shell_socket_open(context, port->socket, port->endpoint, &link->socket, err);
}

void shell_link_close(struct shell_link *link, int linger_ms)
{
    shell_socket_close(link->socket, linger_ms);
    link->socket = NULL;
}

void shell_link_unguard(struct shell_link *link)
{
    if (link->guard_fd >= 0)
        (void)close(link->guard_fd);
    link->guard_fd = -1;
}

static int take_part(void *socket, zmq_msg_t *part, struct err *err)
{
    int len;
    do
        len = zmq_msg_recv(part, socket, ZMQ_DONTWAIT);
    while (len < 0 && zmq_errno() == EINTR);
    if (len >= 0)
        return SHELL_TAKEN;
    return zmq_errno() == EAGAIN ? SHELL_EMPTY : shell_socket_error(err, "receiving");
}

/* Takes what is left of a message, which ZeroMQ delivers as a whole or not at all. */
static int drop_rest(void *socket, zmq_msg_t *part, struct err *err)
{
    while (zmq_msg_more(part)) {
        int rc = take_part(socket, part, err);
        if (rc != SHELL_TAKEN)
            return rc;
    }
    return SHELL_MALFORMED;
}

int shell_link_take(struct shell_link *link, struct peer *from, zmq_msg_t *body, struct err *err)
{
    if (link->port->socket == SHELL_PUB)
        return SHELL_EMPTY; /* Its readers only subscribe, which ZeroMQ keeps to itself. */
    int rc = take_part(link->socket, body, err);
    if (rc != SHELL_TAKEN)
        return rc;
    link->unheard_since_ms = -1;
    link->deaf_after_ms = SHELL_LINK_DEAF_FIRST_MS;
    from->id_len = 0;
    if (shell_socket_routes(link->port->socket)) {
        assert(zmq_msg_size(body) <= PEER_ID_MAX);
        from->id_len = (uint8_t)zmq_msg_size(body);
        memcpy(from->id, zmq_msg_data(body), from->id_len);
        if (!zmq_msg_more(body))
            return SHELL_MALFORMED;
        rc = take_part(link->socket, body, err);
        if (rc != SHELL_TAKEN)
            return rc;
    }
    return zmq_msg_more(body) ? drop_rest(link->socket, body, err) : SHELL_TAKEN;
}

static void free_data(void *data, void *hint)
{
    (void)hint;
    free(data);
}

/* Takes *data_p, whatever comes of it. */
static int send_body(void *socket, uint8_t **data_p, size_t len, struct err *err)
{
    zmq_msg_t body;
    if (zmq_msg_init_data(&body, *data_p, len, free_data, NULL) != 0)
        return shell_socket_error(err, "making a message");
    *data_p = NULL;
    int sent;
    do
        sent = zmq_msg_send(&body, socket, ZMQ_DONTWAIT);
    while (sent < 0 && zmq_errno() == EINTR);
    if (sent >= 0)
        return SHELL_SENT;
    int rc = zmq_errno() == EAGAIN ? SHELL_FULL : shell_socket_error(err, "sending");
    (void)zmq_msg_close(&body);
    return rc;
}

/* Names the peer. Only this part of a message can be refused. */
static int send_id(void *socket, const struct peer *to, struct err *err)
{
    assert(to->id_len > 0);
    int sent;
    do
        sent = zmq_send(socket, to->id, to->id_len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    while (sent < 0 && zmq_errno() == EINTR);
    if (sent >= 0)
        return SHELL_SENT;
    if (zmq_errno() == EAGAIN)
        return SHELL_FULL;
    return zmq_errno() == EHOSTUNREACH ? SHELL_GONE : shell_socket_error(err, "addressing a peer");
}

int shell_link_send(struct shell_link *link, const struct peer *to, uint8_t **data_p, size_t len,
                    struct err *err)
{
    assert(link->port->socket != SHELL_SUB);
    if (shell_socket_routes(link->port->socket)) {
        int rc = send_id(link->socket, to, err);
        if (rc != SHELL_SENT)
            return rc;
    }
    return send_body(link->socket, data_p, len, err);
}

bool shell_link_is_deaf(struct shell_link *link, int64_t mono_ms)
{
    if (link->unheard_since_ms < 0)
        link->unheard_since_ms = mono_ms;
    return mono_ms - link->unheard_since_ms >= link->deaf_after_ms;
}

int64_t shell_link_deaf_at(const struct shell_link *link)
{
    if (link->port->socket != SHELL_SUB || link->unheard_since_ms < 0)
        return INT64_MAX;
    return link->unheard_since_ms + link->deaf_after_ms;
}

int shell_link_renew(struct shell_link *link, void *context, struct err *err)
{
    shell_link_close(link, 0);
    link->unheard_since_ms = -1;
    link->deaf_after_ms *= 2;
    if (link->deaf_after_ms > SHELL_LINK_DEAF_MAX_MS)
        link->deaf_after_ms = SHELL_LINK_DEAF_MAX_MS;
    return shell_socket_open(context, link->port->socket, link->port->endpoint, &link->socket, err);
}
