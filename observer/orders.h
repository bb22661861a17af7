/* The orders, from the order participant's log: whose they are, and where each stands. */
#ifndef ZSAGA_OBSERVER_ORDERS_H
#define ZSAGA_OBSERVER_ORDERS_H

#include "consumer.h"
#include "ledger.h"
#include "wire/arena.h"

#define ORDERS_PUBLISHER "order"

struct orders {
    struct ledger ledger;
    struct arena arena; /* Of the event being applied. */
};

extern const char orders_schema[];

/* `keep`: orders confirmed or cancelled whose rows stay. */
int orders_open(struct orders *orders, struct db *db, uint64_t keep, struct err *err);
void orders_release(struct orders *orders); /* Also after a failed open. */
int orders_load(struct orders *orders, struct err *err);
void orders_forget(struct orders *orders);

/* ORDERS_MALFORMED: it tells of an order in a way nobody understands, and changes nothing. */
enum { ORDERS_MALFORMED = 1 };
int orders_apply(struct orders *orders, const struct consumer_event *event, struct err *err);
int orders_flush(struct orders *orders, struct err *err);
int orders_reset(struct orders *orders, struct err *err);

#define ORDERS_FIELD_COUNT 6
extern const char *const orders_fields[ORDERS_FIELD_COUNT];
int orders_page(struct orders *orders, struct bytes after, struct export_page *page,
                struct buffer *ret_next, struct err *err);

#endif
