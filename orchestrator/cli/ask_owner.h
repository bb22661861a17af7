/* Tables and books of the services: asked of their owners, or, while the suite is stopped, of the
 * owners' own programs. */
#ifndef ZSAGA_CLI_ASK_OWNER_H
#define ZSAGA_CLI_ASK_OWNER_H

#include "base/err.h"
#include "owner.pb-c.h"
#include "owner_tables.h"
#include "rowset.h"
#include "suite.h"

/* Learns the columns of a table by its owner and name, from a suite that runs or one that is
 * stopped. owner_tables_forget() when done. */
int ask_owner_columns(struct suite *suite, bool running, struct owner_table *table,
                      struct err *err);

/* All rows of a table, with its columns. `rows` must be initialised. ERR_TIMEOUT comes early when
 * the suite has stopped meanwhile. */
int ask_owner_export(struct suite *suite, const struct owner_table *table, struct rowset *rows,
                     struct err *err);
int ask_owner_export_stopped(const struct suite *suite, const struct owner_table *table,
                             struct rowset *rows, struct err *err);

/* Replaces the table's imported totals by `rows`, all or none. ASK_OWNER_REFUSED: the owner said
 * no; its words are in *err. */
enum { ASK_OWNER_APPLIED, ASK_OWNER_REFUSED };
int ask_owner_import(struct suite *suite, const struct owner_table *table,
                     const struct rowset *rows, struct err *err);
/* Likewise, but the words of a refusal were said by the owner's program. */
int ask_owner_import_stopped(const struct suite *suite, const struct owner_table *table,
                             const struct rowset *rows, struct err *err);

/* A line of the books. A process that keeps none has no lines. */
typedef void (*ask_owner_check)(void *self, const char *owner, const Zsaga__AuditCheck *check);
int ask_owner_audit(struct suite *suite, const char *owner, int64_t wait_ms, ask_owner_check check,
                    void *self, struct err *err);

/* Lets a consumer follow a publisher again. ASK_OWNER_APPLIED, and *ret_words is what it says of it
 * (allocated, printable); ASK_OWNER_REFUSED, and its words are in *err. */
int ask_owner_resync(struct suite *suite, const char *owner, Zsaga__Resync *resync,
                     char **ret_words, struct err *err);

/* What hinders a process, and how far it follows others, as it says itself: `take` is called once
 * unless this fails. ERR_TIMEOUT when it does not answer. */
typedef void (*ask_owner_take_health)(void *self, const Zsaga__HealthReport *report);
int ask_owner_health(struct suite *suite, const char *owner, int64_t wait_ms,
                     ask_owner_take_health take, void *self, struct err *err);

#endif
