#include "sim_disk_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* SQLite's hooks have no context of their own. */
static struct {
    struct sim_disk *first;
    struct sim_disk *kept;
    uint64_t felt[SIM_DISK_FAULTS];
    unsigned begun; /* And not ended. */
    unsigned named;
    bool spares;
} all;

static void must(bool ok, const char *what, const char *path)
{
    if (ok)
        return;
    (void)fprintf(stderr, "sim: %s: %s\n", what, path);
    abort();
}

static struct sim_disk *find(struct sim_disk **list, const char *path)
{
    for (struct sim_disk *disk = *list; disk != NULL; disk = disk->next)
        if (strcmp(disk->path, path) == 0)
            return disk;
    return NULL;
}

static struct sim_disk *add(struct sim_disk **list, const char *path)
{
    struct sim_disk *disk = xcalloc(1, sizeof *disk);
    must(strlen(path) < sizeof disk->path, "too long", path);
    (void)snprintf(disk->path, sizeof disk->path, "%s", path);
    for (int i = 0; i < SIM_DISK_PARTS; i++)
        disk->files[i].disk = disk;
    disk->next = *list;
    *list = disk;
    return disk;
}

struct sim_disk *sim_disk_of(const char *path)
{
    struct sim_disk *disk = find(&all.first, path);
    return disk != NULL ? disk : add(&all.first, path);
}

static bool is_open(const struct sim_disk *disk)
{
    for (int i = 0; i < SIM_DISK_PARTS; i++)
        if (disk->files[i].openings != NULL)
            return true;
    return false;
}

int sim_disk_feel(struct sim_disk *disk, enum sim_disk_doing doing)
{
    static const struct {
        bool what[SIM_DISK_OPENS + 1];
        int code;
        bool lasts;
    } faults[SIM_DISK_FAULTS] = {
        [SIM_DISK_FULL] = {{[SIM_DISK_WRITES] = true}, SQLITE_FULL, true},
        [SIM_DISK_FULL_ONCE] = {{[SIM_DISK_WRITES] = true}, SQLITE_FULL, false},
        [SIM_DISK_BROKEN] = {{[SIM_DISK_WRITES] = true, [SIM_DISK_FLUSHES] = true},
                             SQLITE_IOERR_WRITE,
                             false},
        [SIM_DISK_DEAD] = {{[SIM_DISK_WRITES] = true, [SIM_DISK_FLUSHES] = true},
                           SQLITE_IOERR_WRITE,
                           true},
        [SIM_DISK_UNREADABLE] = {{[SIM_DISK_READS] = true}, SQLITE_IOERR_READ, false},
        [SIM_DISK_UNOPENABLE] = {{[SIM_DISK_OPENS] = true}, SQLITE_CANTOPEN, false},
    };
    enum sim_disk_fault fault = disk->fault;
    if (fault == SIM_DISK_WELL || !faults[fault].what[doing] || all.spares || --disk->countdown > 0)
        return SQLITE_OK;
    all.felt[fault]++;
    if (!faults[fault].lasts || --disk->times == 0)
        disk->fault = SIM_DISK_WELL;
    return faults[fault].code;
}

bool sim_disk_is_dead(const struct sim_disk *disk)
{
    return disk->fault == SIM_DISK_DEAD && disk->countdown <= 0 && !all.spares;
}

int sim_disk_move(struct sim_disk *disk)
{
    struct sim_disk_file *to = &disk->files[SIM_DISK_WAL];
    struct sim_disk_file *from = &disk->files[SIM_DISK_SETTLE];
    int rc = sim_disk_feel(disk, SIM_DISK_FLUSHES);
    if (rc != SQLITE_OK)
        return rc;
    /* Of several files that had the name, the first is the one that may come back. */
    sim_file_release(to->moved ? &to->bytes : &to->before);
    if (!to->moved)
        to->before = to->bytes;
    to->bytes = from->bytes;
    to->moved = to->exists = true;
    from->bytes = (struct sim_file){0};
    from->exists = false;
    rc = sim_disk_feel(disk, SIM_DISK_FLUSHES);
    if (rc == SQLITE_OK)
        to->moved = false;
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
    sim_disk_of(path)->handle = handle;
    return SQLITE_OK;
}

