/* SQLite's file system over the files of the simulator's disk: no system call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "sim_disk_internal.h"
#include "store/db_settle.h"

/* Of the databases of a run, as SQLite keeps them in memory: with its own header. */
#define PAGE_BYTES 4416
#define PAGES 2000

/* An open file, as SQLite holds it. */
struct sim_disk_opening {
    sqlite3_file base;
    struct sim_disk_file *file;
    struct sim_disk_opening *next; /* Of the same file. */
    int level;                     /* Of its lock. */
    bool nameless;                 /* Another file has the name now: what is written is lost. */
};

static struct sim_disk_opening *opening_of(sqlite3_file *file)
{
    return (struct sim_disk_opening *)(void *)file;
}

static struct sim_file *bytes_in(sqlite3_file *file)
{
    return &opening_of(file)->file->bytes;
}

/* Files without a name are felt by no fault. */
static int feel(sqlite3_file *file, enum sim_disk_doing doing)
{
    struct sim_disk *disk = opening_of(file)->file->disk;
    return disk == NULL ? SQLITE_OK : sim_disk_feel(disk, doing);
}

static int file_close(sqlite3_file *base)
{
    struct sim_disk_opening *opening = opening_of(base);
    struct sim_disk_opening **at = &opening->file->openings;
    while (*at != opening)
        at = &(*at)->next;
    *at = opening->next;
    if (opening->file->disk == NULL) {
        sim_file_release(&opening->file->bytes);
        free(opening->file);
    }
    return SQLITE_OK;
}

static void must_have_a_name(sqlite3_file *base)
{
    if (opening_of(base)->nameless)
        abort();
}

