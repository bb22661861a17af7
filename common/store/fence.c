#include "store/fence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/xalloc.h"

struct fence {
    struct db *db;
    sqlite3_stmt *load;
    sqlite3_stmt *put_pair;
    sqlite3_stmt *put_floor;
    struct fence_driver drivers[FENCE_DRIVERS_MAX];
    int count;
};

/* The floor stands apart: the pair's row changes with nearly each batch and must stay small. */
static const char *const schema[] = {
    "CREATE TABLE zsaga_driver(number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " epoch INTEGER NOT NULL, nonce INTEGER NOT NULL, last_saga BLOB NOT NULL) STRICT;"
    "CREATE TABLE zsaga_floor(driver INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,"
    " version INTEGER NOT NULL, id BLOB NOT NULL, open BLOB NOT NULL) STRICT;",
};

const struct db_part fence_part = {"fence", sizeof schema / sizeof schema[0]};

static int prepare(struct fence *fence, struct err *err)
{
    int rc = db_prepare_engine(fence->db,
                               "SELECT d.number, d.id, d.epoch, d.nonce, d.last_saga,"
                               " f.epoch, f.version, f.id, f.open"
                               " FROM zsaga_driver d LEFT JOIN zsaga_floor f"
                               " ON f.driver = d.number ORDER BY d.number",
                               &fence->load, err);
    if (rc == 0)
        rc = db_prepare_engine(fence->db,
                               "INSERT OR REPLACE INTO zsaga_driver VALUES (?1, ?2, ?3, ?4, ?5)",
                               &fence->put_pair, err);
    if (rc == 0)
        rc = db_prepare_engine(fence->db,
                               "INSERT OR REPLACE INTO zsaga_floor VALUES (?1, ?2, ?3, ?4, ?5)",
                               &fence->put_floor, err);
    return rc;
}

static int load_row(sqlite3_stmt *row, struct fence_driver *driver, struct err *err)
{
    *driver = (struct fence_driver){.number = db_int(row, 0)};
    bytes_copy_text(db_bytes(row, 1), driver->id, sizeof driver->id);
    driver->epoch = (uint64_t)db_int(row, 2);
    driver->nonce = (uint64_t)db_int(row, 3);
    if (!id_from_bytes(db_bytes(row, 4), &driver->last_saga))
        return err_set(err, ERR_CORRUPT, "orchestrator %s: last saga is not an id", driver->id);
    if (db_is_null(row, 5))
        return 0;
    struct bytes open = db_bytes(row, 8);
    if (!id_from_bytes(db_bytes(row, 7), &driver->floor) || open.len % ID_SIZE != 0)
        return err_set(err, ERR_CORRUPT, "orchestrator %s: the floor is damaged", driver->id);
    driver->floor_epoch = (uint64_t)db_int(row, 5);
    driver->floor_version = (uint64_t)db_int(row, 6);
    open = db_bytes(row, 8);
    driver->open = xmemdup(open.data, open.len);
    driver->open_count = open.len / ID_SIZE;
    return 0;
}

static void clear(struct fence *fence)
{
    for (int i = 0; i < fence->count; i++)
        free(fence->drivers[i].open);
    fence->count = 0;
}

int fence_forget(struct fence *fence, struct err *err)
{
    clear(fence);
    int rc = db_step(fence->db, fence->load, err);
    while (rc == DB_ROW && fence->count < FENCE_DRIVERS_MAX) {
        rc = load_row(fence->load, &fence->drivers[fence->count++], err);
        if (rc == 0)
            rc = db_step(fence->db, fence->load, err);
    }
    db_reset(fence->load);
    return rc < 0 ? rc : 0;
}

int fence_open(struct db *db, struct fence **ret, struct err *err)
{
    struct fence *fence = xcalloc(1, sizeof *fence);
    fence->db = db;
    int rc = db_migrate(db, fence_part.name, schema, fence_part.version, err);
    if (rc == 0)
        rc = prepare(fence, err);
    if (rc == 0)
        rc = fence_forget(fence, err);
    if (rc < 0) {
        fence_close(fence);
        return rc;
    }
    *ret = fence;
    return 0;
}

void fence_close(struct fence *fence)
{
    if (fence == NULL)
        return;
    clear(fence);
    sqlite3_finalize(fence->load);
    sqlite3_finalize(fence->put_pair);
    sqlite3_finalize(fence->put_floor);
    free(fence);
}

