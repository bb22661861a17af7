/* Sockets whose queue is full because nobody reads. The library ends the process where a heartbeat
 * meets such a socket, so each of these runs in a child. What must not come cannot be waited for:
 * they let the time pass in which it would, all at once. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "wire/shell_socket.h"

#define BURST 50
#define REFUSED_MAX 50
#define MESSAGES 20000 /* More than any queue holds, and than the kernel does. */
#define MESSAGE_SIZE 1000
#define GONE_MS 1500    /* Longer than a heartbeat's interval. */
#define STALLED_MS 4500 /* Longer than its timeout. */
#define CONNECTED_MS 10000

static char dir[] = "/tmp/zsaga-full-XXXXXX";

struct pair {
    enum shell_socket reader;
    enum shell_socket writer;
    bool writer_goes; /* Else it stays, and only the reader is slow. */
};

static const struct pair pairs[] = {
    {SHELL_SUB, SHELL_PUB, true},       {SHELL_SUB, SHELL_PUB, false},
    {SHELL_ROUTER, SHELL_DEALER, true}, {SHELL_ROUTER, SHELL_DEALER, false},
    {SHELL_REPLAY, SHELL_DEALER, true}, {SHELL_REPLAY, SHELL_DEALER, false},
};
#define PAIRS (sizeof pairs / sizeof pairs[0])

static void *open_socket(void *context, enum shell_socket type, size_t place)
{
    char endpoint[128];
    void *socket = NULL;
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/%zu", dir, place);
    if (shell_socket_open(context, type, endpoint, &socket, NULL) < 0)
        _exit(2);
    return socket;
}

static bool send_one(void *socket)
{
    static const uint8_t message[MESSAGE_SIZE];
    return zmq_send(socket, message, sizeof message, ZMQ_DONTWAIT) >= 0;
}

static bool readable(void *socket, long wait_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, wait_ms) > 0;
}

static void connect_pair(void *reader, void *writer)
{
    for (int i = 0; i < CONNECTED_MS / 10; i++) {
        (void)send_one(writer);
        if (readable(reader, 10))
            return;
    }
    _exit(3);
}

/* With pauses in which they arrive; a PUB never refuses, but drops what does not go out at once. */
static void fill(void *writer)
{
    for (int i = 0, refused = 0; i < MESSAGES && refused < REFUSED_MAX; i++) {
        bool sent = send_one(writer);
        refused += !sent;
        if (!sent || i % BURST == 0)
            (void)poll(NULL, 0, 1);
    }
}

static size_t read_all(void *reader)
{
    uint8_t message[MESSAGE_SIZE];
    size_t count = 0;
    while (readable(reader, 100))
        while (zmq_recv(reader, message, sizeof message, ZMQ_DONTWAIT) >= 0)
            count++;
    return count;
}

static _Noreturn void live(const struct pair *pair, size_t place)
{
    void *reading = zmq_ctx_new();
    void *writing = zmq_ctx_new();
    void *reader = open_socket(reading, pair->reader, place);
    void *writer = open_socket(writing, pair->writer, place);
    connect_pair(reader, writer);
    fill(writer);
    if (pair->writer_goes) {
        shell_socket_close(writer, 0);
        (void)zmq_ctx_term(writing);
    }
    (void)poll(NULL, 0, pair->writer_goes ? GONE_MS : STALLED_MS);
    _exit(read_all(reader) > 0 ? 0 : 4);
}

static void test_queue__full_and_not_read__ends_nobody(void **state)
{
    /* A reader that is slow, or stopped for a while, is not ended by its own sockets: neither while
     * its peer stays nor when that goes. */
    pid_t pids[PAIRS];
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            live(&pairs[i], i);
    }
    int failed = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        if (status != 0)
            print_error("pair %zu: status %#x\n", i, (unsigned)status);
        failed += status != 0;
    }
    assert_int_equal(failed, 0);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    char path[64];
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        (void)snprintf(path, sizeof path, "%s/%zu", dir, i);
        (void)unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__full_and_not_read__ends_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
