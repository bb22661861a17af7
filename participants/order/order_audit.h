/* The books of orders: whether each has a legal status and the total of what was ordered. */
#ifndef ZSAGA_ORDER_AUDIT_H
#define ZSAGA_ORDER_AUDIT_H

#include "participant.h"

/* As participant_service.audit; needs nothing of `self`. */
int order_audit(void *self, struct db *db, struct audit *audit, struct err *err);

#endif
