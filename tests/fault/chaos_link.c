#include "chaos_link.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "chaos_held.h"
#include "check_record.h"
#include "wire/frame.h"
#include "wire/shell_socket.h"

#define PEERS_MAX 6
#define TURN_MS 20
#define ARENA_BUDGET ((size_t)8 << 20)

/* Who has connected, and the connection made for it. */
struct peer_link {
    uint8_t id[256];
    size_t id_len; /* 0: nobody. */
    char name[65]; /* As its frames say. */
    void *back;
};

struct proxy {
    struct chaos *chaos;
    struct chaos_link link;
    struct chaos_link_board *board;
    char near[CHAOS_ENDPOINT_SIZE];
    char via[CHAOS_ENDPOINT_SIZE];
    struct rng rng;
    void *context;
    void *front;
    struct peer_link peers[PEERS_MAX];
    size_t next_peer;
    size_t latest; /* Who has spoken last. */
    struct held held;
    struct arena arena;
    int reset;
};

struct chaos_link chaos_link_of(int number)
{
    struct chaos_link link = {.number = number};
    if (number < CHAOS_LINK_TWIN) {
        link.place = (enum chaos_place)(CHAOS_ORDER + number - CHAOS_LINK_COMMAND);
        link.plane = CHAOS_COMMAND;
    } else if (number < CHAOS_LINK_LIVE) {
        link.place = (enum chaos_place)(CHAOS_ORDER + number - CHAOS_LINK_TWIN);
        link.plane = CHAOS_TWIN;
    } else if (number < CHAOS_LINK_REPLAY) {
        link.place = (enum chaos_place)(number - CHAOS_LINK_LIVE);
        link.plane = CHAOS_LIVE;
    } else if (number < CHAOS_LINK_CLIENT) {
        link.place = (enum chaos_place)(number - CHAOS_LINK_REPLAY);
        link.plane = CHAOS_FETCH;
    } else {
        link.place = CHAOS_ORCHESTRATOR;
        link.plane = CHAOS_CLIENT;
    }
    return link;
}

const char *chaos_link_name(const struct chaos *chaos, int number, char to[48])
{
    static const char *const planes[] = {"commands", "events", "fetches", "clients",
                                         "twin's commands"};
    struct chaos_link link = chaos_link_of(number);
    (void)snprintf(to, 48, "%s (%s)", chaos->services[link.place].name, planes[link.plane]);
    return to;
}

/* Who says so in a frame; "" when it is none. */
static void read_name(struct proxy *proxy, struct bytes message, char name[65])
{
    struct frame frame;
    arena_reset(&proxy->arena);
    name[0] = '\0';
    if (frame_read(message, &proxy->arena, &frame, NULL) == 0)
        (void)snprintf(name, 65, "%s", frame.header.name);
}

/* A twin's words are nobody's, for it works on a copy; unless that goes on in its place. */
static void record(struct proxy *proxy, const char *from, const char *to, struct bytes message)
{
    static const enum check_plane planes[] = {CHECK_PLANE_COMMAND, CHECK_PLANE_LIVE,
                                              CHECK_PLANE_REPLAY, CHECK_PLANE_CLIENT,
                                              CHECK_PLANE_COMMAND};
    if (proxy->link.plane == CHAOS_TWIN && atomic_load(&proxy->chaos->board->heir) == 0)
        return;
    const struct check_frame frame = {.at_ms = clock_mono_ms(),
                                      .from = from,
                                      .to = to,
                                      .plane = planes[proxy->link.plane],
                                      .bytes = {message.data, message.len}};
    (void)check_record_frame(proxy->chaos->record, &frame);
}

static bool live(const struct proxy *proxy)
{
    return proxy->link.plane == CHAOS_LIVE;
}

