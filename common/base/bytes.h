/* Bytes: a borrowed view, and a buffer that grows. */
#ifndef ZSAGA_BYTES_H
#define ZSAGA_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Somebody else's memory, valid as long as its owner says. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

struct bytes bytes_of(const void *data, size_t len);
struct bytes bytes_text(const char *text); /* Without its NUL. */
bool bytes_equal(struct bytes a, struct bytes b);
int bytes_compare(struct bytes a, struct bytes b); /* Bytewise, then by length: as memcmp. */

/* Copies into a NUL-terminated array of `size` bytes, cut if it must be. */
void bytes_copy_text(struct bytes from, char *to, size_t size);

struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

void buffer_release(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_append_text(struct buffer *buffer, const char *text);
uint8_t *buffer_extend(struct buffer *buffer, size_t len); /* Room for `len` more, counted in. */
struct bytes buffer_bytes(const struct buffer *buffer);

#ifdef __cplusplus
}
#endif

#endif
