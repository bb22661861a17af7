#include "store/db_settle.h"

#include <stddef.h>

#define PART_BYTES 65536

static int write_again(sqlite3_file *wal, sqlite3_int64 size)
{
    char part[PART_BYTES];
    int rc = SQLITE_OK;
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += PART_BYTES) {
        int len = size - at < PART_BYTES ? (int)(size - at) : PART_BYTES;
        rc = wal->pMethods->xRead(wal, part, len, at);
        if (rc == SQLITE_OK)
            rc = wal->pMethods->xWrite(wal, part, len, at);
    }
    return rc;
}

int db_settle(sqlite3 *handle)
{
    sqlite3_file *wal = NULL;
    sqlite3_int64 size = 0;
    int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL)
        return rc;
    rc = wal->pMethods->xFileSize(wal, &size);
    if (rc == SQLITE_OK && size > 0)
        rc = write_again(wal, size);
    if (rc == SQLITE_OK && size > 0)
        rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
    return rc;
}
