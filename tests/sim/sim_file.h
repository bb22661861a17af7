/* A file held in memory that knows what of it is on the disk: all that was written before its last
 * flush, and no more for certain.
 *
 * A flush that failed takes with it what it was to flush: that can be read as before, but no later
 * flush will bring it to the disk, only to write it once more. So does Linux, which tells of a
 * failure once.
 *
 * When the power fails, of what was written (or cut off) since then each piece may be there or not,
 * a piece may end at any sector, and where it did not get whole there may be trash; nothing outside
 * of a piece is touched, as SQLite expects of today's disks ("powersafe overwrite"). It makes no
 * difference whether a piece is what was there before. That a file is there is on the disk at
 * once: SQLite flushes the directory where it matters, and an empty file is to it as good as none.
 */
#ifndef ZSAGA_SIM_FILE_H
#define ZSAGA_SIM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define SIM_SECTOR 512

/* Who decides what is lost: 0 to `bound` - 1, of which 0 is the least. */
struct sim_draw {
    uint64_t (*draw)(void *context, uint64_t bound);
    void *context;
};

/* A piece that is not flushed, and what it replaced. */
struct sim_piece {
    size_t at;
    size_t len; /* 0: the file was cut off here. */
    size_t old_at;
    size_t old_len;
    size_t size_before; /* Of the file. */
};

struct sim_file {
    struct buffer bytes;
    struct sim_piece *pieces; /* Since the last flush, oldest first. */
    size_t piece_count;
    size_t piece_capacity;
    struct buffer old; /* What the pieces replaced, one after the other. */
    bool strayed;      /* A flush has failed: then `disk` is what was flushed in truth. */
    struct buffer disk;
};

void sim_file_release(struct sim_file *file); /* Leaves it empty. */
/* As a flushed file with these bytes. */
void sim_file_set(struct sim_file *file, struct bytes bytes);

size_t sim_file_read(const struct sim_file *file, void *to, size_t len, size_t at); /* How much. */
void sim_file_write(struct sim_file *file, const void *data, size_t len, size_t at);
void sim_file_cut(struct sim_file *file, size_t size); /* Harmless when it is not longer. */
void sim_file_flush(struct sim_file *file);
void sim_file_fail_to_flush(struct sim_file *file);

/* The power fails. NULL: nothing that was not flushed is there. Returns how many pieces are not
 * there as they were written. */
unsigned sim_file_lose(struct sim_file *file, const struct sim_draw *draw);

#endif
