#include "garbage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite.h"

#define SEND_MS 5000
#define IPC "ipc://"

static void add_target(struct garbage *garbage, struct suite *suite, const char *process,
                       const char *socket)
{
    struct err err = {0};
    char *endpoint = NULL;
    if (suite_process_pid(garbage->suite, process) == 0 ||
        suite_endpoint(suite, process, socket, &endpoint, &err) < 0)
        return; /* It does not run, or has none. */
    assert_true(garbage->target_count < GARBAGE_TARGETS_MAX);
    garbage->targets[garbage->target_count++] = (struct garbage_target){
        .process = suite_process_text(garbage->suite, "%s", process),
        .socket = socket,
        .endpoint = suite_process_keep(garbage->suite, endpoint, free),
        .publishes = strcmp(socket, "events") == 0,
    };
}

static void find_targets(struct garbage *garbage, struct suite *suite)
{
    static const char *const sockets[] = {"client", "command", "owner", "events", "replay", "view"};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        add_target(garbage, suite, SUITE_ORCHESTRATOR, sockets[i]);
        for (size_t j = 0; j < suite->participant_count; j++)
            add_target(garbage, suite, suite->participants[j].name, sockets[i]);
        for (size_t j = 0; j < suite->consumer_count; j++)
            add_target(garbage, suite, suite->consumers[j].name, sockets[i]);
    }
}

static void release(void *garbage_p)
{
    struct garbage *garbage = garbage_p;
    garbage_hang_up(garbage);
    while (zmq_ctx_term(garbage->context) != 0 && zmq_errno() == EINTR)
        continue;
    free(garbage);
}

static void release_suite(void *suite)
{
    suite_free(suite);
}

struct garbage *garbage_new(struct suite_process *suite)
{
    struct err err = {0};
    struct suite *file = NULL;
    struct garbage *garbage = xcalloc(1, sizeof *garbage);
    garbage->suite = suite;
    garbage->context = zmq_ctx_new();
    (void)suite_process_keep(suite, garbage, release);
    if (suite_load(suite->data, &file, &err) < 0)
        fail_msg("%s", err.text);
    (void)suite_process_keep(suite, file, release_suite);
    find_targets(garbage, file);
    assert_true(garbage->target_count >= 10);
    return garbage;
}

const struct garbage_target *garbage_target(const struct garbage *garbage, const char *process,
                                            const char *socket)
{
    for (size_t i = 0; i < garbage->target_count; i++)
        if (strcmp(garbage->targets[i].process, process) == 0 &&
            strcmp(garbage->targets[i].socket, socket) == 0)
            return &garbage->targets[i];
    fail_msg("%s has no socket for %s", process, socket);
    return NULL;
}

static void set(void *socket, int option, int value)
{
    assert_int_equal(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

void *garbage_connect(struct garbage *garbage, const struct garbage_target *target, int type,
                      int hwm)
{
    assert_true(garbage->socket_count < GARBAGE_SOCKETS_MAX);
    void *socket = zmq_socket(garbage->context, type);
    assert_non_null(socket);
    garbage->sockets[garbage->socket_count++] = socket;
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_SNDTIMEO, SEND_MS);
    set(socket, ZMQ_SNDHWM, hwm);
    set(socket, ZMQ_RCVHWM, hwm);
    assert_int_equal(zmq_connect(socket, target->endpoint), 0);
    return socket;
}

bool garbage_send(void *socket, struct bytes bytes, int flags)
{
    int sent;
    do
        sent = zmq_send(socket, bytes.data, bytes.len, flags);
    while (sent < 0 && zmq_errno() == EINTR);
    return sent >= 0;
}

bool garbage_hear(void *socket, int at_most_ms)
{
    zmq_msg_t message;
    set(socket, ZMQ_RCVTIMEO, at_most_ms);
    assert_int_equal(zmq_msg_init(&message), 0);
    bool heard = zmq_msg_recv(&message, socket, 0) >= 0;
    assert_int_equal(zmq_msg_close(&message), 0);
    return heard;
}

int garbage_raw(struct garbage *garbage, const struct garbage_target *target)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(garbage->fd_count < GARBAGE_SOCKETS_MAX);
    assert_memory_equal(target->endpoint, IPC, strlen(IPC));
    const char *path = target->endpoint + strlen(IPC);
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    garbage->fds[garbage->fd_count++] = fd;
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void garbage_raw_send(int fd, struct bytes bytes)
{
    ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent;
}

void garbage_hang_up(struct garbage *garbage)
{
    while (garbage->socket_count > 0)
        assert_int_equal(zmq_close(garbage->sockets[--garbage->socket_count]), 0);
    while (garbage->fd_count > 0)
        (void)close(garbage->fds[--garbage->fd_count]);
}
