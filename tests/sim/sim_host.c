/* The simulator's processes: a node, its turns, and all the ways in which it can end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "consumer_node.h"
#include "sim_disk.h"
#include "sim_parts.h"
#include "sim_reader.h"
#include "sim_rows.h"

#define TURN_MESSAGES_MAX 8 /* Taken in one turn at most: then timers wait for the rest. */
#define DOWN_MS_MAX 4000
#define PLAIN_DOWN_MS 50
#define CRASH_BASE 100000 /* profile.crash is per this many. */
#define CRASH_STORM 10000
#define UP_MS_MIN 1000 /* From a machine's start to that of a process. */
#define UP_MS_SHORT 1000
#define UP_MS_LONG (UINT64_C(1) << 40)

/* Where in a turn a process can die. */
enum point { OPENED, GIVEN, COMMITTED, PARTLY_SENT, SENT };

static uint64_t *count_of(struct sim *sim, enum point point)
{
    uint64_t *const counts[] = {
        [OPENED] = &sim->counts->crash_opened,
        [GIVEN] = &sim->counts->crash_given,
        [COMMITTED] = &sim->counts->crash_committed,
        [PARTLY_SENT] = &sim->counts->crash_partly_sent,
        [SENT] = &sim->counts->crash_sent,
    };
    return counts[point];
}

static bool is_hit(struct sim *sim, struct sim_host *host)
{
    if (sim->scope != NULL) {
        unsigned crash = sim_scope_crash(sim->scope);
        sim->power = crash == 2;
        return crash != 0;
    }
    if (sim->plain)
        return host->place == sim->crash_place && sim->crash_nth != 0 &&
               ++sim->crash_passed == sim->crash_nth;
    unsigned rate = sim->profile.crash;
    if (sim->now_ms < host->stormy_until_ms)
        rate = CRASH_STORM;
    return !sim->healed && sim_choice_rarely(host->choice, rate, CRASH_BASE);
}

/* Passes a point; true: the process died there. */
static bool dies(struct sim *sim, struct sim_host *host, enum point point)
{
    if (!is_hit(sim, host))
        return false;
    static const char *const names[] = {"opened", "given", "committed", "partly sent", "sent"};
    sim_trace(sim, "%-12s dies: %s", host->name, names[point]);
    sim->crashed = true;
    sim_host_die(sim, host, count_of(sim, point));
    return true;
}

/* An error that the disk was told to make. */
static bool is_of_the_disk(struct sim *sim, int rc)
{
    uint64_t felt = sim_disk_errors();
    bool fresh = felt != sim->broken_felt;
    sim->broken_felt = felt;
    return rc == ERR_FULL || (rc == ERR_IO && fresh);
}

static const struct publisher_keep keeps_all = {.bytes = UINT64_MAX, .age_ms = INT64_MAX};

static int open_orchestrator(struct sim *sim, struct sim_host *host, struct err *err)
{
    const char *names[SIM_TOYS_MAX];
    const struct definition *definitions[SIM_SHAPES_MAX];
    struct orchestrator_options options = {.db_path = host->path,
                                           .id = "suite",
                                           .participants = names,
                                           .definitions = definitions,
                                           .limits = sim->limits,
                                           .keep = keeps_all,
                                           .random = sim_random(sim, host)};
    if (sim->profile.rebuilds)
        options.keep.bytes = sim->profile.keep_bytes;
    for (size_t i = SIM_FIRST_TOY; i < SIM_FIRST_TOY + sim->toy_count; i++)
        names[options.participant_count++] = sim->hosts[i].name;
    for (size_t i = 0; i < sim->shape_count; i++) {
        const struct sim_shape *shape = &sim->shapes[i];
        bool other = i + 1 < sim->shape_count && sim->shapes[i + 1].version != 0 &&
                     sim_choice_below(host->choice, 2) != 0;
        if (shape->version != 0)
            continue;
        sim->counts->new_version += other;
        /* Sagas that are under way go on without it. */
        if (sim->profile.reconfigures && !sim->healed && sim_choice_below(host->choice, 4) == 3) {
            sim->counts->left_out++;
            continue;
        }
        definitions[options.definition_count++] = sim->shapes[other ? i + 1 : i].definition;
    }
    if (sim->profile.reconfigures)
        options.limits.window_max = 1U << sim_choice_below(host->choice, 8);
    return orchestrator_new(&options, sim_time(sim, host), &host->node, err);
}

