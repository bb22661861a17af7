/* The monolith: the same orders without sagas, in this one process and one SQLite file.
 *
 * What one would write who had no services: a transaction for each order, with the rows that the
 * services write for it, through their own statements. An order that shipping would refuse is seen
 * before anything is moved, and written down as cancelled; so nothing is ever undone. The database
 * is opened as the services open theirs: WAL, synchronous=FULL. */
#ifndef ZSAGA_BENCH_MONOLITH_H
#define ZSAGA_BENCH_MONOLITH_H

#include <stdint.h>

#include "base/err.h"

struct monolith;

/* Makes the database with the world that the orders need. */
int monolith_open(const char *path, struct monolith **ret, struct err *err);
void monolith_free(struct monolith *monolith);
void monolith_freep(struct monolith **monolith_p);

/* One order, committed when this returns. */
int monolith_order(struct monolith *monolith, struct err *err);
uint64_t monolith_orders(const struct monolith *monolith);

/* ERR_CORRUPT unless its books show exactly what was ordered. */
int monolith_audit(struct monolith *monolith, struct err *err);

#endif
