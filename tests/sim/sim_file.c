#include "sim_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void sim_file_release(struct sim_file *file)
{
    buffer_release(&file->bytes);
    buffer_release(&file->old);
    buffer_release(&file->disk);
    free(file->pieces);
    *file = (struct sim_file){0};
}

void sim_file_set(struct sim_file *file, struct bytes bytes)
{
    buffer_clear(&file->bytes);
    buffer_append(&file->bytes, bytes.data, bytes.len);
    file->strayed = false;
    sim_file_flush(file);
}

size_t sim_file_read(const struct sim_file *file, void *to, size_t len, size_t at)
{
    size_t there = at < file->bytes.len ? file->bytes.len - at : 0;
    size_t got = there < len ? there : len;
    if (got > 0)
        memcpy(to, file->bytes.data + at, got);
    return got;
}

static void stretch(struct buffer *bytes, size_t size)
{
    size_t before = bytes->len;
    if (size > before)
        memset(buffer_extend(bytes, size - before), 0, size - before);
}

static void put_into(struct buffer *bytes, const void *data, size_t len, size_t at)
{
    stretch(bytes, at);
    if (at + len > bytes->len)
        (void)buffer_extend(bytes, at + len - bytes->len);
    memcpy(bytes->data + at, data, len);
}

static void put(struct sim_file *file, const void *data, size_t len, size_t at)
{
    put_into(&file->bytes, data, len, at);
}

/* Before it is done: remembers what it replaces. */
static void note(struct sim_file *file, size_t at, size_t len, size_t replaced)
{
    file->pieces =
        xgrow(file->pieces, &file->piece_capacity, file->piece_count + 1, sizeof *file->pieces);
    size_t size = file->bytes.len;
    size_t there = at < size ? size - at : 0;
    struct sim_piece *piece = &file->pieces[file->piece_count++];
    *piece = (struct sim_piece){.at = at,
                                .len = len,
                                .old_at = file->old.len,
                                .old_len = there < replaced ? there : replaced,
                                .size_before = size};
    if (piece->old_len > 0)
        buffer_append(&file->old, file->bytes.data + at, piece->old_len);
}

void sim_file_write(struct sim_file *file, const void *data, size_t len, size_t at)
{
    if (len == 0)
        return;
    note(file, at, len, len);
    put(file, data, len, at);
}

void sim_file_cut(struct sim_file *file, size_t size)
{
    if (size >= file->bytes.len)
        return;
    note(file, size, 0, SIZE_MAX);
    file->bytes.len = size;
}

/* What was written since then, and no more of what can be read. */
static void bring_to_disk(struct sim_file *file)
{
    const struct buffer *now = &file->bytes;
    for (size_t i = 0; i < file->piece_count; i++) {
        const struct sim_piece *piece = &file->pieces[i];
        size_t there = piece->at < now->len ? now->len - piece->at : 0;
        size_t len = piece->len < there ? piece->len : there;
        if (len > 0)
            put_into(&file->disk, now->data + piece->at, len, piece->at);
    }
    stretch(&file->disk, now->len);
    file->disk.len = now->len;
    file->strayed = now->len > 0 && memcmp(file->disk.data, now->data, now->len) != 0;
}

void sim_file_flush(struct sim_file *file)
{
    if (file->strayed)
        bring_to_disk(file);
    file->piece_count = 0;
    buffer_clear(&file->old);
}

static void take_back(struct sim_file *file, const struct sim_piece *piece)
{
    if (piece->old_len > 0)
        put(file, file->old.data + piece->old_at, piece->old_len, piece->at);
    file->bytes.len = piece->size_before;
}

/* Newest first, so that what is on the disk is left; `written` keeps what each piece wrote. */
static void take_all_back(struct sim_file *file, struct buffer *written)
{
    for (size_t i = file->piece_count; i-- > 0;) {
        const struct sim_piece *piece = &file->pieces[i];
        buffer_append(written, file->bytes.data + piece->at, piece->len);
        take_back(file, piece);
    }
}

static void copy(const struct buffer *from, struct buffer *to)
{
    buffer_clear(to);
    buffer_append(to, from->data, from->len);
}

