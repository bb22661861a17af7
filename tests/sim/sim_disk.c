#include "sim_disk.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim_power.h"

#define DISKS_MAX 64
#define FILES_MAX 128
#define KINDS_MAX 4

/* A database and the fault it is to feel. */
struct disk {
    char path[256];
    sqlite3 *handle;
    enum sim_disk_fault fault;
    int64_t countdown; /* Writes and flushes until it is felt. */
};

/* Which database an open file belongs to. */
struct open_file {
    sqlite3_file *file;
    char path[264];
    struct disk *disk;
};

/* SQLite's hooks have no context of their own. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *below;
    sqlite3_io_methods methods[KINDS_MAX]; /* SQLite has a table for each kind of file. */
    const sqlite3_io_methods *methods_below[KINDS_MAX];
    struct disk disks[DISKS_MAX];
    size_t disk_count;
    struct open_file files[FILES_MAX];
    uint64_t felt[SIM_DISK_FAULTS];
} shim;

static void must(int ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "sim: %s\n", what);
    abort();
}

static struct disk *disk_of(const char *path)
{
    for (size_t i = 0; i < shim.disk_count; i++)
        if (strcmp(shim.disks[i].path, path) == 0)
            return &shim.disks[i];
    must(shim.disk_count < DISKS_MAX, "too many databases");
    struct disk *disk = &shim.disks[shim.disk_count++];
    *disk = (struct disk){0};
    (void)snprintf(disk->path, sizeof disk->path, "%s", path);
    return disk;
}

static struct open_file *entry_of(const sqlite3_file *file)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (shim.files[i].file == file)
            return &shim.files[i];
    return NULL;
}

/* SQLITE_OK, or what this write or flush fails with. */
static int feel(const sqlite3_file *file)
{
    const struct open_file *entry = entry_of(file);
    struct disk *disk = entry == NULL ? NULL : entry->disk;
    if (disk == NULL || disk->fault == SIM_DISK_WELL || --disk->countdown > 0)
        return SQLITE_OK;
    enum sim_disk_fault fault = disk->fault;
    shim.felt[fault]++;
    if (fault != SIM_DISK_FULL)
        disk->fault = SIM_DISK_WELL;
    return fault == SIM_DISK_BROKEN ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static const sqlite3_io_methods *below(const sqlite3_file *file)
{
    return shim.methods_below[file->pMethods - shim.methods];
}

static int shim_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    int rc = feel(file);
    if (rc != SQLITE_OK)
        return rc;
    sim_power_writes(entry_of(file)->path, file, below(file), len, at);
    return below(file)->xWrite(file, data, len, at);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    int rc = feel(file);
    if (rc != SQLITE_OK)
        return rc;
    sim_power_flushed(entry_of(file)->path);
    return below(file)->xSync(file, flags);
}

static int shim_close(sqlite3_file *file)
{
    struct open_file *entry = entry_of(file);
    if (entry != NULL)
        *entry = (struct open_file){0};
    return below(file)->xClose(file);
}

static void remember(const char *name, sqlite3_file *file)
{
    static const char *const suffixes[] = {"-wal", "-journal"};
    struct open_file *entry = entry_of(NULL);
    must(entry != NULL, "too many open files");
    entry->file = file;
    (void)snprintf(entry->path, sizeof entry->path, "%s", name);
    char path[sizeof entry->path];
    (void)snprintf(path, sizeof path, "%s", name);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t cut = strlen(path) - strlen(suffixes[i]);
        if (strlen(path) > strlen(suffixes[i]) && strcmp(path + cut, suffixes[i]) == 0)
            path[cut] = '\0';
    }
    entry->disk = disk_of(path);
}

static const sqlite3_io_methods *methods_over(const sqlite3_io_methods *methods)
{
    int kind = 0;
    while (shim.methods_below[kind] != methods && shim.methods_below[kind] != NULL)
        must(++kind < KINDS_MAX, "too many kinds of files");
    shim.methods_below[kind] = methods;
    shim.methods[kind] = *methods;
    shim.methods[kind].xWrite = shim_write;
    shim.methods[kind].xSync = shim_sync;
    shim.methods[kind].xClose = shim_close;
    return &shim.methods[kind];
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    (void)vfs;
    int rc = shim.below->xOpen(shim.below, name, file, flags, ret_flags);
    if (rc != SQLITE_OK || name == NULL || file->pMethods == NULL)
        return rc;
    file->pMethods = methods_over(file->pMethods);
    remember(name, file);
    return rc;
}

static int on_open(sqlite3 *handle, const char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    const char *path = sqlite3_db_filename(handle, "main");
    if (path == NULL || *path == '\0')
        return SQLITE_OK;
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    disk_of(path)->handle = handle;
    return SQLITE_OK;
}

void sim_disk_begin(char *dir, size_t size)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
    (void)snprintf(dir, size, "%s/zsaga-sim-XXXXXX", base == NULL ? "/tmp" : base);
    must(mkdtemp(dir) != NULL, "cannot make a directory");
    /* SQLite tells its files by their real names. */
    char *real = realpath(dir, NULL);
    must(real != NULL, "cannot find the directory");
    (void)snprintf(dir, size, "%s", real);
    free(real);
    if (shim.below != NULL)
        return;
    shim.below = sqlite3_vfs_find(NULL);
    shim.vfs = *shim.below;
    shim.vfs.zName = "sim";
    shim.vfs.xOpen = shim_open;
    must(sqlite3_vfs_register(&shim.vfs, 1) == SQLITE_OK, "cannot register the disk");
    must(sqlite3_auto_extension((void (*)(void))on_open) == SQLITE_OK, "cannot watch databases");
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void sim_disk_end(const char *dir)
{
    must(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "cannot remove the directory");
    shim.disk_count = 0;
    sim_power_forget();
}

void sim_disk_remove(const char *path)
{
    char wal[300];
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    (void)remove(path);
    (void)remove(wal);
    struct disk *disk = disk_of(path);
    disk->fault = SIM_DISK_WELL;
    disk->handle = NULL;
}

void sim_disk_fail(const char *path, enum sim_disk_fault fault, int64_t nth)
{
    struct disk *disk = disk_of(path);
    disk->fault = fault;
    disk->countdown = nth;
}

uint64_t sim_disk_felt(enum sim_disk_fault fault)
{
    return shim.felt[fault];
}

/* The handle of a closed database is left over: a file still open tells. */
sqlite3 *sim_disk_handle(const char *path)
{
    struct disk *disk = disk_of(path);
    for (size_t i = 0; i < FILES_MAX; i++)
        if (shim.files[i].file != NULL && shim.files[i].disk == disk)
            return disk->handle;
    return NULL;
}
