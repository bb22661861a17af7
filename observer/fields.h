/* The fields of a row to export: from texts that may be missing, numbers and stamps. */
#ifndef ZSAGA_OBSERVER_FIELDS_H
#define ZSAGA_OBSERVER_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "participant.h"

#define FIELDS_MAX 16

/* Zeroed at first. */
struct fields {
    struct buffer text; /* Of all of them. */
    size_t ends[FIELDS_MAX];
    size_t count;
};

void fields_add(struct fields *fields, struct bytes text);
void fields_text(struct fields *fields, const char *text); /* NULL: empty. */
void fields_number(struct fields *fields, uint64_t number);
void fields_time(struct fields *fields, int64_t wall_ms); /* RFC 3339; 0: empty. */
void fields_hex(struct fields *fields, struct bytes bytes);

/* Adds them to the page as a row, and releases them. */
void fields_to_page(struct fields *fields, struct export_page *page);

#endif
