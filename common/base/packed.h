/* Packed protobuf: the few helpers that protobuf-c lacks. */
#ifndef ZSAGA_PACKED_H
#define ZSAGA_PACKED_H

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"

/* A view to put into a message that is only packed: protobuf-c has no const variant. */
ProtobufCBinaryData packed_borrow(struct bytes bytes);
ProtobufCBinaryData packed_borrow_text(const char *text);
struct bytes packed_view(ProtobufCBinaryData data);

/* Appends `message` as the length-delimited field `number` (1 to 15) of the message being built. */
void packed_append_field(struct buffer *buffer, int number, const ProtobufCMessage *message);

/* Packs the whole message behind what the buffer holds. */
void packed_append(struct buffer *buffer, const ProtobufCMessage *message);

#endif
