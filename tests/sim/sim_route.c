/* Where a message goes: as the ports of the nodes are wired. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer_node.h"
#include "sim_parts.h"

static bool is_told(const struct sim *sim, const struct sim_host *host, const struct peer *to)
{
    return to->port == (sim_is_orchestrator(sim, host->place) ? (int)ORCHESTRATOR_PORT_EVENTS
                                                              : (int)PARTICIPANT_PORT_EVENTS);
}

/* A DEALER is known by its process, and by which start of it. */
static void name_peer(const struct sim_host *host, struct peer *peer)
{
    peer->id_len = (uint8_t)snprintf((char *)peer->id, sizeof peer->id, "%u.%llu", host->place,
                                     (unsigned long long)host->starts);
}

static void address_peer(const struct peer *peer, struct sim_route *route)
{
    char id[32] = "";
    char *end = id;
    memcpy(id, peer->id, peer->id_len);
    route->to = (uint8_t)strtoul(id, &end, 10);
    route->to_start = *end == '.' ? strtoull(end + 1, NULL, 10) : 0;
}

static bool serves_replay(const struct sim *sim, const struct sim_host *host, const struct peer *to)
{
    return to->port == (sim_is_orchestrator(sim, host->place) ? (int)ORCHESTRATOR_PORT_REPLAY
                                                              : (int)PARTICIPANT_PORT_REPLAY);
}

/* A fetch: the reader's port tells which publisher it is for. */
static struct sim_route to_publisher(const struct sim_host *host, const struct peer *to)
{
    struct sim_route route = {.to = (uint8_t)((to->port - CONSUMER_PORT_REPLAY(0)) / 2)};
    route.peer.port = route.to == SIM_ORCHESTRATOR ? (uint8_t)ORCHESTRATOR_PORT_REPLAY
                                                   : (uint8_t)PARTICIPANT_PORT_REPLAY;
    name_peer(host, &route.peer);
    return route;
}

static struct sim_route to_asker(const struct sim *sim, const struct sim_host *host,
                                 const struct peer *to)
{
    struct sim_route route = {0};
    address_peer(to, &route);
    if (serves_replay(sim, host, to))
        route.peer.port = CONSUMER_PORT_REPLAY(host->place);
    else
        route.peer.port =
            (uint8_t)(ORCHESTRATOR_PORT_FIRST_PARTICIPANT + host->place - SIM_FIRST_TOY);
    return route;
}

static struct sim_route from_orchestrator(const struct sim *sim, const struct sim_host *host,
                                          const struct peer *to)
{
    struct sim_route route = {.to = SIM_CLIENT};
    if (to->port == ORCHESTRATOR_PORT_CLIENT)
        return route;
    if (serves_replay(sim, host, to))
        return to_asker(sim, host, to);
    route.to = (uint8_t)(SIM_FIRST_TOY + to->port - ORCHESTRATOR_PORT_FIRST_PARTICIPANT);
    route.peer.port = PARTICIPANT_PORT_COMMAND;
    name_peer(host, &route.peer);
    return route;
}

/* Each reader has a SUB of its own. */
static size_t to_readers(const struct sim *sim, const struct sim_host *host,
                         struct sim_route ret[SIM_HOSTS_MAX])
{
    size_t count = 0;
    for (uint8_t place = sim->readers; sim_is_reader(sim, place); place++)
        ret[count++] = (struct sim_route){
            .to = place, .peer.port = CONSUMER_PORT_EVENTS(host->place), .live = true};
    return count;
}

size_t sim_route_find(const struct sim *sim, const struct sim_host *host, const struct peer *to,
                      struct sim_route ret[SIM_HOSTS_MAX])
{
    if (!sim_is_reader(sim, host->place) && is_told(sim, host, to))
        return to_readers(sim, host, ret);
    if (sim_is_reader(sim, host->place))
        ret[0] = to_publisher(host, to);
    else if (sim_is_orchestrator(sim, host->place))
        ret[0] = from_orchestrator(sim, host, to);
    else
        ret[0] = to_asker(sim, host, to);
    return 1;
}

void sim_route_drop_untold(const struct sim *sim, const struct sim_host *host, struct outbound *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++)
        if ((!sim_is_reader(sim, sim->readers) || (sim->ghost != 0 && host->place == sim->ghost)) &&
            is_told(sim, host, &out->messages[i].to))
            free(out->messages[i].data);
        else
            out->messages[kept++] = out->messages[i];
    out->count = kept;
}
