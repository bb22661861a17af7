#include "wire/shell.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "wire/shell_crash.h"
#include "wire/shell_kept.h"
#include "wire/shell_link.h"
#include "wire/shell_process.h"
#include "wire/shell_report.h"
#include "wire/shell_socket.h"

#define TAKE_COUNT_MAX 256               /* Messages from one socket in one turn. */
#define TAKE_BYTES_MAX ((size_t)8 << 20) /* Of them, about. */
#define PUT_OFF_MAX 100000               /* Messages, or KiB of them, that due timers wait for. */
#define KEPT_RETRY_MS 20
#define POLL_MAX_MS 60000
#define STOP_LINGER_MS 1000

/* Places in the array given to zmq_poll(); the sockets follow in the order of their ports. */
enum { ITEM_SIGNALS, ITEM_LIFELINE, ITEM_SOCKETS };

enum run_end { RUN_STOPPED, RUN_ORPHANED };

struct shell {
    const struct shell_options *options;
    struct node_turn turn;
    void *context;
    struct shell_link *links; /* One per port. */
    size_t link_count;
    zmq_pollitem_t *items;
    int signal_fd;
    size_t first; /* The link taken from first in this turn. */
    size_t taken; /* Messages in this turn. */
    size_t taken_bytes;
    bool emptied;     /* In this turn every socket answered that nothing more is there. */
    uint64_t put_off; /* Taken since a due timer was found that could not fire yet. */
    bool told_ready;
    struct outbound out;
    struct shell_kept kept;
    struct shell_report report;
    struct shell_crash crash;
};

static long poll_timeout_ms(const struct shell *shell)
{
    if (!shell->emptied)
        return 0;
    int64_t next = node_turn_deadline(&shell->turn);
    for (size_t i = 0; shell->emptied && i < shell->link_count; i++)
        if (shell_link_deaf_at(&shell->links[i]) < next)
            next = shell_link_deaf_at(&shell->links[i]);
    int64_t wait = next - clock_mono_ms();
    int64_t longest = shell->kept.count > 0 ? KEPT_RETRY_MS : POLL_MAX_MS;
    if (wait > longest)
        wait = longest;
    return wait < 0 ? 0 : (long)wait;
}

static int wait_for_work(struct shell *shell, struct err *err)
{
    int count = (int)(ITEM_SOCKETS + shell->link_count);
    int rc = zmq_poll(shell->items, count, poll_timeout_ms(shell));
    if (rc >= 0)
        return 0;
    if (zmq_errno() != EINTR)
        return shell_socket_error(err, "waiting for messages");
    shell->items[ITEM_SIGNALS].revents = 0;
    shell->items[ITEM_LIFELINE].revents = 0;
    return 0;
}

/* Takes what has arrived at one socket, up to its quota. */
static int take_from(struct shell *shell, size_t port, struct node_time now, struct err *err)
{
    struct peer from;
    from.port = (uint8_t)port;
    zmq_msg_t body;
    (void)zmq_msg_init(&body);
    int rc = SHELL_TAKEN;
    size_t bytes = 0;
    for (int count = 0; count < TAKE_COUNT_MAX && bytes < TAKE_BYTES_MAX; count++) {
        if (node_turn_is_sated(&shell->turn))
            break;
        rc = shell_link_take(&shell->links[port], &from, &body, err);
        if (rc < 0 || rc == SHELL_EMPTY)
            break;
        if (rc == SHELL_MALFORMED) {
            shell->report.drops.malformed++;
            continue;
        }
        shell->taken++;
        bytes += zmq_msg_size(&body);
        node_turn_receive(&shell->turn, &from, bytes_of(zmq_msg_data(&body), zmq_msg_size(&body)),
                          now);
    }
    (void)zmq_msg_close(&body);
    shell->taken_bytes += bytes;
    if (rc != SHELL_EMPTY)
        shell->emptied = false;
    return rc < 0 ? rc : 0;
}

static int take_from_all(struct shell *shell, struct node_time now, struct err *err)
{
    shell->taken = 0;
    shell->taken_bytes = 0;
    shell->emptied = true;
    for (size_t i = 0; i < shell->link_count; i++) {
        int rc = take_from(shell, (shell->first + i) % shell->link_count, now, err);
        if (rc < 0)
            return rc;
    }
    shell->first = (shell->first + 1) % shell->link_count;
    return 0;
}

/* Timers wait for all that has arrived, since what has arrived may be the answer whose absence they
 * would act on; but a flood must not hold them for ever. */
static bool timers_may_fire(struct shell *shell, struct node_time now)
{
    if (shell->emptied || node_turn_deadline(&shell->turn) > now.mono_ms) {
        shell->put_off = 0;
        return shell->emptied;
    }
    size_t kib = shell->taken_bytes / 1024;
    shell->put_off += kib > shell->taken ? kib : shell->taken;
    if (shell->put_off < PUT_OFF_MAX)
        return false;
    shell->put_off = 0;
    return true;
}

