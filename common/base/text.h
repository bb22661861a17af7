/* Text from outside: what counts as an id, a code or words. */
#ifndef ZSAGA_TEXT_H
#define ZSAGA_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define TEXT_NAME_MAX 64 /* Bytes in a key, an id, a sku, a country, a code. */

bool text_is_utf8(struct bytes text); /* Shortest forms only, no surrogates, up to U+10FFFF. */

/* 1 to TEXT_NAME_MAX bytes of UTF-8 without control characters (U+0000-1F, 7F, 80-9F). */
bool text_is_name(struct bytes text);

/* 1 to TEXT_NAME_MAX of a-z, A-Z, 0-9, '_', '-', '.': names in definitions and codes. */
bool text_is_token(struct bytes text);

/* Copies to `to` (NUL-terminated, cut at a character's end if it must be), with U+FFFD for what
 * is not UTF-8, and for a NUL. */
void text_to_utf8(struct bytes text, char *to, size_t size);

#endif
