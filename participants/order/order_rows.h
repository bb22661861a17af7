/* The rows of orders: where an order stands, in a small row by order id; what was ordered, written
 * once, by saga. */
#ifndef ZSAGA_ORDER_ROWS_H
#define ZSAGA_ORDER_ROWS_H

#include "order_rules.h"
#include "order_saga/order_input.h"
#include "participant.h"

#define ORDER_ROWS_SCHEMA_COUNT 1
extern const char *const order_rows_schema[ORDER_ROWS_SCHEMA_COUNT];

enum { ORDER_FIND, ORDER_ADD, ORDER_BODY_ADD, ORDER_SET_STATUS, ORDER_PAGE, ORDER_STATEMENT_COUNT };

struct order_rows {
    struct db *db;
    sqlite3_stmt *statements[ORDER_STATEMENT_COUNT];
};

int order_rows_open(struct order_rows *rows, struct db *db, struct err *err);
void order_rows_close(struct order_rows *rows);

/* Where an order stands, and whose it is. */
struct order_owner {
    enum order_status status; /* ORDER_NONE: there is no such order. */
    struct id saga;
};

int order_rows_find(struct order_rows *rows, struct bytes order_id, struct order_owner *ret,
                    struct err *err);

/* Adds a pending order. `input`: as the saga brought it. */
int order_rows_add(struct order_rows *rows, const struct id *saga, const struct order_input *order,
                   struct bytes input, struct err *err);

int order_rows_set_status(struct order_rows *rows, struct bytes order_id, enum order_status status,
                          struct err *err);

#endif
