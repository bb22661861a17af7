/* The read model: what the observer knows, a fold of the logs it follows.
 *
 * Each row is written from one publisher's log alone and holds that publisher's stamps only, so the
 * order in which different logs are read does not matter, and a model built anew equals the one
 * that lived through it all, as far as the logs reach. Events change memory; each commit writes
 * what changed. */
#ifndef ZSAGA_OBSERVER_MODEL_H
#define ZSAGA_OBSERVER_MODEL_H

#include <stdbool.h>

#include "consumer.h"
#include "orders.h"
#include "sagas.h"
#include "services.h"

#define MODEL_KEEP 1000000 /* Finished sagas, and settled orders, whose rows stay. */

struct model {
    struct db *db;
    bool loaded; /* Memory is what the tables say, and what came since. */
    struct sagas sagas;
    struct orders orders;
    struct services services;
};

extern const char *const model_schema[];
#define MODEL_SCHEMA_COUNT 3

#define MODEL_TABLE_COUNT 4
extern const struct participant_table model_tables[MODEL_TABLE_COUNT]; /* `self` is the model. */

/* As struct consumer_service has them; `self` is the model, zeroed before it is opened. */
int model_open(void *self, struct db *db, struct config_node *settings, struct err *err);
void model_close(void *self);
int model_apply(void *self, const struct consumer_event *event, struct err *err);
int model_flush(void *self, struct err *err);
void model_forget(void *self);
int model_reset(void *self, const char *publisher, struct err *err);

/* After model_forget() memory is read anew by whoever needs it first. */
int model_load(struct model *model, struct err *err);

#endif
