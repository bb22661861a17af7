/* Books: what one check of an audit has counted, and the first thing it found wrong. */
#ifndef ZSAGA_BOOKS_H
#define ZSAGA_BOOKS_H

#include <stdint.h>

#include "base/bytes.h"
#include "participant.h"

struct books {
    int64_t seen;
    int64_t wrong;
    char first[192]; /* What was wrong first, in words; "" when nothing is. */
};

/* Counts something wrong. */
void books_wrong(struct books *books, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the line of the audit: "`seen` `things`: `sums`", and what was wrong first. */
void books_report(const struct books *books, struct audit *audit, const char *name,
                  const char *things, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A name for a message, as text; `text` has room for TEXT_NAME_MAX and the NUL. Returns `text`. */
#define BOOKS_NAME_SIZE (4 * 64 + 1)
const char *books_name(struct bytes name, char text[BOOKS_NAME_SIZE]);

/* *sum + value, held at the ends of the range: an audit of damaged numbers must not overflow. */
void books_add(int64_t *sum, int64_t value);

#endif
