#include "mutate.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define FIELDS_MAX 200
#define DEPTH_MAX 5
#define NUMBERS_MAX 14 /* Of fields that are made up. */
#define VARINT_MAX 10

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* A field of a packed message, as it stands there. */
struct field {
    struct bytes whole;
    uint64_t key;
    struct bytes value; /* Behind the key and, of WIRE_BYTES, the length. */
};

struct fields {
    struct field list[FIELDS_MAX];
    size_t count;
};

static bool is_lucky(struct rng *rng, unsigned one_in)
{
    return rng_below(rng, one_in) == 0;
}

/* Plain bytes. */

static uint8_t odd_byte(struct rng *rng)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '\n', '"', ',', '0', '9', ' ', '='};
    return is_lucky(rng, 2) ? odd[rng_below(rng, sizeof odd)] : (uint8_t)rng_next(rng);
}

static size_t insert_some(struct rng *rng, uint8_t *data, size_t len, size_t max)
{
    size_t more = 1 + rng_below(rng, is_lucky(rng, 8) ? 64 : 4);
    size_t at = rng_below(rng, len + 1);
    if (more > max - len)
        return len;
    memmove(data + at + more, data + at, len - at);
    for (size_t i = 0; i < more; i++)
        data[at + i] = odd_byte(rng);
    return len + more;
}

static size_t erase_some(struct rng *rng, uint8_t *data, size_t len)
{
    size_t at = rng_below(rng, len);
    size_t less = 1 + rng_below(rng, is_lucky(rng, 4) ? len - at : 4);
    less = less > len - at ? len - at : less;
    memmove(data + at, data + at + less, len - at - less);
    return len - less;
}

static size_t double_some(struct rng *rng, uint8_t *data, size_t len, size_t max)
{
    size_t from = rng_below(rng, len);
    size_t count = 1 + rng_below(rng, len - from);
    size_t at = rng_below(rng, len + 1);
    if (count > max - len)
        return len;
    uint8_t *copy = xmemdup(data + from, count);
    memmove(data + at + count, data + at, len - at);
    memcpy(data + at, copy, count);
    free(copy);
    return len + count;
}

size_t mutate_bytes(struct rng *rng, uint8_t *data, size_t len, size_t max)
{
    for (uint64_t times = 1 + rng_below(rng, 4); times > 0; times--) {
        uint64_t way = rng_below(rng, 6);
        if (way == 0 || len == 0)
            len = insert_some(rng, data, len, max);
        else if (way == 1)
            len = erase_some(rng, data, len);
        else if (way == 2)
            len = double_some(rng, data, len, max);
        else if (way == 3)
            data[rng_below(rng, len)] ^= (uint8_t)(1U << rng_below(rng, 8));
        else
            data[rng_below(rng, len)] = odd_byte(rng);
    }
    return len;
}

static void add_plain(struct rng *rng, mutate_plain plain, struct bytes from, struct buffer *to,
                      size_t max)
{
    size_t room = from.len + 64 < max ? from.len + 64 : max > from.len ? max : from.len;
    uint8_t *copy = xcalloc(1, room + 1);
    if (from.len != 0)
        memcpy(copy, from.data, from.len);
    buffer_append(to, copy, plain(rng, copy, from.len, room));
    free(copy);
}

/* Packed messages. */

static bool read_varint(struct bytes *from, uint64_t *ret)
{
    *ret = 0;
    for (unsigned i = 0; i < VARINT_MAX && i < from->len; i++) {
        *ret |= (uint64_t)(from->data[i] & 0x7f) << (7 * i);
        if ((from->data[i] & 0x80) == 0) {
            from->data += i + 1;
            from->len -= i + 1;
            return true;
        }
    }
    return false;
}

