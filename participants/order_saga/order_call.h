/* What the handlers of the order saga do with their call: read its input, tell what happened. */
#ifndef ZSAGA_ORDER_CALL_H
#define ZSAGA_ORDER_CALL_H

#include <stdint.h>

#include "order_saga/order_input.h"
#include "participant.h"

/* What an event tells of an order; a field that its type has no use for is left empty. */
struct order_event {
    struct bytes order_id;
    struct bytes customer_id;
    int64_t amount_cents;
    int64_t units;
};

/* Reads the call's input into `arena`, which is reset first. Positive: an action's input was no
 * good and is refused as `malformed`, told by an event of `refused_type`; return that. */
int order_call_read(struct call *call, struct arena *arena, const char *refused_type,
                    struct order_input *ret);

/* The same for a handler that cannot refuse: bad input is an error. */
int order_call_read_again(struct call *call, struct arena *arena, struct order_input *ret,
                          struct err *err);

void order_call_tell(struct call *call, const char *type, const struct order_event *event);

/* For `return order_call_refuse(...)`: refuses, and tells of it by an event of `type`, which holds
 * `event` with the code and the words. */
int order_call_refuse(struct call *call, const char *type, const struct order_event *event,
                      const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
