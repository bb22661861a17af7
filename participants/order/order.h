/* Order: keeps the orders, what was ordered and where each stands. */
#ifndef ZSAGA_ORDER_H
#define ZSAGA_ORDER_H

#include "participant.h"

extern const struct participant_service order_service;

#endif
