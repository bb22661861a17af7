#include "order_rules.h"

#include <stddef.h>

#define TO(status) (1U << (status))

static const struct {
    const char *text;
    unsigned int next;
} rules[ORDER_STATUS_COUNT] = {
    [ORDER_NONE] = {"none", TO(ORDER_PENDING)},
    [ORDER_PENDING] = {"pending", TO(ORDER_CONFIRMED) | TO(ORDER_CANCELLED)},
    [ORDER_CONFIRMED] = {"confirmed", 0},
    [ORDER_CANCELLED] = {"cancelled", 0},
};

bool order_rules_may_become(enum order_status from, enum order_status to)
{
    return (rules[from].next & TO(to)) != 0;
}

const char *order_rules_status_text(enum order_status status)
{
    return rules[status].text;
}

bool order_rules_status_read(struct bytes text, enum order_status *ret)
{
    for (size_t i = ORDER_PENDING; i < ORDER_STATUS_COUNT; i++) {
        if (bytes_equal(text, bytes_text(rules[i].text))) {
            *ret = (enum order_status)i;
            return true;
        }
    }
    return false;
}
