/* Flushes: how many small appends a second the disk makes durable, one after another. */
#ifndef ZSAGA_BENCH_FLUSHES_H
#define ZSAGA_BENCH_FLUSHES_H

#include "base/err.h"

struct flushes {
    int fd;
};

int flushes_open(struct flushes *flushes, const char *path, struct err *err);
void flushes_close(struct flushes *flushes);

/* One append and its fdatasync. */
int flushes_one(struct flushes *flushes, struct err *err);

#endif
