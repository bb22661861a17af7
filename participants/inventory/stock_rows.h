/* Inventory's rows: stock by sku, a reservation by saga. */
#ifndef ZSAGA_STOCK_ROWS_H
#define ZSAGA_STOCK_ROWS_H

#include "order_saga/totals.h"
#include "participant.h"
#include "stock_rules.h"

#define STOCK_ROWS_SCHEMA_COUNT 1
extern const char *const stock_rows_schema[STOCK_ROWS_SCHEMA_COUNT];

enum {
    STOCK_LEVEL,
    STOCK_MOVE,
    RESERVATION_ADD,
    RESERVATION_FIND,
    RESERVATION_RELEASE,
    STOCK_RESERVED,
    STOCK_IMPORT,
    STOCK_PAGE,
    RESERVATION_PAGE,
    STOCK_STATEMENT_COUNT
};

struct stock_rows {
    struct db *db;
    sqlite3_stmt *statements[STOCK_STATEMENT_COUNT];
};

int stock_rows_open(struct stock_rows *rows, struct db *db, struct err *err);
void stock_rows_close(struct stock_rows *rows);

int stock_rows_level(struct stock_rows *rows, struct bytes sku, struct stock_level *ret,
                     struct err *err);

/* Moves a line's quantity from on_hand to reserved, or back when `sign` is -1. */
int stock_rows_move(struct stock_rows *rows, const struct stock_line *line, int sign,
                    struct err *err);

struct reservation {
    struct bytes order_id;
    int64_t units;
    struct bytes lines; /* Packed, see stock_lines.h. */
};

int stock_rows_reserve(struct stock_rows *rows, const struct id *saga,
                       const struct reservation *reservation, struct err *err);

/* Finds the saga's reservation that is not released yet, copied into `arena`. 1: there it is; 0:
 * there is none. */
int stock_rows_find(struct stock_rows *rows, const struct id *saga, struct arena *arena,
                    struct reservation *ret, struct err *err);

/* Marks the saga's reservation as released. */
int stock_rows_release(struct stock_rows *rows, const struct id *saga, struct err *err);

/* Sets the imported total of a sku. ERR_INVALID: more of it is reserved. */
int stock_rows_import(struct stock_rows *rows, const struct total *total, struct err *err);

#endif
