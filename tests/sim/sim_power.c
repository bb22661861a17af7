#include "sim_power.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

/* A write that is not flushed yet, and what it replaced. */
struct unflushed {
    struct unflushed *next; /* Older. */
    char *path;
    sqlite3_int64 at;
    int len;
    uint8_t *old; /* Zeros where the file did not reach. */
};

/* Newest first. */
static struct unflushed *newest;

static void drop(struct unflushed **at)
{
    struct unflushed *gone = *at;
    *at = gone->next;
    free(gone->path);
    free(gone->old);
    free(gone);
}

void sim_power_writes(const char *path, sqlite3_file *file, const sqlite3_io_methods *methods,
                      int len, sqlite3_int64 at)
{
    struct unflushed *write = xcalloc(1, sizeof *write);
    write->path = xstrdup(path);
    write->at = at;
    write->len = len;
    write->old = xcalloc(1, (size_t)len);
    (void)methods->xRead(file, write->old, len, at); /* A short read fills with zeros. */
    write->next = newest;
    newest = write;
}

void sim_power_flushed(const char *path)
{
    for (struct unflushed **at = &newest; *at != NULL;) {
        if (strcmp((*at)->path, path) == 0)
            drop(at);
        else
            at = &(*at)->next;
    }
}

void sim_power_forget(void)
{
    while (newest != NULL)
        drop(&newest);
}

static void undo(const struct unflushed *write)
{
    int fd = open(write->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* Removed since. */
    if (pwrite(fd, write->old, (size_t)write->len, write->at) != write->len)
        abort();
    (void)close(fd);
}

unsigned sim_power_lose(const char *path, struct rng *rng)
{
    unsigned lost = 0;
    for (struct unflushed **at = &newest; *at != NULL;) {
        if (strncmp((*at)->path, path, strlen(path)) != 0) {
            at = &(*at)->next;
            continue;
        }
        if (rng == NULL || rng_below(rng, 2) == 0) {
            undo(*at);
            lost++;
        }
        drop(at);
    }
    return lost;
}
