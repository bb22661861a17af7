/* The rules of shipments: where they cannot go, and how large they may be. No SQL here. */
#ifndef ZSAGA_SHIPMENT_RULES_H
#define ZSAGA_SHIPMENT_RULES_H

#include "base/config.h"
#include "order_saga/order_input.h"

#define SHIPMENT_RULES_COUNTRIES_MAX 1000
#define SHIPMENT_RULES_OVERSIZE_UNITS 800

/* Begin with zeros; nothing can be delivered until it was read. */
struct shipment_rules {
    char **undeliverable; /* Countries, compared by byte. */
    size_t undeliverable_count;
    size_t undeliverable_capacity;
    int64_t oversize_units; /* More units than these, all skus together, are too many. */
};

/* Reads a participant's settings (NULL: the defaults):
 *
 *   undeliverable = Unspecified           # any number of lines; a single "" means none
 *   undeliverable = "European Community"
 *   oversize_units = 800
 */
int shipment_rules_read(struct shipment_rules *rules, struct config_node *settings,
                        struct err *err);
void shipment_rules_release(struct shipment_rules *rules);

enum shipment_verdict { SHIPMENT_POSSIBLE, SHIPMENT_UNDELIVERABLE, SHIPMENT_OVERSIZE };

enum shipment_verdict shipment_rules_judge(const struct shipment_rules *rules,
                                           const struct order_input *order);

#endif
