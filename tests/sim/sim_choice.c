#include "sim_choice.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

void sim_choice_open(struct sim_choice *choice, uint64_t seed, const struct sim_choice_tape *given,
                     struct sim_choice_tape *made)
{
    struct rng root;
    rng_seed(&root, seed ^ 0x63686f696365);
    for (size_t i = 0; i < SIM_CHOICE_STREAMS; i++) {
        struct sim_choice_stream *stream = &choice->streams[i];
        *stream = (struct sim_choice_stream){0};
        rng_seed(&stream->rng, rng_next(&root));
        if (given != NULL)
            stream->given = &given->lists[i];
        if (made != NULL)
            stream->made = &made->lists[i];
    }
}

struct sim_choice_stream *sim_choice_host(struct sim_choice *choice, uint8_t place)
{
    assert(place < SIM_CHOICE_PLACES);
    return &choice->streams[SIM_CHOICE_HOST + place];
}

struct sim_choice_stream *sim_choice_link(struct sim_choice *choice, uint8_t from, uint8_t to)
{
    assert(from < SIM_CHOICE_PLACES && to < SIM_CHOICE_PLACES);
    return &choice->streams[SIM_CHOICE_LINK + from * SIM_CHOICE_PLACES + to];
}

void sim_choice_list_add(struct sim_choice_list *list, uint64_t value)
{
    list->values = xgrow(list->values, &list->capacity, list->count + 1, sizeof *list->values);
    list->values[list->count++] = value;
}

static uint64_t play(struct sim_choice_stream *stream)
{
    return stream->at < stream->given->count ? stream->given->values[stream->at++] : 0;
}

static uint64_t keep(struct sim_choice_stream *stream, uint64_t value)
{
    if (stream->made != NULL)
        sim_choice_list_add(stream->made, value);
    return value;
}

uint64_t sim_choice_below(struct sim_choice_stream *stream, uint64_t bound)
{
    if (stream->given != NULL)
        return keep(stream, play(stream) % bound);
    return keep(stream, rng_below(&stream->rng, bound));
}

bool sim_choice_rarely(struct sim_choice_stream *stream, uint64_t n, uint64_t of)
{
    if (n == 0)
        return false;
    if (stream->given != NULL)
        return keep(stream, play(stream) != 0) != 0;
    return keep(stream, rng_below(&stream->rng, of) < n) != 0;
}

uint64_t sim_choice_draw(void *stream, uint64_t bound)
{
    return sim_choice_below(stream, bound);
}

const char *sim_choice_name(size_t stream, char *to, size_t size)
{
    static const char *const names[] = {"tries", "shapes", "faults", "client"};
    if (stream < SIM_CHOICE_HOST)
        (void)snprintf(to, size, "%s", names[stream]);
    else if (stream < SIM_CHOICE_LINK)
        (void)snprintf(to, size, "host%zu", stream - SIM_CHOICE_HOST);
    else if (stream == SIM_CHOICE_CLOCKS)
        (void)snprintf(to, size, "clocks");
    else
        (void)snprintf(to, size, "link%zu>%zu", (stream - SIM_CHOICE_LINK) / SIM_CHOICE_PLACES,
                       (stream - SIM_CHOICE_LINK) % SIM_CHOICE_PLACES);
    return to;
}

void sim_choice_tape_release(struct sim_choice_tape *tape)
{
    for (size_t i = 0; i < SIM_CHOICE_STREAMS; i++) {
        free(tape->lists[i].values);
        tape->lists[i] = (struct sim_choice_list){0};
    }
}
