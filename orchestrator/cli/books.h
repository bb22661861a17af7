/* The books across services: what sagas that had ended left behind in each of them. Pure.
 *
 * A saga that was final before the services were read has settled: a completed one must be found
 * whole in all of them, of a compensated one nothing may be left. What is there without a saga, in
 * a listing taken after the services were read, came from nowhere. */
#ifndef ZSAGA_CLI_BOOKS_H
#define ZSAGA_CLI_BOOKS_H

#include <stdbool.h>

#include "rowset.h"

/* Columns of a listing of sagas. */
enum { BOOKS_KEY, BOOKS_STATE, BOOKS_DEFINITION, BOOKS_REASON, BOOKS_LISTING_COLUMNS };

struct books {
    struct rowset before; /* Sagas listed before the services were read; by key. */
    struct rowset after;  /* ... and after. */
    struct rowset orders; /* As exported, sorted by order_id. */
    struct rowset payments;
    struct rowset shipments;
    struct rowset reservations;
};

typedef void (*books_check)(void *self, const char *name, bool ok, const char *detail);
void books_audit(const struct books *books, books_check check, void *self);
/* Only what holds of sagas whatever services they use: none of those before is in attention. */
void books_audit_sagas(const struct books *books, books_check check, void *self);

#endif
