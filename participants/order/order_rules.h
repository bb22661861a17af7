/* The life of an order. No SQL here.
 *
 *   (none) --create--> pending --confirm--> confirmed
 *                         |
 *                         +------cancel---> cancelled
 *
 * An order id belongs for ever to the saga that created it, also when it is cancelled. */
#ifndef ZSAGA_ORDER_RULES_H
#define ZSAGA_ORDER_RULES_H

#include <stdbool.h>

#include "base/bytes.h"

enum order_status { ORDER_NONE, ORDER_PENDING, ORDER_CONFIRMED, ORDER_CANCELLED };
#define ORDER_STATUS_COUNT 4

/* Whether an order of this saga may go from one status to another. */
bool order_rules_may_become(enum order_status from, enum order_status to);

/* As stored and exported; "none" for an order that is not there. */
const char *order_rules_status_text(enum order_status status);

/* False for a text that no order has. */
bool order_rules_status_read(struct bytes text, enum order_status *ret);

#endif
