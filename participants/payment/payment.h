/* Payment: charges orders to the credit of their customers, and refunds them. */
#ifndef ZSAGA_PAYMENT_H
#define ZSAGA_PAYMENT_H

#include "participant.h"

extern const struct participant_service payment_service;

#endif