static int send_now(void *context, const struct peer *to, uint8_t **data_p, size_t len,
                    struct err *err)
{
    struct shell *shell = context;
    return shell_link_send(&shell->links[to->port], to, data_p, len, err);
}

static void keep(struct shell *shell, struct message *message)
{
    shell->report.drops.overflow +=
        shell_kept_add(&shell->kept, &message->to, &message->data, message->len);
}

static int send_by_router(struct shell *shell, struct message *message, struct err *err)
{
    if (shell->kept.count > 0 && shell_kept_has(&shell->kept, &message->to)) {
        keep(shell, message);
        return 0;
    }
    int rc = send_now(shell, &message->to, &message->data, message->len, err);
    if (rc == SHELL_FULL)
        keep(shell, message);
    else if (rc == SHELL_GONE)
        shell->report.drops.gone++;
    return rc < 0 ? rc : 0;
}

static int renew_link(struct shell *shell, size_t port, struct err *err)
{
    struct shell_link *link = &shell->links[port];
    log_line(LOG_LEVEL_WARN, "reconnecting", "peer=%s unheard_ms=%lld", log_quote(link->port->what),
             (long long)link->deaf_after_ms);
    int rc = shell_link_renew(link, shell->context, err);
    shell->items[ITEM_SOCKETS + port].socket = link->socket;
    return rc;
}

/* A SUB has nothing to say whose answer could be missed: it is the silence that counts. */
static int renew_deaf_subs(struct shell *shell, int64_t mono_ms, struct err *err)
{
    for (size_t i = 0; shell->emptied && i < shell->link_count; i++) {
        struct shell_link *link = &shell->links[i];
        if (link->port->socket != SHELL_SUB || !shell_link_is_deaf(link, mono_ms))
            continue;
        int rc = renew_link(shell, i, err);
        if (rc < 0)
            return rc;
        (void)shell_link_is_deaf(link, mono_ms);
    }
    return 0;
}

static int send_by_dealer(struct shell *shell, struct message *message, int64_t mono_ms,
                          struct err *err)
{
    size_t port = message->to.port;
    if (shell_link_is_deaf(&shell->links[port], mono_ms)) {
        int rc = renew_link(shell, port, err);
        if (rc < 0)
            return rc;
    }
    int rc = send_now(shell, &message->to, &message->data, message->len, err);
    if (rc == SHELL_FULL)
        shell->report.drops.unsent++;
    return rc < 0 ? rc : 0;
}

/* What is refused is not kept: it is large, and asked for again by whoever still wants it. */
static int send_by_replay(struct shell *shell, struct message *message, struct err *err)
{
    int rc = send_now(shell, &message->to, &message->data, message->len, err);
    if (rc == SHELL_FULL)
        shell->report.drops.overflow++;
    else if (rc == SHELL_GONE)
        shell->report.drops.gone++;
    return rc < 0 ? rc : 0;
}

/* A PUB takes every message, whether anybody listens or not. */
static int send_by_pub(struct shell *shell, struct message *message, struct err *err)
{
    int rc = send_now(shell, &message->to, &message->data, message->len, err);
    return rc < 0 ? rc : 0;
}

static int send_message(struct shell *shell, struct message *message, int64_t mono_ms,
                        struct err *err)
{
    switch (shell->links[message->to.port].port->socket) {
    case SHELL_ROUTER:
        return send_by_router(shell, message, err);
    case SHELL_REPLAY:
        return send_by_replay(shell, message, err);
    case SHELL_PUB:
        return send_by_pub(shell, message, err);
    case SHELL_DEALER:
    case SHELL_SUB:
        break;
    }
    return send_by_dealer(shell, message, mono_ms, err);
}

static int send_kept(struct shell *shell, struct err *err)
{
    size_t gone;
    int rc = shell_kept_send(&shell->kept, send_now, shell, &gone, err);
    shell->report.drops.gone += gone;
    return rc;
}

static int send_all(struct shell *shell, struct node_time now, struct err *err)
{
    int rc = shell->kept.count == 0 ? 0 : send_kept(shell, err);
    for (size_t i = 0; rc == 0 && i < shell->out.count; i++) {
        struct message *message = &shell->out.messages[i];
        assert(message->to.port < shell->link_count);
        rc = send_message(shell, message, now.mono_ms, err);
    }
    outbound_clear(&shell->out);
    return rc;
}

static void tell_ready(struct shell *shell)
{
    struct node *node = shell->turn.node;
    if (shell->told_ready || !node->ops->ready(node))
        return;
    shell->told_ready = true;
    log_line(LOG_LEVEL_INFO, "ready", "%s", "");
    if (shell->options->ready_fd < 0)
        return;
    /* A supervisor that is gone is the lifeline's matter. */
    ssize_t written = write(shell->options->ready_fd, "ready\n", 6);
    (void)written;
}

