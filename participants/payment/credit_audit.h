/* Payment's books: whether credit, charges and imported totals agree. */
#ifndef ZSAGA_CREDIT_AUDIT_H
#define ZSAGA_CREDIT_AUDIT_H

#include "participant.h"

/* As participant_service.audit; needs nothing of `self`. */
int credit_audit(void *self, struct db *db, struct audit *audit, struct err *err);

#endif
