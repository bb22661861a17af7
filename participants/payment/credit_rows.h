/* Payment's rows: an account by customer, a charge by saga. */
#ifndef ZSAGA_CREDIT_ROWS_H
#define ZSAGA_CREDIT_ROWS_H

#include "credit_rules.h"
#include "order_saga/totals.h"
#include "participant.h"

#define CREDIT_ROWS_SCHEMA_COUNT 1
extern const char *const credit_rows_schema[CREDIT_ROWS_SCHEMA_COUNT];

enum {
    ACCOUNT_CREDIT,
    ACCOUNT_TAKE,
    CHARGE_ADD,
    CHARGE_FIND,
    CHARGE_REFUND,
    ACCOUNT_CHARGED,
    ACCOUNT_IMPORT,
    ACCOUNT_PAGE,
    CHARGE_PAGE,
    CREDIT_STATEMENT_COUNT
};

struct credit_rows {
    struct db *db;
    sqlite3_stmt *statements[CREDIT_STATEMENT_COUNT];
};

int credit_rows_open(struct credit_rows *rows, struct db *db, struct err *err);
void credit_rows_close(struct credit_rows *rows);

int credit_rows_credit(struct credit_rows *rows, struct bytes customer_id, struct credit *ret,
                       struct err *err);

struct charge {
    struct bytes order_id;
    struct bytes customer_id;
    int64_t amount_cents;
};

/* Takes the amount from the customer's credit and writes down the charge. */
int credit_rows_charge(struct credit_rows *rows, const struct id *saga, const struct charge *charge,
                       struct err *err);

/* Finds the saga's charge that is not refunded yet, copied into `arena`. 1: there it is; 0: there
 * is none. */
int credit_rows_find(struct credit_rows *rows, const struct id *saga, struct arena *arena,
                     struct charge *ret, struct err *err);

/* Gives the amount of what credit_rows_find() found back, and marks the charge as refunded. */
int credit_rows_refund(struct credit_rows *rows, const struct id *saga, const struct charge *charge,
                       struct err *err);

/* Sets the imported total of a customer. ERR_INVALID: more of it is charged. */
int credit_rows_import(struct credit_rows *rows, const struct total *total, struct err *err);

#endif
