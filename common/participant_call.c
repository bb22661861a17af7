/* What a handler sees of its command: the call_*() functions of participant.h. */
#include <stdarg.h>
#include <stdio.h>

#include "base/packed.h"
#include "participant_internal.h"

struct bytes call_input(const struct call *call)
{
    return packed_view(call->command->input);
}

const struct id *call_saga(const struct call *call)
{
    return &call->saga;
}

bool call_again(const struct call *call)
{
    return call->again;
}

int64_t call_remaining_ms(const struct call *call)
{
    return (int64_t)call->command->remaining_ms;
}

int64_t call_wall_ms(const struct call *call)
{
    return call->wall_ms;
}

struct bytes call_traceparent(const struct call *call)
{
    return packed_view(call->command->traceparent);
}

struct db *call_db(struct call *call)
{
    return call->node->db;
}

void *call_self(struct call *call)
{
    return call->node->self;
}

struct bytes call_earlier(const struct call *call, const char *step)
{
    for (size_t i = 0; i < call->command->n_outputs; i++) {
        const Zsaga__StepOutput *output = call->command->outputs[i];
        if (bytes_equal(packed_view(output->step), bytes_text(step)))
            return packed_view(output->output);
    }
    return bytes_of(NULL, 0);
}

void call_output(struct call *call, struct bytes output)
{
    call->output_too_large = output.len > PARTICIPANT_OUTPUT_MAX;
    if (!call->output_too_large)
        call->output = participant_keep(call->node, output);
}

/* An event that is no good makes the handler's outcome an error. */
static bool check_event(struct call *call, const char *type, struct bytes payload)
{
    if (!text_is_token(bytes_text(type)))
        call->event_fault = "an event's type must be 1 to 64 of a-z A-Z 0-9 _ - .";
    else if (payload.len > OUTBOX_PAYLOAD_MAX)
        call->event_fault = "an event's payload is over 256 KiB";
    else
        return true;
    return false;
}

void call_event(struct call *call, const char *type, struct bytes payload)
{
    struct participant_node *node = call->node;
    if (!check_event(call, type, payload))
        return;
    uint8_t causation[ID_SIZE + 2];
    for (int i = 0; i < ID_SIZE; i++)
        causation[i] = call->saga.bytes[i];
    causation[ID_SIZE] = (uint8_t)call->command->step;
    causation[ID_SIZE + 1] = (uint8_t)call->command->direction;
    struct outbox_event event = {
        .id = id_next(&node->ids, call->wall_ms),
        .saga = id_view(&call->saga),
        .type = bytes_text(type),
        .wall_ms = call->wall_ms,
        .causation = bytes_of(causation, sizeof causation),
        .traceparent = call_traceparent(call),
        .payload = payload,
    };
    outbox_add(node->outbox, &event);
}

__attribute__((format(printf, 3, 0))) static void put_words(struct call *call, const char *code,
                                                            const char *format, va_list args)
{
    (void)snprintf(call->code, sizeof call->code, "%s", *code == '\0' ? "unnamed" : code);
    for (char *c = call->code; *c != '\0'; c++)
        if (!text_is_token(bytes_of(c, 1)))
            *c = '_'; /* A peer would take the whole answer for malformed. */
    char words[PARTICIPANT_MESSAGE_MAX + 1];
    (void)vsnprintf(words, sizeof words, format, args);
    text_to_utf8(bytes_text(words), call->message, sizeof call->message);
}

int call_refuse(struct call *call, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_words(call, code, format, args);
    va_end(args);
    return CALL_REFUSED;
}

void call_refusal_event(struct call *call, const char *type, struct bytes payload)
{
    if (!check_event(call, type, payload))
        return;
    call->refusal_event.type = type;
    call->refusal_event.payload = participant_keep(call->node, payload);
}

int call_retry(struct call *call, int64_t after_ms, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_words(call, code, format, args);
    va_end(args);
    call->retry_after_ms = after_ms < 0 ? 0 : after_ms;
    return CALL_RETRY;
}
