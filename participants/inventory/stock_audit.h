/* Inventory's books: whether stock, promises and imported totals agree. */
#ifndef ZSAGA_STOCK_AUDIT_H
#define ZSAGA_STOCK_AUDIT_H

#include "participant.h"

/* As participant_service.audit; needs nothing of `self`. */
int stock_audit(void *self, struct db *db, struct audit *audit, struct err *err);

#endif
