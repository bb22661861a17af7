#include "client_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "client.h"
#include "wire/frame.h"
#include "wire/shell_link.h"
#include "wire/shell_socket.h"

#define ASK_AGAIN_MS 1000
#define SILENCE_MS 3000 /* Then client_link_ask() makes a new connection. */
#define UNSENT_MS 1000  /* Then what could not be sent is dropped: it will be asked again. */
#define DECODE_BUDGET ((size_t)64 << 20)
#define ASK_ID_FIRST (UINT64_C(1) << 63)

struct client_link {
    char *endpoint;
    void *context;
    struct shell_port port;
    struct shell_link shell;
    struct frame_header sender;
    struct frame_writer writer; /* The frame being filled. */
    struct outbound out;        /* Frames to send. */
    size_t sent;                /* Of those. */
    int64_t unsent_since_ms;
    struct arena arena; /* Of the frame being taken from. */
    struct frame frame;
    size_t next_entry;
    uint64_t next_id; /* Of client_link_ask(). */
    unsigned asked;   /* Times the last question was sent. */
    uint64_t ignored;
    char why_ignored[200];
};

/* What differs between the conversations. */
struct plane {
    const ProtobufCMessageDescriptor *answer;
    uint64_t (*id)(const ProtobufCMessage *answer);
};

static uint64_t client_answer_id(const ProtobufCMessage *answer)
{
    return ((const Zsaga__ClientAnswer *)(const void *)answer)->id;
}

static uint64_t owner_answer_id(const ProtobufCMessage *answer)
{
    return ((const Zsaga__OwnerAnswer *)(const void *)answer)->id;
}

static const struct plane client_plane = {&zsaga__client_answer__descriptor, client_answer_id};
static const struct plane owner_plane = {&zsaga__owner_answer__descriptor, owner_answer_id};

int client_link_new(const char *endpoint, struct client_link **ret, struct err *err)
{
    struct client_link *link = xcalloc(1, sizeof *link);
    link->endpoint = xstrdup(endpoint);
    link->port = (struct shell_port){SHELL_DEALER, link->endpoint, "client"};
    link->next_id = ASK_ID_FIRST;
    link->writer.sender = &link->sender;
    link->writer.out = &link->out;
    (void)snprintf(link->sender.name, sizeof link->sender.name, "zsaga");
    arena_init(&link->arena, DECODE_BUDGET);
    int rc = 0;
    if (getrandom(&link->sender.incarnation, sizeof link->sender.incarnation, 0) < 0)
        rc = err_errno(err, errno, "drawing a random number");
    link->context = zmq_ctx_new();
    if (rc == 0 && link->context == NULL)
        rc = shell_socket_error(err, "making a ZeroMQ context");
    if (rc == 0)
        rc = shell_link_open(&link->shell, link->context, &link->port, err);
    if (rc < 0) {
        client_link_free(link);
        return rc;
    }
    *ret = link;
    return 0;
}

void client_link_free(struct client_link *link)
{
    if (link == NULL)
        return;
    shell_link_close(&link->shell, 0);
    while (link->context != NULL && zmq_ctx_term(link->context) != 0 && zmq_errno() == EINTR)
        continue;
    outbound_release(&link->out);
    free(link->writer.data);
    arena_release(&link->arena);
    free(link->endpoint);
    free(link);
}

void client_link_freep(struct client_link **link_p)
{
    client_link_free(*link_p);
    *link_p = NULL;
}

unsigned client_link_asked(const struct client_link *link)
{
    return link->asked;
}

const char *client_link_why_ignored(const struct client_link *link)
{
    return link->why_ignored;
}

uint64_t client_link_ignored(const struct client_link *link)
{
    return link->ignored;
}

static void ignore(struct client_link *link, const char *why)
{
    link->ignored++;
    (void)snprintf(link->why_ignored, sizeof link->why_ignored, "%s", why);
}

static bool has_unsent(const struct client_link *link)
{
    return link->sent < link->out.count;
}

static void drop_unsent(struct client_link *link)
{
    outbound_clear(&link->out);
    link->sent = 0;
}

