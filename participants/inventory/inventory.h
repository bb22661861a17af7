/* Inventory: promises stock to orders, all of an order or nothing, and takes promises back. */
#ifndef ZSAGA_INVENTORY_H
#define ZSAGA_INVENTORY_H

#include "participant.h"

extern const struct participant_service inventory_service;

#endif
