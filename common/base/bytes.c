#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

struct bytes bytes_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

void bytes_copy_text(struct bytes from, char *to, size_t size)
{
    size_t len = from.len < size ? from.len : size - 1;
    if (len != 0)
        memcpy(to, from.data, len);
    to[len] = '\0';
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
}

uint8_t *buffer_extend(struct buffer *buffer, size_t len)
{
    /* One more, so that nothing has an address too: no arithmetic on NULL. */
    buffer->data = xgrow(buffer->data, &buffer->capacity, buffer->len + len + 1, 1);
    uint8_t *start = buffer->data + buffer->len;
    buffer->len += len;
    return start;
}

void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    if (len != 0)
        memcpy(buffer_extend(buffer, len), data, len);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data, buffer->len);
}
