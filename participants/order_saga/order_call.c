#include "order_saga/order_call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/packed.h"
#include "base/text.h"
#include "order.pb-c.h"

/* Two names, a code, words and two numbers, each with its tag and length. */
#define EVENT_SIZE_MAX (3 * (TEXT_NAME_MAX + 3) + PARTICIPANT_MESSAGE_MAX + 3 + 2 * 11)

static struct bytes pack(const struct order_event *event, const char *code, const char *message,
                         uint8_t to[EVENT_SIZE_MAX])
{
    Zsaga__OrderEvent packed = ZSAGA__ORDER_EVENT__INIT;
    packed.order_id = packed_borrow(event->order_id);
    packed.customer_id = packed_borrow(event->customer_id);
    packed.amount_cents = (uint64_t)event->amount_cents;
    packed.units = (uint64_t)event->units;
    packed.code = packed_borrow_text(code);
    packed.message = packed_borrow_text(message);
    assert(zsaga__order_event__get_packed_size(&packed) <= EVENT_SIZE_MAX);
    return bytes_of(to, zsaga__order_event__pack(&packed, to));
}

void order_call_tell(struct call *call, const char *type, const struct order_event *event)
{
    uint8_t packed[EVENT_SIZE_MAX];
    call_event(call, type, pack(event, "", "", packed));
}

int order_call_refuse(struct call *call, const char *type, const struct order_event *event,
                      const char *code, const char *format, ...)
{
    char words[PARTICIPANT_MESSAGE_MAX + 1];
    uint8_t packed[EVENT_SIZE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    call_refusal_event(call, type, pack(event, code, words, packed));
    return call_refuse(call, code, "%s", words);
}

int order_call_read_again(struct call *call, struct arena *arena, struct order_input *ret,
                          struct err *err)
{
    arena_reset(arena);
    return order_input_read(call_input(call), arena, ret, err);
}

int order_call_read(struct call *call, struct arena *arena, const char *refused_type,
                    struct order_input *ret)
{
    struct err err;
    if (order_call_read_again(call, arena, ret, &err) == 0)
        return 0;
    const struct order_event nothing_known = {0};
    return order_call_refuse(call, refused_type, &nothing_known, "malformed", "%s", err.text);
}