static int turn_once(struct shell *shell, struct err *err)
{
    struct node_time now = {clock_mono_ms(), clock_wall_ms()};
    int rc = take_from_all(shell, now, err);
    if (rc == 0)
        rc = renew_deaf_subs(shell, now.mono_ms, err);
    if (rc < 0)
        return rc;
    if (shell->taken > 0)
        shell_crash_pass(&shell->crash, SHELL_CRASH_BEFORE_COMMIT);
    rc = node_turn_end(&shell->turn, now, timers_may_fire(shell, now), &shell->out, err);
    if (rc < 0)
        return rc;
    bool sends = shell->out.count > 0;
    if (sends)
        shell_crash_pass(&shell->crash, SHELL_CRASH_AFTER_COMMIT);
    rc = send_all(shell, now, err);
    if (rc < 0)
        return rc;
    if (sends)
        shell_crash_pass(&shell->crash, SHELL_CRASH_AFTER_SEND);
    tell_ready(shell);
    shell_report_news(shell->turn.node);
    shell_report_trouble(&shell->report, &shell->turn);
    shell_report_drops(&shell->report, now.mono_ms);
    return 0;
}

/* A way to end (enum run_end), or an error. */
static int run(struct shell *shell, struct err *err)
{
    for (;;) {
        int rc = wait_for_work(shell, err);
        if (rc < 0)
            return rc;
        if (shell->items[ITEM_LIFELINE].revents != 0 &&
            shell_process_orphaned(shell->options->lifeline_fd)) {
            log_line(LOG_LEVEL_INFO, "stopping", "cause=lifeline");
            return RUN_ORPHANED;
        }
        const char *signal_name = NULL;
        if (shell->items[ITEM_SIGNALS].revents != 0)
            signal_name = shell_process_signal(shell->signal_fd);
        rc = turn_once(shell, err);
        /* A batch process that wakes waits for the slice of whoever runs, however nice that is. */
        if (shell->options->yields)
            (void)sched_yield();
        if (rc < 0)
            return rc;
        if (signal_name != NULL) {
            log_line(LOG_LEVEL_INFO, "stopping", "cause=%s", signal_name);
            return RUN_STOPPED;
        }
    }
}

static int open_links(struct shell *shell, const struct shell_port *ports, size_t port_count,
                      struct err *err)
{
    shell->links = xcalloc(port_count, sizeof *shell->links);
    shell->items = xcalloc(ITEM_SOCKETS + port_count, sizeof *shell->items);
    shell->items[ITEM_SIGNALS] = (zmq_pollitem_t){.fd = shell->signal_fd, .events = ZMQ_POLLIN};
    shell->items[ITEM_LIFELINE] =
        (zmq_pollitem_t){.fd = shell->options->lifeline_fd, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < port_count; i++) {
        shell->link_count = i + 1;
        int rc = shell_link_open(&shell->links[i], shell->context, &ports[i], err);
        if (rc < 0)
            return err_wrap(err, rc, "%s socket", ports[i].what);
        shell->items[ITEM_SOCKETS + i] =
            (zmq_pollitem_t){.socket = shell->links[i].socket, .events = ZMQ_POLLIN};
        log_line(LOG_LEVEL_INFO, shell_socket_binds(ports[i].socket) ? "listening" : "connecting",
                 "socket=%s endpoint=%s", log_quote(ports[i].what), log_quote(ports[i].endpoint));
    }
    return 0;
}

static int start(struct shell *shell, const struct shell_port *ports, size_t port_count,
                 struct err *err)
{
    int rc = shell_crash_init(&shell->crash, shell->options->name, err);
    if (rc == 0)
        rc = shell_process_prepare(shell->options->yields, &shell->signal_fd, err);
    if (rc < 0)
        return rc;
    shell->context = zmq_ctx_new();
    if (shell->context == NULL || zmq_ctx_set(shell->context, ZMQ_IO_THREADS, 1) != 0)
        return shell_socket_error(err, "making a ZeroMQ context");
    log_line(LOG_LEVEL_INFO, "started", "pid=%d", (int)getpid());
    return open_links(shell, ports, port_count, err);
}

static void finish(struct shell *shell, bool lingers)
{
    for (size_t i = 0; i < shell->link_count; i++) {
        bool waits = lingers && shell_socket_binds(shell->links[i].port->socket);
        shell_link_close(&shell->links[i], waits ? STOP_LINGER_MS : 0);
    }
    while (shell->context != NULL && zmq_ctx_term(shell->context) != 0)
        assert(zmq_errno() == EINTR);
    for (size_t i = 0; i < shell->link_count; i++)
        shell_link_unguard(&shell->links[i]);
    if (shell->signal_fd >= 0)
        (void)close(shell->signal_fd);
    shell_kept_release(&shell->kept);
    outbound_release(&shell->out);
    free(shell->links);
    free(shell->items);
}

int shell_run(struct node *node, const struct shell_port *ports, size_t port_count,
              const struct shell_options *options, struct err *err)
{
    assert(port_count > 0);
    assert(port_count <= UINT8_MAX);
    struct shell shell = {.options = options, .signal_fd = -1};
    node_turn_init(&shell.turn, node);
    int rc = start(&shell, ports, port_count, err);
    if (rc == 0)
        rc = run(&shell, err);
    finish(&shell, rc == RUN_STOPPED);
    return rc < 0 ? rc : 0;
}