static int open_toy(struct sim *sim, struct sim_host *host, struct err *err)
{
    struct participant_options options = {
        .db_path = host->path, .random = sim_random(sim, host), .keep = keeps_all};
    if (sim->profile.rebuilds)
        options.keep.bytes = sim->profile.keep_bytes;
    return participant_node_new(&sim_toys[host->place - SIM_FIRST_TOY], &options, &host->node, err);
}

/* Of two orchestrators one must end. Somebody starts the right one again; a copy, now and then. */
static bool is_fenced(struct sim *sim, struct sim_host *host, int rc)
{
    if (rc != ERR_FENCED || !sim->mischief.done)
        return false;
    sim_trace(sim, "%-12s ends: fenced%s", host->name, host->place == sim->ghost ? " (copy)" : "");
    sim_host_close(sim, host);
    sim->counts->fenced++;
    host->down_until_ms = sim->now_ms + 1 + (int64_t)sim_choice_below(host->choice, DOWN_MS_MAX);
    if (host->place == sim->ghost && sim_choice_below(host->choice, 2) == 0)
        host->down_until_ms = SIM_NEVER;
    return true;
}

int sim_host_open(struct sim *sim, struct sim_host *host, struct err *err)
{
    if (sim_is_orchestrator(sim, host->place))
        return open_orchestrator(sim, host, err);
    if (sim_is_reader(sim, host->place))
        return sim_reader_open(sim, host, err);
    return open_toy(sim, host, err);
}

/* Monotonic clocks of two machines have nothing in common, nor has one with itself after a power
 * failure. Many a machine has just begun when its processes do. */
void sim_host_boot(struct sim *sim, struct sim_host *host)
{
    struct sim_choice_stream *clocks = &sim->choice.streams[SIM_CHOICE_CLOCKS];
    host->mono_ms = SIM_MONO_MS;
    if (sim->plain)
        return;
    uint64_t up_ms_max = sim_choice_below(clocks, 2) == 0 ? UP_MS_SHORT : UP_MS_LONG;
    host->mono_ms = UP_MS_MIN + (int64_t)sim_choice_below(clocks, up_ms_max) - sim->now_ms;
}

void sim_host_start(struct sim *sim, struct sim_host *host)
{
    struct err err = {0};
    host->starts++;
    host->loads++;
    host->node = NULL;
    int rc = sim_host_open(sim, host, &err);
    if (is_of_the_disk(sim, rc)) { /* The supervisor tries again. */
        host->node = NULL;
        host->down_until_ms =
            sim->now_ms + 1 + (int64_t)sim_choice_below(host->choice, DOWN_MS_MAX);
        return;
    }
    if (is_fenced(sim, host, rc))
        return;
    if (rc < 0)
        sim_fail(sim, "start", "%s does not start: %s", host->name, err.text);
    node_turn_init(&host->turn, host->node);
    host->was_broken = false;
    sim_check_started(sim);
    (void)dies(sim, host, OPENED);
}

static void count_orchestrator(struct sim *sim, const struct node *node)
{
    const struct orchestrator_counters *counters = orchestrator_counters(node);
    sim->counts->silences += counters->silences;
    sim->counts->stale_replies += counters->stale_replies;
    sim->counts->restarts += counters->restarts;
    sim->counts->spent += counters->spent;
    sim->counts->late_facts += counters->late_facts;
    sim->counts->throttled += counters->throttled;
    sim->counts->held += counters->held;
    sim->counts->suspects += counters->suspects;
    sim->counts->old_welcomes += counters->old_welcomes;
    sim->counts->downs += counters->downs;
    sim->counts->suspended += counters->suspended;
    sim->counts->waking += counters->waking;
    sim->counts->resting += counters->resting;
    sim->counts->floors += counters->floors;
    sim->counts->floors_open += counters->floors_open;
    sim->counts->garbage_dropped += counters->malformed;
    if ((counters->malformed != 0 && sim->profile.garbage == 0) || counters->foreign != 0)
        sim_fail(sim, "protocol", "the orchestrator could not read %llu entries, %llu foreign",
                 (unsigned long long)counters->malformed, (unsigned long long)counters->foreign);
}

