/* The floor: below it every saga of this orchestrator that is not listed is final. */
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/xalloc.h"
#include "orchestrator_internal.h"
#include "store/fence.h"

#define FLOOR_EVERY_MS 5000

static int order_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

static void list_open(struct orchestrator *self, struct buffer *ids)
{
    for (size_t i = 0; i < self->active.slot_count; i++)
        for (struct active *active = self->active.slots[i]; active != NULL; active = active->chain)
            if (!active->finished &&
                !(MUTANT(FLOOR_TOO_HIGH) && active->saga.state == SAGA_ATTENTION))
                buffer_append(ids, active->saga.id.bytes, ID_SIZE);
    if (ids->len != 0)
        qsort(ids->data, ids->len / ID_SIZE, ID_SIZE, order_ids);
}

/* Never above the last saga stored: an id that is still to be given must not be below it. */
static void choose(const struct buffer *open, const struct id *last, struct id *ret_floor,
                   size_t *ret_len)
{
    *ret_floor = *last;
    size_t len = 0;
    while (len < open->len && memcmp(open->data + len, last->bytes, ID_SIZE) < 0)
        len += ID_SIZE;
    if (len > (size_t)FENCE_OPEN_MAX * ID_SIZE) {
        len = (size_t)FENCE_OPEN_MAX * ID_SIZE;
        memcpy(ret_floor->bytes, open->data + len, ID_SIZE);
    }
    *ret_len = len;
}

void floor_refresh(struct orchestrator *self)
{
    bool fresh = self->floor_version != 0 && self->now_ms - self->floor_at_ms < FLOOR_EVERY_MS;
    if (fresh || id_is_zero(&self->sender.driver.last_saga))
        return;
    self->floor_at_ms = self->now_ms;
    struct buffer open = {0};
    list_open(self, &open);
    struct id floor;
    size_t len = 0;
    choose(&open, &self->sender.driver.last_saga, &floor, &len);
    bool same = self->floor_version != 0 && id_compare(&floor, &self->floor) == 0 &&
                bytes_equal(bytes_of(open.data, len), buffer_bytes(&self->floor_open));
    if (!same) {
        self->floor_version++;
        self->counters.floors++;
        self->counters.floors_open += len != 0;
        self->floor = floor;
        buffer_clear(&self->floor_open);
        buffer_append(&self->floor_open, open.data, len);
    }
    buffer_release(&open);
}
