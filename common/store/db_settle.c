#include "store/db_settle.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "base/xalloc.h"

#define PART_BYTES 65536
/* Of a WAL: magic number and version; sequence, salts and checksum behind them are another's after
 * each checkpoint (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). */
#define MAGIC_BYTES 8
#define HEADER_BYTES 32
/* What stands behind the bytes of a whole copy: written when they are flushed. */
static const uint8_t whole_mark[16] = "zsaga whole copy";

/* A file beside the database, through the file system that SQLite uses for it. */
struct beside {
    sqlite3_vfs *vfs;
    char *path;
    sqlite3_file *file; /* NULL when it is not open. */
};

static int beside_find(sqlite3 *handle, const char *suffix, struct beside *ret)
{
    *ret = (struct beside){.path = xprintf("%s%s", sqlite3_db_filename(handle, "main"), suffix)};
    return sqlite3_file_control(handle, "main", SQLITE_FCNTL_VFS_POINTER, &ret->vfs);
}

static int beside_is_there(const struct beside *beside, bool *ret)
{
    int there = 0;
    int rc = beside->vfs->xAccess(beside->vfs, beside->path, SQLITE_ACCESS_EXISTS, &there);
    *ret = there != 0;
    return rc;
}

static int beside_open(struct beside *beside, bool create)
{
    /* As a WAL it gets the database's permissions, and its first flush brings its name to the disk.
     */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL | (create ? SQLITE_OPEN_CREATE : 0);
    beside->file = xcalloc(1, (size_t)beside->vfs->szOsFile);
    return beside->vfs->xOpen(beside->vfs, beside->path, beside->file, flags, NULL);
}

static void beside_close(struct beside *beside)
{
    if (beside->file != NULL && beside->file->pMethods != NULL)
        (void)beside->file->pMethods->xClose(beside->file);
    free(beside->file);
    beside->file = NULL;
}

static int beside_remove(struct beside *beside, bool flush)
{
    beside_close(beside);
    return beside->vfs->xDelete(beside->vfs, beside->path, flush);
}

static void beside_release(struct beside *beside)
{
    beside_close(beside);
    free(beside->path);
}

static int flush(sqlite3_file *file)
{
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

/* The first `size` bytes, from the beginning, into another file or again into itself. */
static int copy_flushed(sqlite3_file *from, sqlite3_file *to, sqlite3_int64 size)
{
    uint8_t part[PART_BYTES];
    int rc = SQLITE_OK;
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += PART_BYTES) {
        int len = size - at < PART_BYTES ? (int)(size - at) : PART_BYTES;
        rc = from->pMethods->xRead(from, part, len, at);
        if (rc == SQLITE_OK)
            rc = to->pMethods->xWrite(to, part, len, at);
    }
    return rc == SQLITE_OK ? flush(to) : rc;
}

static int compare(sqlite3_file *one, sqlite3_file *other, sqlite3_int64 size, bool *ret_same)
{
    uint8_t parts[2][PART_BYTES];
    int rc = SQLITE_OK;
    *ret_same = true;
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && *ret_same && at < size; at += PART_BYTES) {
        int len = size - at < PART_BYTES ? (int)(size - at) : PART_BYTES;
        rc = one->pMethods->xRead(one, parts[0], len, at);
        if (rc == SQLITE_OK)
            rc = other->pMethods->xRead(other, parts[1], len, at);
        *ret_same = memcmp(parts[0], parts[1], (size_t)len) == 0;
    }
    return rc;
}

/* *ret_size: of what was copied; 0: the copy is not whole. */
static int measure(sqlite3_file *copy, sqlite3_int64 *ret_size)
{
    uint8_t mark[sizeof whole_mark];
    sqlite3_int64 size = 0;
    *ret_size = 0;
    int rc = copy->pMethods->xFileSize(copy, &size);
    size -= (sqlite3_int64)sizeof mark;
    if (rc != SQLITE_OK || size < HEADER_BYTES)
        return rc;
    rc = copy->pMethods->xRead(copy, mark, sizeof mark, size);
    if (rc == SQLITE_OK && memcmp(mark, whole_mark, sizeof mark) == 0)
        *ret_size = size;
    return rc;
}

static int make_copy(sqlite3_file *wal, sqlite3_int64 size, struct beside *copy)
{
    int rc = beside_open(copy, true);
    if (rc == SQLITE_OK)
        rc = copy_flushed(wal, copy->file, size);
    if (rc == SQLITE_OK)
        rc = copy->file->pMethods->xWrite(copy->file, whole_mark, sizeof whole_mark, size);
    if (rc == SQLITE_OK)
        rc = flush(copy->file);
    if (rc != SQLITE_OK)
        (void)beside_remove(copy, false); /* Of a full disk it would hold the last room. */
    return rc;
}

/* A whole copy of this very content may be there from a try that failed in the middle. It is not
 * touched: it may be all that the disk holds. */