static void send_on(void *context, const struct held_message *message)
{
    struct proxy *proxy = context;
    struct peer_link *peer = &proxy->peers[message->peer];
    if (message->way == 0) {
        if (peer->back != NULL)
            (void)zmq_send(peer->back, message->data, message->len, ZMQ_DONTWAIT);
        return;
    }
    if (!live(proxy) &&
        zmq_send(proxy->front, message->to, message->to_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return;
    (void)zmq_send(proxy->front, message->data, message->len, ZMQ_DONTWAIT);
}

static bool strikes(struct proxy *proxy, atomic_int *permille)
{
    int chance = atomic_load_explicit(permille, memory_order_relaxed);
    return chance > 0 && rng_below(&proxy->rng, 1000) < (uint64_t)chance;
}

/* To who is there now, which may be a later start than the one that it was meant for. */
static void replay(struct proxy *proxy, int way)
{
    const struct held_message *old = held_old(&proxy->held, way, rng_next(&proxy->rng));
    if (old == NULL)
        return;
    struct held_message message = *old;
    const struct peer_link *peer = &proxy->peers[proxy->latest];
    message.peer = proxy->latest;
    message.to_len = peer->id_len;
    memcpy(message.to, peer->id, peer->id_len);
    send_on(proxy, &message);
    proxy->board->replayed++;
}

static void pass(struct proxy *proxy, struct held_message *message)
{
    struct chaos_link_board *board = proxy->board;
    struct chaos_weather *weather = &board->weather[message->way];
    if (atomic_load(&board->cut[message->way]) != 0) {
        board->cut_off++;
        return;
    }
    held_remember(&proxy->held, message);
    if (strikes(proxy, &weather->drop)) {
        board->dropped++;
        return;
    }
    int copies = 1 + strikes(proxy, &weather->doubled);
    board->doubled += copies == 2;
    for (int i = 0; i < copies; i++) {
        int64_t wait_ms = 0;
        if (strikes(proxy, &weather->delay)) {
            wait_ms =
                1 + (int64_t)rng_below(&proxy->rng, (uint64_t)atomic_load(&weather->delay_ms) + 1);
            board->delayed++;
        }
        if (wait_ms > 0)
            held_delay(&proxy->held, message, clock_mono_ms() + wait_ms);
        else if (strikes(proxy, &weather->reorder))
            held_swap(&proxy->held, message, clock_mono_ms());
        else
            board->reordered += (uint64_t)held_send(&proxy->held, message);
    }
    board->passed++;
    if (strikes(proxy, &weather->replay))
        replay(proxy, message->way);
}

static struct peer_link *find_peer(struct proxy *proxy, const void *id, size_t len)
{
    struct err err = {0};
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (proxy->peers[i].id_len == len && memcmp(proxy->peers[i].id, id, len) == 0)
            return &proxy->peers[i];
    /* The one that came longest ago has gone meanwhile. */
    struct peer_link *peer = &proxy->peers[proxy->next_peer++ % PEERS_MAX];
    shell_socket_close(peer->back, 0);
    *peer = (struct peer_link){.id_len = len};
    memcpy(peer->id, id, len);
    if (shell_socket_open(proxy->context, SHELL_DEALER, proxy->near, &peer->back, &err) < 0)
        peer->back = NULL;
    return peer;
}

static bool receive(void *socket, zmq_msg_t *message)
{
    (void)zmq_msg_init(message);
    if (zmq_msg_recv(message, socket, ZMQ_DONTWAIT) >= 0)
        return true;
    (void)zmq_msg_close(message);
    return false;
}

static struct bytes view(zmq_msg_t *message)
{
    return bytes_of(zmq_msg_data(message), zmq_msg_size(message));
}

static void take_from_front(struct proxy *proxy)
{
    zmq_msg_t id;
    zmq_msg_t body;
    while (receive(proxy->front, &id)) {
        if (zmq_msg_more(&id) && receive(proxy->front, &body)) {
            struct peer_link *peer = find_peer(proxy, zmq_msg_data(&id), zmq_msg_size(&id));
            read_name(proxy, view(&body), peer->name);
            record(proxy, peer->name, proxy->chaos->services[proxy->link.place].name, view(&body));
            proxy->latest = (size_t)(peer - proxy->peers);
            struct held_message message = {.way = 0,
                                           .peer = proxy->latest,
                                           .data = zmq_msg_data(&body),
                                           .len = zmq_msg_size(&body)};
            pass(proxy, &message);
            (void)zmq_msg_close(&body);
        }
        (void)zmq_msg_close(&id);
    }
}

static void take_from_back(struct proxy *proxy, size_t place)
{
    struct peer_link *peer = &proxy->peers[place];
    zmq_msg_t body;
    while (peer->back != NULL && receive(peer->back, &body)) {
        const char *publisher = proxy->chaos->services[proxy->link.place].name;
        record(proxy, publisher, live(proxy) ? "" : peer->name, view(&body));
        struct held_message message = {.way = 1,
                                       .peer = place,
                                       .data = zmq_msg_data(&body),
                                       .len = zmq_msg_size(&body),
                                       .to_len = peer->id_len};
        memcpy(message.to, peer->id, peer->id_len);
        pass(proxy, &message);
        (void)zmq_msg_close(&body);
    }
}

/* To its very end: a listener that is still closing would take the path of the next one away. */
static void close_all(struct proxy *proxy)
{
    shell_socket_close(proxy->front, 0);
    proxy->front = NULL;
    for (size_t i = 0; i < PEERS_MAX; i++) {
        shell_socket_close(proxy->peers[i].back, 0);
        proxy->peers[i] = (struct peer_link){0};
    }
    while (zmq_ctx_term(proxy->context) != 0 && zmq_errno() == EINTR)
        continue;
}

static bool open_all(struct proxy *proxy)
{
    struct err err = {0};
    proxy->context = zmq_ctx_new();
    enum shell_socket front = live(proxy) ? SHELL_PUB : SHELL_ROUTER;
    int rc = shell_socket_open(proxy->context, front, proxy->via, &proxy->front, &err);
    if (rc == 0 && live(proxy))
        rc = shell_socket_open(proxy->context, SHELL_SUB, proxy->near, &proxy->peers[0].back, &err);
    if (rc < 0)
        (void)fprintf(stderr, "chaos: %s\n", err.text);
    return rc == 0;
}

static void turn(struct proxy *proxy)
{
    zmq_pollitem_t items[PEERS_MAX + 1] = {{.socket = proxy->front, .events = ZMQ_POLLIN}};
    size_t places[PEERS_MAX + 1];
    int count = live(proxy) ? 0 : 1;
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (proxy->peers[i].back != NULL) {
            places[count] = i;
            items[count++] = (zmq_pollitem_t){.socket = proxy->peers[i].back, .events = ZMQ_POLLIN};
        }
    int64_t wait_ms = held_due_ms(&proxy->held) - clock_mono_ms();
    wait_ms = wait_ms < 0 ? 0 : wait_ms < TURN_MS ? wait_ms : TURN_MS;
    (void)zmq_poll(items, count, (long)wait_ms);
    for (int i = live(proxy) ? 0 : 1; i < count; i++)
        if ((items[i].revents & ZMQ_POLLIN) != 0)
            take_from_back(proxy, places[i]);
    if (!live(proxy))
        take_from_front(proxy);
    proxy->board->reordered += held_release(&proxy->held, clock_mono_ms());
}

static _Noreturn void run(struct proxy *proxy)
{
    arena_init(&proxy->arena, ARENA_BUDGET);
    held_init(&proxy->held, send_on, proxy);
    if (!open_all(proxy))
        _exit(1);
    while (atomic_load(&proxy->chaos->board->stop) == 0) {
        int reset = atomic_load(&proxy->board->reset);
        if (reset != proxy->reset) {
            proxy->reset = reset;
            close_all(proxy);
            if (!open_all(proxy))
                _exit(1);
        }
        turn(proxy);
    }
    close_all(proxy);
    _exit(0);
}

bool chaos_link_start(struct chaos *chaos, struct chaos_link *link, uint64_t seed)
{
    struct proxy proxy = {
        .chaos = chaos, .link = *link, .board = &chaos->board->links[link->number]};
    enum chaos_plane plane = link->plane == CHAOS_TWIN ? CHAOS_COMMAND : link->plane;
    (void)chaos_suite_near(chaos, link->place, plane, proxy.near);
    (void)chaos_suite_via(chaos, link->place, link->plane, proxy.via);
    rng_seed(&proxy.rng, seed);
    pid_t parent = getpid();
    (void)fflush(NULL);
    link->pid = fork();
    if (link->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        run(&proxy);
    }
    return link->pid > 0;
}
