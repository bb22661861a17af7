/* Text from elsewhere made safe to show: valid UTF-8, nothing that a terminal would obey. */
#ifndef ZSAGA_CLI_PRINTABLE_H
#define ZSAGA_CLI_PRINTABLE_H

#include <jansson.h>
#include <stddef.h>

#include "base/bytes.h"

/* U+FFFD for what is not UTF-8 and for control characters. Allocated. */
char *printable(struct bytes text);

/* Columns it takes on a terminal. */
size_t printable_width(const char *text);
/* Bytes of `text` that fit in `columns`. */
size_t printable_fit(const char *text, size_t columns);

/* A JSON string, U+FFFD for what is not UTF-8; the second one is null when empty. */
json_t *printable_json(struct bytes text);
json_t *printable_json_or_null(struct bytes text);

#endif
