/* A look into the database of a running process, as it has committed it: statements are kept for
 * each connection. */
#ifndef ZSAGA_CHECK_PEEK_H
#define ZSAGA_CHECK_PEEK_H

#include "check_sql.h"

enum peek {
    PEEK_STORE,   /* uuid */
    PEEK_EXTENT,  /* head and tail of the log */
    PEEK_ROW,     /* first -> count, events */
    PEEK_RECORDS, /* of the inbox */
    PEEK_INBOX,   /* saga, step -> forward, backward, code, message, output */
    PEEK_PAIR,    /* highest epoch held */
    PEEK_FLOOR,   /* epoch, version -> 1 when that floor, or a newer one, is held */
    PEEK_SELF,    /* epoch, last saga */
    PEEK_OPEN,    /* id -> ids of open sagas below it */
    PEEK_SAGA,    /* id -> key, state, definition's text, input, definition's name */
    PEEK_KEY,     /* key -> id, state */
    PEEK_LAST,    /* id -> what, step, flags, attempt of its last record */
    PEEK_COUNT,
};

/* False: it is down, or there is nobody who lets us look. Ends with check_done(). */
bool check_peek(struct checker *checker, size_t process, enum peek what, struct query *ret);

/* The row of a step in the inbox of a process: of nothings when there is none. False: no look. */
struct peeked_step {
    int64_t forward;
    int64_t backward;
    uint64_t words; /* Digest of code, message and output. */
};
bool check_peek_step(struct checker *checker, size_t process, const struct saga *saga,
                     uint32_t step, struct peeked_step *ret);

/* I10: a saga was told as final; at this instant nothing of it is open anywhere. */
void check_settled(struct checker *checker, size_t saga);

#endif
