#include "shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static void put(struct buffer *to, struct bytes name)
{
    uint8_t len = name.len > SHAPE_NAME_MAX ? SHAPE_NAME_MAX : (uint8_t)name.len;
    buffer_append(to, &len, 1);
    buffer_append(to, name.data, len);
}

/* The next name of `from`, or false when it is cut. */
static bool get(struct bytes *from, struct bytes *ret)
{
    if (from->len == 0 || from->len - 1 < from->data[0])
        return false;
    *ret = bytes_of(from->data + 1, from->data[0]);
    *from = bytes_of(from->data + 1 + ret->len, from->len - 1 - ret->len);
    return true;
}

static bool read_packed(struct shape *shape)
{
    struct bytes rest = shape->packed;
    if (!get(&rest, &shape->definition))
        return false;
    while (rest.len != 0) {
        if (shape->step_count == SHAPE_STEPS_MAX)
            return false;
        struct shape_step *step = &shape->steps[shape->step_count++];
        if (!get(&rest, &step->name) || !get(&rest, &step->participant) || !get(&rest, &step->kind))
            return false;
    }
    return true;
}

struct shape *shape_keep(struct shape *shape)
{
    shape->users++;
    return shape;
}

void shape_drop(struct shape *shape)
{
    if (shape == NULL || --shape->users != 0)
        return;
    free((void *)(uintptr_t)shape->packed.data);
    free(shape);
}

void shapes_release(struct shapes *shapes)
{
    for (size_t i = 0; i < SHAPES_RECENT; i++)
        shape_drop(shapes->recent[i]);
    *shapes = (struct shapes){0};
}

struct shape *shapes_unpack(struct shapes *shapes, struct bytes packed)
{
    for (size_t i = 0; i < SHAPES_RECENT; i++)
        if (shapes->recent[i] != NULL && bytes_equal(shapes->recent[i]->packed, packed))
            return shape_keep(shapes->recent[i]);
    struct shape *shape = xcalloc(1, sizeof *shape);
    shape->users = 1;
    shape->packed = bytes_of(xmemdup(packed.data, packed.len), packed.len);
    if (!read_packed(shape)) {
        shape_drop(shape);
        return NULL;
    }
    shape_drop(shapes->recent[shapes->next]);
    shapes->recent[shapes->next] = shape_keep(shape);
    shapes->next = (shapes->next + 1) % SHAPES_RECENT;
    return shape;
}

struct shape *shapes_take(struct shapes *shapes, struct bytes definition,
                          const struct shape_step *steps, size_t step_count)
{
    struct buffer packed = {0};
    put(&packed, definition);
    for (size_t i = 0; i < step_count && i < SHAPE_STEPS_MAX; i++) {
        put(&packed, steps[i].name);
        put(&packed, steps[i].participant);
        put(&packed, steps[i].kind);
    }
    struct shape *shape = shapes_unpack(shapes, buffer_bytes(&packed));
    assert(shape != NULL);
    buffer_release(&packed);
    return shape;
}

struct shape *shapes_extend(struct shapes *shapes, const struct shape *from,
                            const struct shape_step *step)
{
    if (from->step_count == SHAPE_STEPS_MAX)
        return NULL;
    struct buffer packed = {0};
    buffer_append(&packed, from->packed.data, from->packed.len);
    put(&packed, step->name);
    put(&packed, step->participant);
    put(&packed, step->kind);
    struct shape *shape = shapes_unpack(shapes, buffer_bytes(&packed));
    assert(shape != NULL);
    buffer_release(&packed);
    return shape;
}

int shape_find(const struct shape *shape, struct bytes step)
{
    if (step.len > SHAPE_NAME_MAX)
        step.len = SHAPE_NAME_MAX;
    for (size_t i = 0; i < shape->step_count; i++)
        if (bytes_equal(shape->steps[i].name, step))
            return (int)i;
    return -1;
}
