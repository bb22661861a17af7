/* Tables and books of the services: asked of their owners, or, while the suite is stopped, of the
 * owners' own programs. */
#ifndef ZSAGA_CLI_ASK_OWNER_H
#define ZSAGA_CLI_ASK_OWNER_H

#include "base/err.h"
#include "owner.pb-c.h"
#include "owner_tables.h"
#include "rowset.h"
#include "suite.h"

/* All rows of a table, with its columns. `rows` must be initialised. */
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

/* A line of the books. */
typedef void (*ask_owner_check)(void *self, const char *owner, const Zsaga__AuditCheck *check);
int ask_owner_audit(struct suite *suite, const char *owner, ask_owner_check check, void *self,
                    struct err *err);

#endif
