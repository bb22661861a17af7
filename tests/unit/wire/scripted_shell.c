#include "scripted_shell.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/xalloc.h"

struct script script;

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    assert_non_null(found);
    return found;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (syscall(SYS_clock_gettime, clock, ret) != 0)
        return -1;
    if (clock == CLOCK_MONOTONIC) {
        int64_t ms = script.clock_offset_ms + ret->tv_nsec / 1000000;
        ret->tv_sec += (time_t)(ms / 1000);
        ret->tv_nsec = (long)(ms % 1000) * 1000000 + ret->tv_nsec % 1000000;
    }
    return 0;
}

void *zmq_socket(void *context, int type)
{
    union {
        void *from;
        void *(*call)(void *, int);
    } next = {.from = real("zmq_socket")};
    void *socket = next.call(context, type);
    if (script.opened < SCRIPT_PORTS && script.sockets[script.opened] == NULL)
        script.sockets[script.opened] = socket;
    else
        script.sockets[0] = socket;
    script.opened++;
    return socket;
}

static size_t port_of(const void *socket)
{
    for (size_t i = 0; i < SCRIPT_PORTS; i++)
        if (script.sockets[i] == socket)
            return i;
    fail_msg("a socket that was never opened");
    return 0;
}

int zmq_setsockopt(void *socket, int option, const void *value, size_t len)
{
    union {
        void *from;
        int (*call)(void *, int, const void *, size_t);
    } next = {.from = real("zmq_setsockopt")};
    if (option == ZMQ_LINGER)
        memcpy(&script.lingers_ms[port_of(socket)], value, sizeof(int));
    return next.call(socket, option, value, len);
}

int zmq_poll(zmq_pollitem_t *items, int count, long timeout_ms)
{
    union {
        void *from;
        int (*call)(zmq_pollitem_t *, int, long);
    } next = {.from = real("zmq_poll")};
    script.polled = count;
    for (size_t i = 0; i < SCRIPT_PORTS; i++)
        if (script.arrived[i] != 0)
            timeout_ms = 0; /* As if it had come to the real socket. */
    if (script.polls_in_no_time) {
        script.clock_offset_ms += timeout_ms;
        timeout_ms = 0;
    }
    return next.call(items, count, timeout_ms);
}

int zmq_msg_recv(zmq_msg_t *message, void *socket, int flags)
{
    assert_int_equal(flags, ZMQ_DONTWAIT);
    script.asked++;
    if (script.interrupted > 0) {
        script.interrupted--;
        errno = EINTR;
        return -1;
    }
    int64_t *arrived = &script.arrived[port_of(socket)];
    if (*arrived == 0) {
        errno = EAGAIN;
        return -1;
    }
    *arrived -= *arrived != SCRIPT_ENDLESS;
    assert_int_equal(zmq_msg_close(message), 0);
    assert_int_equal(zmq_msg_init_size(message, script.arrived_size), 0);
    memset(zmq_msg_data(message), 'm', script.arrived_size);
    return (int)script.arrived_size;
}

