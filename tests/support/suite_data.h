/* Orders and worlds for tests: the real ones of tests/data, and made up ones. */
#ifndef ZSAGA_SUITE_DATA_H
#define ZSAGA_SUITE_DATA_H

#include <jansson.h>

#include "suite_process.h"

const char *suite_data_path(struct suite_process *suite, const char *name);   /* In tests/data. */
const char *suite_data_unpack(struct suite_process *suite, const char *name); /* Of a .gz there. */
const json_t *suite_data_json(struct suite_process *suite, const char *name);
const char *suite_data_read(struct suite_process *suite, const char *path); /* The whole file. */
/* Writes a file of these words; returns its path. */
const char *suite_data_write(struct suite_process *suite, const char *text);

#define SUITE_ORDERS_HEADER "order_id,customer_id,sku,quantity,unit_price_cents,country,placed_at\n"

/* Starts the suite in the world of tests/data. */
void suite_data_up_real(struct suite_process *suite);

/* A made up world in which the outcome of each order is known beforehand, whatever the order in
 * which they are dealt with: nothing ever runs out. Starts the suite in it. */
void suite_data_up_plenty(struct suite_process *suite);
void suite_data_import_plenty(struct suite_process *suite); /* The same into a suite as it is. */
/* A file of orders for it: PREFIX-0 to PREFIX-(count - 1); returns its path. Of ten, one has an
 * unknown SKU, one an undeliverable country, one is oversize; the others complete. */
const char *suite_data_orders(struct suite_process *suite, const char *prefix, int count);
/* Only such as complete. */
const char *suite_data_good_orders(struct suite_process *suite, const char *prefix, int count);
/* All of them ended as they must. */
void suite_data_expect_orders(struct suite_process *suite, const char *prefix, int count);
void suite_data_expect_ended(const json_t *sagas, const char *prefix, int count);

#endif
