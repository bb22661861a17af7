#include "credit_rules.h"

enum credit_verdict credit_rules_judge(const struct credit *credit, const struct order_input *order)
{
    if (!credit->known)
        return CREDIT_CUSTOMER_UNKNOWN;
    if (order->total_is_cut || order->total_cents > credit->left_cents)
        return CREDIT_TOO_LOW;
    return CREDIT_SUFFICES;
}