/* Gives to the socket what it takes now. The rest waits for a connection, not for long: a peer that
 * comes back much later must not get the questions of all that time. */
static int send_unsent(struct client_link *link, struct err *err)
{
    while (has_unsent(link)) {
        struct message *message = &link->out.messages[link->sent];
        if (zmq_send(link->shell.socket, message->data, message->len, ZMQ_DONTWAIT) >= 0) {
            link->sent++;
            continue;
        }
        if (zmq_errno() == EINTR)
            continue;
        if (zmq_errno() != EAGAIN)
            return shell_socket_error(err, "sending");
        if (clock_mono_ms() - link->unsent_since_ms < UNSENT_MS)
            return 0;
        break;
    }
    drop_unsent(link);
    return 0;
}

/* Before anything is added to what waits to be sent. */
static void note_unsent(struct client_link *link)
{
    if (!has_unsent(link))
        link->unsent_since_ms = clock_mono_ms();
}

void client_link_queue(struct client_link *link, const Zsaga__ClientRequest *request)
{
    note_unsent(link);
    frame_writer_add(&link->writer, &request->base, NULL);
}

int client_link_flush(struct client_link *link, struct err *err)
{
    note_unsent(link);
    frame_writer_flush(&link->writer);
    return send_unsent(link, err);
}

int client_link_reconnect(struct client_link *link, struct err *err)
{
    drop_unsent(link);
    return shell_link_renew(&link->shell, link->context, err);
}

static void read_frame(struct client_link *link, struct bytes bytes)
{
    struct err why = {0};
    arena_reset(&link->arena);
    link->next_entry = 0;
    if (frame_read(bytes, &link->arena, &link->frame, &why) == 0)
        return;
    link->frame.entry_count = 0;
    ignore(link, why.text);
}

/* Takes one message, a frame of answers or not; false when none has arrived. */
static int take_message(struct client_link *link, bool *ret, struct err *err)
{
    struct peer from;
    zmq_msg_t message;
    (void)zmq_msg_init(&message);
    int rc = shell_link_take(&link->shell, &from, &message, err);
    if (rc == SHELL_TAKEN)
        read_frame(link, bytes_of(zmq_msg_data(&message), zmq_msg_size(&message)));
    else if (rc == SHELL_MALFORMED)
        ignore(link, "a message of several parts");
    *ret = rc == SHELL_TAKEN || rc == SHELL_MALFORMED;
    (void)zmq_msg_close(&message);
    return rc < 0 ? rc : 0;
}

/* Waits until something may have arrived, what is unsent can be sent, or `until_ms`. */
static int wait_for_peer(struct client_link *link, int64_t until_ms, struct err *err)
{
    zmq_pollitem_t item = {.socket = link->shell.socket, .events = ZMQ_POLLIN};
    if (has_unsent(link)) {
        item.events = ZMQ_POLLIN | ZMQ_POLLOUT;
        if (link->unsent_since_ms + UNSENT_MS < until_ms)
            until_ms = link->unsent_since_ms + UNSENT_MS;
    }
    int64_t wait = until_ms - clock_mono_ms();
    if (zmq_poll(&item, 1, wait < 0 ? 0 : (long)wait) < 0 && zmq_errno() != EINTR)
        return shell_socket_error(err, "waiting for an answer");
    return 0;
}

/* The next entry at hand that decodes as the plane's answer, or NULL. */
static const ProtobufCMessage *next_answer(struct client_link *link, const struct plane *plane)
{
    while (link->next_entry < link->frame.entry_count) {
        const ProtobufCBinaryData *entry = &link->frame.entries[link->next_entry++];
        const ProtobufCMessage *answer = protobuf_c_message_unpack(
            plane->answer, &link->arena.allocator, entry->len, entry->data);
        if (answer != NULL)
            return answer;
        ignore(link, "an entry that does not decode");
    }
    return NULL;
}

