#include "echo_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "node.h"
#include "wire/shell.h"

static _Atomic int64_t
    clock_offset_ms; /* How far the monotonic clock was put forward in a child. */

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (syscall(SYS_clock_gettime, clock, ret) != 0)
        return -1;
    if (clock == CLOCK_MONOTONIC)
        ret->tv_sec += (time_t)(clock_offset_ms / 1000);
    return 0;
}

struct echo_fixture echo;

/* A node that echoes what it gets. Each commit with messages writes a byte for each to a file: what
 * is there was committed. */
struct echo_node {
    struct node node;
    struct outbound batch;
    int commits_fd;
    bool fails;
    bool ready;
    bool only_listens;
    int silent_ticks; /* Of a caller or follower: since it last heard something. */
    int64_t deadline;
};

static struct echo_node *self_of(struct node *node)
{
    return (struct echo_node *)(void *)node;
}

static void echo_receive(struct node *node, const struct peer *from, struct bytes bytes,
                         struct node_time now)
{
    (void)now;
    struct echo_node *self = self_of(node);
    if (bytes_equal(bytes, bytes_text("fail")))
        self->fails = true;
    if (bytes_equal(bytes, bytes_text("get ready")))
        self->ready = true;
    self->silent_ticks = 0;
    outbound_add(&self->batch, from, xmemdup(bytes.data, bytes.len), bytes.len);
}

static int echo_commit(struct node *node, struct node_time now, struct outbound *out,
                       struct err *err)
{
    (void)now;
    struct echo_node *self = self_of(node);
    if (self->fails)
        return err_set(err, ERR_IO, "told to fail");
    for (size_t i = 0; i < self->batch.count; i++) {
        struct message *message = &self->batch.messages[i];
        if (write(self->commits_fd, "c", 1) != 1)
            return err_errno(err, errno, "writing a commit");
        if (self->only_listens)
            continue;
        outbound_add(out, &message->to, message->data, message->len);
        message->data = NULL;
    }
    outbound_clear(&self->batch);
    return 0;
}

/* A caller says hello each 20 ms. When nothing was heard for a while, eleven seconds pass. */
static void caller_tick(struct node *node, struct node_time now)
{
    struct echo_node *self = self_of(node);
    struct peer peer = {.port = 0};
    if (!self->only_listens)
        outbound_add(&self->batch, &peer, xmemdup("hello", 5), 5);
    if (++self->silent_ticks == 25)
        clock_offset_ms += 11000;
    self->deadline = now.mono_ms + 20;
}

static void caller_receive(struct node *node, const struct peer *from, struct bytes bytes,
                           struct node_time now)
{
    (void)from;
    (void)bytes;
    (void)now;
    self_of(node)->silent_ticks = 0;
}

static void follower_receive(struct node *node, const struct peer *from, struct bytes bytes,
                             struct node_time now)
{
    caller_receive(node, from, bytes, now);
    outbound_add(&self_of(node)->batch, from, xmemdup(bytes.data, bytes.len), bytes.len);
}

static int echo_reload(struct node *node, struct node_time now, struct err *err)
{
    (void)node;
    (void)now;
    (void)err;
    return 0;
}

static int64_t echo_next_deadline(struct node *node)
{
    return self_of(node)->deadline;
}

static bool echo_ready(struct node *node)
{
    return self_of(node)->ready;
}

static const struct node_ops echo_ops = {
    .receive = echo_receive,
    .commit = echo_commit,
    .reload = echo_reload,
    .next_deadline = echo_next_deadline,
    .ready = echo_ready,
};

static const struct node_ops caller_ops = {
    .receive = caller_receive,
    .tick = caller_tick,
    .commit = echo_commit,
    .reload = echo_reload,
    .next_deadline = echo_next_deadline,
    .ready = echo_ready,
};

static const struct node_ops follower_ops = {
    .receive = follower_receive,
    .tick = caller_tick,
    .commit = echo_commit,
    .reload = echo_reload,
    .next_deadline = echo_next_deadline,
    .ready = echo_ready,
};

static const struct node_ops *const ops_of[] = {
    [SHELL_ROUTER] = &echo_ops,
    [SHELL_DEALER] = &caller_ops,
    [SHELL_PUB] = &caller_ops,
    [SHELL_SUB] = &follower_ops,
};

static char *path_of(const char *name)
{
    return xprintf("%s/%s", echo.dir, name);
}

