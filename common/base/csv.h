/* CSV by RFC 4180, read row by row with bounded memory.
 *
 * Accepts a byte order mark, CRLF or LF, quoted line breaks and a missing last line break; skips
 * empty lines. A quote inside an unquoted field is taken as it stands. What cannot be read
 * unambiguously leaves a row with `fault` set, never a guess. */
#ifndef ZSAGA_CSV_H
#define ZSAGA_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

#define CSV_FIELD_MAX 4096  /* Bytes kept of a field: longer ones are cut, and marked so. */
#define CSV_FIELDS_MAX 1024 /* Fields kept of a row; further ones are counted only. */

struct csv_field {
    struct bytes bytes;
    bool cut;
};

struct csv_row {
    size_t line;        /* Where the row begins, from 1. */
    size_t field_count; /* As the row has, also beyond CSV_FIELDS_MAX. */
    const struct csv_field *fields;
    const char *fault; /* Words, or NULL. */
};

/* Reads up to `size` bytes: their number, 0 at the end, -1 with errno, or CSV_NOT_YET. */
#define CSV_NOT_YET ((ssize_t)-2)
typedef ssize_t (*csv_read)(void *from, void *to, size_t size);

struct csv;

struct csv *csv_new(csv_read read, void *from);
void csv_free(struct csv *csv);
void csv_freep(struct csv **csv_p);

/* *ret is valid until the next call. A failed read is the only error. */
enum { CSV_END, CSV_ROW, CSV_LATER };
int csv_next(struct csv *csv, const struct csv_row **ret, struct err *err);

uint64_t csv_bytes_read(const struct csv *csv);

/* The field at `place`; empty when the row has none there. */
struct csv_field csv_field(const struct csv_row *row, size_t place);

/* Finds each wanted column in the header. ERR_INVALID when one is missing or stands twice. */
int csv_columns(const struct csv_row *header, const char *const *wanted, size_t count,
                size_t *ret_places, struct err *err);

/* Decimal digits only, from `min` to `max`. */
bool csv_number(struct csv_field field, uint64_t min, uint64_t max, uint64_t *ret);

/* An id, sku or country: 1 to 64 bytes of UTF-8 without control characters. */
bool csv_name(struct csv_field field);

/* Appends a field for a CSV file, quoted when it must be. */
void csv_write_field(struct buffer *to, struct bytes field);

/* Sources: a descriptor (`from` is an int *, NOT_YET when nothing is there to read yet), and
 * memory (`from` is a struct bytes *, which moves on). */
ssize_t csv_read_fd(void *from, void *to, size_t size);
ssize_t csv_read_memory(void *from, void *to, size_t size);

#endif
