#include "channel.h"

#include <assert.h>

#include "base/mutant.h"

void channel_init(struct channel *channel, const char *name, uint8_t port, uint32_t window_max,
                  size_t bytes_max)
{
    *channel = (struct channel){
        .name = name,
        .port = port,
        .window = 1,
        .seek_ms = CHANNEL_SEEK_FIRST_MS,
        .probe_ms = INT64_MAX,
        .window_max = window_max,
        .in_flight_bytes_max = bytes_max,
    };
}

void channel_hello(struct channel *channel, int64_t now_ms)
{
    channel->hello_number++;
    channel->hello_open = true;
    channel->hello_due = true;
    channel->probe_ms = INT64_MAX;
    channel->next_hello_ms = now_ms + channel->seek_ms;
    channel->seek_ms *= 2;
    if (channel->seek_ms > CHANNEL_SEEK_MAX_MS)
        channel->seek_ms = CHANNEL_SEEK_MAX_MS;
}

int64_t channel_hello_at(const struct channel *channel)
{
    bool owes = channel->lists[PLACE_IN_FLIGHT].count > 0;
    return owes && channel->probe_ms < channel->next_hello_ms ? channel->probe_ms
                                                              : channel->next_hello_ms;
}

void channel_heard(struct channel *channel, int64_t now_ms)
{
    if (channel->probe_ms != INT64_MAX)
        channel->probe_ms = now_ms + CHANNEL_PROBE_MS;
}

void channel_told(struct channel *channel, int64_t now_ms)
{
    bool asked = channel->hello_open || channel->state != CHANNEL_UP;
    bool first = channel->probe_ms == INT64_MAX || channel->lists[PLACE_IN_FLIGHT].count == 1;
    if (!asked && first)
        channel->probe_ms = now_ms + CHANNEL_PROBE_MS;
}

static enum active_place waiting_place(const struct active *active)
{
    if (active->alone >= CHANNEL_ALONE_MAX)
        return PLACE_LAST;
    return saga_is_undoing(&active->saga) ? PLACE_UNDO : PLACE_FORWARD;
}

void channel_enqueue(struct channel *channel, struct active *active)
{
    assert(active->place == PLACE_NOWHERE);
    active->place = waiting_place(active);
    active_list_append(&channel->lists[active->place], active);
}

void channel_withdraw(struct channel *channel, struct active *active)
{
    if (active->place == PLACE_NOWHERE)
        return;
    if (active->place == PLACE_IN_FLIGHT)
        channel->in_flight_bytes -= active->sent_bytes;
    active_list_remove(&channel->lists[active->place], active);
    active->place = PLACE_NOWHERE;
}

struct active *channel_next(struct channel *channel)
{
    const struct active_list *in_flight = &channel->lists[PLACE_IN_FLIGHT];
    bool full = in_flight->count >= channel->window ||
                channel->in_flight_bytes >= channel->in_flight_bytes_max;
    /* A suspect travels alone, so that the next crash tells whether it was the cause. */
    bool suspect_out = in_flight->count > 0 && in_flight->first->alone >= CHANNEL_ALONE_MAX;
    if (channel->state != CHANNEL_UP || channel->held || full || suspect_out)
        return NULL;
    for (enum active_place place = PLACE_UNDO; place <= PLACE_LAST; place++) {
        struct active *active = channel->lists[place].first;
        if (active == NULL)
            continue;
        if (place == PLACE_LAST && in_flight->count > 0)
            return NULL;
        channel_withdraw(channel, active);
        return active;
    }
    return NULL;
}

void channel_sent(struct channel *channel, struct active *active, size_t bytes)
{
    active->place = PLACE_IN_FLIGHT;
    active->sent = true;
    active->sent_bytes = bytes;
    channel->in_flight_bytes += bytes;
    active_list_append(&channel->lists[PLACE_IN_FLIGHT], active);
}

void channel_answered(struct channel *channel, struct active *active)
{
    active->silences = 0;
    active->alone = 0;
    if (active->place == PLACE_IN_FLIGHT && channel->window < channel->window_max)
        channel->window++;
}

void channel_silent(struct channel *channel, struct active *active)
{
    assert(active->place == PLACE_IN_FLIGHT);
    active->silences++;
    if (channel->window > 1)
        channel->window /= 2;
    channel_withdraw(channel, active);
    channel_enqueue(channel, active);
}

struct active *channel_restarted(struct channel *channel)
{
    struct active_list *in_flight = &channel->lists[PLACE_IN_FLIGHT];
    struct active *suspect = NULL;
    bool alone = in_flight->count == 1;
    channel->window = MUTANT(WINDOW_SHUT) ? 0 : 1;
    while (in_flight->last != NULL) {
        struct active *active = in_flight->last;
        channel_withdraw(channel, active);
        active->silences = 0;
        active->alone = alone ? active->alone + 1 : 0;
        if (active->alone > CHANNEL_ALONE_MAX)
            suspect = active;
        active->place = waiting_place(active);
        active_list_prepend(&channel->lists[active->place], active);
    }
    return suspect;
}

const char *channel_state_name(const struct channel *channel)
{
    static const char *const names[] = {
        [CHANNEL_DOWN] = "down",
        [CHANNEL_UP] = "up",
        [CHANNEL_SUSPENDED] = "suspended",
    };
    return names[channel->state];
}

uint32_t channel_waiting(const struct channel *channel)
{
    return (uint32_t)(channel->lists[PLACE_UNDO].count + channel->lists[PLACE_FORWARD].count +
                      channel->lists[PLACE_LAST].count);
}
