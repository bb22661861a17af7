/* Shapes: a definition's name and steps, held once for all the sagas that have them. */
#ifndef ZSAGA_OBSERVER_SHAPE_H
#define ZSAGA_OBSERVER_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define SHAPE_STEPS_MAX 32 /* As a definition may have. */
#define SHAPE_NAME_MAX 255 /* Bytes; longer ones are cut. */

struct shape_step {
    struct bytes name;
    struct bytes participant;
    struct bytes kind; /* Empty: not known. */
};

/* Never changes; freed with its last user. */
struct shape {
    unsigned users;
    struct bytes definition; /* All bytes are in `packed`. */
    size_t step_count;
    struct shape_step steps[SHAPE_STEPS_MAX];
    struct bytes packed;
};

/* Those seen lately: more are not looked through, so at worst two sagas do not share theirs. */
#define SHAPES_RECENT 16
struct shapes {
    struct shape *recent[SHAPES_RECENT];
    size_t next;
};

void shapes_release(struct shapes *shapes);

/* Copies; at most SHAPE_STEPS_MAX steps. Free it with shape_drop(). */
struct shape *shapes_take(struct shapes *shapes, struct bytes definition,
                          const struct shape_step *steps, size_t step_count);
/* Of what was shape->packed; NULL when it is not such. */
struct shape *shapes_unpack(struct shapes *shapes, struct bytes packed);
/* `from` with one more step, or NULL when it is full. */
struct shape *shapes_extend(struct shapes *shapes, const struct shape *from,
                            const struct shape_step *step);

struct shape *shape_keep(struct shape *shape); /* One more user. */
void shape_drop(struct shape *shape);          /* One less; accepts NULL. */

/* Its place, or -1. */
int shape_find(const struct shape *shape, struct bytes step);

#endif
