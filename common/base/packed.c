#include "base/packed.h"

#include <assert.h>

#define VARINT_MAX 10 /* Bytes. */
#define LENGTH_DELIMITED 2

ProtobufCBinaryData packed_borrow(struct bytes bytes)
{
    union {
        const uint8_t *from;
        uint8_t *to;
    } cast = {.from = bytes.data};
    return (ProtobufCBinaryData){.len = bytes.len, .data = cast.to};
}

ProtobufCBinaryData packed_borrow_text(const char *text)
{
    return packed_borrow(bytes_text(text));
}

struct bytes packed_view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t len = 0;
    while (value >= 0x80) {
        to[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[len++] = (uint8_t)value;
    return len;
}

void packed_append_field(struct buffer *buffer, int number, const ProtobufCMessage *message)
{
    assert(number >= 1);
    assert(number <= 15);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *to = buffer_extend(buffer, 1 + VARINT_MAX + size);
    *to++ = (uint8_t)(number << 3 | LENGTH_DELIMITED);
    to += put_varint(to, size);
    to += protobuf_c_message_pack(message, to);
    buffer->len = (size_t)(to - buffer->data);
}

void packed_append(struct buffer *buffer, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    (void)protobuf_c_message_pack(message, buffer_extend(buffer, size));
}
