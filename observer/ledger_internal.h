/* Between the files of the ledger: rows of its tables as entries. */
#ifndef ZSAGA_OBSERVER_LEDGER_INTERNAL_H
#define ZSAGA_OBSERVER_LEDGER_INTERNAL_H

#include "ledger.h"

/* The row that `stmt` stands on, in no list; free it with ledger_free_entry(). */
int ledger_read_entry(const struct ledger *ledger, sqlite3_stmt *stmt, struct ledger_entry **ret,
                      struct err *err);
void ledger_free_entry(const struct ledger *ledger, struct ledger_entry *entry);

#endif
