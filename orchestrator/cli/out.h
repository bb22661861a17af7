/* Results on standard output. */
#ifndef ZSAGA_CLI_OUT_H
#define ZSAGA_CLI_OUT_H

#include <jansson.h>
#include <stdint.h>

#include "base/bytes.h"

/* Prints the document and frees it. */
void out_json(json_t *document);

/* An array of documents one at a time, for those that have no end. Nothing is printed before the
 * first row, or the end. */
struct out_rows {
    bool begun;
};
void out_rows_add(struct out_rows *rows, json_t *row); /* Frees it. */
void out_rows_end(struct out_rows *rows);

void out_bytes(struct bytes bytes);

/* RFC 3339, or null for 0. */
json_t *out_json_time(uint64_t wall_ms);

/* "1,234,567", into one of eight static buffers. */
const char *out_number(uint64_t number);

/* "1.2 s", "3 min", "5 h", "2 d": rounded for a person, into one of eight static buffers. */
const char *out_duration(int64_t ms);

#endif
