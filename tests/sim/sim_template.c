/* New databases without making them anew: to create the schemas is a good part of a short run. */
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "sim_disk.h"
#include "sim_parts.h"

/* A process of no run: nothing is in the database but what each new one has. */
static void make(const struct sim *sim, const struct sim_host *host)
{
    struct err err = {0};
    struct sim *blank = xcalloc(1, sizeof *blank);
    struct sim_host maker = {.place = host->place};
    (void)snprintf(maker.name, sizeof maker.name, "%s", host->name);
    (void)snprintf(maker.path, sizeof maker.path, "%s", host->path);
    blank->readers = sim->readers;
    blank->reader = sim->reader;
    blank->observer = sim->observer;
    blank->host_count = sim->host_count;
    if (sim_host_open(blank, &maker, &err) < 0) {
        (void)fprintf(stderr, "sim: %s\n", err.text);
        abort();
    }
    /* Else each opening would read through the whole log. */
    (void)sqlite3_wal_checkpoint_v2(sim_disk_handle(maker.path), NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                    NULL, NULL);
    maker.node->ops->free(maker.node);
    free(blank);
}

void sim_template_lay(const struct sim *sim, const struct sim_host *host)
{
    if (sim_disk_copy(host->name, host->path))
        return;
    make(sim, host);
    sim_disk_keep(host->path, host->name);
    /* The first run's is flushed, as all others' are. */
    sim_disk_remove(host->path);
    (void)sim_disk_copy(host->name, host->path);
}