static void count_toy(struct sim *sim, const struct node *node)
{
    const struct participant_counters *counters = participant_node_counters(node);
    sim->counts->applied += counters->applied;
    sim->counts->repeated += counters->repeated;
    sim->counts->blocked += counters->blocked;
    sim->counts->tombstones += counters->tombstones;
    sim->counts->expired += counters->expired;
    sim->counts->stale_epoch += counters->stale;
    sim->counts->rejected += counters->rejected;
    sim->counts->retried += counters->retried;
    sim->counts->singly += counters->singly;
    sim->counts->unheard += counters->unheard;
    sim->counts->asked_undo += counters->asked_undo;
    sim->counts->stale_nonce += counters->stale_nonce;
    sim->counts->stale_copy += counters->stale_copy;
    sim->counts->guilty += counters->guilty;
    sim->counts->refused += counters->refused;
}

static void forget_arrived(struct sim_host *host)
{
    for (size_t i = 0; i < host->arrived_count; i++)
        sim_packet_free(host->arrived[i]);
    host->arrived_count = 0;
}

void sim_host_close(struct sim *sim, struct sim_host *host)
{
    forget_arrived(host);
    if (host->node == NULL)
        return;
    if (sim_is_orchestrator(sim, host->place))
        count_orchestrator(sim, host->node);
    else if (sim_is_reader(sim, host->place))
        sim_reader_count(sim, host);
    else
        count_toy(sim, host->node);
    sim_rows_forget(host->place);
    sim_check_closes(sim, host);
    host->node->ops->free(host->node);
    host->node = NULL;
}

/* Some deaths are the machine's: what was not flushed is lost, all of it or some. */
static void lose_power(struct sim *sim, struct sim_host *host)
{
    if (!sim->power && (sim->plain || !sim_choice_rarely(host->choice, sim->profile.power, 1000)))
        return;
    bool all = sim->plain || sim_choice_below(host->choice, 2) != 0;
    sim->counts->power_lost++;
    host->lost_power = true;
    const struct sim_draw draw = {sim_choice_draw, host->choice};
    sim->counts->writes_lost += sim_disk_lose(host->path, all ? NULL : &draw);
    sim_host_boot(sim, host);
}

void sim_host_die(struct sim *sim, struct sim_host *host, uint64_t *count)
{
    (*count)++;
    sim_host_close(sim, host);
    lose_power(sim, host);
    int64_t down = PLAIN_DOWN_MS;
    if (!sim->plain)
        down = sim_choice_below(host->choice, 3) == 0
                   ? 1
                   : 1 + (int64_t)sim_choice_below(host->choice, DOWN_MS_MAX);
    host->down_until_ms = sim->now_ms + down;
    host->paused_until_ms = 0;
}

void sim_host_arrive(struct sim *sim, struct sim_host *host, struct sim_packet *packet)
{
    bool mine = packet->to_start == 0 || packet->to_start == host->starts;
    if (host->node == NULL || (!mine && !sim->profile.next_life)) {
        sim->counts->lost_down++;
        sim_packet_free(packet);
        return;
    }
    sim->counts->to_next_life += !mine;
    host->arrived = xgrow(host->arrived, &host->arrived_capacity, host->arrived_count + 1,
                          sizeof(struct sim_packet *));
    host->arrived[host->arrived_count++] = packet;
}

int64_t sim_host_next(const struct sim *sim, const struct sim_host *host)
{
    if (host->node == NULL)
        return host->down_until_ms;
    int64_t at = node_turn_deadline(&host->turn);
    if (host->arrived_count > 0)
        at = sim->now_ms;
    else if (at != SIM_NEVER)
        at -= host->mono_ms;
    if (at == SIM_NEVER)
        return SIM_NEVER;
    at = at < host->busy_until_ms ? host->busy_until_ms : at;
    at = at < host->paused_until_ms ? host->paused_until_ms : at;
    return at < sim->now_ms ? sim->now_ms : at;
}

