#include "conformance_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/packed.h"
#include "base/text.h"
#include "base/xalloc.h"

#define TEXT_SHOWN_MAX 100

void words_add_list(struct buffer *to, const char *format, va_list args)
{
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    if (len < 0)
        abort();
    buffer_append(to, text, (size_t)len);
    free(text);
}

void words_add(struct buffer *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    words_add_list(to, format, args);
    va_end(args);
}

const char *words_text(struct buffer *buffer)
{
    buffer_append(buffer, "", 1);
    buffer->len--;
    return (const char *)buffer->data;
}

static bool is_readable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return text.len <= TEXT_SHOWN_MAX && text_is_utf8(text);
}

void words_bytes(struct buffer *to, ProtobufCBinaryData data)
{
    if (is_readable(packed_view(data)))
        words_add(to, "\"%.*s\"", (int)data.len, (const char *)data.data);
    else
        words_add(to, "%zu bytes", data.len);
}

static void add_saga(struct buffer *to, ProtobufCBinaryData saga)
{
    struct id id;
    char text[ID_TEXT_SIZE];
    if (id_from_bytes(packed_view(saga), &id))
        words_add(to, "saga %s", id_text(&id, text));
    else
        words_add(to, "saga of %zu bytes", saga.len);
}

static const char *direction_name(Zsaga__Direction direction)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&zsaga__direction__descriptor, (int)direction);
    return value == NULL ? "unknown direction" : value->name;
}

const char *words_outcome(Zsaga__Outcome outcome)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&zsaga__outcome__descriptor, (int)outcome);
    return value == NULL ? "unknown outcome" : value->name;
}

void words_command(struct buffer *to, const Zsaga__Command *command)
{
    words_add(to, "%s ", direction_name(command->direction));
    words_bytes(to, command->name);
    words_add(to, ", ");
    add_saga(to, command->saga);
    words_add(to, " step %u attempt %u%s, input ", command->step, command->attempt,
              command->retriable ? " retriable" : "");
    words_bytes(to, command->input);
    if (command->n_outputs != 0)
        words_add(to, ", %zu outputs", command->n_outputs);
}

static void add_reply(struct buffer *to, const Zsaga__Reply *reply)
{
    words_add(to, "reply %s, code ", words_outcome(reply->outcome));
    words_bytes(to, reply->code);
    words_add(to, ", message ");
    words_bytes(to, reply->message);
    words_add(to, ", output ");
    words_bytes(to, reply->output);
    words_add(to, " (to %s, ", direction_name(reply->direction));
    add_saga(to, reply->saga);
    words_add(to, " step %u attempt %u epoch %" PRIu64 ")", reply->step, reply->attempt,
              reply->epoch);
}

static void add_reject(struct buffer *to, const Zsaga__Reject *reject)
{
    words_add(to, "reject of frame %" PRIu64 ", ", reject->frame);
    if (reject->index == UINT32_MAX)
        words_add(to, "the whole frame");
    else
        words_add(to, "index %u", reject->index);
    words_add(to, ", code ");
    words_bytes(to, reject->code);
    words_add(to, ", message ");
    words_bytes(to, reject->message);
}

static void add_stale(struct buffer *to, const Zsaga__StaleEpoch *stale)
{
    words_add(to,
              "stale_epoch, refused %" PRIu64 "/%" PRIx64 ", held %" PRIu64 "/%" PRIx64
              ", for_saga_id %s",
              stale->refused_epoch, stale->refused_nonce, stale->held_epoch, stale->held_nonce,
              stale->for_saga_id ? "true" : "false");
}

void words_answer(struct buffer *to, const Zsaga__Answer *answer)
{
    switch (answer->kind_case) {
    case ZSAGA__ANSWER__KIND_REPLY:
        add_reply(to, answer->reply);
        break;
    case ZSAGA__ANSWER__KIND_WELCOME:
        words_add(to, "welcome to hello %" PRIu64 ", head %" PRIu64 ", floor %" PRIu64 "/%" PRIu64,
                  answer->welcome->number, answer->welcome->head, answer->welcome->floor_epoch,
                  answer->welcome->floor_version);
        break;
    case ZSAGA__ANSWER__KIND_REJECT:
        add_reject(to, answer->reject);
        break;
    case ZSAGA__ANSWER__KIND_STALE_EPOCH:
        add_stale(to, answer->stale_epoch);
        break;
    default:
        words_add(to, "an answer of no kind that there is");
    }
}
