/* The journal: all that the orchestrator stores. Every transition of a saga is one row.
 *
 * A saga's small row is written when it is accepted and once more when it is final; its input
 * stands beside it, written once; its history is the fold of saga_apply() and the only truth about
 * a running saga. No index on anything that changes with a transition. */
#ifndef ZSAGA_JOURNAL_H
#define ZSAGA_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "saga.h"
#include "store/db.h"

#define JOURNAL_DIGEST_SIZE 16
#define JOURNAL_NONCE_MAX 32

struct journal;

extern const struct db_part journal_part; /* Its part of the schema. */

int journal_open(struct db *db, struct journal **ret, struct err *err);
void journal_close(struct journal *journal);

/* Ends the lending of bytes, before a commit: an unfinished read would pin the WAL. */
void journal_rest(struct journal *journal);

/* What outlives a start. */
struct journal_self {
    uint64_t epoch;      /* Highest one used or seen. */
    struct id last_saga; /* Highest id stored; kept apart only where none of ours has it. */
    char id[65];         /* Of the suite, as at the first start; "" before it. */
    bool old_copy;       /* Refused because a participant knew later sagas than this database. */
};

int journal_load_self(struct journal *journal, struct journal_self *ret, struct err *err);
int journal_save_self(struct journal *journal, const struct journal_self *self, struct err *err);

/* What is known of a participant's log: it must never go backwards. */
struct journal_participant {
    struct id store;    /* Zero: never seen. */
    uint64_t head;      /* Of its log. */
    uint64_t records;   /* Rows its inbox has written; 0 from those that do not say. */
    char suspended[80]; /* Why nothing is sent there until an operator speaks; "". */
};

int journal_load_participant(struct journal *journal, const char *name,
                             struct journal_participant *ret, struct err *err);
int journal_save_participant(struct journal *journal, const char *name,
                             const struct journal_participant *participant, struct err *err);

/* Stores a version of a definition once; *ret is its number. */
int journal_put_definition(struct journal *journal, const struct definition *definition,
                           int64_t *ret, struct err *err);
/* Calls `each` for every stored version; its negative result ends the walk. */
int journal_each_definition(struct journal *journal,
                            int (*each)(void *context, int64_t number, const char *text,
                                        struct err *err),
                            void *context, struct err *err);

/* A saga's row. Bytes are valid until the next call. */
struct journal_saga {
    struct id id;
    struct bytes key;
    int64_t definition;
    struct bytes digest;
    struct bytes nonce;
    bool final;
    enum saga_state state; /* Of a final one. */
    struct bytes reason;
    int64_t created_ms;
    int64_t finished_ms;
};

/* Writes row and input; its EVENT_ACCEPTED is implied and has no row of its own. */
int journal_accept(struct journal *journal, const struct journal_saga *saga, struct bytes input,
                   struct err *err);
int journal_record(struct journal *journal, const struct id *saga, int64_t at_ms,
                   const struct saga_record *record, struct err *err);
int journal_finish(struct journal *journal, const struct saga *saga, int64_t at_ms,
                   struct err *err);

int journal_find(struct journal *journal, struct bytes key, struct journal_saga *ret,
                 bool *ret_found, struct err *err);

typedef int (*journal_saga_each)(void *context, const struct journal_saga *saga, struct err *err);
/* All that are not final, by id. `each` may call other functions of the journal. */
int journal_each_open(struct journal *journal, journal_saga_each each, void *context,
                      struct err *err);
/* At most `limit` below `before` (zero: from the newest), newest first. */
int journal_each_before(struct journal *journal, const struct id *before, int64_t limit,
                        journal_saga_each each, void *context, struct err *err);
/* How many final ones there are by state. */
int journal_count(struct journal *journal, uint64_t counts[SAGA_STATE_COUNT], struct err *err);

/* Bytes are valid until the next call. */
int journal_input(struct journal *journal, const struct id *saga, struct bytes *ret,
                  struct err *err);

typedef int (*journal_record_each)(void *context, int64_t at_ms, const struct saga_record *record,
                                   struct err *err);
int journal_each_record(struct journal *journal, const struct id *saga, journal_record_each each,
                        void *context, struct err *err);

/* Puts before the words of an error whose saga it is about; returns `code`. */
int journal_blame(const struct journal_saga *saga, int code, struct err *err);

#endif
