/* The rule of credit: whether a customer's reaches for an order. No SQL here. */
#ifndef ZSAGA_CREDIT_RULES_H
#define ZSAGA_CREDIT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "order_saga/order_input.h"

/* What is known of a customer. */
struct credit {
    bool known;
    int64_t left_cents;
};

enum credit_verdict { CREDIT_SUFFICES, CREDIT_CUSTOMER_UNKNOWN, CREDIT_TOO_LOW };

enum credit_verdict credit_rules_judge(const struct credit *credit,
                                       const struct order_input *order);

#endif
