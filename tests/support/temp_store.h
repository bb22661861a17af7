/* A database of a test, in a directory of its own. */
#ifndef ZSAGA_TEMP_STORE_H
#define ZSAGA_TEMP_STORE_H

#include "base/id.h"
#include "store/db.h"

struct temp_store {
    char root[256];
    char path[300];
    struct db *db; /* NULL while it is closed. */
};

struct temp_store *temp_store_new(void); /* Opened. */
void temp_store_free(struct temp_store *store);

void temp_store_close(struct temp_store *store); /* Statements must be finalized before. */
void temp_store_open(struct temp_store *store);

void temp_store_begin(struct temp_store *store);
void temp_store_commit(struct temp_store *store);

/* The answer of a query for one number. */
int64_t temp_store_ask(struct temp_store *store, const char *sql);

/* An id that sorts by `number`. */
struct id temp_store_id(uint32_t number);

#endif
