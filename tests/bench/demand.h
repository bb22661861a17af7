/* Demand: the orders of the benchmark, and the world they need.
 *
 * The n-th order of a prefix is the same in every run and for everybody: two items of different
 * skus, one order in ten to a country that shipping refuses. */
#ifndef ZSAGA_BENCH_DEMAND_H
#define ZSAGA_BENCH_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define DEMAND_SKUS 4000 /* As many as a middling shop has, and customers. */
#define DEMAND_CUSTOMERS 4000
#define DEMAND_ITEMS 2
#define DEMAND_REFUSED_EVERY 10
#define DEMAND_ON_HAND INT64_C(1000000000)           /* Of each sku. */
#define DEMAND_CREDIT_CENTS INT64_C(100000000000000) /* Of each customer. */
#define DEMAND_NAME_SIZE 40

struct demand_item {
    char sku[DEMAND_NAME_SIZE];
    uint32_t quantity;
    uint64_t unit_price_cents;
};

struct demand_order {
    char order_id[DEMAND_NAME_SIZE]; /* Also the saga's key. */
    char customer_id[DEMAND_NAME_SIZE];
    const char *country;
    struct demand_item items[DEMAND_ITEMS];
};

void demand_sku(unsigned number, char name[DEMAND_NAME_SIZE]);
void demand_customer(unsigned number, char name[DEMAND_NAME_SIZE]);

void demand_order(const char *prefix, uint64_t serial, struct demand_order *ret);
bool demand_is_refused(uint64_t serial);

/* The serial of an order id of that prefix; false: it is none. */
bool demand_serial(const char *prefix, struct bytes order_id, uint64_t *ret);

/* Replaces what is in `to` by the packed OrderInput. */
void demand_pack(const struct demand_order *order, struct buffer *to);

/* Writes the files that `zsaga up` imports. */
int demand_write_stock(const char *path, struct err *err);
int demand_write_customers(const char *path, struct err *err);

#endif