void sim_file_fail_to_flush(struct sim_file *file)
{
    struct buffer written = {0};
    struct buffer now = {0};
    if (!file->strayed) {
        copy(&file->bytes, &now);
        take_all_back(file, &written);
        copy(&file->bytes, &file->disk);
        copy(&now, &file->bytes);
        file->strayed = true;
    }
    file->piece_count = 0;
    buffer_clear(&file->old);
    buffer_release(&written);
    buffer_release(&now);
}

/* Of a piece, what lies in its sectors `from` to `until`. */
static struct sim_piece part(const struct sim_piece *piece, uint64_t from, uint64_t until)
{
    size_t first = piece->at / SIM_SECTOR;
    size_t end = piece->at + piece->len;
    size_t part_at = from == 0 ? piece->at : (first + from) * SIM_SECTOR;
    size_t part_end = (first + until) * SIM_SECTOR;
    return (struct sim_piece){.at = part_at, .len = (part_end < end ? part_end : end) - part_at};
}

static uint64_t sectors(const struct sim_piece *piece)
{
    return (piece->at + piece->len - 1) / SIM_SECTOR - piece->at / SIM_SECTOR + 1;
}

static uint64_t choose(const struct sim_draw *draw, uint64_t bound)
{
    return draw->draw(draw->context, bound);
}

/* The first sectors only: at least one is missing, and there may be none. */
static void tear(struct sim_file *file, const struct sim_piece *piece, const uint8_t *data,
                 const struct sim_draw *draw)
{
    if (piece->len == 0)
        return;
    uint64_t count = sectors(piece);
    uint64_t kept = count - 1 - choose(draw, count);
    if (kept > 0)
        put(file, data, part(piece, 0, kept).len, piece->at);
}

static void trash(struct sim_file *file, const struct sim_piece *piece, const uint8_t *data,
                  const struct sim_draw *draw)
{
    if (piece->len == 0)
        return;
    uint64_t count = sectors(piece);
    uint64_t from = choose(draw, count);
    uint64_t until = from + 1 + choose(draw, count - from);
    int rubbish = (int)choose(draw, 256);
    for (uint64_t i = 0; i < count; i++) {
        struct sim_piece sector = part(piece, i, i + 1);
        const uint8_t *new = data + (sector.at - piece->at);
        put(file, new, sector.len, sector.at);
        if (i >= from && i < until)
            memset(file->bytes.data + sector.at, rubbish, sector.len);
    }
}

static void do_again(struct sim_file *file, const struct sim_piece *piece, const uint8_t *data)
{
    if (piece->len > 0)
        put(file, data, piece->len, piece->at);
    else if (piece->at < file->bytes.len)
        file->bytes.len = piece->at;
}

enum fate { KEPT, DROPPED, TORN, TRASHED, FATES };

static void meet(struct sim_file *file, const struct sim_piece *piece, const uint8_t *data,
                 enum fate fate, const struct sim_draw *draw)
{
    if (fate == KEPT)
        do_again(file, piece, data);
    else if (fate == TORN)
        tear(file, piece, data, draw);
    else if (fate == TRASHED)
        trash(file, piece, data, draw);
}

/* A disk that writes in order, up to a piece that is torn; or each on its own. */
static unsigned draw_lost(struct sim_file *file, const struct buffer *written,
                          const struct sim_draw *draw)
{
    size_t end = written->len;
    size_t count = file->piece_count;
    bool alone = choose(draw, 2) != 0;
    size_t whole = alone ? 0 : count - choose(draw, count + 1);
    unsigned lost = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sim_piece *piece = &file->pieces[i];
        enum fate fate = i < whole ? KEPT : i == whole ? TORN : DROPPED;
        end -= piece->len;
        if (alone)
            fate = (enum fate)choose(draw, FATES);
        meet(file, piece, piece->len == 0 ? NULL : written->data + end, fate, draw);
        lost += fate != KEPT;
    }
    return lost;
}

unsigned sim_file_lose(struct sim_file *file, const struct sim_draw *draw)
{
    struct buffer written = {0};
    unsigned lost = (unsigned)file->piece_count;
    unsigned strayed = file->strayed;
    take_all_back(file, &written);
    if (file->strayed)
        copy(&file->disk, &file->bytes);
    file->strayed = false;
    if (draw != NULL && lost > 0)
        lost = draw_lost(file, &written, draw);
    buffer_release(&written);
    sim_file_flush(file);
    return lost + strayed;
}
