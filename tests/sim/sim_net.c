/* The simulator's network: whole messages are lost, doubled, late, out of order, or come again. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "sim_parts.h"

#define PLAIN_DELAY_MS 5

static struct sim_packet *packet_of(struct heap_entry *entry)
{
    return (struct sim_packet *)(void *)((char *)entry - offsetof(struct sim_packet, at));
}

void sim_packet_free(struct sim_packet *packet)
{
    if (packet == NULL)
        return;
    free(packet->data);
    free(packet);
}

void sim_net_open(struct sim *sim)
{
    struct rng root;
    rng_seed(&root, sim->seed ^ 0x6e6574);
    for (int from = 0; from < SIM_PLACES; from++)
        for (int to = 0; to < SIM_PLACES; to++)
            rng_seed(&sim->net.rng[from][to], rng_next(&root));
}

void sim_net_close(struct sim *sim)
{
    struct heap_entry *first;
    while ((first = heap_first(&sim->net.transit)) != NULL) {
        heap_remove(&sim->net.transit, first);
        sim_packet_free(packet_of(first));
    }
    heap_release(&sim->net.transit);
    for (size_t i = 0; i < sim->net.past_count; i++)
        sim_packet_free(sim->net.past[i]);
    sim->net.past_count = 0;
}

static struct sim_packet *copy_of(const struct sim_packet *packet)
{
    struct sim_packet *copy = xmemdup(packet, sizeof *packet);
    copy->at.place = HEAP_NOWHERE;
    copy->data = xmemdup(packet->data, packet->len);
    return copy;
}

static int64_t delay(struct sim *sim, struct rng *rng)
{
    if (sim->plain)
        return PLAIN_DELAY_MS;
    int64_t most = sim->profile.delay_ms_max;
    if (!sim->healed && sim_is_lucky(rng, sim->profile.slow)) {
        sim->counts->slow++;
        most = sim->profile.slow_ms_max;
    }
    return 1 + (int64_t)rng_below(rng, (uint64_t)most);
}

static void put_on_the_way(struct sim *sim, struct sim_packet *packet, int64_t delay_ms)
{
    heap_set(&sim->net.transit, &packet->at, sim->now_ms + delay_ms);
}

/* Keeps some of what passes, to let it come again much later. */
static void remember(struct sim *sim, struct rng *rng, const struct sim_packet *packet)
{
    size_t place = sim->net.past_count;
    if (place == SIM_PAST_MAX) {
        place = (size_t)rng_below(rng, SIM_PAST_MAX);
        sim_packet_free(sim->net.past[place]);
    } else {
        sim->net.past_count++;
    }
    sim->net.past[place] = copy_of(packet);
}

static void replay(struct sim *sim, struct rng *rng)
{
    if (sim->net.past_count == 0)
        return;
    const struct sim_packet *old = sim->net.past[rng_below(rng, sim->net.past_count)];
    put_on_the_way(sim, copy_of(old), delay(sim, rng));
    sim->counts->replayed++;
}

static bool is_lost(struct sim *sim, struct rng *rng, const struct sim_packet *packet)
{
    if (sim->plain || sim->healed)
        return false;
    return sim->now_ms < sim->net.cut_until_ms[packet->from][packet->to] ||
           sim_is_lucky(rng, sim->profile.drop);
}

void sim_net_send(struct sim *sim, uint8_t from, uint8_t to, uint64_t to_start,
                  const struct peer *peer, uint8_t *data, size_t len)
{
    struct rng *rng = &sim->net.rng[from][to];
    struct sim_packet *packet = xcalloc(1, sizeof *packet);
    packet->at.place = HEAP_NOWHERE;
    packet->from = from;
    packet->to = to;
    packet->to_start = to_start;
    packet->peer.port = peer->port;
    packet->peer.id_len = peer->id_len;
    memcpy(packet->peer.id, peer->id, peer->id_len);
    packet->data = data;
    packet->len = len;
    bool troubled = !sim->plain && !sim->healed;
    if (troubled && sim->profile.replay > 0)
        remember(sim, rng, packet);
    if (troubled && sim_is_lucky(rng, sim->profile.replay))
        replay(sim, rng);
    if (is_lost(sim, rng, packet)) {
        sim->counts->dropped++;
        sim_packet_free(packet);
        return;
    }
    if (troubled && sim_is_lucky(rng, sim->profile.twice)) {
        sim->counts->doubled++;
        put_on_the_way(sim, copy_of(packet), delay(sim, rng));
    }
    put_on_the_way(sim, packet, delay(sim, rng));
}

void sim_net_cut(struct sim *sim, uint8_t from, uint8_t to, int64_t until_ms)
{
    sim->net.cut_until_ms[from][to] = until_ms;
}

int64_t sim_net_next(const struct sim *sim)
{
    const struct heap_entry *first = heap_first(&sim->net.transit);
    return first == NULL ? SIM_NEVER : first->at_ms;
}

struct sim_packet *sim_net_take(struct sim *sim)
{
    struct heap_entry *first = heap_first(&sim->net.transit);
    if (first == NULL || first->at_ms > sim->now_ms)
        return NULL;
    heap_remove(&sim->net.transit, first);
    return packet_of(first);
}
