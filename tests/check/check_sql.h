/* Rows of a database under examination. What cannot be read is a finding, not the end. */
#ifndef ZSAGA_CHECK_SQL_H
#define ZSAGA_CHECK_SQL_H

#include "check_internal.h"

struct query {
    struct checker *checker;
    const char *process;
    sqlite3_stmt *stmt; /* NULL: it could not be prepared; it has no rows. */
    bool kept;          /* Not finalized at its end, but used again. */
};

struct query check_query(struct checker *checker, const char *process, sqlite3 *db,
                         const char *sql);
bool check_next(struct query *query);
void check_done(struct query *query);

void check_bind_int(struct query *query, int index, int64_t value);
void check_bind(struct query *query, int index, struct check_bytes value); /* Borrowed. */
void check_bind_text(struct query *query, int index, const char *value);   /* Borrowed. */

int64_t check_int(const struct query *query, int column);
struct check_bytes check_bytes_at(const struct query *query, int column); /* Until the next row. */
const char *check_text_at(const struct query *query, int column);

/* A single number; `otherwise` when there is no row. */
int64_t check_number(struct checker *checker, const char *process, sqlite3 *db, const char *sql,
                     int64_t otherwise);
bool check_has_table(sqlite3 *db, const char *name);

#endif
