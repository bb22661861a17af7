#include "base/xalloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t size)
{
    if (p == NULL && size != 0) {
        (void)fprintf(stderr, "out of memory allocating %zu bytes\n", size);
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size == 0 ? 1 : size), 1);
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size), 1);
}

void *xrealloc(void *p, size_t size)
{
    return checked(realloc(p, size == 0 ? 1 : size), 1);
}

char *xstrdup(const char *text)
{
    return xmemdup(text, strlen(text) + 1);
}

void *xmemdup(const void *data, size_t len)
{
    void *copy = xmalloc(len);
    if (len != 0)
        memcpy(copy, data, len);
    return copy;
}

char *xprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    return checked(len < 0 ? NULL : text, 1);
}

void *xgrow(void *array, size_t *capacity, size_t wanted, size_t size)
{
    if (wanted <= *capacity)
        return array;
    size_t next = *capacity < 8 ? 8 : *capacity * 2;
    if (next < wanted)
        next = wanted;
    if (next > SIZE_MAX / size)
        abort();
    array = xrealloc(array, next * size);
    *capacity = next;
    return array;
}

void freep(void *pointer_to_pointer)
{
    void **p = pointer_to_pointer;
    free(*p);
    *p = NULL;
}
