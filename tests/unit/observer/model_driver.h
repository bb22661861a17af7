/* A read model in a test: told of made up events, and looked at through its export. */
#ifndef ZSAGA_MODEL_DRIVER_H
#define ZSAGA_MODEL_DRIVER_H

#include "model.h"
#include "temp_store.h"

/* What the orchestrator tells of a saga; what is NULL or 0 is left empty. */
struct told {
    const char *type;
    uint32_t saga; /* Its number: the id sorts by it. */
    uint32_t state;
    const char *step; /* Of the four below. */
    bool undo;
    uint32_t attempts;
    const char *code;
    const char *words;
    const char *reason;
    int64_t wall_ms;
    const char *key; /* NULL: "K" and the saga's number. */
};

/* The definition of all sagas here: create@order, reserve@stock, charge@bank, confirm@order. */
#define TOLD_STEPS 4

struct model_driver {
    struct temp_store *store;
    struct config *config; /* Of `keep`. */
    struct model *model;
    uint64_t saga_seq; /* Of the last event told. */
    uint64_t order_seq;
    struct buffer payload;
};

struct model_driver *model_driver_new(int keep);
void model_driver_free(struct model_driver *driver);
void model_driver_restart(struct model_driver *driver); /* As a process would. */

/* All that is told between two commits is one batch. */
void model_driver_begin(struct model_driver *driver);
void model_driver_commit(struct model_driver *driver);
void model_driver_take_back(struct model_driver *driver); /* Instead of a commit. */

void model_driver_tell(struct model_driver *driver, const struct told *told);
void model_driver_tell_order(struct model_driver *driver, const char *type, const char *order_id,
                             int64_t cents);
/* Any bytes, as an event of a publisher. */
void model_driver_tell_raw(struct model_driver *driver, const char *publisher, const char *type,
                           struct bytes payload);

/* The packed event of what is told, into `to`. */
void told_pack(const struct told *told, struct buffer *to);

/* Each table by its name. Allocated. */
char *model_driver_dump(struct model_driver *driver);
char *model_driver_export(struct model_driver *driver, const char *table);

/* The row of an open saga; fails the test when there is none. */
const struct saga_row *model_driver_saga(struct model_driver *driver, uint32_t saga);

/* A whole saga, told one event after another: completed, or compensated for what `code` says, each
 * event 10 ms after the last one. Returns how many events it has. */
size_t told_life(uint32_t saga, const char *code, int64_t wall_ms, struct told *to, size_t room);

#endif