/* The child's whole life; its exit code is the error's, made positive. */
static int live(enum shell_socket type, int lifeline_fd, int ready_fd)
{
    AUTO(freep) char *commits = path_of("commits");
    struct echo_node self = {
        .node = {ops_of[type]},
        .only_listens = type == SHELL_SUB,
        .commits_fd = open(commits, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
        .deadline = type == SHELL_ROUTER ? INT64_MAX : 0,
    };
    struct shell_port port = {type, echo.endpoint, "echo"};
    struct shell_options options = {
        .name = "echo", .lifeline_fd = lifeline_fd, .ready_fd = ready_fd};
    struct err err = {0};
    log_open("echo", LOG_LEVEL_INFO);
    int rc = shell_run(&self.node, &port, 1, &options, &err);
    if (rc < 0)
        log_line(LOG_LEVEL_ERROR, "failed", "error=%s", log_quote(err.text));
    outbound_release(&self.batch);
    (void)close(self.commits_fd);
    return -rc;
}

static pid_t start_as(enum shell_socket type, const char *crashpoint)
{
    int lifeline[2];
    int ready[2];
    assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        AUTO(freep) char *log = path_of("log");
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void)dup2(fd, STDERR_FILENO);
        (void)close(fd);
        (void)close(lifeline[1]);
        (void)close(ready[0]);
        (void)setenv("ZSAGA_CRASHPOINT", crashpoint, 1);
        int code = live(type, lifeline[0], ready[1]);
        freep(&log);
        exit(code); /* With the sanitizer's look for leaks. */
    }
    (void)close(lifeline[0]);
    (void)close(ready[1]);
    assert_true(echo.started < ECHO_STARTS_MAX);
    echo.lifelines[echo.started] = lifeline[1];
    echo.readies[echo.started] = ready[0];
    echo.pids[echo.started++] = pid;
    return pid;
}

pid_t echo_start(void)
{
    return start_as(SHELL_ROUTER, "");
}

pid_t echo_start_with(const char *crashpoint)
{
    return start_as(SHELL_ROUTER, crashpoint);
}

pid_t echo_start_caller(void)
{
    return start_as(SHELL_DEALER, "");
}

pid_t echo_start_publisher(void)
{
    return start_as(SHELL_PUB, "");
}

pid_t echo_start_follower(void)
{
    return start_as(SHELL_SUB, "");
}

/* Waits for a child's end; its wait status. */
static int end_of(pid_t pid)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    assert_true(end.fd >= 0);
    assert_int_equal(poll(&end, 1, ECHO_DEADLINE_MS), 1);
    (void)close(end.fd);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int i = 0; i < echo.started; i++)
        if (echo.pids[i] == pid)
            echo.pids[i] = 0;
    return status;
}

void echo_expect_exit(pid_t pid, int code)
{
    int status = end_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

void echo_expect_killed(pid_t pid)
{
    int status = end_of(pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

void *echo_open_socket(int type)
{
    static const int timeout = ECHO_DEADLINE_MS;
    static const int linger = 0;
    if (echo.context == NULL)
        echo.context = zmq_ctx_new();
    void *socket = zmq_socket(echo.context, type);
    assert_non_null(socket);
    (void)zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

void echo_connect(void)
{
    echo.client = echo_open_socket(ZMQ_DEALER);
    assert_int_equal(zmq_connect(echo.client, echo.endpoint), 0);
}

void echo_disconnect(void)
{
    if (echo.client != NULL)
        (void)zmq_close(echo.client);
    if (echo.context != NULL)
        (void)zmq_ctx_term(echo.context);
    echo.client = NULL;
    echo.context = NULL;
}

void echo_say(const char *text)
{
    assert_int_equal(zmq_send(echo.client, text, strlen(text), 0), strlen(text));
}

void echo_expect_heard(const char *text)
{
    char got[64] = "";
    assert_true(zmq_recv(echo.client, got, sizeof got - 1, 0) >= 0);
    assert_string_equal(got, text);
}

void echo_expect_answer(const char *text)
{
    echo_say(text);
    echo_expect_heard(text);
}

size_t echo_committed(void)
{
    AUTO(freep) char *path = path_of("commits");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (size_t)info.st_size;
}

void echo_expect_log(const char *words)
{
    static char text[100000];
    AUTO(freep) char *path = path_of("log");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, text, sizeof text - 1);
    (void)close(fd);
    assert_true(len >= 0);
    text[len] = '\0';
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in the log:\n%s", words, text);
}

int echo_set_up(void **state)
{
    (void)state;
    memset(&echo, 0, sizeof echo);
    (void)snprintf(echo.dir, sizeof echo.dir, "/tmp/zsaga-shell-XXXXXX");
    if (mkdtemp(echo.dir) == NULL)
        return -1;
    (void)snprintf(echo.endpoint, sizeof echo.endpoint, "ipc://%s/echo.sock", echo.dir);
    return 0;
}

int echo_tear_down(void **state)
{
    static const char *const files[] = {"log", "commits", "echo.sock", "echo.sock.lock"};
    (void)state;
    echo_disconnect();
    for (int i = 0; i < echo.started; i++) {
        (void)close(echo.lifelines[i]);
        (void)close(echo.readies[i]);
        if (echo.pids[i] == 0)
            continue;
        (void)kill(echo.pids[i], SIGKILL);
        (void)waitpid(echo.pids[i], NULL, 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        AUTO(freep) char *path = path_of(files[i]);
        (void)unlink(path);
    }
    return rmdir(echo.dir);
}
