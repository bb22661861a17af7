/* The services whose business tables the checker can read: one table of them, in check_services.c.
 * A participant that is not there is checked as far as the engine's own tables go. */
#ifndef ZSAGA_CHECK_SERVICES_H
#define ZSAGA_CHECK_SERVICES_H

#include "check_internal.h"

/* What an event of a participant tells of its step. */
enum told_kind { TOLD_DID = 1, TOLD_UNDID = 2, TOLD_REFUSED = 4, TOLD_WAITS = 8 };

struct service_event {
    const char *type;
    enum told_kind kind;
};

struct service {
    const char *name;
    const char *tables[3]; /* A database that has all of these is its; NULL behind the last. */
    /* All that took effect: saga, step (NULL: see `action`), action, effects, undone, and whether
     * an undoing stands before an effect. */
    const char *effects;
    const char *const *actions; /* Those that `effects` tells of; NULL: all. */
    /* All rows of its log, those that were cut off too; NULL: what the engine has. */
    const char *log;
    const struct service_event *events; /* NULL behind the last. */
    enum invariant sums;                /* I12, I13: what a finding of these is. */
    /* Rows that do not add up, each with the words for it; of one commit. NULL: none are known. */
    const char *wrong;
    /* Of each account: its name, and what it owes for sagas that took effect. NULL: has none. */
    const char *accounts;
    /* Of each saga that took effect: what it must be by its order. NULL: not known. */
    const char *charges;
};

const struct service *check_service_of(sqlite3 *db); /* NULL: none that is known. */
bool check_service_tells(const struct service *service, const char *action);
unsigned check_service_event(const struct service *service, struct check_bytes type);

#endif
