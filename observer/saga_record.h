/* A saga's row of the ledger: its columns, packed and read. */
#ifndef ZSAGA_OBSERVER_SAGA_RECORD_H
#define ZSAGA_OBSERVER_SAGA_RECORD_H

#include "ledger.h"
#include "saga_row.h"

#define SAGA_RECORD_COLUMN_COUNT 12
/* Of both of its tables. */
#define SAGA_RECORD_COLUMNS                                                                        \
    "saga_key BLOB NOT NULL,"   /* What it was submitted as. */                                    \
    " state INTEGER NOT NULL,"  /* A SagaState (proto/client.proto). */                            \
    " cursor INTEGER NOT NULL," /* Which step's command is out, from 0. */                         \
    " troubles INTEGER NOT NULL,"                                                                  \
    " seq INTEGER NOT NULL," /* Of its last event. */                                              \
    " started_ms INTEGER NOT NULL,"                                                                \
    " changed_ms INTEGER NOT NULL,"                                                                \
    " finished_ms INTEGER NOT NULL,"                                                               \
    " reason BLOB NOT NULL,"                                                                       \
    " last_error BLOB NOT NULL,"                                                                   \
    " shape BLOB NOT NULL," /* The definition's name, its steps' names, participants, kinds. */    \
    " steps BLOB NOT NULL"  /* Where each step stands. */

extern const struct ledger_kind saga_record_kind; /* Its context is a struct shapes. */

/* As `--export sagas` shows it. */
#define SAGA_RECORD_FIELD_COUNT 14
extern const char *const saga_record_fields[SAGA_RECORD_FIELD_COUNT];
void saga_record_show(const void *record, struct export_page *page);

#endif