/* *ret is NULL when no answer came in time. */
static int take_answer(struct client_link *link, const struct plane *plane, int64_t wait_ms,
                       const ProtobufCMessage **ret, struct err *err)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    for (;;) {
        *ret = next_answer(link, plane);
        if (*ret != NULL)
            return 0;
        int rc = send_unsent(link, err);
        bool taken = false;
        if (rc == 0)
            rc = take_message(link, &taken, err);
        if (rc < 0)
            return rc;
        bool entries = link->next_entry < link->frame.entry_count;
        if (!entries && clock_mono_ms() >= until_ms)
            return 0;
        if (taken)
            continue;
        rc = wait_for_peer(link, until_ms, err);
        if (rc < 0)
            return rc;
    }
}

int client_link_take(struct client_link *link, int64_t wait_ms, const Zsaga__ClientAnswer **ret,
                     struct err *err)
{
    const ProtobufCMessage *answer;
    int rc = take_answer(link, &client_plane, wait_ms, &answer, err);
    *ret = (const Zsaga__ClientAnswer *)(const void *)answer;
    return rc;
}

static int timed_out(const struct client_link *link, int64_t timeout_ms, struct err *err)
{
    if (link->ignored == 0)
        return err_set(err, ERR_TIMEOUT, "%s did not answer within %" PRId64 " ms", link->endpoint,
                       timeout_ms);
    return err_set(err, ERR_TIMEOUT,
                   "%s did not answer within %" PRId64 " ms with anything understood here (%s)",
                   link->endpoint, timeout_ms, link->why_ignored);
}

static int send_question(struct client_link *link, const ProtobufCMessage *request, bool anew,
                         struct err *err)
{
    if (anew) {
        int rc = client_link_reconnect(link, err);
        if (rc < 0)
            return rc;
    }
    link->asked++;
    frame_writer_add(&link->writer, request, NULL);
    return client_link_flush(link, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int ask(struct client_link *link, const struct plane *plane, const ProtobufCMessage *request,
               uint64_t id, int64_t timeout_ms, const ProtobufCMessage **ret, struct err *err)
{
    size_t size = protobuf_c_message_get_packed_size(request);
    if (size > FRAME_ENTRY_MAX)
        return err_set(err, ERR_INVALID, "a request of %zu bytes: at most %zu can be sent", size,
                       FRAME_ENTRY_MAX);
    int64_t now = clock_mono_ms();
    int64_t deadline = now + timeout_ms;
    link->asked = 0;
    int64_t next_ask = now;
    int64_t heard = now;
    for (; now < deadline; now = clock_mono_ms()) {
        bool silent = now - heard >= SILENCE_MS;
        if (silent || now >= next_ask) {
            int rc = send_question(link, request, silent, err);
            if (rc < 0)
                return rc;
            next_ask = now + ASK_AGAIN_MS;
            heard = silent ? now : heard;
        }
        int64_t until = earlier(deadline, earlier(next_ask, heard + SILENCE_MS));
        int rc = take_answer(link, plane, until - now, ret, err);
        if (rc < 0 || (*ret != NULL && plane->id(*ret) == id))
            return rc;
        if (*ret != NULL)
            heard = clock_mono_ms();
    }
    return timed_out(link, timeout_ms, err);
}

int client_link_ask(struct client_link *link, Zsaga__ClientRequest *request, int64_t timeout_ms,
                    const Zsaga__ClientAnswer **ret, struct err *err)
{
    request->id = link->next_id++;
    const ProtobufCMessage *answer = NULL;
    int rc = ask(link, &client_plane, &request->base, request->id, timeout_ms, &answer, err);
    *ret = rc == 0 ? (const Zsaga__ClientAnswer *)(const void *)answer : NULL;
    return rc;
}

int client_link_ask_owner(struct client_link *link, Zsaga__OwnerRequest *request,
                          int64_t timeout_ms, const Zsaga__OwnerAnswer **ret, struct err *err)
{
    request->id = link->next_id++;
    const ProtobufCMessage *answer = NULL;
    int rc = ask(link, &owner_plane, &request->base, request->id, timeout_ms, &answer, err);
    *ret = rc == 0 ? (const Zsaga__OwnerAnswer *)(const void *)answer : NULL;
    return rc;
}
