/* The observer's node: a consumer's, and one port more, on which it answers what it knows.
 *
 * It has no port on which a command could leave. Questions that cannot be read are dropped; those
 * beyond OBSERVER_ASKS_MAX in one turn too, for they are asked again. */
#ifndef ZSAGA_OBSERVER_NODE_H
#define ZSAGA_OBSERVER_NODE_H

#include "consumer_node.h"
#include "model.h"

#define OBSERVER_ASKS_MAX 64
#define OBSERVER_PACE_MS 30 /* Of its commits: rows that change often are written once. */

extern const struct consumer_service observer_service;

/* The view's port: behind those of the consumer. */
#define OBSERVER_PORT_VIEW(publisher_count) ((uint8_t)(1 + 2 * (publisher_count)))

/* As consumer_node_new() for observer_service. */
int observer_node_new(const struct consumer_options *options, struct node_time now,
                      struct node **ret, struct err *err);

struct model *observer_node_model(struct node *node);
/* The consumer in it: its streams and counters. */
const struct node *observer_node_consumer(const struct node *node);

#endif
