/* Shipping: schedules a shipment for an order, where and as large as it can go. */
#ifndef ZSAGA_SHIPPING_H
#define ZSAGA_SHIPPING_H

#include "participant.h"

extern const struct participant_service shipping_service;

#endif