void sim_disk_begin(char *dir, size_t size)
{
    (void)snprintf(dir, size, "/sim-%u", ++all.named);
    if (all.begun++ > 0)
        return;
    sim_vfs_begin();
    must(sqlite3_auto_extension((void (*)(void))on_open) == SQLITE_OK, "cannot watch databases",
         dir);
}

/* Its memory is kept: the next run is likely to want as much. */
static void forget(struct sim_disk *disk)
{
    must(!is_open(disk), "still open", disk->path);
    for (int i = 0; i < SIM_DISK_PARTS; i++) {
        disk->files[i].exists = disk->files[i].moved = false;
        sim_file_set(&disk->files[i].bytes, bytes_of(NULL, 0));
    }
    disk->fault = SIM_DISK_WELL;
}

void sim_disk_end(const char *dir)
{
    size_t len = strlen(dir);
    bool last = --all.begun == 0;
    for (struct sim_disk *disk = all.first; disk != NULL; disk = disk->next)
        if (last || (strncmp(disk->path, dir, len) == 0 && disk->path[len] == '/'))
            forget(disk);
    if (!last)
        return;
    all.named = 0;
    (void)sqlite3_cancel_auto_extension((void (*)(void))on_open);
    sim_vfs_end();
}

void sim_disk_remove(const char *path)
{
    forget(sim_disk_of(path));
}

void sim_disk_fail(const char *path, enum sim_disk_fault fault, int64_t nth)
{
    struct sim_disk *disk = sim_disk_of(path);
    disk->fault = fault;
    disk->countdown = nth;
    disk->times = 0;
}

void sim_disk_heal_after(const char *path, int64_t times)
{
    sim_disk_of(path)->times = times;
}

uint64_t sim_disk_felt(enum sim_disk_fault fault)
{
    return all.felt[fault];
}

uint64_t sim_disk_errors(void)
{
    return all.felt[SIM_DISK_BROKEN] + all.felt[SIM_DISK_DEAD] + all.felt[SIM_DISK_UNREADABLE] +
           all.felt[SIM_DISK_UNOPENABLE];
}

void sim_disk_spare(bool on)
{
    all.spares = on;
}

static unsigned lose(struct sim_disk_file *file, const struct sim_draw *draw)
{
    if (file->moved && (draw == NULL || draw->draw(draw->context, 2) == 0)) {
        struct sim_file moved = file->bytes;
        file->bytes = file->before;
        file->before = moved;
    }
    file->moved = false;
    return sim_file_lose(&file->bytes, draw);
}

unsigned sim_disk_lose(const char *path, const struct sim_draw *draw)
{
    struct sim_disk *disk = sim_disk_of(path);
    unsigned lost = 0;
    must(!is_open(disk), "still open", path);
    for (int i = 0; i < SIM_DISK_PARTS; i++)
        lost += lose(&disk->files[i], draw);
    return lost;
}

sqlite3 *sim_disk_handle(const char *path)
{
    const struct sim_disk *disk = sim_disk_of(path);
    return is_open(disk) ? disk->handle : NULL;
}

static void copy(const struct sim_disk *from, struct sim_disk *to)
{
    for (int i = 0; i < SIM_DISK_PARTS; i++) {
        to->files[i].exists = from->files[i].exists;
        to->files[i].moved = false;
        sim_file_set(&to->files[i].bytes, buffer_bytes(&from->files[i].bytes.bytes));
    }
}

void sim_disk_keep(const char *path, const char *name)
{
    const struct sim_disk *disk = sim_disk_of(path);
    must(!is_open(disk), "still open", path);
    struct sim_disk *kept = find(&all.kept, name);
    copy(disk, kept != NULL ? kept : add(&all.kept, name));
    sqlite3_randomness(0, NULL); /* From here on as if it had been there. */
}

bool sim_disk_copy(const char *name, const char *path)
{
    const struct sim_disk *kept = find(&all.kept, name);
    struct sim_disk *disk = sim_disk_of(path);
    if (kept == NULL)
        return false;
    must(!is_open(disk) && !disk->files[SIM_DISK_MAIN].exists, "is there already", path);
    copy(kept, disk);
    return true;
}
