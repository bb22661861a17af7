#include "fuzz.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIR_DEPTH_MAX 8

static char dir[256];

uint8_t fuzz_u8(struct fuzz_input *input)
{
    if (input->len == 0)
        return 0;
    input->len--;
    return *input->data++;
}

uint32_t fuzz_u16(struct fuzz_input *input)
{
    uint32_t low = fuzz_u8(input);
    return low | (uint32_t)fuzz_u8(input) << 8;
}

struct bytes fuzz_bytes(struct fuzz_input *input, size_t len)
{
    struct bytes taken = {input->data, len < input->len ? len : input->len};
    if (taken.len != 0)
        input->data += taken.len;
    input->len -= taken.len;
    return taken;
}

struct bytes fuzz_rest(struct fuzz_input *input)
{
    return fuzz_bytes(input, input->len);
}

bool fuzz_next_step(struct fuzz_input *input, struct fuzz_step *ret)
{
    if (input->len == 0)
        return false;
    ret->op = fuzz_u8(input);
    size_t len = fuzz_u16(input);
    ret->payload = fuzz_bytes(input, len);
    return true;
}

void fuzz_add_step(struct buffer *story, uint8_t op, struct bytes payload)
{
    size_t len = payload.len < UINT16_MAX ? payload.len : UINT16_MAX;
    const uint8_t head[] = {op, (uint8_t)len, (uint8_t)(len >> 8)};
    buffer_append(story, head, sizeof head);
    buffer_append(story, payload.data, len);
}

void fuzz_require(bool holds, const char *format, ...)
{
    if (holds)
        return;
    va_list args;
    va_start(args, format);
    (void)fputs("fuzz: does not hold: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    abort();
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

static void remove_dir(void)
{
    (void)nftw(dir, remove_entry, DIR_DEPTH_MAX, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    if (dir[0] != '\0')
        return dir;
    const char *above = getenv("TMPDIR");
    if (above == NULL)
        above = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(dir, sizeof dir, "%s/zsaga-fuzz-XXXXXX", above);
    fuzz_require(mkdtemp(dir) != NULL, "no directory %s can be made", dir);
    (void)atexit(remove_dir);
    return dir;
}

uint64_t fuzz_digest(uint64_t before, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        before = (before ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return before;
}
