#include "chaos_held.h"

#include <stdlib.h>

#include "base/xalloc.h"

#define SWAP_MS 30 /* If nothing comes after it, it goes all the same. */

void held_init(struct held *held, held_sender send, void *context)
{
    *held = (struct held){.send = send, .context = context};
}

static struct held_message copy_of(const struct held_message *message)
{
    struct held_message copy = *message;
    copy.data = xmemdup(message->data, message->len);
    return copy;
}

static void drop(struct held_message *message)
{
    free((void *)(uintptr_t)message->data);
    message->data = NULL;
}

void held_end(struct held *held)
{
    for (size_t i = 0; i < held->later_count; i++)
        drop(&held->later[i].message);
    free(held->later);
    for (int way = 0; way < 2; way++) {
        if (held->swapped[way])
            drop(&held->swap[way]);
        for (size_t i = 0; i < HELD_OLD_MAX; i++)
            drop(&held->old[way][i]);
    }
}

static void send_swapped(struct held *held, int way)
{
    held->swapped[way] = false;
    held->send(held->context, &held->swap[way]);
    drop(&held->swap[way]);
}

int held_send(struct held *held, const struct held_message *message)
{
    held->send(held->context, message);
    if (!held->swapped[message->way])
        return 0;
    send_swapped(held, message->way);
    return 1;
}

void held_delay(struct held *held, const struct held_message *message, int64_t until_ms)
{
    held->later =
        xgrow(held->later, &held->later_capacity, held->later_count + 1, sizeof *held->later);
    held->later[held->later_count++] =
        (struct held_later){until_ms, held->turns++, copy_of(message)};
}

void held_swap(struct held *held, const struct held_message *message, int64_t now_ms)
{
    if (held->swapped[message->way])
        send_swapped(held, message->way);
    held->swapped[message->way] = true;
    held->swap_until_ms[message->way] = now_ms + SWAP_MS;
    held->swap[message->way] = copy_of(message);
}

void held_remember(struct held *held, const struct held_message *message)
{
    struct held_message *place =
        &held->old[message->way][held->old_count[message->way]++ % HELD_OLD_MAX];
    drop(place);
    *place = copy_of(message);
}

const struct held_message *held_old(const struct held *held, int way, uint64_t random)
{
    size_t count = held->old_count[way] < HELD_OLD_MAX ? held->old_count[way] : HELD_OLD_MAX;
    return count == 0 ? NULL : &held->old[way][random % count];
}

/* The place of the one that is due first; later_count: there is none. */
static size_t first_due(const struct held *held, int64_t now_ms)
{
    size_t first = held->later_count;
    for (size_t i = 0; i < held->later_count; i++) {
        const struct held_later *item = &held->later[i];
        if (item->at_ms > now_ms)
            continue;
        if (first == held->later_count || item->at_ms < held->later[first].at_ms ||
            (item->at_ms == held->later[first].at_ms && item->turn < held->later[first].turn))
            first = i;
    }
    return first;
}

uint64_t held_release(struct held *held, int64_t now_ms)
{
    uint64_t overtaken = 0;
    for (size_t at; (at = first_due(held, now_ms)) < held->later_count;) {
        struct held_later item = held->later[at];
        held->later[at] = held->later[--held->later_count];
        overtaken += (uint64_t)held_send(held, &item.message);
        drop(&item.message);
    }
    for (int way = 0; way < 2; way++)
        if (held->swapped[way] && now_ms >= held->swap_until_ms[way])
            send_swapped(held, way);
    return overtaken;
}

int64_t held_due_ms(const struct held *held)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < held->later_count; i++)
        if (held->later[i].at_ms < due_ms)
            due_ms = held->later[i].at_ms;
    for (int way = 0; way < 2; way++)
        if (held->swapped[way] && held->swap_until_ms[way] < due_ms)
            due_ms = held->swap_until_ms[way];
    return due_ms;
}