int zmq_send(void *socket, const void *data, size_t len, int flags)
{
    (void)socket;
    assert_int_equal(flags, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    assert_int_equal(len, 1);
    script.to = *(const uint8_t *)data;
    if (script.gone[script.to]) {
        errno = EHOSTUNREACH;
        return -1;
    }
    if (script.full[script.to] > 0) {
        script.full[script.to]--;
        errno = EAGAIN;
        return -1;
    }
    return (int)len;
}

int zmq_msg_send(zmq_msg_t *message, void *socket, int flags)
{
    (void)socket;
    assert_int_equal(flags, ZMQ_DONTWAIT);
    if (script.dealer_full > 0) {
        script.dealer_full--;
        errno = EAGAIN;
        return -1;
    }
    int len = (int)zmq_msg_size(message);
    size_t used = strlen(script.sent);
    assert_true(used + (size_t)len + 2 <= sizeof script.sent);
    (void)snprintf(script.sent + used, sizeof script.sent - used, "%.*s ", len,
                   (const char *)zmq_msg_data(message));
    assert_int_equal(zmq_msg_close(message), 0);
    return len;
}

static struct toy *toy_of(struct node *node)
{
    return (struct toy *)(void *)node;
}

static void toy_receive(struct node *node, const struct peer *from, struct bytes bytes,
                        struct node_time now)
{
    (void)now;
    struct toy *toy = toy_of(node);
    assert_int_equal(bytes.len, script.arrived_size);
    assert_int_equal(from->id_len, 0);
    if (toy->batch[0] + toy->batch[1] + toy->batch[2] == 0)
        toy->first_port = from->port;
    toy->received[from->port]++;
    toy->all_received++;
    toy->batch[from->port]++;
}

static void toy_tick(struct node *node, struct node_time now)
{
    struct toy *toy = toy_of(node);
    toy->on_tick(toy, now);
}

static int toy_commit(struct node *node, struct node_time now, struct outbound *out,
                      struct err *err)
{
    (void)now;
    struct toy *toy = toy_of(node);
    int rc = toy->on_commit(toy, out, err);
    for (size_t i = 0; i < SCRIPT_PORTS; i++) {
        if (toy->batch[i] > toy->largest_batch[i])
            toy->largest_batch[i] = toy->batch[i];
        toy->batch[i] = 0;
    }
    toy->commits++;
    return rc;
}

static void toy_refuse(struct node *node, struct node_time now, const struct node_outage *why,
                       struct outbound *out)
{
    (void)now;
    (void)why;
    (void)out;
    struct toy *toy = toy_of(node);
    for (size_t i = 0; i < SCRIPT_PORTS; i++) {
        toy->refused += toy->batch[i];
        toy->batch[i] = 0;
    }
}

static bool toy_sated(const struct node *node)
{
    const struct toy *toy = (const struct toy *)(const void *)node;
    int64_t all = 0;
    for (size_t i = 0; i < SCRIPT_PORTS; i++)
        all += toy->batch[i];
    return toy->sated_with != 0 && all >= toy->sated_with;
}

static int toy_reload(struct node *node, struct node_time now, struct err *err)
{
    (void)now;
    (void)err;
    toy_of(node)->reloads++;
    return 0;
}

static int64_t toy_next_deadline(struct node *node)
{
    return toy_of(node)->deadline;
}

static bool toy_ready(struct node *node)
{
    (void)node;
    return true;
}

static const struct node_ops toy_ops = {
    .receive = toy_receive,
    .tick = toy_tick,
    .commit = toy_commit,
    .refuse = toy_refuse,
    .sated = toy_sated,
    .reload = toy_reload,
    .next_deadline = toy_next_deadline,
    .ready = toy_ready,
};

/* As if the node's disk had failed. */
int toy_end_run(struct err *err)
{
    return err_set(err, ERR_IO, "the end");
}

void toy_say(struct outbound *out, char peer, const char *text)
{
    struct peer to = {.port = 0, .id_len = 1, .id = {(uint8_t)peer}};
    outbound_add(out, &to, xmemdup(text, strlen(text)), strlen(text));
}

struct toy toy_new(void)
{
    memset(&script, 0, sizeof script);
    script.arrived_size = 10;
    return (struct toy){.node = {&toy_ops}, .deadline = INT64_MAX};
}

int toy_run_shell(struct toy *toy, enum shell_socket type, size_t port_count, struct err *err)
{
    AUTO(freep) char *dir = xstrdup("/tmp/zsaga-turns-XXXXXX");
    assert_non_null(mkdtemp(dir));
    AUTO(freep) char *endpoint = xprintf("ipc://%s/toy.sock", dir);
    AUTO(freep) char *path = xprintf("%s/toy.sock", dir);
    AUTO(freep) char *lock = xprintf("%s/toy.sock.lock", dir);
    struct shell_port ports[SCRIPT_PORTS];
    for (size_t i = 0; i < port_count; i++)
        ports[i] = (struct shell_port){type, endpoint, "toy"};
    struct shell_options options = {.name = "toy", .lifeline_fd = -1, .ready_fd = -1};
    log_open("toy", LOG_LEVEL_ERROR);
    int rc = shell_run(&toy->node, ports, port_count, &options, err);
    (void)unlink(path);
    (void)unlink(lock);
    assert_int_equal(rmdir(dir), 0);
    return rc;
}

void toy_run(struct toy *toy, enum shell_socket type, size_t port_count)
{
    struct err err = {0};
    assert_int_equal(toy_run_shell(toy, type, port_count, &err), ERR_IO);
    assert_string_equal(err.text, "the end");
}
