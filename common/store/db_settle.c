#include "store/db_settle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mutant.h"
#include "base/xalloc.h"

#define PART_BYTES 65536
/* https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
#define WAL_HEADER_BYTES 32
#define FRAME_HEADER_BYTES 24

/* The new file, through the file layer that SQLite uses for the database. */
struct fresh {
    sqlite3_vfs *vfs;
    struct db_settle_move move;
    sqlite3_file *file;
};

static int fresh_open(sqlite3 *handle, struct fresh *fresh)
{
    /* As a WAL it gets the database's permissions and owner. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    const char *path = sqlite3_db_filename(handle, "main");
    *fresh = (struct fresh){.move = {xprintf("%s-settle", path), xprintf("%s-wal", path)}};
    int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_VFS_POINTER, &fresh->vfs);
    if (rc != SQLITE_OK)
        return rc;
    /* What an earlier start was cut off in has no worth. Not cut, but removed: another name, the
     * log's perhaps, may belong to the same file. */
    rc = fresh->vfs->xDelete(fresh->vfs, fresh->move.from, 0);
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT)
        return rc;
    fresh->file = xcalloc(1, (size_t)fresh->vfs->szOsFile);
    return fresh->vfs->xOpen(fresh->vfs, fresh->move.from, fresh->file, flags, NULL);
}

static void fresh_release(struct fresh *fresh)
{
    if (fresh->file != NULL && fresh->file->pMethods != NULL)
        (void)fresh->file->pMethods->xClose(fresh->file);
    free(fresh->file);
    free(fresh->move.from);
    free(fresh->move.to);
}

static uint64_t add_up(uint64_t sum, const uint8_t *data, size_t len)
{
    uint64_t word = 0;
    for (size_t at = 0; at + sizeof word <= len; at += sizeof word) {
        memcpy(&word, data + at, sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    return sum;
}

/* Of its headers alone: each frame's has a checksum of what stands in it and before it. */
static int sum_up(sqlite3_file *wal, struct db_settled *ret)
{
    uint8_t header[WAL_HEADER_BYTES];
    struct db_settled found = {0};
    int rc = wal->pMethods->xFileSize(wal, &found.size);
    if (rc == SQLITE_OK && found.size >= WAL_HEADER_BYTES)
        rc = wal->pMethods->xRead(wal, header, sizeof header, 0);
    if (rc != SQLITE_OK || found.size < WAL_HEADER_BYTES) {
        *ret = found;
        return rc;
    }
    found.sum = add_up(0, header, sizeof header);
    sqlite3_int64 page =
        (sqlite3_int64)header[8] << 24 | header[9] << 16 | header[10] << 8 | header[11];
    sqlite3_int64 at = WAL_HEADER_BYTES;
    for (; rc == SQLITE_OK && page > 0 && at + FRAME_HEADER_BYTES <= found.size; at += page) {
        rc = wal->pMethods->xRead(wal, header, FRAME_HEADER_BYTES, at);
        found.sum = add_up(found.sum, header, FRAME_HEADER_BYTES);
        at += FRAME_HEADER_BYTES;
    }
    *ret = found;
    return rc;
}

static int copy_all(sqlite3_file *from, sqlite3_file *to, sqlite3_int64 size)
{
    uint8_t part[PART_BYTES];
    int rc = SQLITE_OK;
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += PART_BYTES) {
        int len = size - at < PART_BYTES ? (int)(size - at) : PART_BYTES;
        rc = from->pMethods->xRead(from, part, len, at);
        if (rc == SQLITE_OK)
            rc = to->pMethods->xWrite(to, part, len, at);
    }
    return rc;
}

static int flush(sqlite3_file *file)
{
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

static int flush_directory_of(const char *path)
{
    AUTO(freep) char *directory = xstrdup(path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[slash == directory] = '\0';
    int fd = open(slash == NULL ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return SQLITE_IOERR_DIR_FSYNC;
    int rc = fsync(fd) == 0 ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
    (void)close(fd);
    return rc;
}

static int move_for_good(sqlite3 *handle, struct db_settle_move *move)
{
    int rc = sqlite3_file_control(handle, "main", DB_SETTLE_MOVE, move);
    if (rc != SQLITE_NOTFOUND)
        return rc;
    if (rename(move->from, move->to) != 0)
        return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR;
    return flush_directory_of(move->to);
}

static int replace(sqlite3 *handle, sqlite3_file *wal, sqlite3_int64 size)
{
    struct fresh fresh;
    int rc = fresh_open(handle, &fresh);
    if (rc == SQLITE_OK)
        rc = copy_all(wal, fresh.file, size);
    if (rc == SQLITE_OK)
        rc = flush(fresh.file);
    if (rc == SQLITE_OK)
        rc = move_for_good(handle, &fresh.move);
    if (rc == SQLITE_FULL) /* It would hold the last room. */
        (void)fresh.vfs->xDelete(fresh.vfs, fresh.move.from, 0);
    fresh_release(&fresh);
    return rc;
}

static int write_in_place(sqlite3_file *wal, sqlite3_int64 size)
{
    int rc = copy_all(wal, wal, size);
    return rc == SQLITE_OK ? flush(wal) : rc;
}

int db_settle(sqlite3 *handle, struct db_settled *settled, bool *ret_again)
{
    sqlite3_file *wal = NULL;
    struct db_settled found;
    *ret_again = false;
    int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL)
        return rc;
    rc = sum_up(wal, &found);
    /* Who was at it in between may have died before the new name was on the disk; but with its
     * first commit SQLite flushes the directory of a WAL that it may have created. */
    if (rc != SQLITE_OK || (found.size == settled->size && found.sum == settled->sum))
        return rc;
    if (MUTANT(SETTLED_IN_PLACE))
        return write_in_place(wal, found.size);
    rc = replace(handle, wal, found.size);
    *settled = found;
    *ret_again = rc == SQLITE_OK;
    return rc;
}