/* Gives what has arrived, as far as a turn's quota goes. True: that was all. */
static bool give(struct sim *sim, struct sim_host *host)
{
    size_t taken = 0;
    size_t quota = TURN_MESSAGES_MAX;
    if (!sim->plain) {
        static const size_t quotas[] = {TURN_MESSAGES_MAX, TURN_MESSAGES_MAX, TURN_MESSAGES_MAX, 64,
                                        1};
        quota = quotas[sim_choice_below(host->choice, 5)];
    }
    while (taken < host->arrived_count && taken < quota) {
        struct sim_packet *packet = host->arrived[taken++];
        node_turn_receive(&host->turn, &packet->peer, bytes_of(packet->data, packet->len),
                          sim_time(sim, host));
        sim_packet_free(packet);
    }
    host->arrived_count -= taken;
    if (taken > 0)
        memmove(host->arrived, host->arrived + taken,
                host->arrived_count * sizeof(struct sim_packet *));
    return host->arrived_count == 0;
}

static void post(struct sim *sim, const struct sim_host *host, struct message *message)
{
    struct sim_route routes[SIM_HOSTS_MAX];
    size_t count = sim_route_find(sim, host, &message->to, routes);
    for (size_t i = 0; i < count; i++) {
        const struct sim_route *route = &routes[i];
        uint8_t *data = message->data;
        if (i == 0)
            sim_wire_note(sim, host->place, route->to, route->live, bytes_of(data, message->len));
        if (i + 1 < count)
            data = xmemdup(data, message->len);
        sim_net_send(sim, host->place, route->to, route->to_start, &route->peer, data,
                     message->len);
    }
    message->data = NULL;
}

/* True: it died before all was sent. */
static bool send(struct sim *sim, struct sim_host *host, struct outbound *out)
{
    for (size_t i = 0; i < out->count; i++) {
        if (i > 0 && dies(sim, host, PARTLY_SENT))
            return true;
        post(sim, host, &out->messages[i]);
    }
    return false;
}

static void end_turn(struct sim *sim, struct sim_host *host, bool drained, struct outbound *out)
{
    struct err err = {0};
    int rc = node_turn_end(&host->turn, sim_time(sim, host), drained, out, &err);
    if (is_fenced(sim, host, rc))
        return;
    if (rc < 0) {
        bool of_the_disk = is_of_the_disk(sim, rc);
        if (!sim->world.died && !of_the_disk)
            sim_fail(sim, "process", "%s ended: %s", host->name, err.text);
        sim_trace(sim, "%-12s dies: in the batch", host->name);
        sim->world.died = false;
        sim_host_die(sim, host, &sim->counts->crash_in_batch);
        return;
    }
    if (host->turn.broken != host->was_broken)
        sim_trace(sim, "%-12s %s %s", host->name, host->turn.broken ? "breaks:" : "is well again",
                  host->turn.trouble);
    sim->counts->reloads += host->was_broken && !host->turn.broken;
    host->loads += host->turn.broken;
    host->was_broken = host->turn.broken;
    bool orchestrates = sim_is_orchestrator(sim, host->place);
    if (orchestrates && !host->turn.broken && orchestrator_stalled(host->node) != 0)
        sim_fail(sim, "stall", "%u sagas that nothing would wake",
                 orchestrator_stalled(host->node));
    if (orchestrates && sim->plain && sim->traced)
        sim_story_go_on(sim);
    sim_route_drop_untold(sim, host, out);
    if (out->count == 0 || dies(sim, host, COMMITTED) || send(sim, host, out))
        return;
    (void)dies(sim, host, SENT);
}

void sim_host_run(struct sim *sim, struct sim_host *host)
{
    if (host->node == NULL) {
        sim_host_start(sim, host);
        return;
    }
    struct outbound out = {0};
    sim->world.path = host->path;
    sim_mischief_begin_turn(sim, host);
    bool given = host->arrived_count > 0;
    bool drained = give(sim, host);
    if (!given || !dies(sim, host, GIVEN))
        end_turn(sim, host, drained, &out);
    outbound_release(&out);
    if (!sim->plain)
        host->busy_until_ms =
            sim->now_ms +
            (int64_t)sim_choice_below(host->choice, (uint64_t)sim->profile.busy_ms_max + 1);
}
