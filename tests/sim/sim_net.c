/* The simulator's network: whole messages are lost, doubled, late, out of order, or come again. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "sim_parts.h"

#define PLAIN_DELAY_MS 5
#define ECHOES_MAX 33 /* Below this. */

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

static int64_t delay(struct sim *sim, struct sim_choice_stream *link)
{
    if (sim->scope != NULL)
        return PLAIN_DELAY_MS + sim_scope_delay_ms(sim->scope);
    if (sim->plain)
        return PLAIN_DELAY_MS;
    int64_t most = sim->profile.delay_ms_max;
    if (!sim->healed && sim_choice_rarely(link, sim->profile.slow, 1000)) {
        sim->counts->slow++;
        most = sim->profile.slow_ms_max;
    }
    return 1 + (int64_t)sim_choice_below(link, (uint64_t)most);
}

static void put_on_the_way(struct sim *sim, struct sim_packet *packet, int64_t delay_ms)
{
    int64_t at_ms = sim->now_ms + delay_ms;
    if (delay_ms > PLAIN_DELAY_MS && sim->late_until_ms < at_ms)
        sim->late_until_ms = at_ms;
    heap_set(&sim->net.transit, &packet->at, at_ms);
}

/* Keeps some of what passes, to let it come again much later. */
static void remember(struct sim *sim, struct sim_choice_stream *link,
                     const struct sim_packet *packet)
{
    size_t place = sim->net.past_count;
    if (place == SIM_PAST_MAX) {
        place = (size_t)sim_choice_below(link, SIM_PAST_MAX);
        sim_packet_free(sim->net.past[place]);
    } else {
        sim->net.past_count++;
    }
    sim->net.past[place] = copy_of(packet);
}

static void replay(struct sim *sim, struct sim_choice_stream *link)
{
    if (sim->net.past_count == 0)
        return;
    const struct sim_packet *old = sim->net.past[sim_choice_below(link, sim->net.past_count)];
    put_on_the_way(sim, copy_of(old), delay(sim, link));
    sim->counts->replayed++;
}

void sim_net_echo(struct sim *sim, int64_t within_ms)
{
    if (sim->plain || sim->net.past_count == 0)
        return;
    for (uint64_t left = sim_choice_below(sim->faults, ECHOES_MAX); left > 0; left--) {
        size_t place = (size_t)sim_choice_below(sim->faults, sim->net.past_count);
        int64_t delay_ms = 1 + (int64_t)sim_choice_below(sim->faults, (uint64_t)within_ms);
        put_on_the_way(sim, copy_of(sim->net.past[place]), delay_ms);
        sim->counts->echoed++;
    }
}

static bool is_lost(struct sim *sim, struct sim_choice_stream *link,
                    const struct sim_packet *packet)
{
    if (sim->plain || sim->healed)
        return false;
    const struct sim_cut *cut = &sim->net.cuts[packet->from][packet->to];
    return (sim->now_ms >= cut->from_ms && sim->now_ms < cut->until_ms) ||
           sim_choice_rarely(link, sim->profile.drop, 1000);
}

/* Beside it comes one that is damaged, so that it cannot be read as another. */
static void send_garbage(struct sim *sim, struct sim_choice_stream *link,
                         const struct sim_packet *packet)
{
    struct sim_packet *damaged = copy_of(packet);
    switch (sim_choice_below(link, 3)) {
    case 0: /* Its header is none. */
        damaged->data[0] ^= 0xff;
        break;
    case 1:
        damaged->len = (size_t)sim_choice_below(link, damaged->len);
        break;
    default:
        for (size_t i = 0; i < damaged->len; i++)
            damaged->data[i] = (uint8_t)sim_choice_below(link, 256);
    }
    sim->counts->garbage++;
    put_on_the_way(sim, damaged, delay(sim, link));
}

void sim_net_send(struct sim *sim, uint8_t from, uint8_t to, uint64_t to_start,
                  const struct peer *peer, uint8_t *data, size_t len)
{
    struct sim_choice_stream *link = sim_choice_link(&sim->choice, from, to);
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
    int64_t copy_ms = sim->scope == NULL ? -1 : sim_scope_copy_ms(sim->scope);
    if (copy_ms >= 0)
        put_on_the_way(sim, copy_of(packet), PLAIN_DELAY_MS + copy_ms);
    bool troubled = !sim->plain && !sim->healed;
    if (troubled && to != SIM_CLIENT && sim_choice_rarely(link, sim->profile.garbage, 1000))
        send_garbage(sim, link, packet);
    if (troubled && sim->profile.replay > 0)
        remember(sim, link, packet);
    if (troubled && sim_choice_rarely(link, sim->profile.replay, 1000))
        replay(sim, link);
    if (is_lost(sim, link, packet)) {
        sim->counts->dropped++;
        sim_packet_free(packet);
        return;
    }
    if (troubled && sim_choice_rarely(link, sim->profile.twice, 1000)) {
        sim->counts->doubled++;
        put_on_the_way(sim, copy_of(packet), delay(sim, link));
    }
    put_on_the_way(sim, packet, delay(sim, link));
}

void sim_net_cut(struct sim *sim, uint8_t from, uint8_t to, int64_t from_ms, int64_t until_ms)
{
    sim->net.cuts[from][to] = (struct sim_cut){.from_ms = from_ms, .until_ms = until_ms};
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