static int file_read(sqlite3_file *base, void *to, int len, sqlite3_int64 at)
{
    int rc = feel(base, SIM_DISK_READS);
    if (rc != SQLITE_OK)
        return rc;
    size_t got = sim_file_read(bytes_in(base), to, (size_t)len, (size_t)at);
    if (got == (size_t)len)
        return SQLITE_OK;
    memset((char *)to + got, 0, (size_t)len - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
    int rc = feel(base, SIM_DISK_WRITES);
    must_have_a_name(base);
    if (rc == SQLITE_OK)
        sim_file_write(bytes_in(base), data, (size_t)len, (size_t)at);
    return rc;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    must_have_a_name(base);
    sim_file_cut(bytes_in(base), (size_t)size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    must_have_a_name(base);
    int rc = feel(base, SIM_DISK_FLUSHES);
    if (rc == SQLITE_OK)
        sim_file_flush(bytes_in(base));
    else
        sim_file_fail_to_flush(bytes_in(base));
    return rc;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)bytes_in(base)->bytes.len;
    return SQLITE_OK;
}

/* The highest lock that another connection has on the file. */
static int highest(const struct sim_disk_opening *mine)
{
    int level = SQLITE_LOCK_NONE;
    for (const struct sim_disk_opening *other = mine->file->openings; other != NULL;
         other = other->next)
        if (other != mine && other->level > level)
            level = other->level;
    return level;
}

static int file_lock(sqlite3_file *base, int level)
{
    struct sim_disk_opening *opening = opening_of(base);
    int other = highest(opening);
    if (level <= opening->level)
        return SQLITE_OK;
    if (other >= SQLITE_LOCK_PENDING || (level >= SQLITE_LOCK_RESERVED && other >= level) ||
        (level > SQLITE_LOCK_RESERVED && other >= SQLITE_LOCK_SHARED))
        return SQLITE_BUSY;
    opening->level = level;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
    opening_of(base)->level = level;
    return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *ret)
{
    *ret = highest(opening_of(base)) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int what, void *data)
{
    (void)data;
    struct sim_disk *disk = opening_of(base)->file->disk;
    if (what != DB_SETTLE_MOVE)
        return SQLITE_NOTFOUND;
    for (struct sim_disk_opening *old = disk->files[SIM_DISK_WAL].openings; old != NULL;
         old = old->next)
        old->nameless = true;
    return sim_disk_move(disk);
}

/* Both as of the file systems of today's Linux. */
static int file_sector(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int file_traits(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory, so a WAL is for those alone who have the database exclusively. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
};

static struct sim_disk_file *file_at(const char *name)
{
    static const char *const suffixes[SIM_DISK_PARTS] = {[SIM_DISK_MAIN] = "",
                                                         [SIM_DISK_WAL] = "-wal",
                                                         [SIM_DISK_SETTLE] = "-settle",
                                                         [SIM_DISK_JOURNAL] = "-journal"};
    char path[300];
    size_t len = (size_t)snprintf(path, sizeof path, "%s", name);
    for (int i = SIM_DISK_PARTS - 1; i > SIM_DISK_MAIN; i--) {
        size_t suffix = strlen(suffixes[i]);
        if (len < suffix || strcmp(path + len - suffix, suffixes[i]) != 0)
            continue;
        path[len - suffix] = '\0';
        return &sim_disk_of(path)->files[i];
    }
    return &sim_disk_of(path)->files[SIM_DISK_MAIN];
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    (void)vfs;
    struct sim_disk_opening *opening = opening_of(base);
    struct sim_disk_file *file = name == NULL ? xcalloc(1, sizeof *file) : file_at(name);
    *opening = (struct sim_disk_opening){.file = file, .next = file->openings};
    if (name != NULL) {
        int rc = sim_disk_feel(file->disk, SIM_DISK_OPENS);
        if (rc != SQLITE_OK)
            return rc;
        if (!file->exists && (flags & SQLITE_OPEN_CREATE) == 0)
            return SQLITE_CANTOPEN;
    }
    file->exists = true;
    file->openings = opening;
    opening->base.pMethods = &methods;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    (void)sync_dir;
    struct sim_disk_file *file = file_at(name);
    if (!file->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    if (sim_disk_is_dead(file->disk) && sim_disk_feel(file->disk, SIM_DISK_WRITES) != SQLITE_OK)
        return SQLITE_IOERR_DELETE;
    file->exists = false;
    sim_file_set(&file->bytes, bytes_of(NULL, 0));
    return SQLITE_OK;
}

/* As on Linux, an empty file does not count as there. */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int what, int *ret)
{
    (void)vfs;
    const struct sim_disk_file *file = file_at(name);
    *ret = file->exists && (what != SQLITE_ACCESS_EXISTS || file->bytes.bytes.len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
    (void)vfs;
    return snprintf(ret, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* SQLite's own generator starts from this: salts of WALs, no more. */
static int vfs_random(sqlite3_vfs *vfs, int size, char *ret)
{
    (void)vfs;
    for (int i = 0; i < size; i++)
        ret[i] = (char)i;
    return size;
}

static sqlite3_vfs *sim_vfs(void)
{
    static sqlite3_vfs vfs;
    if (vfs.zName != NULL)
        return &vfs;
    vfs = *sqlite3_vfs_find(NULL);
    vfs.zName = "sim";
    vfs.pNext = NULL;
    vfs.szOsFile = sizeof(struct sim_disk_opening);
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_full_path;
    vfs.xRandomness = vfs_random;
    return &vfs;
}

/* Refused when SQLite is in use already: then it is only slower. */
static void make_fast(void)
{
    static _Alignas(16) char pages[PAGES][PAGE_BYTES];
    int header = 0;
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &header);
    if (4096 + header <= PAGE_BYTES)
        (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, pages, PAGE_BYTES, PAGES);
}

void sim_vfs_begin(void)
{
    make_fast();
    if (sqlite3_vfs_register(sim_vfs(), 1) != SQLITE_OK)
        abort();
    sqlite3_randomness(0, NULL);
}

void sim_vfs_end(void)
{
    (void)sqlite3_vfs_unregister(sim_vfs());
    sqlite3_randomness(0, NULL);
}