static struct fence_driver *find(struct fence *fence, struct bytes id)
{
    for (int i = 0; i < fence->count; i++)
        if (bytes_equal(bytes_text(fence->drivers[i].id), id))
            return &fence->drivers[i];
    return NULL;
}

static struct fence_driver *add(struct fence *fence, struct bytes id)
{
    int64_t highest = fence->count == 0 ? 0 : fence->drivers[fence->count - 1].number;
    struct fence_driver *driver = &fence->drivers[fence->count++];
    *driver = (struct fence_driver){.number = highest + 1};
    bytes_copy_text(id, driver->id, sizeof driver->id);
    return driver;
}

enum fence_verdict fence_judge(struct fence *fence, const struct fence_claim *claim,
                               struct fence_driver **ret)
{
    struct fence_driver *held = find(fence, claim->id);
    *ret = held;
    if (held == NULL && fence->count == FENCE_DRIVERS_MAX)
        return FENCE_TOO_MANY;
    if (held == NULL)
        *ret = held = add(fence, claim->id);
    if (claim->epoch < held->epoch && !MUTANT(EPOCH_IGNORED))
        return FENCE_STALE;
    if (claim->epoch == held->epoch && claim->nonce != held->nonce && !MUTANT(NONCE_IGNORED))
        return FENCE_STALE;
    if (claim->epoch > held->epoch && id_compare(&claim->last_saga, &held->last_saga) < 0 &&
        !MUTANT(OLD_COPY_OBEYED))
        return FENCE_OLD_COPY;
    bool same = claim->epoch == held->epoch;
    held->epoch = claim->epoch;
    held->nonce = claim->nonce;
    /* Frames of one start may be reordered: the last saga only rises. */
    if (id_compare(&claim->last_saga, &held->last_saga) > 0) {
        held->last_saga = claim->last_saga;
        same = false;
    }
    held->pair_changed = held->pair_changed || !same;
    return FENCE_PASS;
}

void fence_raise_floor(struct fence_driver *driver, uint64_t epoch, uint64_t version,
                       const struct id *floor, struct bytes open)
{
    assert(open.len % ID_SIZE == 0);
    assert(open.len / ID_SIZE <= FENCE_OPEN_MAX);
    if (epoch < driver->floor_epoch ||
        (epoch == driver->floor_epoch && version <= driver->floor_version))
        return;
    free(driver->open);
    driver->floor_epoch = epoch;
    driver->floor_version = version;
    driver->floor = *floor;
    driver->open = xmemdup(open.data, open.len);
    driver->open_count = open.len / ID_SIZE;
    driver->floor_changed = true;
}

static int order_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

bool fence_is_below_floor(const struct fence_driver *driver, const struct id *saga)
{
    if (driver->floor_epoch == 0 || id_compare(saga, &driver->floor) >= 0)
        return false;
    return driver->open_count == 0 ||
           bsearch(saga->bytes, driver->open, driver->open_count, ID_SIZE, order_ids) == NULL;
}

static int save_pair(struct fence *fence, const struct fence_driver *driver, struct err *err)
{
    sqlite3_stmt *put = fence->put_pair;
    db_bind_int(put, 1, driver->number);
    db_bind_bytes(put, 2, bytes_text(driver->id));
    db_bind_int(put, 3, (int64_t)driver->epoch);
    db_bind_int(put, 4, (int64_t)driver->nonce);
    db_bind_bytes(put, 5, id_view(&driver->last_saga));
    return db_run(fence->db, put, err);
}

static int save_floor(struct fence *fence, const struct fence_driver *driver, struct err *err)
{
    sqlite3_stmt *put = fence->put_floor;
    db_bind_int(put, 1, driver->number);
    db_bind_int(put, 2, (int64_t)driver->floor_epoch);
    db_bind_int(put, 3, (int64_t)driver->floor_version);
    db_bind_bytes(put, 4, id_view(&driver->floor));
    db_bind_bytes(put, 5, bytes_of(driver->open, driver->open_count * ID_SIZE));
    return db_run(fence->db, put, err);
}

int fence_save(struct fence *fence, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < fence->count; i++) {
        struct fence_driver *driver = &fence->drivers[i];
        if (driver->pair_changed)
            rc = save_pair(fence, driver, err);
        if (rc == 0 && driver->floor_changed)
            rc = save_floor(fence, driver, err);
        /* If the commit fails these are loaded anew. */
        driver->pair_changed = false;
        driver->floor_changed = false;
    }
    return rc;
}
