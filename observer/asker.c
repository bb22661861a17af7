#include "asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/xalloc.h"
#include "wire/frame.h"
#include "wire/shell_link.h"
#include "wire/shell_socket.h"

#define DECODE_BUDGET ((size_t)64 << 20) /* Of one frame. */

struct asker {
    char *endpoint;
    void *context;
    struct shell_port port;
    struct shell_link link;
    struct frame_header sender;
    struct arena arena; /* Of the frame taken last. */
    uint64_t id;        /* Of the newest question. */
    uint64_t answered;  /* Of the newest one answered. */
};

int asker_new(const char *endpoint, struct asker **ret, struct err *err)
{
    struct asker *asker = xcalloc(1, sizeof *asker);
    asker->endpoint = xstrdup(endpoint);
    asker->port = (struct shell_port){SHELL_DEALER, asker->endpoint, "view"};
    (void)snprintf(asker->sender.name, sizeof asker->sender.name, "zsaga-top");
    arena_init(&asker->arena, DECODE_BUDGET);
    int rc = 0;
    if (getrandom(&asker->sender.incarnation, sizeof asker->sender.incarnation, 0) < 0)
        rc = err_errno(err, errno, "drawing a random number");
    asker->context = zmq_ctx_new();
    if (rc == 0 && asker->context == NULL)
        rc = shell_socket_error(err, "making a ZeroMQ context");
    if (rc == 0)
        rc = shell_link_open(&asker->link, asker->context, &asker->port, err);
    if (rc < 0) {
        asker_free(asker);
        return rc;
    }
    *ret = asker;
    return 0;
}

void asker_free(struct asker *asker)
{
    if (asker == NULL)
        return;
    shell_link_close(&asker->link, 0);
    while (asker->context != NULL && zmq_ctx_term(asker->context) != 0 && zmq_errno() == EINTR)
        continue;
    arena_release(&asker->arena);
    free(asker->endpoint);
    free(asker);
}

void asker_freep(struct asker **asker_p)
{
    asker_free(*asker_p);
}

void *asker_socket(const struct asker *asker)
{
    return asker->link.socket;
}

int asker_renew(struct asker *asker, struct err *err)
{
    return shell_link_renew(&asker->link, asker->context, err);
}

int asker_ask(struct asker *asker, uint32_t rows, struct err *err)
{
    Zsaga__ViewRequest request = ZSAGA__VIEW_REQUEST__INIT;
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &asker->sender, .out = &out};
    request.id = ++asker->id;
    request.rows = rows;
    frame_writer_add(&writer, &request.base, NULL);
    frame_writer_flush(&writer);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < out.count; i++)
        if (zmq_send(asker->link.socket, out.messages[i].data, out.messages[i].len, ZMQ_DONTWAIT) <
                0 &&
            zmq_errno() != EAGAIN && zmq_errno() != EINTR)
            rc = shell_socket_error(err, "asking the observer");
    outbound_release(&out);
    return rc;
}

static const Zsaga__ViewReport *read_report(struct asker *asker, struct bytes bytes)
{
    struct frame frame;
    struct err why;
    arena_reset(&asker->arena);
    if (frame_read(bytes, &asker->arena, &frame, &why) < 0)
        return NULL;
    for (size_t i = 0; i < frame.entry_count; i++) {
        const Zsaga__ViewReport *report = zsaga__view_report__unpack(
            &asker->arena.allocator, frame.entries[i].len, frame.entries[i].data);
        /* An answer that took longer than it was waited for is an answer. */
        if (report != NULL && report->id > asker->answered && report->id <= asker->id) {
            asker->answered = report->id;
            return report;
        }
    }
    return NULL;
}

int asker_take(struct asker *asker, const Zsaga__ViewReport **ret, struct err *err)
{
    int rc;
    zmq_msg_t message;
    *ret = NULL;
    (void)zmq_msg_init(&message);
    do {
        struct peer from;
        rc = shell_link_take(&asker->link, &from, &message, err);
        if (rc == SHELL_TAKEN)
            *ret = read_report(asker, bytes_of(zmq_msg_data(&message), zmq_msg_size(&message)));
    } while (*ret == NULL && (rc == SHELL_TAKEN || rc == SHELL_MALFORMED));
    (void)zmq_msg_close(&message);
    return rc < 0 ? rc : 0;
}
