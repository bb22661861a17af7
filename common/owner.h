/* The owner plane of a process: health, paged export, import in parts, its own books. */
#ifndef ZSAGA_OWNER_H
#define ZSAGA_OWNER_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "node.h"
#include "owner.pb-c.h"
#include "participant.h"
#include "wire/arena.h"

/* A log that the process follows; the texts are valid until the next call. */
struct owner_stream {
    const char *publisher;
    const char *state;
    uint64_t head; /* As last told. */
    uint64_t applied;
    const char *detail; /* What is wrong, or "". */
};

/* What the process offers; all borrowed. */
struct owner_host {
    const char *name;
    struct db *db;
    void *self; /* Given to the functions below. */
    const struct participant_table *tables;
    size_t table_count;
    int (*audit)(void *self, struct db *db, struct audit *audit, struct err *err); /* Or NULL. */
    uint64_t (*head)(void *context);                                               /* Of its log. */
    /* Sets what hinders the process, when something does. NULL: nothing ever. */
    void (*health)(void *context, const char **ret_state, const char **ret_detail);
    /* A consumer's: how many logs it follows, and one of them. NULL: none. */
    size_t (*stream_count)(void *context);
    void (*stream)(void *context, size_t i, struct owner_stream *ret);
    /* A consumer's: moves a cursor, within the batch's transaction. Sets words for a person: what
     * was done, or with OWNER_REFUSED why it was not. NULL: the process follows nobody. */
    int (*resync)(void *context, const Zsaga__Resync *request, const char **ret_words,
                  struct err *err);
    void *context;
};
enum { OWNER_REFUSED = 1 };

struct owner;

struct owner *owner_new(const struct owner_host *host); /* Copies *host. */
void owner_free(struct owner *owner);
struct db *owner_db(struct owner *owner);

/* Answers one packed OwnerRequest, within the batch's transaction: send the answer after its
 * commit. The answer lives in `arena`. Negative only for a failing database, which ends the batch.
 */
int owner_answer(struct owner *owner, struct bytes request, struct arena *arena,
                 const Zsaga__OwnerAnswer **ret, struct err *err);

/* The answer to a request whose writes ended the transaction, and were taken back. */
const Zsaga__OwnerAnswer *owner_refuse(struct bytes request, struct arena *arena,
                                       const char *words);

/* The answer during an outage, from memory alone: health says what hinders, all else is refused. */
const Zsaga__OwnerAnswer *owner_answer_outage(struct owner *owner, struct bytes request,
                                              struct arena *arena, const struct node_outage *why);

/* The same from the command line of a stopped suite: CSV with a header on `out`, or from `in`.
 * `owner_import_csv` opens its own transaction. */
int owner_export_csv(struct owner *owner, const char *table, int out_fd, struct err *err);
int owner_import_csv(struct owner *owner, const char *table, int in_fd, struct err *err);

#endif
