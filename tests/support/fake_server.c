#include "fake_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "owner.pb-c.h"

struct fake_server_seen fake_server_seen;

static struct {
    const char *endpoint;
    enum fake_server_manner manner;
    fake_server_script script;
    void *script_self;
    uint64_t incarnation;
    pthread_t thread;
    bool runs;
    atomic_bool stop;
    struct peer first;
    struct peer last;
} server;

static void pack_answer(struct frame_writer *writer, uint64_t id, bool owner)
{
    Zsaga__Done done = ZSAGA__DONE__INIT;
    Zsaga__ClientAnswer answer = ZSAGA__CLIENT_ANSWER__INIT;
    Zsaga__HealthReport health = ZSAGA__HEALTH_REPORT__INIT;
    Zsaga__OwnerAnswer owner_answer = ZSAGA__OWNER_ANSWER__INIT;
    answer.id = owner_answer.id = id;
    answer.kind_case = ZSAGA__CLIENT_ANSWER__KIND_DONE;
    answer.done = &done;
    owner_answer.kind_case = ZSAGA__OWNER_ANSWER__KIND_HEALTH;
    owner_answer.health = &health;
    health.pid = FAKE_SERVER_PID;
    frame_writer_add(writer, owner ? &owner_answer.base : &answer.base, NULL);
}

/* Field 1 with a length that goes beyond the entry. */
static void spoil(struct frame_writer *writer)
{
    Zsaga__Done done = ZSAGA__DONE__INIT;
    done.message = (ProtobufCBinaryData){.len = 2, .data = (uint8_t[]){0, 0}};
    frame_writer_add(writer, &done.base, NULL);
    writer->data[writer->len - 3] = 9;
}

static bool is_same(const uint8_t *peer, size_t peer_len, const struct peer *other)
{
    return peer_len == other->id_len && memcmp(peer, other->id, peer_len) == 0;
}

static void note(const uint8_t *peer, size_t peer_len, const Zsaga__ClientRequest *request)
{
    if (!is_same(peer, peer_len, &server.last)) {
        server.last.id_len = (uint8_t)peer_len;
        memcpy(server.last.id, peer, peer_len);
        fake_server_seen.connections++;
    }
    if (fake_server_seen.requests++ == 0) {
        fake_server_seen.first_id = request->id;
        server.first = server.last;
    }
    fake_server_seen.last_id = request->id;
}

static void send_parts(void *socket, const uint8_t *peer, size_t peer_len)
{
    (void)zmq_send(socket, peer, peer_len, ZMQ_SNDMORE);
    (void)zmq_send(socket, "one", 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, "two", 3, 0);
    (void)zmq_send(socket, peer, peer_len, ZMQ_SNDMORE);
    (void)zmq_send(socket, "garbage", 7, 0);
}

static bool is_lost(const uint8_t *peer, size_t peer_len)
{
    if (server.manner == FAKE_IGNORES_FIRST_FRAME)
        return fake_server_seen.frames == 1;
    return server.manner == FAKE_IGNORES_FIRST_CONNECTION && is_same(peer, peer_len, &server.first);
}

static void answer_frame(const struct frame *frame, const uint8_t *peer, size_t peer_len,
                         struct frame_writer *writer)
{
    if (server.manner == FAKE_SPOILS_AN_ENTRY)
        spoil(writer);
    for (size_t i = 0; i < frame->entry_count; i++) {
        Zsaga__ClientRequest *request =
            zsaga__client_request__unpack(NULL, frame->entries[i].len, frame->entries[i].data);
        if (request == NULL)
            abort();
        note(peer, peer_len, request);
        if (server.manner == FAKE_SCRIPTED) {
            server.script(server.script_self, request, writer);
            zsaga__client_request__free_unpacked(request, NULL);
            continue;
        }
        if (server.manner == FAKE_STALE_FIRST)
            pack_answer(writer, request->id - 1, false);
        /* An OwnerRequest for health reads as a Submit: both are field 2. */
        pack_answer(writer, request->id, request->kind_case == ZSAGA__CLIENT_REQUEST__KIND_SUBMIT);
        zsaga__client_request__free_unpacked(request, NULL);
    }
}

static void serve(void *socket, const uint8_t *peer, size_t peer_len, struct bytes bytes)
{
    struct frame_header sender = {.name = "orchestrator", .incarnation = server.incarnation};
    struct outbound out = {0};
    struct frame_writer writer = {.sender = &sender, .out = &out};
    struct arena arena;
    struct frame frame;
    struct err err;
    arena_init(&arena, FRAME_SIZE_MAX * 4);
    if (frame_read(bytes, &arena, &frame, &err) != 0)
        abort();
    fake_server_seen.frames++;
    answer_frame(&frame, peer, peer_len, &writer);
    frame_writer_flush(&writer);
    bool lost = is_lost(peer, peer_len);
    if (server.manner == FAKE_IN_PARTS_FIRST)
        send_parts(socket, peer, peer_len);
    for (size_t i = 0; i < out.count && !lost; i++) {
        if (server.manner == FAKE_OTHER_VERSION)
            out.messages[i].data[3] = 2; /* Tag and length of the header, tag of its version. */
        (void)zmq_send(socket, peer, peer_len, ZMQ_SNDMORE);
        (void)zmq_send(socket, out.messages[i].data, out.messages[i].len, 0);
    }
    outbound_release(&out);
    arena_release(&arena);
}

static void *server_main(void *unused)
{
    static uint8_t body[FRAME_SIZE_MAX];
    static const int turn_ms = 20;
    static const int linger = 0;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    (void)unused;
    (void)zmq_setsockopt(socket, ZMQ_RCVTIMEO, &turn_ms, sizeof turn_ms);
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(socket, server.endpoint) != 0)
        abort();
    while (!atomic_load(&server.stop)) {
        uint8_t peer[PEER_ID_MAX];
        int peer_len = zmq_recv(socket, peer, sizeof peer, 0);
        if (peer_len <= 0)
            continue;
        int len = zmq_recv(socket, body, sizeof body, 0);
        serve(socket, peer, (size_t)peer_len, bytes_of(body, (size_t)len));
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    return NULL;
}

void fake_server_start(const char *endpoint, enum fake_server_manner manner)
{
    server.endpoint = endpoint;
    server.manner = manner;
    server.incarnation++;
    atomic_store(&server.stop, false);
    if (pthread_create(&server.thread, NULL, server_main, NULL) != 0)
        abort();
    server.runs = true;
}

void fake_server_start_scripted(const char *endpoint, fake_server_script script, void *self)
{
    server.script = script;
    server.script_self = self;
    fake_server_start(endpoint, FAKE_SCRIPTED);
}

void fake_server_stop(void)
{
    if (!server.runs)
        return;
    atomic_store(&server.stop, true);
    (void)pthread_join(server.thread, NULL);
    server.runs = false;
}

void fake_server_forget(void)
{
    fake_server_seen = (struct fake_server_seen){0};
    server.first = server.last = (struct peer){0};
}
