#include "temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "suite_files.h"

struct temp_store *temp_store_new(void)
{
    struct temp_store *store = xcalloc(1, sizeof *store);
    suite_files_begin(store->root, sizeof store->root);
    (void)snprintf(store->path, sizeof store->path, "%s/store.db", store->root);
    temp_store_open(store);
    return store;
}

void temp_store_free(struct temp_store *store)
{
    temp_store_close(store);
    suite_files_end(store->root);
    free(store);
}

void temp_store_close(struct temp_store *store)
{
    db_close(store->db);
    store->db = NULL;
}

void temp_store_open(struct temp_store *store)
{
    struct err err = {0};
    if (db_open(store->path, &store->db, &err) != 0)
        fail_msg("%s", err.text);
}

void temp_store_begin(struct temp_store *store)
{
    struct err err = {0};
    if (db_begin(store->db, &err) != 0)
        fail_msg("%s", err.text);
}

void temp_store_commit(struct temp_store *store)
{
    struct err err = {0};
    if (db_commit(store->db, &err) != 0)
        fail_msg("%s", err.text);
}

int64_t temp_store_ask(struct temp_store *store, const char *sql)
{
    struct err err = {0};
    sqlite3_stmt *stmt = NULL;
    if (db_prepare_engine(store->db, sql, &stmt, &err) != 0 ||
        db_step(store->db, stmt, &err) != DB_ROW)
        fail_msg("%s: %s", sql, err.text);
    int64_t answer = db_int(stmt, 0);
    sqlite3_finalize(stmt);
    return answer;
}

struct id temp_store_id(uint32_t number)
{
    struct id id = {{0}};
    for (int i = 0; i < 4; i++)
        id.bytes[ID_SIZE - 1 - i] = (uint8_t)(number >> (8 * i));
    return id;
}