static int find_copy(sqlite3_file *wal, sqlite3_int64 size, struct beside *copy, bool *ret_kept)
{
    sqlite3_int64 kept = 0;
    bool there = false;
    *ret_kept = false;
    int rc = beside_is_there(copy, &there);
    if (rc != SQLITE_OK || !there)
        return rc;
    rc = beside_open(copy, false);
    if (rc == SQLITE_OK)
        rc = measure(copy->file, &kept);
    if (rc == SQLITE_OK && kept == size)
        rc = compare(wal, copy->file, size, ret_kept);
    return rc == SQLITE_OK && !*ret_kept ? beside_remove(copy, true) : rc;
}

static int keep_copy(sqlite3_file *wal, sqlite3_int64 size, struct beside *copy)
{
    bool kept = false;
    int rc = find_copy(wal, size, copy, &kept);
    return rc != SQLITE_OK || kept ? rc : make_copy(wal, size, copy);
}

int db_settle(sqlite3 *handle)
{
    sqlite3_file *wal = NULL;
    sqlite3_int64 size = 0;
    struct beside copy;
    int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL)
        return rc;
    rc = wal->pMethods->xFileSize(wal, &size);
    if (rc != SQLITE_OK || size == 0)
        return rc;
    rc = beside_find(handle, "-settle", &copy);
    if (rc == SQLITE_OK && !MUTANT(SETTLED_IN_PLACE))
        rc = keep_copy(wal, size, &copy);
    if (rc == SQLITE_OK)
        rc = copy_flushed(wal, wal, size);
    if (rc == SQLITE_OK && !MUTANT(SETTLED_IN_PLACE))
        rc = beside_remove(&copy, true);
    beside_release(&copy);
    return rc;
}

/* Whether it is the copy of this WAL as it stands, or as it stood before a sector of it was
 * destroyed: a restored backup may have been put beside a copy that is none of its own. */
static int belongs(sqlite3_file *copy, sqlite3_int64 size, sqlite3_file *wal, bool *ret)
{
    uint8_t copied[HEADER_BYTES];
    uint8_t found[HEADER_BYTES];
    sqlite3_int64 wal_size = 0;
    *ret = false;
    int rc = wal->pMethods->xFileSize(wal, &wal_size);
    if (rc != SQLITE_OK || wal_size < HEADER_BYTES || wal_size > size)
        return rc;
    rc = copy->pMethods->xRead(copy, copied, sizeof copied, 0);
    if (rc == SQLITE_OK)
        rc = wal->pMethods->xRead(wal, found, sizeof found, 0);
    bool destroyed = memcmp(copied, found, MAGIC_BYTES) != 0;
    *ret = rc == SQLITE_OK && (destroyed || memcmp(copied, found, sizeof found) == 0);
    return rc;
}

static int play_into(sqlite3 *handle, sqlite3_file *copy, sqlite3_int64 size)
{
    struct beside wal;
    bool there = false;
    bool belonging = false;
    int rc = beside_find(handle, "-wal", &wal);
    if (rc == SQLITE_OK)
        rc = beside_is_there(&wal, &there);
    if (rc == SQLITE_OK && there)
        rc = beside_open(&wal, false);
    if (rc == SQLITE_OK && there)
        rc = belongs(copy, size, wal.file, &belonging);
    if (rc == SQLITE_OK && belonging)
        rc = copy_flushed(copy, wal.file, size);
    beside_release(&wal);
    return rc;
}

static int resume(sqlite3 *handle, struct beside *copy)
{
    sqlite3_int64 size = 0;
    bool there = false;
    /* Once more: who had the lock may have done it meanwhile. */
    int rc = beside_is_there(copy, &there);
    if (rc != SQLITE_OK || !there)
        return rc;
    rc = beside_open(copy, false);
    if (rc == SQLITE_OK)
        rc = measure(copy->file, &size);
    if (rc == SQLITE_OK && size > 0)
        rc = play_into(handle, copy->file, size);
    return rc == SQLITE_OK ? beside_remove(copy, true) : rc;
}

static int resume_locked(sqlite3 *handle, struct beside *copy)
{
    sqlite3_file *database = NULL;
    int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &database);
    if (rc == SQLITE_OK)
        rc = database->pMethods->xLock(database, SQLITE_LOCK_SHARED);
    if (rc != SQLITE_OK)
        return rc;
    rc = database->pMethods->xLock(database, SQLITE_LOCK_EXCLUSIVE);
    if (rc == SQLITE_OK)
        rc = resume(handle, copy);
    int unlocked = database->pMethods->xUnlock(database, SQLITE_LOCK_NONE);
    return rc == SQLITE_OK ? unlocked : rc;
}

int db_settle_resume(sqlite3 *handle)
{
    struct beside copy;
    bool there = false;
    int rc = beside_find(handle, "-settle", &copy);
    if (rc == SQLITE_OK)
        rc = beside_is_there(&copy, &there);
    if (rc == SQLITE_OK && there)
        rc = resume_locked(handle, &copy);
    beside_release(&copy);
    return rc;
}
