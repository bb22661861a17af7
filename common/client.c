#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "base/xalloc.h"
#include "wire/frame.h"
#include "wire/shell_link.h"
#include "wire/shell_socket.h"

#define ASK_AGAIN_MS 1000
#define SILENCE_MS 3000 /* Then client_ask() makes a new connection. */
#define UNSENT_MS 1000  /* Then what could not be sent is dropped: it will be asked again. */
#define DECODE_BUDGET ((size_t)64 << 20)
#define ASK_ID_FIRST (UINT64_C(1) << 63)

struct client {
    char *endpoint;
    void *context;
    struct shell_port port;
    struct shell_link link;
    struct frame_header sender;
    struct frame_writer writer; /* The frame being filled. */
    struct outbound out;        /* Frames to send. */
    size_t sent;                /* Of those. */
    int64_t unsent_since_ms;
    struct arena arena; /* Of the frame being taken from. */
    struct frame frame;
    size_t next_entry;
    uint64_t next_id; /* Of client_ask(). */
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

int64_t client_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int client_new(const char *endpoint, struct client **ret, struct err *err)
{
    struct client *client = xcalloc(1, sizeof *client);
    client->endpoint = xstrdup(endpoint);
    client->port = (struct shell_port){SHELL_DEALER, client->endpoint, "client"};
    client->next_id = ASK_ID_FIRST;
    client->writer.sender = &client->sender;
    client->writer.out = &client->out;
    (void)snprintf(client->sender.name, sizeof client->sender.name, "zsaga");
    arena_init(&client->arena, DECODE_BUDGET);
    int rc = 0;
    if (getrandom(&client->sender.incarnation, sizeof client->sender.incarnation, 0) < 0)
        rc = err_errno(err, errno, "drawing a random number");
    client->context = zmq_ctx_new();
    if (rc == 0 && client->context == NULL)
        rc = shell_socket_error(err, "making a ZeroMQ context");
    if (rc == 0)
        rc = shell_link_open(&client->link, client->context, &client->port, err);
    if (rc < 0) {
        client_free(client);
        return rc;
    }
    *ret = client;
    return 0;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    shell_link_close(&client->link, 0);
    while (client->context != NULL && zmq_ctx_term(client->context) != 0 && zmq_errno() == EINTR)
        continue;
    outbound_release(&client->out);
    free(client->writer.data);
    arena_release(&client->arena);
    free(client->endpoint);
    free(client);
}

void client_freep(struct client **client_p)
{
    client_free(*client_p);
    *client_p = NULL;
}

uint64_t client_ignored(const struct client *client)
{
    return client->ignored;
}

static void ignore(struct client *client, const char *why)
{
    client->ignored++;
    (void)snprintf(client->why_ignored, sizeof client->why_ignored, "%s", why);
}

static bool has_unsent(const struct client *client)
{
    return client->sent < client->out.count;
}

static void drop_unsent(struct client *client)
{
    outbound_clear(&client->out);
    client->sent = 0;
}

/* Gives to the socket what it takes now. The rest waits for a connection, not for long: a peer that
 * comes back much later must not get the questions of all that time. */
static int send_unsent(struct client *client, struct err *err)
{
    while (has_unsent(client)) {
        struct message *message = &client->out.messages[client->sent];
        if (zmq_send(client->link.socket, message->data, message->len, ZMQ_DONTWAIT) >= 0) {
            client->sent++;
            continue;
        }
        if (zmq_errno() == EINTR)
            continue;
        if (zmq_errno() != EAGAIN)
            return shell_socket_error(err, "sending");
        if (client_now_ms() - client->unsent_since_ms < UNSENT_MS)
            return 0;
        break;
    }
    drop_unsent(client);
    return 0;
}

/* Before anything is added to what waits to be sent. */
static void note_unsent(struct client *client)
{
    if (!has_unsent(client))
        client->unsent_since_ms = client_now_ms();
}

void client_queue(struct client *client, const Zsaga__ClientRequest *request)
{
    note_unsent(client);
    frame_writer_add(&client->writer, &request->base, NULL);
}

int client_flush(struct client *client, struct err *err)
{
    note_unsent(client);
    frame_writer_flush(&client->writer);
    return send_unsent(client, err);
}

int client_reconnect(struct client *client, struct err *err)
{
    drop_unsent(client);
    return shell_link_renew(&client->link, client->context, err);
}

static void read_frame(struct client *client, struct bytes bytes)
{
    struct err why = {0};
    arena_reset(&client->arena);
    client->next_entry = 0;
    if (frame_read(bytes, &client->arena, &client->frame, &why) == 0)
        return;
    client->frame.entry_count = 0;
    ignore(client, why.text);
}

/* Takes one message, a frame of answers or not; false when none has arrived. */
static int take_message(struct client *client, bool *ret, struct err *err)
{
    struct peer from;
    zmq_msg_t message;
    (void)zmq_msg_init(&message);
    int rc = shell_link_take(&client->link, &from, &message, err);
    if (rc == SHELL_TAKEN)
        read_frame(client, bytes_of(zmq_msg_data(&message), zmq_msg_size(&message)));
    else if (rc == SHELL_MALFORMED)
        ignore(client, "a message of several parts");
    *ret = rc == SHELL_TAKEN || rc == SHELL_MALFORMED;
    (void)zmq_msg_close(&message);
    return rc < 0 ? rc : 0;
}

/* Waits until something may have arrived, what is unsent can be sent, or `until_ms`. */
static int wait_for_peer(struct client *client, int64_t until_ms, struct err *err)
{
    zmq_pollitem_t item = {.socket = client->link.socket, .events = ZMQ_POLLIN};
    if (has_unsent(client)) {
        item.events = ZMQ_POLLIN | ZMQ_POLLOUT;
        if (client->unsent_since_ms + UNSENT_MS < until_ms)
            until_ms = client->unsent_since_ms + UNSENT_MS;
    }
    int64_t wait = until_ms - client_now_ms();
    if (zmq_poll(&item, 1, wait < 0 ? 0 : (long)wait) < 0 && zmq_errno() != EINTR)
        return shell_socket_error(err, "waiting for an answer");
    return 0;
}

/* The next entry at hand that decodes as the plane's answer, or NULL. */
static const ProtobufCMessage *next_answer(struct client *client, const struct plane *plane)
{
    while (client->next_entry < client->frame.entry_count) {
        const ProtobufCBinaryData *entry = &client->frame.entries[client->next_entry++];
        const ProtobufCMessage *answer = protobuf_c_message_unpack(
            plane->answer, &client->arena.allocator, entry->len, entry->data);
        if (answer != NULL)
            return answer;
        ignore(client, "an entry that does not decode");
    }
    return NULL;
}

/* *ret is NULL when no answer came in time. */
static int take_answer(struct client *client, const struct plane *plane, int64_t wait_ms,
                       const ProtobufCMessage **ret, struct err *err)
{
    int64_t until_ms = client_now_ms() + wait_ms;
    for (;;) {
        *ret = next_answer(client, plane);
        if (*ret != NULL)
            return 0;
        int rc = send_unsent(client, err);
        bool taken = false;
        if (rc == 0)
            rc = take_message(client, &taken, err);
        if (rc < 0)
            return rc;
        bool entries = client->next_entry < client->frame.entry_count;
        if (!entries && client_now_ms() >= until_ms)
            return 0;
        if (taken)
            continue;
        rc = wait_for_peer(client, until_ms, err);
        if (rc < 0)
            return rc;
    }
}

int client_take(struct client *client, int64_t wait_ms, const Zsaga__ClientAnswer **ret,
                struct err *err)
{
    const ProtobufCMessage *answer;
    int rc = take_answer(client, &client_plane, wait_ms, &answer, err);
    *ret = (const Zsaga__ClientAnswer *)(const void *)answer;
    return rc;
}

static int timed_out(const struct client *client, int64_t timeout_ms, struct err *err)
{
    if (client->ignored == 0)
        return err_set(err, ERR_TIMEOUT, "%s did not answer within %" PRId64 " ms",
                       client->endpoint, timeout_ms);
    return err_set(err, ERR_TIMEOUT,
                   "%s did not answer within %" PRId64 " ms with anything understood here (%s)",
                   client->endpoint, timeout_ms, client->why_ignored);
}

static int send_question(struct client *client, const ProtobufCMessage *request, bool anew,
                         struct err *err)
{
    if (anew) {
        int rc = client_reconnect(client, err);
        if (rc < 0)
            return rc;
    }
    frame_writer_add(&client->writer, request, NULL);
    return client_flush(client, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int ask(struct client *client, const struct plane *plane, const ProtobufCMessage *request,
               uint64_t id, int64_t timeout_ms, const ProtobufCMessage **ret, struct err *err)
{
    size_t size = protobuf_c_message_get_packed_size(request);
    if (size > FRAME_ENTRY_MAX)
        return err_set(err, ERR_INVALID, "a request of %zu bytes: at most %zu can be sent", size,
                       FRAME_ENTRY_MAX);
    int64_t now = client_now_ms();
    int64_t deadline = now + timeout_ms;
    int64_t next_ask = now;
    int64_t heard = now;
    for (; now < deadline; now = client_now_ms()) {
        bool silent = now - heard >= SILENCE_MS;
        if (silent || now >= next_ask) {
            int rc = send_question(client, request, silent, err);
            if (rc < 0)
                return rc;
            next_ask = now + ASK_AGAIN_MS;
            heard = silent ? now : heard;
        }
        int64_t until = earlier(deadline, earlier(next_ask, heard + SILENCE_MS));
        int rc = take_answer(client, plane, until - now, ret, err);
        if (rc < 0 || (*ret != NULL && plane->id(*ret) == id))
            return rc;
        if (*ret != NULL)
            heard = client_now_ms();
    }
    return timed_out(client, timeout_ms, err);
}

int client_ask(struct client *client, Zsaga__ClientRequest *request, int64_t timeout_ms,
               const Zsaga__ClientAnswer **ret, struct err *err)
{
    request->id = client->next_id++;
    const ProtobufCMessage *answer = NULL;
    int rc = ask(client, &client_plane, &request->base, request->id, timeout_ms, &answer, err);
    *ret = rc == 0 ? (const Zsaga__ClientAnswer *)(const void *)answer : NULL;
    return rc;
}

int client_ask_owner(struct client *client, Zsaga__OwnerRequest *request, int64_t timeout_ms,
                     const Zsaga__OwnerAnswer **ret, struct err *err)
{
    request->id = client->next_id++;
    const ProtobufCMessage *answer = NULL;
    int rc = ask(client, &owner_plane, &request->base, request->id, timeout_ms, &answer, err);
    *ret = rc == 0 ? (const Zsaga__OwnerAnswer *)(const void *)answer : NULL;
    return rc;
}
