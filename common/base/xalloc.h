/* Allocation that does not fail: out of memory ends the process, which is a crash like any other.
 */
#ifndef ZSAGA_XALLOC_H
#define ZSAGA_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* Zeroed. */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *text);
void *xmemdup(const void *data, size_t len); /* `len` 0 gives a pointer to free all the same. */
char *xprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for `wanted` elements in a growing array of `size`-byte elements; *capacity in
 * elements. Returns the array, perhaps moved. */
void *xgrow(void *array, size_t *capacity, size_t wanted, size_t size);

/* Frees a local when its scope ends: AUTO(freep) char *text = xstrdup("..."). */
#define AUTO(cleanup_function) __attribute__((cleanup(cleanup_function)))
void freep(void *pointer_to_pointer);

#endif
