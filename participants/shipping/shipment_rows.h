/* Shipping's rows: a shipment by saga. */
#ifndef ZSAGA_SHIPMENT_ROWS_H
#define ZSAGA_SHIPMENT_ROWS_H

#include "participant.h"
#include "wire/arena.h"

#define SHIPMENT_ROWS_SCHEMA_COUNT 1
extern const char *const shipment_rows_schema[SHIPMENT_ROWS_SCHEMA_COUNT];

enum { SHIPMENT_ADD, SHIPMENT_FIND, SHIPMENT_CANCEL, SHIPMENT_PAGE, SHIPMENT_STATEMENT_COUNT };

struct shipment_rows {
    struct db *db;
    sqlite3_stmt *statements[SHIPMENT_STATEMENT_COUNT];
};

int shipment_rows_open(struct shipment_rows *rows, struct db *db, struct err *err);
void shipment_rows_close(struct shipment_rows *rows);

struct shipment {
    struct bytes order_id;
    struct bytes country;
    int64_t units;
};

int shipment_rows_add(struct shipment_rows *rows, const struct id *saga,
                      const struct shipment *shipment, struct err *err);

/* Finds the saga's shipment that is not cancelled yet, copied into `arena` but for its country. 1:
 * there it is; 0: there is none. */
int shipment_rows_find(struct shipment_rows *rows, const struct id *saga, struct arena *arena,
                       struct shipment *ret, struct err *err);

int shipment_rows_cancel(struct shipment_rows *rows, const struct id *saga, struct err *err);

/* As participant_service.audit; needs nothing of `self`. */
int shipment_rows_audit(void *self, struct db *db, struct audit *audit, struct err *err);

#endif
