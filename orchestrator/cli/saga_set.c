#include "saga_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Ids of one orchestrator differ in their time and counter most; mixed as in splitmix64. */
static size_t hash(const struct id *id)
{
    uint64_t halves[2];
    memcpy(halves, id->bytes, sizeof halves);
    uint64_t mixed = halves[0] ^ halves[1] * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(mixed ^ (mixed >> 31));
}

/* Where the id is, or would be put. */
static struct id *place_of(const struct saga_set *set, const struct id *id)
{
    size_t mask = set->place_count - 1;
    size_t at = hash(id) & mask;
    while (!id_is_zero(&set->places[at]) && id_compare(&set->places[at], id) != 0)
        at = (at + 1) & mask;
    return &set->places[at];
}

static void grow(struct saga_set *set)
{
    struct saga_set larger = {.place_count = set->place_count == 0 ? 64 : 2 * set->place_count,
                              .used = set->used};
    larger.places = xcalloc(larger.place_count, sizeof *larger.places);
    for (size_t i = 0; i < set->place_count; i++)
        if (!id_is_zero(&set->places[i]))
            *place_of(&larger, &set->places[i]) = set->places[i];
    free(set->places);
    *set = larger;
}

bool saga_set_add(struct saga_set *set, const struct id *id)
{
    if (4 * (set->used + 1) > 3 * set->place_count)
        grow(set);
    struct id *place = place_of(set, id);
    if (!id_is_zero(place))
        return false;
    *place = *id;
    set->used++;
    return true;
}

void saga_set_release(struct saga_set *set)
{
    free(set->places);
    *set = (struct saga_set){0};
}