static void put_varint(struct buffer *to, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        buffer_append(to, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

static bool read_field(struct bytes *from, struct field *ret)
{
    const uint8_t *start = from->data;
    uint64_t size = 0;
    if (!read_varint(from, &ret->key) || ret->key >> 3 == 0)
        return false;
    ret->value = *from;
    switch (ret->key & 7) {
    case WIRE_VARINT:
        if (!read_varint(from, &size))
            return false;
        size = 0;
        ret->value.len = (size_t)(from->data - ret->value.data);
        break;
    case WIRE_64:
        ret->value.len = size = 8;
        break;
    case WIRE_32:
        ret->value.len = size = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(from, &size))
            return false;
        ret->value = bytes_of(from->data, size);
        break;
    default:
        return false;
    }
    if (size > from->len)
        return false;
    from->data += size;
    from->len -= size;
    ret->whole = bytes_of(start, (size_t)(from->data - start));
    return true;
}

static bool read_fields(struct bytes from, struct fields *ret)
{
    ret->count = 0;
    while (from.len > 0) {
        if (ret->count == FIELDS_MAX || !read_field(&from, &ret->list[ret->count]))
            return false;
        ret->count++;
    }
    return ret->count > 0;
}

static void put_odd_number(struct rng *rng, struct buffer *to)
{
    uint64_t value = rng_next(rng) >> rng_below(rng, 64);
    if (is_lucky(rng, 2))
        value = (UINT64_C(1) << rng_below(rng, 64)) - rng_below(rng, 3);
    if (is_lucky(rng, 3))
        value = rng_below(rng, 12);
    put_varint(to, value);
}

static void put_odd_field(struct rng *rng, struct buffer *to)
{
    uint64_t number = 1 + rng_below(rng, NUMBERS_MAX);
    if (is_lucky(rng, 2)) {
        put_varint(to, number << 3 | WIRE_VARINT);
        put_odd_number(rng, to);
        return;
    }
    uint64_t len = rng_below(rng, 20);
    put_varint(to, number << 3 | WIRE_BYTES);
    put_varint(to, len);
    for (uint64_t i = 0; i < len; i++)
        buffer_append(to, &(uint8_t){odd_byte(rng)}, 1);
}

static void add_wire(struct rng *rng, mutate_plain plain, struct bytes from, struct buffer *to,
                     size_t max, int depth);

/* The field with another value of its kind. */
static void put_changed(struct rng *rng, mutate_plain plain, const struct field *field,
                        struct buffer *to, size_t max, int depth)
{
    struct buffer inner = {0};
    put_varint(to, field->key);
    switch (field->key & 7) {
    case WIRE_VARINT:
        put_odd_number(rng, to);
        return;
    case WIRE_BYTES:
        add_wire(rng, plain, field->value, &inner, max, depth + 1);
        put_varint(to, inner.len);
        break;
    default:
        add_plain(rng, mutate_bytes, field->value, &inner, field->value.len);
        inner.len = inner.len < field->value.len ? inner.len : field->value.len;
        buffer_append(&inner, field->value.data + inner.len, field->value.len - inner.len);
        break;
    }
    buffer_append(to, inner.data, inner.len);
    buffer_release(&inner);
}

static void add_fields(struct rng *rng, mutate_plain plain, const struct fields *fields,
                       struct buffer *to, size_t max, int depth)
{
    uint64_t way = rng_below(rng, 12);
    size_t chosen = rng_below(rng, fields->count);
    size_t other = rng_below(rng, fields->count);
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->list[i];
        if (i == chosen && way == 0)
            continue; /* Left out. */
        if (i == chosen && way == 1)
            put_odd_field(rng, to);
        if (i == chosen && way == 2)
            field = &fields->list[other];
        if (i == other && way == 2)
            field = &fields->list[chosen];
        if (i == chosen && way == 3)
            buffer_append(to, field->whole.data, field->whole.len); /* Twice. */
        if (i == chosen && way > 3)
            put_changed(rng, plain, field, to, max, depth);
        else
            buffer_append(to, field->whole.data, field->whole.len);
    }
}

static void add_wire(struct rng *rng, mutate_plain plain, struct bytes from, struct buffer *to,
                     size_t max, int depth)
{
    struct fields *fields = xcalloc(1, sizeof *fields);
    if (from.len == 0 && is_lucky(rng, 2))
        put_odd_field(rng, to);
    else if (depth < DEPTH_MAX && !is_lucky(rng, 8) && read_fields(from, fields))
        add_fields(rng, plain, fields, to, max, depth);
    else
        add_plain(rng, plain, from, to, max);
    free(fields);
}

/* Stories. */

static void put_changed_step(struct rng *rng, mutate_plain plain, const struct fuzz_step *step,
                             struct buffer *to, size_t max)
{
    struct buffer payload = {0};
    uint8_t op = step->op;
    if (is_lucky(rng, 6))
        op = (uint8_t)(is_lucky(rng, 2) ? rng_next(rng) : op ^ UINT64_C(1) << rng_below(rng, 8));
    else
        add_wire(rng, plain, step->payload, &payload, max, 0);
    if (op != step->op)
        buffer_append(&payload, step->payload.data, step->payload.len);
    fuzz_add_step(to, op, buffer_bytes(&payload));
    buffer_release(&payload);
}

static size_t read_steps(struct bytes from, struct fuzz_step *steps)
{
    struct fuzz_input input = {from.data, from.len};
    size_t count = 0;
    while (count < FUZZ_STEPS_MAX && fuzz_next_step(&input, &steps[count]))
        count++;
    return count;
}

static void add_story(struct rng *rng, mutate_plain plain, struct bytes from, struct buffer *to,
                      size_t max)
{
    struct fuzz_step steps[FUZZ_STEPS_MAX];
    size_t count = read_steps(from, steps);
    uint64_t way = rng_below(rng, 12);
    size_t chosen = count == 0 ? 0 : rng_below(rng, count);
    size_t other = count == 0 ? 0 : rng_below(rng, count);
    for (size_t i = 0; i < count; i++) {
        if (i == chosen && way == 0 && count > 1)
            continue;
        if (i == chosen && way == 1)
            fuzz_add_step(to, steps[other].op, steps[other].payload);
        if (i == chosen && way == 2)
            fuzz_add_step(to, (uint8_t)rng_next(rng), steps[other].payload);
        if (i == chosen && way > 2)
            put_changed_step(rng, plain, &steps[i], to, max);
        else
            fuzz_add_step(to, steps[i].op, steps[i].payload);
    }
    if (count == 0)
        fuzz_add_step(to, (uint8_t)rng_next(rng), bytes_of("", 0));
}

size_t mutate(struct rng *rng, mutate_plain plain, uint8_t *data, size_t len, size_t max)
{
    struct buffer to = {0};
    size_t skip = fuzz_shape_skip < len ? fuzz_shape_skip : len;
    if (fuzz_shape == FUZZ_TEXT || is_lucky(rng, 16))
        return plain(rng, data, len, max);
    buffer_append(&to, data, skip);
    const struct bytes rest = bytes_of(data + skip, len - skip);
    if (fuzz_shape == FUZZ_WIRE)
        add_wire(rng, plain, rest, &to, max, 0);
    else
        add_story(rng, plain, rest, &to, max);
    if (skip != 0 && is_lucky(rng, 10))
        to.data[rng_below(rng, skip)] = (uint8_t)rng_next(rng);
    len = to.len < max ? to.len : max;
    if (len != 0)
        memcpy(data, to.data, len);
    buffer_release(&to);
    return len;
}
