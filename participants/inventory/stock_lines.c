#include "stock_lines.h"

#include <assert.h>

#include "base/text.h"

#define VARINT_SIZE_MAX 9 /* Of a number below 2^63. */

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        to[len++] = (uint8_t)(value | 0x80);
    to[len++] = (uint8_t)value;
    return len;
}

void stock_lines_pack(const struct stock_line *lines, size_t count, struct buffer *to)
{
    for (size_t i = 0; i < count; i++) {
        assert(lines[i].sku.len <= TEXT_NAME_MAX);
        assert(lines[i].quantity > 0);
        uint8_t number[VARINT_SIZE_MAX];
        size_t number_len = put_varint(number, (uint64_t)lines[i].quantity);
        uint8_t sku_len = (uint8_t)lines[i].sku.len;
        buffer_append(to, &sku_len, 1);
        buffer_append(to, lines[i].sku.data, sku_len);
        buffer_append(to, number, number_len);
    }
}

/* Takes a varint off *packed; 0 when there is none of at most VARINT_SIZE_MAX bytes. */
static int64_t take_varint(struct bytes *packed)
{
    uint64_t value = 0;
    for (size_t i = 0; i < packed->len && i < VARINT_SIZE_MAX; i++) {
        uint8_t byte = packed->data[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *packed = bytes_of(packed->data + i + 1, packed->len - i - 1);
            return (int64_t)value;
        }
    }
    return 0;
}

int stock_lines_next(struct bytes *packed, struct stock_line *ret, struct err *err)
{
    if (packed->len == 0)
        return 0;
    size_t sku_len = packed->data[0];
    if (sku_len == 0 || sku_len > TEXT_NAME_MAX || packed->len - 1 < sku_len)
        return err_set(err, ERR_CORRUPT, "a reservation's lines are damaged");
    ret->sku = bytes_of(packed->data + 1, sku_len);
    *packed = bytes_of(packed->data + 1 + sku_len, packed->len - 1 - sku_len);
    ret->quantity = take_varint(packed);
    if (ret->quantity <= 0)
        return err_set(err, ERR_CORRUPT, "a reservation's lines are damaged");
    return 1;
}
