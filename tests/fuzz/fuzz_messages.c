/* The messages of all conversations: what decodes is the same when it is packed and decoded again,
 * and decoding keeps its budget. The first byte says which message it is. */
#include <string.h>

#include "base/packed.h"
#include "client.pb-c.h"
#include "command.pb-c.h"
#include "event.pb-c.h"
#include "frame.pb-c.h"
#include "fuzz.h"
#include "order.pb-c.h"
#include "owner.pb-c.h"
#include "replay.pb-c.h"
#include "saga.pb-c.h"
#include "view.pb-c.h"
#include "wire/arena.h"

const enum fuzz_shape fuzz_shape = FUZZ_WIRE;
const size_t fuzz_shape_skip = 1;

#define BUDGET ((size_t)16 << 20)

static const ProtobufCMessageDescriptor *const kinds[] = {
    &zsaga__frame__descriptor,          &zsaga__request__descriptor,
    &zsaga__answer__descriptor,         &zsaga__client_request__descriptor,
    &zsaga__client_answer__descriptor,  &zsaga__publication__descriptor,
    &zsaga__replay_request__descriptor, &zsaga__replay_answer__descriptor,
    &zsaga__owner_request__descriptor,  &zsaga__owner_answer__descriptor,
    &zsaga__event_batch__descriptor,    &zsaga__saga_event__descriptor,
    &zsaga__order_event__descriptor,    &zsaga__order_input__descriptor,
    &zsaga__view_request__descriptor,   &zsaga__view_report__descriptor,
};

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *kind, struct arena *arena,
                                struct bytes from)
{
    ProtobufCMessage *message =
        protobuf_c_message_unpack(kind, &arena->allocator, from.len, from.data);
    fuzz_require(arena->used <= BUDGET, "decoding took more than it may");
    return message;
}

static void forget_unknown(ProtobufCMessage *message);

static void forget_in_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    uint8_t *start = (uint8_t *)message;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        const size_t count = *(const size_t *)(const void *)(start + field->quantifier_offset);
        ProtobufCMessage **list = *(ProtobufCMessage ***)(void *)(start + field->offset);
        for (size_t i = 0; i < count; i++)
            forget_unknown(list[i]);
        return;
    }
    const uint32_t kind = *(const uint32_t *)(const void *)(start + field->quantifier_offset);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || kind == field->id)
        forget_unknown(*(ProtobufCMessage **)(void *)(start + field->offset));
}

/* protobuf-c also takes, and then packs, fields with the number 0, which nobody decodes. We pack
 * nothing that we have not made. */
static void forget_unknown(ProtobufCMessage *message)
{
    if (message == NULL)
        return;
    message->n_unknown_fields = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        forget_in_field(message, &message->descriptor->fields[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const ProtobufCMessageDescriptor *kind =
        kinds[fuzz_u8(&input) % (sizeof kinds / sizeof *kinds)];
    struct arena first_arena;
    struct arena second_arena;
    struct buffer first = {0};
    struct buffer second = {0};
    arena_init(&first_arena, BUDGET);
    arena_init(&second_arena, BUDGET);
    ProtobufCMessage *message = unpack(kind, &first_arena, fuzz_rest(&input));
    if (message != NULL) {
        forget_unknown(message);
        packed_append(&first, message);
        ProtobufCMessage *again = unpack(kind, &second_arena, buffer_bytes(&first));
        fuzz_require(again != NULL, "a packed %s does not decode", kind->name);
        packed_append(&second, again);
        fuzz_require(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)),
                     "a %s changes on its way", kind->name);
    }
    buffer_release(&first);
    buffer_release(&second);
    arena_release(&first_arena);
    arena_release(&second_arena);
    return 0;
}
